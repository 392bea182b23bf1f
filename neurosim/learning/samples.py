"""What is learnt from? Anything with a length and items (spikes, label)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..models.sources import spike_arrays
from ..network import Network
from .forward import given_spikes
from .tables import GivenSpikes


class Samples:
    """A data set as spikes of a network's sources, fetched when they are needed.

    Parameters
    ----------
    network : Network
    data : sequence of (spikes, label)
        Spikes are (times, ids), or an object with these attributes, where the network has one
        SpikeSource; or a mapping of source names to them. Times in ms from the beginning of the
        sample. A source that a sample does not name fires at its own times, if it has any.
    duration : float
    keep : bool             ask for each item once
    owner : str             whom messages name

    Raises
    ------
    ParameterError
        An item is none of these, spikes come after ``duration``, or there are no items.
    """

    def __init__(
        self, network: Network, data: Any, duration: float, keep: bool = True, owner: str = "fit"
    ) -> None:  # fmt: skip
        self.owner = owner
        for member in ("__len__", "__getitem__"):
            if not hasattr(data, member):
                raise ParameterError(
                    f"{owner}: data must have __len__ and __getitem__, got {type(data).__name__}"
                )
        if len(data) == 0:
            raise ParameterError(f"{self.owner}: data must have at least one sample, got none")
        self.data, self.duration, self.keep = data, duration, keep
        self.sources = {
            name: (k, p.n) for k, (name, p) in enumerate(network.populations.items()) if p.is_source
        }
        self.own = {  # sources with spikes of their own fire in every sample that gives them none
            name: (p.neurons.times[p.neurons.times < duration], p.neurons.ids)
            for name, p in network.populations.items()
            if p.is_source and len(p.neurons.times)
        }
        self.n_populations = len(network.populations)
        self._kept: tuple[GivenSpikes, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, order: np.ndarray) -> tuple[GivenSpikes, np.ndarray, np.ndarray]:
        """(spikes, the samples' numbers in them, labels) of some samples."""
        if self.keep:
            if self._kept is None:
                self._kept = self._fetch(np.arange(len(self.data)))
            given, labels = self._kept
            return given, order, labels[order]
        given, labels = self._fetch(order)
        return given, np.arange(order.size), labels

    def _fetch(self, order: np.ndarray) -> tuple[GivenSpikes, np.ndarray]:
        items = [self.data[int(k)] for k in order]
        samples, labels = [], []
        for k, item in zip(order, items, strict=True):
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise ParameterError(f"{self.owner}: data[{k}] must be a pair (spikes, label)")
            samples.append(self._spikes(int(k), item[0]))
            labels.append(item[1])
        return given_spikes(self.n_populations, samples), np.asarray(labels)

    def _spikes(self, k: int, spikes: Any) -> dict[int, tuple]:
        if not isinstance(spikes, Mapping):
            if len(self.sources) != 1:
                raise ParameterError(
                    f"{self.owner}: data[{k}][0] must be a mapping of source names to spikes, as "
                    f"the network has the sources {list(self.sources)}"
                )
            spikes = {next(iter(self.sources)): spikes}
        found = {
            self.sources[name][0]: (times, ids[: times.size])
            for name, (times, ids) in self.own.items()
        }
        for name, value in spikes.items():
            if name not in self.sources:
                raise ParameterError(
                    f"{self.owner}: data[{k}][0] must name sources of the network, "
                    f"{list(self.sources)}, got {name!r}"
                )
            p, n = self.sources[name]
            found[p] = spike_arrays(f"{self.owner}: data[{k}][0]", *_pair(self.owner, k, value), n)
            if found[p][0].size and found[p][0][-1] >= self.duration:
                raise ParameterError(
                    f"{self.owner}: data[{k}][0] must have spikes before duration = "
                    f"{self.duration:g} ms, got one at {found[p][0][-1]:g}; lengthen the duration"
                )
        return found


def _pair(owner: str, k: int, value: Any) -> Sequence[Any]:
    if hasattr(value, "times") and hasattr(value, "ids"):
        return value.times, value.ids
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return value
    raise ParameterError(
        f"{owner}: data[{k}][0] must be (times, ids), or have these attributes, got "
        f"{type(value).__name__}"
    )
