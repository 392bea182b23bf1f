"""How does one data set become several? Splits by class, windows of long recordings."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.checks import integer, number
from neurosim.errors import ParameterError
from neurosim.events import Events, Recording
from neurosim.events.adapters import seeded

_MOST_WINDOWS = 1 << 24


@dataclass(frozen=True, slots=True)
class Subset:
    """Some samples of a data set, in an order of their own."""

    dataset: Any
    indices: tuple[int, ...]

    @property
    def targets(self) -> tuple[Any, ...]:
        """Classes of the samples, where the data set knows its own."""
        return tuple(self.dataset.targets[k] for k in self.indices)

    def state(self) -> str:
        """That of the data set, where it has one, and which samples these are."""
        whole = getattr(self.dataset, "state", lambda: "")()
        return f"{whole} {hashlib.sha256(repr(self.indices).encode()).hexdigest()[:16]}"

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        index = integer("Subset", "index", index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"Subset has {len(self)} samples, got index {index}")
        return self.dataset[self.indices[index]]


def split(dataset: Any, shares: Sequence[float], *, seed: int = 0) -> tuple[Subset, ...]:
    """Disjoint parts of a data set with ``targets``, each class shared alike.

    Parameters
    ----------
    dataset
        With ``targets``, a class per sample.
    shares : sequence of float
        Of each part, > 0, together <= 1.
    seed : int
        Of the shuffling.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> data = SimpleNamespace(targets=[0] * 10 + [1] * 20)
    >>> train, test = split(data, (0.8, 0.2))
    >>> len(train), len(test), sum(test.targets)
    (24, 6, 4)
    """
    if np.ndim(shares) != 1 or not len(shares):
        raise ParameterError(f"split.shares must be a sequence such as (0.8, 0.2), got {shares!r}")
    for share in shares:
        number("split", "shares", share, above=0, high=1)
    if sum(shares) > 1 + 1e-9:
        raise ParameterError(f"split.shares must be <= 1 together, got {sum(shares):g}")
    if not hasattr(dataset, "targets"):
        raise ParameterError(
            f"split.dataset must have targets, a class per sample, got {type(dataset).__name__}"
        )
    targets = np.asarray(dataset.targets)
    if targets.ndim != 1 or targets.dtype.kind not in "biufU":
        raise ParameterError(
            "split.dataset.targets must be one number or word per sample, got shape "
            f"{targets.shape} of {targets.dtype}; for one-hot rows take argmax(axis=1)"
        )
    rng = np.random.default_rng(integer("split", "seed", seed, low=0))
    edges = np.concatenate(([0.0], np.cumsum(shares)))
    parts: list[list[int]] = [[] for _ in shares]
    for target in np.unique(targets):
        mine = rng.permutation(np.flatnonzero(targets == target))
        cuts = np.round(edges * len(mine)).astype(int)
        for part, a, b in zip(parts, cuts[:-1], cuts[1:], strict=True):
            part += mine[a:b].tolist()
    return tuple(Subset(dataset, tuple(sorted(part))) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWindows:
    """Windows of labelled recordings as samples: ``data[i] -> (Events, target)``.

    One long recording per class, as of a camera before an object, becomes many samples.

    Parameters
    ----------
    recordings : sequence of Events or Recording
        Lazy ones are read when they are needed, in each process anew.
    targets : sequence of int
        One per recording.
    time_window : int
        [us]; windows follow each other without overlap, times begin at 0 in each.
    least : int
        Windows with fewer events are left out.
    blocks : int
        Every recording is cut into so many stretches of time, and ``block`` says which one a
        window lies in: training and test windows from different stretches are no neighbours.
    transform : callable, optional
        Of `Events`; an operation with a seed draws for each sample anew.
    """

    recordings: Sequence[Events | Recording]
    targets_of: Sequence[int]
    time_window: int
    least: int = 1
    blocks: int = 1
    transform: Callable[[Events], Any] | None = None
    targets: tuple[int, ...] = field(init=False, repr=False)
    block: tuple[int, ...] = field(init=False, repr=False)
    _places: tuple[tuple[int, int, int, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        window = integer("EventWindows", "time_window", self.time_window, low=1)
        blocks = integer("EventWindows", "blocks", self.blocks, low=1)
        if len(self.recordings) != len(self.targets_of):
            raise ParameterError(
                f"EventWindows.targets_of must have one class per recording "
                f"({len(self.recordings)}), got {len(self.targets_of)}"
            )
        places, targets, block = [], [], []
        for k, events in enumerate(self.recordings):
            if not len(events.t):
                continue
            first = int(events.t[0])
            count = max((int(events.t[-1]) - first) // window, 1)
            if count > _MOST_WINDOWS:
                raise ParameterError(
                    f"EventWindows.time_window must make at most {_MOST_WINDOWS:,} windows of a "
                    f"recording, got {window} us for recording {k} of {events.duration_us} us; "
                    "take longer ones, or cut it with time_slice: its stamps may jump"
                )
            edges = np.searchsorted(events.t, first + window * np.arange(count + 1))
            for i in np.flatnonzero(np.diff(edges) >= self.least).tolist():
                places.append((k, int(edges[i]), int(edges[i + 1]), first + i * window))
                targets.append(int(self.targets_of[k]))
                block.append(i * blocks // count)
        for name, value in (("_places", places), ("targets", targets), ("block", block)):
            object.__setattr__(self, name, tuple(value))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        index = integer("EventWindows", "index", index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"EventWindows has {len(self)} samples, got index {index}")
        index %= len(self)
        k, a, b, start = self._places[index]
        events = getattr(self.recordings[k], "events", self.recordings[k])
        sample = events.keep(slice(a, b)).shift_time(-start)
        return seeded(self.transform, index)(sample), self.targets[index]

    def where(self, keep: Callable[[int], bool]) -> Subset:
        """Windows whose block passes ``keep``: ``where(lambda b: b % 5 == 4)``."""
        return Subset(self, tuple(k for k, one in enumerate(self.block) if keep(one)))
