"""What is an operation on events? A frozen description that runs on any kind of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from neurosim.errors import ParameterError

from ..container import Events
from ..recording import Recording
from ..steps import Runner, runner, said

_FIELDS = ("x", "y", "t", "p")


class Operation:
    """A function of events; subclasses are frozen dataclasses with `apply` or `start`.

    ``start`` gives a function for the pieces of one pass, in their order: an operation that
    remembers pixels keeps its memory there, so that pieces give what the whole would.
    """

    def apply(self, events: Events) -> Events:
        """The events afterwards; nothing is remembered."""
        raise NotImplementedError

    def start(self) -> Runner:
        """A function for the pieces of one pass."""
        return self.apply

    def fitted(self, recording: Recording) -> "Operation":
        """The operation that does to the pieces of a recording what this does to all of it."""
        return self.drawn()

    def drawn(self) -> "Operation":
        """A copy with a seed where there is none: each pass of a recording is the same."""
        if not is_dataclass(self) or getattr(self, "seed", 0) is not None:
            return self
        return replace(self, seed=int(np.random.default_rng().integers(1 << 62)))

    def seeded(self, *key: int) -> "Operation":
        """A copy whose random draws belong to ``key`` too, for instance a sample's index."""
        if not is_dataclass(self) or getattr(self, "seed", None) is None:
            return self
        before = self.seed if isinstance(self.seed, tuple) else (self.seed,)
        return replace(self, seed=(*before, *key))

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Recording):
            return value.then(self)
        if isinstance(value, Events):
            return runner(self)(value)
        events = from_array(value, getattr(self, "sensor_size", None), type(self).__name__)
        return to_array(runner(self)(events), value)


def from_array(array: Any, size: Any, owner: str) -> Events:
    """Events of a structured array."""
    names = getattr(getattr(array, "dtype", None), "names", None) or ()
    if "x" not in names or "t" not in names:
        raise ParameterError(
            f"{owner}: events must be Events, a Recording or a structured array with fields x, y, "
            f"t and p, got {type(array).__name__} {' '.join(names)}"
        )
    zeros = np.zeros(len(array), np.uint8)
    p = array["p"] if "p" in names else zeros
    columns = {"x": array["x"], "y": array["y"] if "y" in names else zeros, "t": array["t"]}
    sensor = None if size is None else said(owner, size)[:2]
    return Events(**columns, p=p, sensor_size=sensor)


def to_array(events: Any, like: np.ndarray) -> np.ndarray:
    """A structured array with the fields, and the signs, of ``like``.

    What is no `Events` passes through.
    """
    if not isinstance(events, Events):
        return events
    names = like.dtype.names
    out = np.zeros(len(events), like.dtype)
    for name in _FIELDS:
        if name in names:
            out[name] = getattr(events, name)
    if "p" in names and like["p"].dtype.kind != "b" and np.any(like["p"] < 0):
        out["p"] = 2 * events.p.astype(np.int8) - 1
    return out


@dataclass(frozen=True)
class Compose(Operation):
    """Operations one after the other; also of tonic, or any functions of events.

    Examples
    --------
    >>> from neurosim import events as ev
    >>> e = ev.Events(x=[0, 3, 3], y=[0, 1, 1], t=[1, 5, 9], p=[1, 0, 1], sensor_size=(4, 2))
    >>> ev.Compose([ev.RefractoryPeriod(delta=4), ev.FlipLR()])(e).x.tolist()
    [3, 0]
    """

    transforms: Iterable[Callable[[Any], Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.transforms, Iterable):
            raise ParameterError(
                "Compose.transforms must be a list of operations, got "
                f"{type(self.transforms).__name__}"
            )
        object.__setattr__(self, "transforms", tuple(self.transforms))

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Recording):
            return super().__call__(value)
        for one in self.transforms:
            if not isinstance(value, Recording):  # an array was made of it
                value = runner(one)(value)
            else:
                value = one(value) if isinstance(one, Operation) else value.then(one)
        return value

    def fitted(self, recording: Recording) -> "Compose":
        """Each of them is fitted to what comes out of the ones before."""
        made = recording.then(*self.transforms)
        return Compose(made.steps[len(recording.steps) :])

    def start(self) -> Runner:
        """Starts each of them."""
        run = [runner(one) for one in self.transforms]

        def through(events: Any) -> Any:
            for step in run:
                events = step(events)
            return events

        return through

    def seeded(self, *key: int) -> "Compose":
        """A copy whose operations are seeded, each with its place too."""
        made = [
            one.seeded(*key, k) if isinstance(one, Operation) else one
            for k, one in enumerate(self.transforms)
        ]
        return Compose(made)
