"""When do sources spike? Exact times, chunk by chunk."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from ..._jit import kernel
from ...errors import ParameterError
from ...models.sources import PoissonSource, SpikeSource
from ...network import Network, Population
from ...random import exponential
from ..drive import PoissonDrive, next_spike
from ..stream import given_spikes


@kernel
def _times_before(key, edges, means, period, per_cycle, upcoming, drawn, end, begin, times, ids):
    """Spikes before ``end`` of the processes from ``begin`` on.

    Returns (number of spikes, process at which the arrays were full, or n); to go on from
    there, call again.
    """
    found = 0
    for i in range(begin, upcoming.size):
        own = i if means.shape[0] > 1 else 0
        t, k = upcoming[i], drawn[i]
        while t < end:
            if k > 0 and found == times.size:
                upcoming[i], drawn[i] = t, k
                return found, i
            if k > 0:
                times[found], ids[found] = t, i
                found += 1
            t = next_spike(t, exponential(key, i, k), edges, means[own], period, per_cycle[own])
            k += 1
        upcoming[i], drawn[i] = t, k
    return found, upcoming.size


class PoissonTimes(PoissonDrive):
    """The processes of a Poisson source: those whose times the clock engine rounds."""

    def __init__(self, population: Population, seed: int) -> None:
        super().__init__(population, seed, "continuous")

    def before(self, end: float) -> tuple[np.ndarray, np.ndarray]:
        """(times, ids) of the spikes that have not been asked for, sorted."""
        parts, reached = [], 0
        while reached < self.n:
            times, ids = np.empty(self._room), np.empty(self._room, np.int32)
            args = (self.upcoming, self.drawn, end, reached, times, ids)
            found, reached = _times_before(self.key, *self.rate, *args)
            parts.append((times[:found], ids[:found]))
            self._room = max(self._room, 2 * found)
        return in_order(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class GivenTimes:
    """Spikes given as arrays, by the description and while the simulation runs.

    Attributes
    ----------
    graded : bool       do they carry payloads?
    given : tuple       (times, ids) to come, sorted, and payloads of graded ones
    """

    def __init__(self, population: Population) -> None:
        self.name, self.n = population.name, population.n
        source: SpikeSource = population.neurons
        self.graded = source.graded
        self.own = in_order(*source.arrays)
        self.reset()

    def reset(self) -> None:
        """Back to time 0, with the spikes of the description."""
        self.given = self.own
        self.stream: Any = None
        self.origin, self.reached, self.n_read = 0.0, 0.0, 0

    def state(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        place = [self.stream is not None, self.origin, self.reached, self.n_read]
        return dict(zip(_GIVEN, self.given, strict=False)) | {"stream": np.array(place, float)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over a saved state, and a stream from :meth:`behind` if it was reading one."""
        kinds = zip(_GIVEN[: len(self.given)], (np.float64, np.int32, np.float64), strict=False)
        self.given = tuple(saved[name].astype(kind) for name, kind in kinds)
        self.stream = saved.get("rest")
        if self.stream is not None:
            _, self.origin, self.reached, n_read = saved["stream"].tolist()
            self.n_read = int(n_read)

    def behind(self, stream: Any, saved: dict[str, np.ndarray]) -> Iterator:
        """A stream, given from its beginning, behind the spikes that a saved state has read."""
        _, origin, reached, n_read = saved["stream"].tolist()
        pieces, left, last, rest = self._pieces(stream), int(n_read), origin, ()
        while left > 0 and (piece := next(pieces, None)) is not None:
            spikes = given_spikes("EventSimulator", self._owner, piece, self.n, self.graded)
            last = max(last, float(spikes[0][:left].max(initial=0.0)) + origin)
            rest = tuple(a[left:] for a in spikes)
            left -= spikes[0].size
        if left > 0 or last != reached:
            raise ParameterError(
                f"EventSimulator: {self._owner} must be the stream that the saved simulation was "
                f"reading, from its beginning: {int(n_read):,} spikes until {reached - origin:g} "
                f"ms, got another, of {int(n_read) - max(left, 0):,} until {last - origin:g} ms"
            )
        return chain((rest,), pieces) if rest and rest[0].size else pieces

    @property
    def _owner(self) -> str:
        return f"inputs[{self.name!r}]"

    def _pieces(self, stream: Any) -> Iterator:
        try:
            return iter(stream)
        except TypeError:
            raise ParameterError(
                f"{self._owner} must be a pair (times, ids), or a stream: something that can be "
                f"iterated over and gives such pairs in order of time, got {stream!r}"
            ) from None

    def add(self, spikes: tuple[np.ndarray, ...], origin: float = 0.0) -> None:
        """Add spikes (checked); their times count from ``origin``."""
        times, *rest = spikes
        pairs = zip(self.given, (times + origin, *rest), strict=True)
        self.given = in_order(*(np.concatenate(pair) for pair in pairs))

    def follow(self, stream: Any, origin: float) -> None:
        """Read a stream of (times, ids) from now on; its times count from ``origin``."""
        self.stream = self._pieces(stream)
        self.origin, self.reached, self.n_read = origin, origin, 0

    def _read(self, end: float) -> None:
        """Take pieces from the stream until one goes beyond ``end``."""
        owner = self._owner
        while self.stream is not None and self.reached < end:
            piece = next(self.stream, None)
            if piece is None:
                self.stream = None
                return
            spikes = given_spikes("EventSimulator", owner, piece, self.n, self.graded)
            times = spikes[0] + self.origin
            if times.size and times.min() < self.reached:
                raise ParameterError(
                    f"{owner} must not go back in time: a piece begins at "
                    f"{times.min() - self.origin:g} ms after one that ends at "
                    f"{self.reached - self.origin:g} ms; sort the stream"
                )
            self.reached = max(self.reached, float(times.max(initial=self.reached)))
            self.n_read += times.size
            self.add(spikes, self.origin)

    def before(self, end: float) -> tuple[np.ndarray, ...]:
        """(times, ids), and payloads, of the spikes that have not been asked for, sorted."""
        self._read(end)
        k = int(np.searchsorted(self.given[0], end))
        found = tuple(a[:k].copy() for a in self.given)
        self.given = tuple(a[k:] for a in self.given)
        return found


_GIVEN = ("times", "ids", "payloads")  # names of given arrays in a checkpoint


def in_order(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Times, ids and whatever belongs to them, sorted by time, then neuron."""
    order = np.lexsort((arrays[1], arrays[0]))
    return tuple(a[order] for a in arrays)


Source = PoissonTimes | GivenTimes


def sources_of(network: Network) -> dict[int, Source]:
    """The sources of a network, by index of the population."""
    found: dict[int, Source] = {}
    for k, population in enumerate(network.populations.values()):
        if isinstance(population.neurons, PoissonSource):
            found[k] = PoissonTimes(population, network.seed)
        elif isinstance(population.neurons, SpikeSource):
            found[k] = GivenTimes(population)
    return found
