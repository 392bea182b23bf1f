"""Which spikes may still arrive somewhere? The recent spikes of a population.

A history holds the spikes of the steps ``base <= s < base + length``: the longest
delay of the network back, and the chunk that is being computed. It is both what
projections pull from and what a saved state calls spikes in flight.
"""

from typing import Any

import numpy as np


class History:
    """Spikes of one part of a population, by step.

    Attributes
    ----------
    ids : int32 (capacity,)
    payloads : float64 (capacity,)   what graded spikes carry; empty for plain ones
    starts : int64 (length + 1,)     spikes of step ``base + k`` are ids[starts[k]:starts[k+1]]
    """

    __slots__ = ("_outgrown", "ids", "payloads", "starts")

    def __init__(self, length: int, capacity: int, graded: bool = False) -> None:
        self.ids = np.zeros(max(1, capacity), np.int32)
        self.payloads = np.zeros(self.ids.size if graded else 0)
        self.starts = np.zeros(length + 1, np.int64)
        self._outgrown: list[np.ndarray] = []

    def clear(self) -> None:
        """Forget all spikes."""
        self.starts[:] = 0

    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` spikes in all."""
        if capacity > self.ids.size:
            more = max(capacity, 2 * self.ids.size) - self.ids.size
            self._outgrown += [self.ids, self.payloads]  # another thread may be reading in them
            self.ids = np.concatenate((self.ids, np.zeros(more, np.int32)))
            if self.payloads.size:
                self.payloads = np.concatenate((self.payloads, np.zeros(more)))

    def write(
        self, place: int, steps: np.ndarray, ids: np.ndarray, payloads: Any, n_steps: int
    ) -> None:
        """Append a chunk: ``steps`` (ascending) count from the position ``place``."""
        begin = int(self.starts[place])
        self.reserve(begin + ids.size)
        self.ids[begin : begin + ids.size] = ids
        if self.payloads.size:
            self.payloads[begin : begin + ids.size] = payloads
        counts = np.bincount(steps, minlength=n_steps)
        self.starts[place + 1 : place + 1 + n_steps] = begin + np.cumsum(counts)

    def read(self, place: int, n_steps: int) -> tuple[np.ndarray, ...]:
        """(steps from ``place`` on, ids), and payloads of graded ones, of ``n_steps`` steps."""
        starts = self.starts[place : place + n_steps + 1]
        steps = np.repeat(np.arange(n_steps), np.diff(starts))
        kept = [self.ids, self.payloads] if self.payloads.size else [self.ids]
        return steps, *(a[starts[0] : starts[-1]].copy() for a in kept)

    def roll(self, by: int, keep: int) -> None:
        """Move the window ``by`` steps on; the last ``keep`` steps of it stay."""
        self._outgrown.clear()
        starts = self.starts[by : by + keep + 1].copy()
        first, last = int(starts[0]), int(starts[-1])
        for kept in (self.ids, self.payloads)[: 2 if self.payloads.size else 1]:
            kept[: last - first] = kept[first:last].copy()
        self.starts[: keep + 1] = starts - first
        self.starts[keep + 1 :] = last - first
