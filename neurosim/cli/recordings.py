"""What is done with a recording from a shell? Told about, converted, drawn."""

import re
from pathlib import Path
from typing import Any

from .. import events
from ..errors import ParameterError


def describe_events(path: Path, **options: Any) -> dict[str, Any]:
    """Run through a recording, in constant memory, and return its facts.

    ``options`` as of `neurosim.events.open`.

    Raises
    ------
    FormatError
        The file is foreign; with ``strict``, it is truncated or damaged.
    """
    recording = events.open(path, **options)
    facts = recording.facts()
    width, height = recording.sensor_size
    both = recording.n_polarities == 2
    return {
        "file": str(path),
        "format": recording.source,
        "width": width,
        "height": height,
        "events": facts.n_events,
        "on": facts.n_on if both else None,
        "off": facts.n_events - facts.n_on if both else None,
        "active_pixels": int((recording.counts().sum(axis=0) > 0).sum()),
        "t_first_us": facts.t_first,
        "t_last_us": facts.t_last,
        "duration_ms": recording.duration_us / 1e3,
        "longest_gap_ms": facts.longest_gap / 1e3,
        "events_per_s": recording.rate,
        "out_of_order": facts.n_unsorted,
        "notes": list(facts.notes),
    }


def prepared(path: Path, change: dict[str, Any], options: dict[str, Any]) -> events.Recording:
    """A recording with the changes that the command line asks for, carried out lazily."""
    recording = events.open(path, **options)
    start, stop = change.get("start"), change.get("stop")
    if start is not None or stop is not None:
        first = recording.facts().t_first or 0
        begin = first + _microseconds("from", start or "0")
        end = first + _microseconds("to", stop) if stop is not None else 1 << 61
        recording = recording.time_slice(begin, end)
    if change.get("crop"):
        x0, y0, width, height = _box(change["crop"])
        recording = recording.crop(x=(x0, x0 + width), y=(y0, y0 + height))
    recording = recording.then(*_filters(change))
    if change.get("downsample"):
        recording = recording.downsample(change["downsample"])
    first = recording.facts().t_first if change.get("zero") else None
    return recording if first is None else recording.shift_time(-first)


def _filters(change: dict[str, Any]) -> list[events.Operation]:
    found: list[events.Operation] = []
    if change.get("denoise") is not None:
        found.append(events.Denoise(_microseconds("denoise", change["denoise"])))
    if change.get("refractory") is not None:
        found.append(events.RefractoryPeriod(_microseconds("refractory", change["refractory"])))
    if change.get("max_rate") is not None:
        found.append(events.RateControl(max_rate=change["max_rate"]))
    return found


def _microseconds(name: str, text: str) -> int:
    """'1.5s', '20ms', '300us' or a bare number of us.

    >>> _microseconds("from", "1.5s"), _microseconds("from", "20ms"), _microseconds("from", "7")
    (1500000, 20000, 7)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s)?", str(text).strip())
    if not found or len(found[1]) > 18:
        raise ParameterError(f"--{name} must be a time such as 1.5s, 20ms or 300us, got {text!r}")
    return round(float(found[1]) * {"s": 1e6, "ms": 1e3, "us": 1, None: 1}[found[2]])


def _box(text: str) -> tuple[int, ...]:
    numbers = re.fullmatch(r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})", text)
    if not numbers:
        raise ParameterError(f"--crop must be X,Y,WIDTH,HEIGHT in pixels, got {text!r}")
    return tuple(int(number) for number in numbers.groups())


def convert_events(source: Path, target: Path, form: str | None, change, options) -> dict[str, Any]:
    """Write a recording in another format, piece by piece where the format allows it."""
    recording = prepared(source, change, options)
    path = events.write(recording, target, form)
    facts = recording.facts()
    return {
        "file": str(path),
        "from": recording.source,
        "to": events.open(path).source,
        "events": facts.n_events,
        "bytes": path.stat().st_size,
        "notes": list(facts.notes),
    }


def view_events(source: Path, out: Path, kind: str, change, options) -> dict[str, Any]:
    """Draw a recording into a PNG picture, or a GIF film."""
    from .. import plot

    ending = ".gif" if kind == "film" else ".png"
    if out.suffix.lower() != ending:
        raise ParameterError(f"--out must end with {ending} for a {kind}, got {out.name!r}")
    recording = prepared(source, change, options)
    if kind == "film":
        path = plot.film(recording, out)
    else:
        draw = {
            "frame": plot.frame,
            "scatter": plot.scatter,
            "surface": plot.time_surface,
            "pixels": plot.pixels,
        }[kind]
        path = plot.save(draw(recording), out)
    return {"file": str(path), "kind": kind, "events": len(recording)}
