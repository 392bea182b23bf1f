"""What is done to each piece of a recording? Steps that may remember the piece before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurosim.errors import ParameterError

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
