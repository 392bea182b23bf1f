"""What is in this point cloud? Facts of one file, ready for JSON."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import clouds


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
