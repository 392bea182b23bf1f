"""Which spikes lie in which tick of the chip? Rasters, checked, and cut into ticks."""

from collections import abc
from typing import Any

import numpy as np

from neurosim.connectivity.delays import to_steps
from neurosim.errors import ParameterError

from .splitters import POPULATION
from .wiring import Wiring

MOST_TICKS = 100_000_000


def _ticks(times: np.ndarray, tick: float, duration: float) -> np.ndarray:
    """The tick that a time lies in: floor(t / tick), by the one rounding function.

    That of a time a rounding error before the end is the last one.
    """
    found = to_steps(np.asarray(times, np.float64) + tick / 2, tick) - 1
    return np.where(times < duration, np.minimum(found, n_ticks(duration, tick) - 1), found)


def n_ticks(duration: float, tick: float) -> int:
    """Ticks that a run of this duration touches.

    Raises
    ------
    ParameterError
        There are more than ``MOST_TICKS``.

    >>> n_ticks(10.0, 1.0), n_ticks(10.5, 1.0)
    (10, 11)
    """
    if duration / tick > MOST_TICKS:
        raise ParameterError(
            f"hardware.tick must cut the run into at most {MOST_TICKS:,} ticks, got {tick:g} for "
            f"a duration of {duration:g}, {duration / tick:.3g} ticks; use a longer tick"
        )
    whole = int(to_steps(duration, tick))
    return whole + (1 if duration > whole * tick * (1 + 1e-9) else 0)


def spikes_of(name: str, found: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times (float64) and ids (int64) of one population of a raster.

    Raises
    ------
    ParameterError
        They are no two arrays of numbers of one length, the ids no whole numbers, or a time is
        not finite.
    """
    owner = f"census.spikes[{name!r}]"
    try:
        times, ids = found if isinstance(found, (tuple, list)) else (found.times, found.ids)
        times, ids = np.asarray(times, np.float64), np.asarray(ids)
        who = ids.astype(np.int64)
    except (TypeError, ValueError, AttributeError):
        raise ParameterError(
            f"{owner} must be a pair of arrays, times and ids, or have these attributes, "
            f"got {type(found).__name__}"
        ) from None
    if times.ndim != 1 or times.shape != who.shape:
        raise ParameterError(
            f"{owner} must have as many times as ids, in one dimension, "
            f"got shapes {times.shape} and {who.shape}"
        )
    if not np.array_equal(who, ids):
        raise ParameterError(f"{owner}.ids must be whole numbers, got {ids[who != ids][0]}")
    if not np.isfinite(times).all():
        raise ParameterError(f"{owner}.times must be finite, got nan or inf")
    return times, who


def _with_repeats(
    wiring: Wiring, tick: np.ndarray, neuron: np.ndarray, n_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The spikes, and those of the splitter neurons, a tick after the spikes they repeat."""
    low = np.searchsorted(wiring.repeats, neuron)
    count = np.searchsorted(wiring.repeats, neuron, side="right") - low
    start = np.repeat(low - np.cumsum(count) + count, count)
    again = np.arange(int(count.sum())) + start + wiring.first[POPULATION]
    later = np.repeat(tick + 1, count)
    kept = later < n_steps
    return np.concatenate([tick, later[kept]]), np.concatenate([neuron, again[kept]])


def raster_of(
    wiring: Wiring, spikes: dict[str, Any], duration: float, t_start: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ticks and global ids of all spikes, ascending in the tick: int64[k], int64[k].

    Raises
    ------
    ParameterError
        A population is missing, or has ids or times outside of the run.
    """
    if not isinstance(spikes, abc.Mapping):
        raise ParameterError(
            "census.spikes must be a dictionary of population to times and ids, "
            f"got {type(spikes).__name__}"
        )
    n_steps = n_ticks(duration, wiring.tick)
    ticks, ids, first = [np.empty(0, np.int64)], [np.empty(0, np.int64)], wiring.first
    for name, n in wiring.sizes.items():
        if name == POPULATION and wiring.repeats.size:
            continue
        if name not in spikes:
            raise ParameterError(
                f"census.spikes has no population {name!r}; record the spikes of every "
                "population, sources too (record=None in simulate)"
            )
        times, who = spikes_of(name, spikes[name])
        tick = _ticks(times - t_start, wiring.tick, duration)
        if who.size and not (who.min() >= 0 and who.max() < n):
            raise ParameterError(
                f"census.spikes[{name!r}].ids must lie in 0 <= id < {n}, "
                f"got {int(who.min())} to {int(who.max())}"
            )
        if tick.size and not (tick.min() >= 0 and tick.max() < n_steps):
            raise ParameterError(
                f"census.spikes[{name!r}].times must lie in the run of {n_steps} ticks, "
                f"got ticks {int(tick.min())} to {int(tick.max())}"
            )
        ticks.append(tick)
        ids.append(who + first[name])
    tick, neuron = np.concatenate(ticks), np.concatenate(ids)
    if wiring.repeats.size:
        tick, neuron = _with_repeats(wiring, tick, neuron, n_steps)
    order = np.argsort(tick, kind="stable")
    return tick[order], neuron[order]
