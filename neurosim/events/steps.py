"""What is done to each piece of a recording? Steps that may remember the piece before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import integer
from neurosim.errors import ParameterError

from .columns import MAX_SIDE
from .container import Events

Runner = Callable[[Events], Events]


@dataclass(frozen=True, slots=True)
class Step:
    """A function of `Events` that keeps nothing from piece to piece."""

    function: Callable[[Any], Any]

    def start(self) -> Runner:
        """A function for the pieces of one pass, in their order."""
        return self.function

    @staticmethod
    def of(one: Any) -> "Step":
        """A step of an operation of this package, a tonic transform, or a function."""
        if hasattr(one, "start"):
            return one
        if not callable(one):
            raise ParameterError(
                "Recording.then: an operation must be callable with Events, got "
                f"{type(one).__name__}"
            )
        if type(one).__module__.startswith("tonic."):
            from .adapters import FromTonic

            return FromTonic(one)
        return Step(one)


@dataclass(frozen=True, slots=True)
class Method(Step):
    """A method of `Events` with its arguments."""

    function: str  # type: ignore[assignment]
    arguments: dict[str, Any]

    def __init__(self, function: str, arguments: dict[str, Any]) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "arguments", arguments)

    def start(self) -> Runner:
        return lambda events: getattr(events, self.function)(**self.arguments)


def runner(one: Any) -> Runner:
    """A function for the pieces of one pass, on the sensor that the operation is told of."""
    step = Step.of(one)
    run, size = step.start(), getattr(step, "sensor_size", None)
    return run if size is None else lambda events: run(placed(type(one).__name__, events, size))


def placed(owner: str, events: Any, size: Any) -> Any:
    """Events on the sensor (W, H) or (W, H, P) that ``owner`` is told of, as tonic's are.

    What is no `Events` passes through.
    """
    if not isinstance(events, Events):
        return events
    sides = said(owner, size)
    for name, column, side in (("W", events.x, sides[0]), ("H", events.y, sides[1])):
        if len(column) and int(column.max()) >= side:
            raise ParameterError(
                f"{owner}.sensor_size must hold every event, got {name} = {side} with an event at "
                f"{int(column.max())}; leave it out, or crop first"
            )
    if sides[:2] != events.sensor_size:
        events = events.replaced(sensor_size=sides[:2])
    return events.merge_polarity() if sides[2:] == (1,) and events.n_polarities == 2 else events


def said(owner: str, size: Any) -> tuple[int, ...]:
    """A sensor's (W, H) or (W, H, P)."""
    sides = tuple(size) if np.ndim(size) == 1 else ()
    if len(sides) not in (2, 3):
        raise ParameterError(f"{owner}.sensor_size must be (W, H) or (W, H, P), got {size!r}")
    highs = (MAX_SIDE, MAX_SIDE, 2)
    return tuple(
        integer(owner, f"sensor_size[{k}]", side, low=1, high=highs[k])
        for k, side in enumerate(sides)
    )


def through(run: list[Runner], events: Events) -> Events:
    """The events of a piece after all steps."""
    for step in run:
        events = step(events)
        if not isinstance(events, Events):
            raise ParameterError(
                f"Recording.then: an operation must give Events, got {type(events).__name__}; "
                "apply it to recording.events, or to each of recording.windows(...)"
            )
    return events


def stop_of(steps: tuple[Step, ...]) -> int | None:
    """The stamp from which on no event of the file passes the steps; None when unknown."""
    stop = None
    for step in steps:
        if not isinstance(step, Method) or step.function == "shift_time":
            break
        span = step.arguments.get("t") if step.function == "crop" else None
        if span is not None:
            stop = span[1] if stop is None else min(stop, span[1])
    return stop
