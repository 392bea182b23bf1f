"""When do sources spike? Source populations, chunk by chunk, into their histories."""

import math
from typing import Any

import numpy as np

from .._jit import kernel
from ..connectivity.delays import step_of, to_steps
from ..errors import BuildError
from ..models.schedule import as_schedule
from ..models.sources import PoissonSource, SpikeSource
from ..network import Network, Population
from ..random import exponential, key_of_sample
from .spikesort import by_step, sort_spikes
from .stream import SpikeReader

_LARGEST_RATE = 1e7  # Hz; each spike is drawn and kept


@kernel
def _level(edges, period, t):
    """(piece of a schedule at time ``t``, start of its cycle)."""
    cycle = math.floor((t - edges[0]) / period) * period if period > 0.0 else 0.0
    low, high = 0, edges.size
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= t - cycle:
            low = middle
        else:
            high = middle
    return low, cycle


@kernel
def next_spike(t, wait, edges, means, period, per_cycle):
    """When a process that spiked at ``t`` spikes next: its rate's integral grows by ``wait``.

    Parameters
    ----------
    edges : float64 (k,)     when the pieces of the schedule begin
    means : float64 (k,)     mean interval in each, inf where it is silent
    period : float           of the schedule, 0 for none
    per_cycle : float        mean number of spikes in a period
    """
    if edges.size == 1:
        return t + wait * means[0] if means[0] < math.inf else math.inf
    if period > 0.0 and per_cycle == 0.0:
        return math.inf
    k, cycle = _level(edges, period, t)
    while True:
        mean = means[k]
        lands = t + wait * mean if mean < math.inf else math.inf
        alike = 0  # pieces of the same rate are one, so that equal rates give equal spikes
        while True:
            following = k + 1
            if following < edges.size:
                end = cycle + edges[following]
            elif period > 0.0:
                following = 0
                end = cycle + period + edges[0]
            else:
                return lands
            if lands < end or alike == edges.size:
                return lands
            k = following
            cycle = cycle + period if k == 0 else cycle
            alike += 1
            if means[k] != mean:
                break
        wait = max(0.0, wait - (end - t) / mean)
        t = end
        if wait > per_cycle and period > 0.0:
            whole = math.floor(wait / per_cycle)
            wait = max(0.0, wait - whole * per_cycle)
            t += whole * period
            cycle += whole * period


@kernel
def _spikes(key, edges, means, period, per_cycle, upcoming, drawn, dt, end, begin, steps, ids):
    """Spikes on the steps before ``end`` of the processes from ``begin`` on.

    ``upcoming`` is the next spike of each, or, where none is ``drawn`` yet, its start.
    Returns (number of spikes, process at which the arrays were full, or n); to go on from
    there, call again.
    """
    limit = end * dt + dt
    found = 0
    for i in range(begin, upcoming.size):
        t = upcoming[i]
        if t >= limit:
            continue
        own = i if means.shape[0] > 1 else 0
        mine, k = means[own], drawn[i]
        while t < limit:
            step = step_of(t, dt)
            if k > 0 and step >= end:
                break
            if k > 0 and found == steps.size:
                upcoming[i], drawn[i] = t, k
                return found, i
            if k > 0:
                steps[found] = step
                ids[found] = i
                found += 1
            wait = exponential(key, i, k)
            t = next_spike(t, wait, edges, mine, period, per_cycle[own])
            k += 1
        upcoming[i], drawn[i] = t, k
    return found, upcoming.size


class PoissonDrive:
    """State of a Poisson source: the next spike of each process, and how many were drawn."""

    def __init__(self, population: Population, seed: int, time: str) -> None:
        source: PoissonSource = population.neurons
        self.seed, self.name = seed, population.name
        rate = as_schedule(source.rate)
        if rate.values.max() > _LARGEST_RATE:
            raise BuildError(
                f"Population {population.name!r}.rate must be at most {_LARGEST_RATE:g} Hz, got "
                f"{rate.values.max():g}; use PoissonInput for many unseen sources"
            )
        with np.errstate(divide="ignore"):
            means = 1000.0 / rate.values
        # Times round to the nearest step, so where steps are all there is, the process
        # begins half a step early: step 0 gets its full share.
        self.start = -0.5 if time == "steps" else 0.0
        period = 0.0 if rate.period is None else rate.period
        lengths = np.diff(rate.times, append=period)
        self.rate = (
            rate.times + self.start,
            np.ascontiguousarray(means.reshape(len(means), -1).T),  # (n or 1, pieces)
            period,
            np.atleast_1d(lengths @ (rate.values / 1000.0)) if period else np.zeros(population.n),
        )
        self.n, self._room = population.n, 1024
        self.reset()

    def reset(self) -> None:
        """Back to time 0."""
        self.resample(0)

    def resample(self, sample: int) -> None:
        """Back to time 0, with the draws of a sample; those of sample 0 are the usual ones."""
        self.key = key_of_sample(sample, self.seed, self.name, "poisson")
        self.drawn = np.zeros(self.n, np.int64)
        self.upcoming = np.full(self.n, self.start)

    def state(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        return {"drawn": self.drawn, "upcoming": self.upcoming}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.drawn[:], self.upcoming[:] = saved["drawn"], saved["upcoming"]

    def spikes(self, begin: int, end: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """(steps counted from ``begin``, ids) of the spikes that round to begin <= s < end."""
        parts, reached = [], 0
        while reached < self.n:
            steps, ids = np.empty(self._room, np.int64), np.empty(self._room, np.int32)
            args = (self.upcoming, self.drawn, dt, end, reached, steps, ids)
            found, reached = _spikes(self.key, *self.rate, *args)
            parts.append((steps[:found], ids[:found]))
            self._room = max(self._room, 2 * found)
        if len(parts) > 1:
            steps, ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        else:
            steps, ids = parts[0]
        steps, ids = by_step(steps, ids, begin, end - begin)
        return steps - begin, ids


class ListDrive:
    """Spikes given as arrays, and those of a stream that is read as time goes on.

    Attributes
    ----------
    graded : bool       do they carry payloads?
    given : tuple       (steps, ids) to come, sorted, and payloads of graded ones
    """

    def __init__(self, population: Population, dt: float) -> None:
        self.name, self.n, self.dt = population.name, population.n, dt
        source: SpikeSource = population.neurons
        self.graded = source.graded
        times, *rest = source.arrays
        self.own = (to_steps(times, dt), *rest)
        self.reset()

    def reset(self) -> None:
        """Back to time 0, with the spikes of the description."""
        self.given = sort_spikes(*self.own)
        self.reader: SpikeReader | None = None

    def state(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        return dict(zip(_GIVEN, self.given, strict=False)) | SpikeReader.state(self.reader)

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over a saved state; ``saved["reader"]`` is a stream that was skipped forward."""
        names = _GIVEN[: len(self.given)]
        kinds = zip(names, (np.int64, np.int32, np.float64), strict=False)
        self.given = sort_spikes(*(saved[name].astype(kind) for name, kind in kinds))
        self.reader = saved.get("reader")

    def add(self, spikes: tuple[np.ndarray, ...], begin: int) -> None:
        """Add spikes (checked, sorted); their times count from step ``begin``."""
        times, *rest = spikes
        self._merge([(to_steps(times, self.dt) + begin, *rest)], begin)

    def read(self, begin: int, end: int) -> None:
        """Take from the stream what may lie before step ``end``; ``begin`` is the present.

        Raises
        ------
        ParameterError
            The stream runs backwards, or is no stream of spikes. Nothing is taken then.
        """
        if self.reader is None:
            return
        pieces = self.reader.take(end)
        if pieces:
            self._merge(pieces, begin)
        if self.reader.ended:
            self.reader = None

    def _merge(self, pieces: list[tuple[np.ndarray, ...]], begin: int) -> None:
        ahead = np.searchsorted(self.given[0], begin)  # what is past is not needed again
        pieces = [tuple(a[ahead:] for a in self.given), *pieces]
        steps, ids, *rest = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        self.given = sort_spikes(steps, ids.astype(np.int32, copy=False), *rest)

    def spikes(self, begin: int, end: int, dt: float) -> tuple[np.ndarray, ...]:
        """(steps counted from ``begin``, ids), and payloads, of the spikes in begin <= s < end."""
        first, last = np.searchsorted(self.given[0], (begin, end))
        steps, *rest = (a[first:last] for a in self.given)
        return steps - begin, *rest


_GIVEN = ("steps", "ids", "payloads")  # names of given arrays in a checkpoint
Drive = PoissonDrive | ListDrive


def drives(network: Network, dt: float) -> dict[int, Drive]:
    """The drive of each source population, by index."""
    found: dict[int, Drive] = {}
    for k, population in enumerate(network.populations.values()):
        if isinstance(population.neurons, PoissonSource):
            found[k] = PoissonDrive(population, network.seed, network.time)
        elif isinstance(population.neurons, SpikeSource):
            found[k] = ListDrive(population, dt)
    return found
