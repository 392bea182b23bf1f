"""What is recorded, and where does it go? Spikes and state traces, to memory or to files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._jit import address
from ..connectivity.delays import to_times
from ..errors import ParameterError
from ..network import Network, Population
from . import tables
from .build import Built
from .result import Spikes, Trace
from .spikefile import SpikeFolder, write_spikes
from .tracefile import TraceFolder, write_traces

_WORD = re.compile(r"^(?P<name>\w+)(\[(?P<index>-?\d*(:-?\d*){0,2})\])?$")
_SPIKES_PER_FILE = 2_000_000
_VALUES_PER_FILE = 8_000_000


def check_record(record: Any) -> None:
    """Refuse what is no mapping.

    Raises
    ------
    ParameterError
    """
    if record is not None and not isinstance(record, Mapping):
        raise ParameterError(
            "record must be a mapping of populations to what is recorded, such as "
            f"{{'cells': ['spikes', 'v']}}, got {record!r}"
        )


def parse_record(network: Network, record: Mapping[str, Any] | None) -> tuple[list, list]:
    """What to record: names of populations (spikes) and (population, variable, ids).

    Raises
    ------
    ParameterError
        An unknown population or variable, an index out of range, or no mapping at all.
    """
    check_record(record)
    if record is None:
        return list(network.populations), []
    spikes, traces = [], []
    for name, words in record.items():
        if name not in network.populations:
            raise ParameterError(
                f"record: population must be one of {list(network.populations)}, got {name!r}"
            )
        population = network.populations[name]
        for word in [words] if isinstance(words, str) else words:
            if word == "spikes":
                spikes.append(name)
            else:
                traces.append((name, *_parse_variable(population, word)))
    return list(dict.fromkeys(spikes)), _merged(traces)


def _merged(traces: list) -> list:
    """One entry per population and variable, whatever the number of words."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for name, variable, ids in traces:
        found.setdefault((name, variable), []).append(ids)
    return [
        (*key, ids[0] if len(ids) == 1 else np.unique(np.concatenate(ids)))
        for key, ids in found.items()
    ]


def _parse_variable(population: Population, word: str) -> tuple[str, np.ndarray]:
    known = [] if population.is_source else list(population.neurons.model.state)
    match = _WORD.match(word) if isinstance(word, str) else None
    if match is None or match["name"] not in known:
        options = ", ".join(repr(k) for k in ["spikes", *known])
        raise ParameterError(
            f"record[{population.name!r}] must be one of {options}, or a variable with an index "
            f"such as 'v[:5]', got {word!r}"
        )
    everyone = np.arange(population.n)
    index = match["index"]
    if index is None:
        return match["name"], everyone
    if ":" in index:
        parts = [int(p) if p else None for p in index.split(":")]
        ids = everyone[slice(*parts)] if parts[2:] != [0] else everyone[:0]
    else:
        ids = everyone[[int(index)]] if index and abs(int(index)) < population.n else everyone[:0]
    if ids.size == 0:
        raise ParameterError(
            f"record[{population.name!r}]: {word!r} must select some of the "
            f"{population.n} neurons, got none"
        )
    return match["name"], ids


class SpikeRecorder:
    """Gathers spikes chunk by chunk, in memory or as numbered files in a folder."""

    def __init__(
        self, built: Built, names: list[str], folder: Path | None = None, n_files: int = 0
    ) -> None:
        self.built, self.names, self.folder, self.n_files = built, names, folder, n_files
        self.wanted: list[str] | None = names  # whose spikes are asked for; None: everybody's
        self._clear()

    def _clear(self) -> None:
        self.steps: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        self.ids: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        self.payloads: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        self.n_waiting = 0

    def add(self, name: str, steps: np.ndarray, ids: np.ndarray, *payloads: np.ndarray) -> None:
        """Take the spikes of one population in one chunk (absolute steps)."""
        if name in self.steps:
            self.steps[name].append(steps)
            self.ids[name].append(ids)
            self.payloads[name] += payloads
            self.n_waiting += ids.size

    def chunk_done(self) -> None:
        """Write a file when enough spikes are waiting."""
        if self.folder is not None and self.n_waiting >= _SPIKES_PER_FILE:
            self._write()

    def flush(self) -> None:
        """Bring whatever is waiting to a file of its own."""
        if self.folder is not None and self.n_waiting:
            self._write()

    def _gathered(self) -> dict[str, Spikes]:
        gathered = {}
        for name in self.names:
            steps = np.concatenate([np.empty(0, np.int64), *self.steps[name]])
            ids = np.concatenate([np.empty(0, np.int32), *self.ids[name]])
            population = self.built.network.populations[name]
            carried = None
            if population.is_graded:
                carried = np.concatenate([np.empty(0), *self.payloads[name]])
            gathered[name] = Spikes(to_times(steps, self.built.dt), ids, population.n, carried)
        return gathered

    def _write(self) -> None:
        unit = "ms" if self.built.network.time == "continuous" else "step"
        path = self.folder / f"spikes-{self.n_files:06d}.h5"
        write_spikes(path, self._gathered(), unit=unit)
        self.n_files += 1
        self._clear()

    def finish(self) -> Mapping[str, Spikes]:
        """The recorded spikes: arrays, or a folder that is read on demand."""
        if self.folder is None:
            return self._gathered()
        if self.n_waiting or self.n_files == 0:
            self._write()
        return SpikeFolder(self.folder, self.names)


class TraceRecorder:
    """Buffers that the kernels fill with the state of chosen neurons."""

    def __init__(
        self, built: Built, wanted: list, every: int, folder: Path | None = None, n_files: int = 0
    ) -> None:
        self.built, self.wanted, self.every = built, wanted, every
        self.folder, self.n_files = folder, n_files
        self.ids = [np.ascontiguousarray(ids, np.int64) for _, _, ids in wanted]
        self._clear()

    def _clear(self) -> None:
        self.chunks: list[list[np.ndarray]] = [[] for _ in self.wanted]
        self.steps: list[np.ndarray] = []
        self.n_waiting = 0

    def table(self, begin: int, end: int) -> np.ndarray:
        """Make buffers for one chunk and the table that points to them."""
        every = self.every
        due = np.arange(-(-begin // every), -(-end // every)) * every
        self.steps.append(due)
        self.n_waiting += due.size * sum(ids.size for ids in self.ids)
        rows = []
        for k, (name, variable, _) in enumerate(self.wanted):
            p, ids = self.built.index(name), self.ids[k]
            out = np.zeros((due.size, ids.size), self.built.real)
            self.chunks[k].append(out)
            row = self.built.populations[p].variable(variable)
            rows.append([p, row, address(ids), ids.size, address(out), due.size, every])
        return np.array(rows, np.int64).reshape(-1, tables.PROBE_COLUMNS)

    def chunk_done(self) -> None:
        """Write a file when enough values are waiting."""
        if self.folder is not None and self.n_waiting >= _VALUES_PER_FILE:
            self._write()

    def flush(self) -> None:
        """Bring whatever is waiting to a file of its own."""
        if self.folder is not None and self.n_waiting:
            self._write()

    def _write(self) -> None:
        write_traces(self.folder / f"traces-{self.n_files:06d}.h5", self._gathered())
        self.n_files += 1
        self._clear()

    def _gathered(self) -> dict[str, dict[str, Trace]]:
        steps = np.concatenate([np.empty(0, np.int64), *self.steps])
        times = to_times(steps, self.built.dt)
        traces: dict[str, dict[str, Trace]] = {}
        for k, (name, variable, _) in enumerate(self.wanted):
            model = self.built.network.populations[name].neurons.model
            nothing = np.empty((0, self.ids[k].size), self.built.real)
            values = np.concatenate([nothing, *self.chunks[k]])
            trace = Trace(times, self.ids[k], values, model.units.get(variable, ""))
            traces.setdefault(name, {})[variable] = trace
        return traces

    def finish(self) -> Mapping[str, Mapping[str, Trace]]:
        """All traces, by population and variable; from a folder they are read on demand."""
        if self.folder is None or not self.wanted:
            return self._gathered()
        if self.n_waiting or self.n_files == 0:
            self._write()
        recorded: dict[str, list[str]] = {}
        for name, variable, _ in self.wanted:
            recorded.setdefault(name, []).append(variable)
        return TraceFolder(self.folder, recorded)
