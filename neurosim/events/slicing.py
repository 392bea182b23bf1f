"""How are events cut into windows? Of equal time or number, with tonic's keywords."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from .container import Events

_KINDS = ("time_window", "event_count", "n_time_bins", "n_event_bins")
_MOST = 1 << 24


class Slicing(NamedTuple):
    """One of four ways to cut; see :func:`windows`."""

    time_window: float | None = None
    event_count: int | None = None
    n_time_bins: int | None = None
    n_event_bins: int | None = None
    overlap: float = 0
    include_incomplete: bool = False
    start_time: int | None = None
    end_time: int | None = None


def checked_slicing(owner: str, given: Any) -> Slicing:
    """A `Slicing` of keywords or attributes, of which exactly one says how to cut."""
    named = given if isinstance(given, Mapping) else {k: getattr(given, k) for k in Slicing._fields}
    unknown = set(named) - set(Slicing._fields)
    if unknown:
        raise ParameterError(
            f"{owner}.{min(unknown)} must be one of {', '.join(Slicing._fields)}; leave it out"
        )
    slicing = Slicing(**named)
    chosen = [kind for kind in _KINDS if getattr(slicing, kind) is not None]
    if len(chosen) != 1:
        raise ParameterError(
            f"{owner}: exactly one of {', '.join(_KINDS)} must be given, got "
            f"{' and '.join(chosen) or 'none'}"
        )
    size = getattr(slicing, chosen[0])
    if chosen[0] == "time_window":
        number(owner, chosen[0], size, above=0, unit="us")
    else:
        integer(owner, chosen[0], size, low=1)
    limit = 1 if chosen[0].startswith("n_") else size
    number(owner, "overlap", slicing.overlap, low=0)
    if slicing.overlap >= limit:
        raise ParameterError(f"{owner}.overlap must be < {limit}, got {slicing.overlap}")
    return slicing


def bounds(t: np.ndarray, slicing: Slicing) -> np.ndarray:
    """First and last position (excluded) of each slice, (n, 2)."""
    n = len(t)
    if not n:
        return np.zeros((slicing.n_time_bins or slicing.n_event_bins or 0, 2), np.int64)
    if slicing.time_window is not None:
        start = t[0] if slicing.start_time is None else slicing.start_time
        end = t[-1] if slicing.end_time is None else slicing.end_time
        stride = slicing.time_window - slicing.overlap
        count = _count(float(end - start), slicing.time_window, stride, slicing.include_incomplete)
        if count > _MOST:
            raise ParameterError(
                f"time_window must make at most {_MOST:,} slices of a recording, got "
                f"{slicing.time_window:g} us in {float(end - start):g} us; take longer ones, or "
                "cut the recording with time_slice: its stamps may jump"
            )
        starts = np.arange(count) * stride + start
        return np.searchsorted(t, np.stack([starts, starts + slicing.time_window], 1))
    if slicing.event_count is not None:
        size = min(slicing.event_count, n)
        stride = int(slicing.event_count - slicing.overlap)
        starts = np.arange(_count(n, size, stride, slicing.include_incomplete)) * stride
        return np.minimum(np.stack([starts, starts + size], 1), n)
    if slicing.n_time_bins is not None:
        window = (t[-1] - t[0]) // slicing.n_time_bins * (1 + slicing.overlap)
        starts = np.arange(slicing.n_time_bins) * (window * (1 - slicing.overlap)) + t[0]
        return np.searchsorted(t, np.stack([starts, starts + window], 1))
    size = int(n // slicing.n_event_bins * (1 + slicing.overlap))
    starts = np.arange(slicing.n_event_bins) * int(size * (1 - slicing.overlap))
    return np.minimum(np.stack([starts, starts + size], 1), n)


def _count(length: float, size: float, stride: float, incomplete: bool) -> int:
    whole = (length - size) / stride
    return max(int((np.ceil if incomplete else np.floor)(whole)) + 1, 1)


def windows(pieces: Iterator[Events] | Events, **slicing: Any) -> Iterator[Events]:
    """Cut events into windows as they come, in the memory of a window and a piece.

    Parameters
    ----------
    pieces : iterable of Events, in order of time, or Events
    time_window : float [us], or event_count : int
        The length of a window.
    overlap : [us] or events
        How much of a window the next one repeats.
    include_incomplete : bool
        Whether a last, shorter window is given. A recording shorter than one window gives it.
    start_time : int, optional
        Where the first window begins [us]; at the first event when left out. Windows of time
        without events are given too.
    end_time : int, optional
        Where the last whole window ends at the latest [us]; at the last event when left out.

    Yields
    ------
    Events

    Examples
    --------
    >>> e = Events(x=[0] * 5, y=[0] * 5, t=[0, 5, 10, 26, 30])
    >>> [w.t.tolist() for w in windows(e, time_window=10)]
    [[0, 5], [10], [26]]
    """
    cut = checked_slicing("windows", slicing)
    if cut.n_time_bins is not None or cut.n_event_bins is not None:
        raise ParameterError(
            "windows: time_window or event_count must be given, got a number of bins, which needs "
            "the whole recording; use ToFrame(n_time_bins=...)"
        )
    if isinstance(pieces, Events):
        pieces = iter((pieces,))
    return _by_time(pieces, cut) if cut.time_window is not None else _by_number(pieces, cut)


def _by_time(pieces: Iterator[Events], cut: Slicing) -> Iterator[Events]:
    held: Events | None = None
    given = 0
    stride = cut.time_window - cut.overlap
    first, last, total = cut.start_time, None, math.inf
    for piece in pieces:
        if not len(piece):
            continue
        first = int(piece.t[0]) if first is None else first
        if cut.end_time is not None:
            length = float(cut.end_time - first)
            total = _count(length, cut.time_window, stride, cut.include_incomplete)
        held = _joined(held, piece)
        last = int(held.t[-1])
        while given < total and last >= first + given * stride + cut.time_window:
            start = first + given * stride
            a, b = np.searchsorted(held.t, (start, start + cut.time_window))
            yield held.keep(slice(int(a), int(b)))
            given += 1
        if given >= total:
            return
        left = np.searchsorted(held.t, first + given * stride)
        held = held.keep(slice(int(left), None))
    if held is None:
        return
    if cut.end_time is None:
        total = given
        if cut.include_incomplete or not given:
            total = _count(last - first, cut.time_window, stride, cut.include_incomplete)
    for k in range(given, total):
        a, b = np.searchsorted(held.t, (first + k * stride, first + k * stride + cut.time_window))
        yield held.keep(slice(int(a), int(b)))


def _by_number(pieces: Iterator[Events], cut: Slicing) -> Iterator[Events]:
    held: Events | None = None
    stride = int(cut.event_count - cut.overlap)
    given = 0
    for piece in pieces:
        held = _joined(held, piece)
        at = 0
        while at + cut.event_count <= len(held):
            yield held.keep(slice(at, at + cut.event_count))
            at += stride
            given += 1
        held = held.keep(slice(at, None))
    left = 0 if held is None else len(held)
    if left > (cut.overlap if given else 0) and (cut.include_incomplete or not given):
        yield held


def _joined(held: Events | None, piece: Events) -> Events:
    if held is None or not len(held):
        return piece
    columns = {c: np.concatenate((getattr(held, c), getattr(piece, c))) for c in "xytp"}
    if columns["t"][len(held)] < held.t[-1]:  # a piece that reaches back
        order = np.argsort(columns["t"], kind="stable")
        columns = {c: column[order] for c, column in columns.items()}
    return piece.replaced(**columns)
