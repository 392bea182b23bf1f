"""What is in this recording or cloud? Facts of one file, ready for JSON."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import clouds, events


def describe_events(path: Path) -> dict[str, Any]:
    """Read a recording and return its facts.

    Raises
    ------
    FormatError
        The file is foreign, truncated or damaged.
    """
    recording = events.open(path)
    width, height = recording.sensor_size
    both = recording.n_polarities == 2
    return {
        "file": str(path),
        "format": recording.source,
        "width": width,
        "height": height,
        "events": len(recording),
        "on": recording.n_on if both else None,
        "off": len(recording) - recording.n_on if both else None,
        "active_pixels": int((recording.counts().sum(axis=0) > 0).sum()),
        "t_first_us": int(recording.t[0]) if len(recording) else None,
        "t_last_us": int(recording.t[-1]) if len(recording) else None,
        "duration_ms": recording.duration_us / 1e3,
        "events_per_s": recording.rate,
        "out_of_order": recording.n_unsorted,
        "notes": list(recording.notes),
    }


def describe_cloud(path: Path) -> dict[str, Any]:
    """Read a point cloud and return its facts.

    Raises
    ------
    FormatError
        The file is foreign, truncated or damaged.
    """
    cloud = clouds.open(path)
    extent = {}
    if len(cloud):
        low, high = cloud.xyz.min(axis=0), cloud.xyz.max(axis=0)
        extent = {f"{c}_m": [float(low[k]), float(high[k])] for k, c in enumerate("xyz")}
        extent["range_m"] = [float(cloud.ranges.min()), float(cloud.ranges.max())]
    return {
        "file": str(path),
        "format": cloud.source,
        "points": len(cloud),
        **extent,
        "intensity": _span(cloud.intensity),
        "notes": list(cloud.notes),
    }


def _span(values: np.ndarray | None) -> list[float] | None:
    if values is None or not len(values):
        return None
    return [float(values.min()), float(values.max())]
