"""What did the network do with a batch? Its spikes, and what the loss wants of them."""

from collections.abc import Sequence

import numpy as np

from .._jit import kernel
from ..network import Network
from .tables import Record


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


class Batch:
    """Some samples, computed; losses read the spikes and write derivatives.

    Parameters
    ----------
    network : Network
    duration : float
    records : list of Record        one for each chunk of the batch

    Attributes
    ----------
    drives : list of float64 arrays     dL/dt of every spike of each chunk
    push : float64 (neurons,)           see `backward`
    """

    def __init__(self, network: Network, duration: float, records: Sequence[Record]) -> None:
        self.network, self.duration, self.records = network, duration, records
        self.names = list(network.populations)
        self.sizes = [(r.starts.size - 1) // len(self.names) for r in records]
        self.drives = [np.zeros(r.times.size) for r in records]
        self.push = np.zeros(network.n_neurons)

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

    def neurons(self, name: str) -> slice:
        """The population's place among all neurons."""
        first = sum(p.n for p in list(self.network.populations.values())[: self.names.index(name)])
        return slice(first, first + self.network.populations[name].n)
