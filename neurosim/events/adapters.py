"""How do tonic's transforms and data sets work here?

Our operations take structured arrays as they are, so they go into tonic's ``Compose``. This
is the other direction; tonic itself is imported by whoever makes its objects, never here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import integer
from neurosim.errors import ParameterError

from .columns import EVENT_DTYPE
from .container import Events
from .steps import Runner


@dataclass(frozen=True)
class FromTonic:
    """A tonic transform, or any function of structured arrays, as an operation of ours.

    It sees arrays with fields x, y, t (int64) and p; a result that is no structured array
    (a frame) passes through. What it remembers from piece to piece is its own affair: most
    transforms treat each piece as a whole recording, so apply them to `Recording.events`.
    """

    transform: Callable[[np.ndarray], Any]

    def start(self) -> Runner:
        """The same function for each piece."""
        return self.__call__

    def __call__(self, events: Any) -> Any:
        from .recording import Recording

        if isinstance(events, Recording):
            return events.then(self)
        signed = [("x", "<i8"), ("y", "<i8"), ("t", "<i8"), ("p", "<i8")]  # it may subtract
        found = self.transform(events.to_array().astype(signed))
        if getattr(getattr(found, "dtype", None), "names", None) is None:
            return found
        width, height = events.sensor_size
        ends = [int(found[c].max()) + 1 if len(found) else 1 for c in "xy"]
        size = (max(width, ends[0]), max(height, ends[1]))
        columns = {c: found[c].astype(EVENT_DTYPE[c]) for c in "xyt"}
        made = Events(**columns, p=found["p"].astype(np.int64) > 0, sensor_size=size)
        return made if events.n_polarities == 2 else made.merge_polarity()


@dataclass(frozen=True, slots=True)
class TonicDataset:
    """A tonic data set whose samples are `Events`: ``dataset[i] -> (Events, target)``.

    Parameters
    ----------
    dataset
        One of tonic's, made by you: ``tonic.datasets.NMNIST(save_to=path)``. Nothing is
        downloaded here.
    transform : callable, optional
        Of `Events`; an operation with a seed gets the sample's index too.
    """

    dataset: Any
    transform: Callable[[Events], Any] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = integer("TonicDataset", "index", index)
        array, target = self.dataset[index]
        size = getattr(self.dataset, "sensor_size", None)
        names = getattr(getattr(array, "dtype", None), "names", None)
        if not names or not {"x", "t"} <= set(names):
            raise ParameterError(
                "TonicDataset.dataset must give structured arrays with x and t, got "
                f"{type(array).__name__}; make it without transform="
            )
        columns = {c: array[c] for c in "xt"}
        columns["y"] = array["y"] if "y" in names else np.zeros(len(array), np.int64)
        p = array["p"] if "p" in names and (size is None or size[2] == 2) else None
        if p is not None and len(p) and p.dtype.kind != "b":
            p = p == p.max() if p.max() != p.min() else p > 0
        events = Events(**columns, p=p, sensor_size=None if size is None else size[:2])
        return seeded(self.transform, index)(events), target


def seeded(transform: Callable[[Any], Any] | None, index: int) -> Callable[[Any], Any]:
    """The transform with the draws of sample ``index``; nothing is done without one."""
    if transform is None:
        return lambda events: events
    return transform.seeded(index) if hasattr(transform, "seeded") else transform
