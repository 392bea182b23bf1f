"""What is kept of a run of the event engine? Spikes, and the exact state at chosen times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import checks
from ...errors import ParameterError
from ...network import Network
from ..result import Spikes, Trace
from .build import ExactBuilt
from .loop import Emitted

_DEFAULT_INTERVAL = 1.0  # ms


class SpikeLists:
    """Gathers spikes chunk by chunk.

    Parameters
    ----------
    names : populations whose spikes are kept
    at_spikes : mapping of population to state variables that are kept with them
    """

    def __init__(
        self, built: ExactBuilt, names: Sequence[str], at_spikes: Mapping[str, list[str]]
    ) -> None:
        self.built, self.at_spikes = built, at_spikes
        self.names = [
            p.population.name for p in built.populations
            if p.population.name in names or p.population.name in at_spikes
        ]  # fmt: skip
        self.clear()

    def clear(self) -> None:
        """Forget what has been written to a file."""
        self.found: dict[str, list[Emitted]] = {name: [] for name in self.names}
        self.n_waiting = 0

    def add(self, found: list[Emitted]) -> None:
        """Take the spikes of a chunk, one entry for each population."""
        for p, of_one in zip(self.built.populations, found, strict=True):
            if p.population.name in self.found:
                self.found[p.population.name].append(of_one)
                self.n_waiting += of_one.times.size

    def _joined(self, name: str, field: str, otherwise: np.ndarray) -> np.ndarray:
        parts = [getattr(of_one, field) for of_one in self.found[name]]
        return np.concatenate([otherwise, *parts])

    def finish(self) -> dict[str, Spikes]:
        """All spikes."""
        spikes = {}
        for p in self.built.populations:
            name = p.population.name
            if name in self.found:
                times = self._joined(name, "times", np.zeros(0))
                ids = self._joined(name, "ids", np.zeros(0, np.int32)).astype(np.int32)
                payload = self._joined(name, "payloads", np.zeros(0)) if p.is_graded else None
                spikes[name] = Spikes(times, ids, p.population.n, payload)
        return spikes

    def states(self) -> dict[str, dict[str, np.ndarray]]:
        """State variables just before each spike's reset, in the order of the spikes."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for p in self.built.populations:
            name = p.population.name
            if name in self.at_spikes:
                states = self._joined(name, "states", np.zeros((0, len(p.state))))
                found[name] = {v: states[:, p.variable(v)] for v in self.at_spikes[name]}
        return found


def check_at_spikes(owner: str, network: Network, wanted: Any) -> dict[str, list[str]]:
    """Population to state variables, of those that exist.

    Raises
    ------
    ParameterError
    """
    found = {}
    for name, variables in (wanted or {}).items():
        known: list[str] = []
        if name in network.populations and not network.populations[name].is_source:
            known = list(network.populations[name].neurons.model.state)
        names = [variables] if isinstance(variables, str) else list(variables)
        for variable in names:
            if variable not in known:
                raise ParameterError(
                    f"{owner}: at_spikes[{name!r}] must name state variables of a population of "
                    f"neurons, {known or 'and this is none'}, got {variable!r}"
                )
        found[name] = names
    return found


def sample_times(owner: str, start: float, stop: float, interval: Any, times: Any) -> np.ndarray:
    """When the state is recorded [ms], ascending, all in start <= t < stop.

    Raises
    ------
    ParameterError
    """
    if times is None:
        every = _DEFAULT_INTERVAL if interval is None else interval
        every = checks.number(owner, "interval", every, above=0, unit="ms")
        found = start + every * np.arange(np.ceil((stop - start) / every))
        return found[found < stop]
    if interval is not None:
        raise ParameterError(f"{owner}: give interval or times, not both")
    found = checks.array(owner, "times", times, low=0, unit="ms").astype(np.float64)
    if found.ndim != 1 or np.any(np.diff(found) <= 0):
        raise ParameterError(f"{owner}.times must be a list of ascending times [ms]")
    if found.size and not (found[0] >= start and found[-1] < stop):
        raise ParameterError(
            f"{owner}.times must lie in {start:g} <= t < {stop:g} ms, got {found[0]:g} to "
            f"{found[-1]:g}"
        )
    return found


class StateLists:
    """Samples of state variables.

    Parameters
    ----------
    wanted : list of (population, variable, ids)
    times : float64 (t,)
    n_done : int            of them lie behind
    """

    def __init__(
        self, built: ExactBuilt, wanted: list, times: np.ndarray, n_done: int = 0
    ) -> None:  # fmt: skip
        self.built, self.times = built, times if wanted else np.zeros(0)
        self.n_done = n_done
        index = {p.population.name: k for k, p in enumerate(built.populations)}
        self.lines = [
            (index[name], name, variable, np.ascontiguousarray(ids, np.int64))
            for name, variable, ids in wanted
        ]
        self.clear()

    def clear(self) -> None:
        """Forget what has been written to a file."""
        self.begun = self.n_done
        self.values: list[list[np.ndarray]] = [[] for _ in self.lines]

    @property
    def n_waiting(self) -> int:
        """Values that wait for a file."""
        return (self.n_done - self.begun) * sum(ids.size for *_, ids in self.lines)

    def due(self, stop: float) -> np.ndarray:
        """The sample times before ``stop`` that are still to come."""
        return self.times[self.n_done : np.searchsorted(self.times, stop)]

    def sample(self, loop: Any) -> None:
        """Take the next sample; all events up to it have been computed."""
        time = float(self.times[self.n_done])
        for values, (k, _, variable, ids) in zip(self.values, self.lines, strict=True):
            row = self.built.populations[k].variable(variable)
            values.append(loop.state_at(k, row, ids, time))
        self.n_done += 1

    def finish(self) -> dict[str, dict[str, Trace]]:
        """All traces, by population and variable."""
        traces: dict[str, dict[str, Trace]] = {}
        times = self.times[self.begun : self.n_done]
        for values, (k, name, variable, ids) in zip(self.values, self.lines, strict=True):
            unit = self.built.populations[k].population.neurons.model.units.get(variable, "")
            unit = "ms" if unit == "steps" else unit
            found = np.array(values, np.float64).reshape(times.size, ids.size)
            trace = Trace(times, ids, found, unit)
            traces.setdefault(name, {})[variable] = trace
        return traces
