"""What is kept of a run of the event engine? Spikes, and the exact state at chosen times."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import checks
from ...errors import ParameterError
from ..result import Spikes, Trace
from .build import ExactBuilt

_DEFAULT_INTERVAL = 1.0  # ms


class SpikeLists:
    """Gathers spikes chunk by chunk."""

    def __init__(self, built: ExactBuilt, names: Sequence[str]) -> None:
        self.built, self.names = built, names
        self.found: dict[str, list[tuple]] = {name: [] for name in names}

    def add(self, found: list[tuple]) -> None:
        """Take the spikes of a chunk, one entry for each population."""
        for p, of_one in zip(self.built.populations, found, strict=True):
            if p.population.name in self.found and of_one[0].size:
                self.found[p.population.name].append(of_one)

    def finish(self) -> dict[str, Spikes]:
        """All spikes."""
        spikes = {}
        for p in self.built.populations:
            name = p.population.name
            if name not in self.found:
                continue
            none = (np.zeros(0), np.zeros(0, np.int32), np.zeros(0) if p.is_graded else None)
            parts = list(zip(none, *self.found[name], strict=True))
            times, ids = np.concatenate(parts[0]), np.concatenate(parts[1])
            payload = np.concatenate(parts[2]) if p.is_graded else None
            spikes[name] = Spikes(times, ids.astype(np.int32), p.population.n, payload)
        return spikes


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
    """

    def __init__(self, built: ExactBuilt, wanted: list, times: np.ndarray) -> None:
        self.built, self.times = built, times if wanted else np.zeros(0)
        self.n_done = 0
        index = {p.population.name: k for k, p in enumerate(built.populations)}
        self.lines = [
            (index[name], name, variable, np.ascontiguousarray(ids, np.int64))
            for name, variable, ids in wanted
        ]
        self.values = [np.zeros((self.times.size, ids.size)) for *_, ids in self.lines]

    def due(self, stop: float) -> np.ndarray:
        """The sample times before ``stop`` that are still to come."""
        return self.times[self.n_done : np.searchsorted(self.times, stop)]

    def sample(self, loop: Any) -> None:
        """Take the next sample; all events up to it have been computed."""
        time = float(self.times[self.n_done])
        for values, (k, _, variable, ids) in zip(self.values, self.lines, strict=True):
            row = self.built.populations[k].variable(variable)
            values[self.n_done] = loop.state_at(k, row, ids, time)
        self.n_done += 1

    def finish(self) -> dict[str, dict[str, Trace]]:
        """All traces, by population and variable."""
        traces: dict[str, dict[str, Trace]] = {}
        n = self.n_done
        for values, (k, name, variable, ids) in zip(self.values, self.lines, strict=True):
            unit = self.built.populations[k].population.neurons.model.units.get(variable, "")
            unit = "ms" if unit == "steps" else unit
            trace = Trace(self.times[:n], ids, values[:n], unit)
            traces.setdefault(name, {})[variable] = trace
        return traces
