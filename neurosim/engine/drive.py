"""When do sources spike? Source populations, chunk by chunk, into their histories."""

import numpy as np

from .._jit import kernel
from ..connectivity.delays import step_of, to_steps
from ..errors import BuildError
from ..models.sources import PoissonSource, SpikeSource
from ..network import Network, Population
from ..random import exponential, key_of

_LARGEST_RATE = 1e7  # Hz; each spike is drawn and kept


@kernel
def _poisson(key, mean, upcoming, drawn, dt, end, steps, ids):
    """Spikes of Poisson processes on the steps before ``end``; returns how many.

    Called with empty ``steps`` it only counts and moves nothing on.
    """
    filling = steps.size > 0
    found = 0
    for i in range(upcoming.size):
        t = upcoming[i]
        k = drawn[i]
        while t < end * dt + dt and step_of(t, dt) < end:
            if filling:
                steps[found] = step_of(t, dt)
                ids[found] = i
            found += 1
            t += mean[i] * exponential(key, i, k)
            k += 1
        if filling:
            upcoming[i] = t
            drawn[i] = k
    return found


@kernel
def _first(key, mean, upcoming, drawn):
    for i in range(mean.size):
        upcoming[i] = mean[i] * exponential(key, i, 0)
        drawn[i] = 1


class PoissonDrive:
    """State of a Poisson source: the next spike of each process, and how many were drawn."""

    def __init__(self, population: Population, seed: int, time: str) -> None:
        source: PoissonSource = population.neurons
        self.key = key_of(seed, population.name, "poisson")
        rate = np.broadcast_to(np.asarray(source.rate, np.float64), (population.n,))
        if rate.max() > _LARGEST_RATE:
            raise BuildError(
                f"Population {population.name!r}.rate must be at most {_LARGEST_RATE:g} Hz, got "
                f"{rate.max():g}; use PoissonInput for many unseen sources"
            )
        with np.errstate(divide="ignore"):
            self.mean = 1000.0 / rate
        # Times round to the nearest step, so where steps are all there is, the process
        # begins half a step early: step 0 gets its full share.
        self.start = -0.5 if time == "steps" else 0.0
        self.reset()

    def reset(self) -> None:
        """Back to time 0."""
        self.drawn = np.zeros(self.mean.size, np.int64)
        self.upcoming = np.zeros(self.mean.size)
        _first(self.key, self.mean, self.upcoming, self.drawn)
        self.upcoming += self.start

    def state(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        return {"drawn": self.drawn, "upcoming": self.upcoming}

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Take over a saved state."""
        self.drawn[:], self.upcoming[:] = saved["drawn"], saved["upcoming"]

    def spikes(self, begin: int, end: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """(steps counted from ``begin``, ids) of the spikes that round to begin <= s < end."""
        args = (self.key, self.mean, self.upcoming, self.drawn, dt, end)
        n = _poisson(*args, np.empty(0, np.int64), np.empty(0, np.int32))
        steps, ids = np.empty(n, np.int64), np.empty(n, np.int32)
        if n:
            _poisson(*args, steps, ids)
        order = np.lexsort((ids, steps))
        return steps[order] - begin, ids[order]


class ListDrive:
    """Spikes given as arrays."""

    def __init__(self, population: Population, dt: float) -> None:
        self.name, self.dt = population.name, dt
        source: SpikeSource = population.neurons
        self.own = (to_steps(source.times, dt), source.ids)
        self.reset()

    def reset(self) -> None:
        """Back to time 0, with the spikes of the description."""
        self.steps, self.ids = self._sorted(*self.own)

    def state(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        return {"steps": self.steps, "ids": self.ids}

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Take over a saved state."""
        self.steps, self.ids = self._sorted(saved["steps"], saved["ids"])

    def add(self, times, ids, begin: int) -> None:
        """Add spikes (checked, sorted); their times count from step ``begin``."""
        ahead = np.searchsorted(self.steps, begin)  # what is past need not be sorted again
        steps = np.concatenate((self.steps[ahead:], to_steps(times, self.dt) + begin))
        self.steps, self.ids = self._sorted(steps, np.concatenate((self.ids[ahead:], ids)))

    @staticmethod
    def _sorted(steps: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order = np.lexsort((ids, steps))
        return steps[order], ids[order].astype(np.int32)

    def spikes(self, begin: int, end: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """(steps counted from ``begin``, ids) of the spikes in begin <= s < end."""
        first, last = np.searchsorted(self.steps, (begin, end))
        return self.steps[first:last] - begin, self.ids[first:last]


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
