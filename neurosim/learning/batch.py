"""What did the network do with a batch? Its spikes, and what the loss wants of them."""

import math
from collections.abc import Sequence

import numpy as np

from .._jit import kernel
from .gradient import ExactGradient
from .tables import Pull, Record


@kernel
def _first_spikes(record, population, populations, times, places):
    """The first spike of each neuron of a population, sample by sample; inf and -1 where none."""
    for sample in range(times.shape[0]):
        cell = sample * populations + population
        for k in range(record.starts[cell], record.starts[cell + 1]):
            n = record.ids[k]
            if record.times[k] < times[sample, n]:
                times[sample, n], places[sample, n] = record.times[k], k


@kernel
def _counts(record, population, populations, counts):
    for sample in range(counts.shape[0]):
        cell = sample * populations + population
        for k in range(record.starts[cell], record.starts[cell + 1]):
            counts[sample, record.ids[k]] += 1


@kernel
def _push(record, population, populations, strength, push):
    for sample in range(strength.shape[0]):
        cell = sample * populations + population
        for k in range(record.starts[cell], record.starts[cell + 1]):
            push[k] += strength[sample, record.ids[k]]


class Batch:
    """Some samples, computed; losses read spikes and potentials, and write derivatives.

    Parameters
    ----------
    machine : ExactGradient
    records : list of Record        one for each chunk of the batch

    Attributes
    ----------
    drives : list of float64 arrays     dL/dt of every spike of each chunk
    pushes : list of float64 arrays     what is added to dL/dv at every spike, see `RateTarget`
    wishes : list of dict               the same by population, (samples, n): dL by the count
    pulls : list of dict                see `Pull`
    """

    def __init__(self, machine: ExactGradient, records: Sequence[Record]) -> None:
        self.machine, self.records = machine, records
        self.network, self.duration = machine.network, machine.duration
        self.names = list(self.network.populations)
        self.sizes = [(r.starts.size - 1) // len(self.names) for r in records]
        self.drives = [np.zeros(r.times.size) for r in records]
        self.pushes = [np.zeros(r.times.size) for r in records]
        self.wishes: list[dict[str, np.ndarray]] = [{} for _ in records]
        self.pulls: list[dict[str, Pull]] = [{} for _ in records]

    def __len__(self) -> int:
        return sum(self.sizes)

    def first_spikes(self, name: str) -> np.ndarray:
        """(samples, n) times [ms] of the first spikes of a population; inf: none."""
        p, n = self.names.index(name), self.network.populations[name].n
        self._places, found = [], []
        for record, size in zip(self.records, self.sizes, strict=True):
            times, places = np.full((size, n), np.inf), np.full((size, n), -1)
            _first_spikes(record, p, len(self.names), times, places)
            found.append(times)
            self._places.append(places)
        return np.concatenate(found)

    def pull_first_spikes(self, gradient: np.ndarray) -> None:
        """Add dL/dt of the first spikes that were asked for last, (samples, n)."""
        begin = 0
        for drive, places, size in zip(self.drives, self._places, self.sizes, strict=True):
            there = places >= 0
            drive[places[there]] += gradient[begin : begin + size][there]
            begin += size

    def counts(self, name: str) -> np.ndarray:
        """(samples, n) spikes of each neuron."""
        p, n = self.names.index(name), self.network.populations[name].n
        found = []
        for record, size in zip(self.records, self.sizes, strict=True):
            found.append(np.zeros((size, n), np.int64))
            _counts(record, p, len(self.names), found[-1])
        return np.concatenate(found)

    def push(self, name: str, strength: np.ndarray) -> None:
        """Add (samples, n) numbers to dL/dv at every spike of a population."""
        begin, p = 0, self.names.index(name)
        chunks = zip(self.records, self.pushes, self.wishes, self.sizes, strict=True)
        for record, push, wishes, size in chunks:
            own = np.ascontiguousarray(strength[begin : begin + size])
            _push(record, p, len(self.names), own, push)
            wishes[name] = wishes.get(name, 0.0) + own
            begin += size

    def read(self, name: str, kind: int, decay: float = math.inf) -> np.ndarray:
        """(samples, n) peaks of leaky integrators, or their integrals, int e^{-t/decay} v dt."""
        self._read = name, kind, 1.0 / decay
        found = self.machine.read(self.records, *self._read)
        self._peaks = [peaks for _, peaks in found]
        return np.concatenate([values for values, _ in found])

    def pull_read(self, gradient: np.ndarray) -> None:
        """Say dL by what was read last, (samples, n)."""
        name, kind, per_decay = self._read
        begin = 0
        for pulls, peaks, size in zip(self.pulls, self._peaks, self.sizes, strict=True):
            wanted = np.ascontiguousarray(gradient[begin : begin + size])
            pulls[name] = Pull(kind, per_decay, peaks, wanted)
            begin += size

    def neurons(self, name: str) -> slice:
        """The population's place among all neurons."""
        first = sum(p.n for p in list(self.network.populations.values())[: self.names.index(name)])
        return slice(first, first + self.network.populations[name].n)
