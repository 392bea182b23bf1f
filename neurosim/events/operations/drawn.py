"""What changes events at random? Augmentations, each with a seed of its own.

``seed`` None draws afresh at each call, as tonic does, and once when it is added to a lazy
recording, whose passes are then alike. A number, or numbers, gives the same
draws at each call: ``operation.seeded(index)`` makes them a sample's own.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from ..columns import EVENT_DTYPE, STAMP_LIMIT
from ..container import Events
from ..recording import Recording
from .base import Operation, Runner

Seed = int | tuple[int, ...] | None


def _rng(seed: Seed) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ParameterError(f"seed must be None, or integers >= 0, got {seed!r}") from None


def _only(owner: str, name: str, value: bool, why: str) -> None:
    """A keyword of tonic's that has one meaning here."""
    if value is not True:
        raise ParameterError(f"{owner}.{name} must be True, got {value!r}: {why}; leave it out")


@dataclass(frozen=True)
class _Flip(Operation):
    sensor_size: Any = None
    p: float = 0.5
    seed: Seed = None

    def __post_init__(self) -> None:
        number(type(self).__name__, "p", self.p, low=0, high=1)

    def start(self) -> Runner:
        """One draw for the whole recording."""
        flip = _rng(self.seed).random() < self.p
        return self.apply if flip else lambda events: events


@dataclass(frozen=True)
class RandomFlipLR(_Flip):
    """Mirror columns with probability ``p``."""

    def apply(self, events: Events) -> Events:
        return events.replaced(x=np.uint16(events.sensor_size[0] - 1) - events.x)


@dataclass(frozen=True)
class RandomFlipUD(_Flip):
    """Mirror rows with probability ``p``."""

    def apply(self, events: Events) -> Events:
        return events.replaced(y=np.uint16(events.sensor_size[1] - 1) - events.y)


@dataclass(frozen=True)
class RandomFlipPolarity(Operation):
    """Turn the polarity of each event with probability ``p``, where there are two."""

    p: float = 0.5
    seed: Seed = None

    def __post_init__(self) -> None:
        number("RandomFlipPolarity", "p", self.p, low=0, high=1)

    def start(self) -> Runner:
        """One generator for all pieces."""
        rng = _rng(self.seed)

        def run(events: Events) -> Events:
            flip = rng.random(len(events)) < self.p
            return events if events.n_polarities == 1 else events.replaced(p=events.p ^ flip)

        return run


@dataclass(frozen=True)
class DropEvent(Operation):
    """Drop each event with probability ``p``."""

    p: float
    seed: Seed = None

    def __post_init__(self) -> None:
        number("DropEvent", "p", self.p, low=0, high=1)

    def start(self) -> Runner:
        """One generator for all pieces."""
        rng = _rng(self.seed)
        return lambda events: events.keep(rng.random(len(events)) >= self.p)


@dataclass(frozen=True)
class SpatialJitter(Operation):
    """Move each event by a normal number of pixels; those that leave the sensor are dropped.

    ``var_x``, ``var_y``: variances [pixels^2]; ``sigma_xy``: covariance. ``clip_outliers`` is
    tonic's and can only be True.
    """

    sensor_size: Any = None
    var_x: float = 1
    var_y: float = 1
    sigma_xy: float = 0
    clip_outliers: bool = True
    seed: Seed = None

    def __post_init__(self) -> None:
        for name in ("var_x", "var_y"):
            number("SpatialJitter", name, getattr(self, name), low=0, unit="pixels^2")
        most = float(np.sqrt(self.var_x * self.var_y))
        number("SpatialJitter", "sigma_xy", self.sigma_xy, low=-most, high=most, unit="pixels^2")
        _only("SpatialJitter", "clip_outliers", self.clip_outliers, "Events lie on their sensor")

    def start(self) -> Runner:
        """One generator for all pieces."""
        rng = _rng(self.seed)
        spread = np.array([[self.var_x, self.sigma_xy], [self.sigma_xy, self.var_y]])

        def run(events: Events) -> Events:
            width, height = events.sensor_size
            moved = rng.multivariate_normal((0, 0), spread, len(events))
            x, y = np.rint(events.x + moved[:, 0]), np.rint(events.y + moved[:, 1])
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            x, y = x[inside].astype(np.uint16), y[inside].astype(np.uint16)
            return events.keep(inside).replaced(x=x, y=y)

        return run


@dataclass(frozen=True)
class TimeJitter(Operation):
    """Add a normal number of us to each stamp, then sort within a piece.

    ``std`` [us]; ``clip_negative`` drops events before 0. ``sort_timestamps`` is tonic's and
    can only be True.
    """

    std: float
    clip_negative: bool = True
    sort_timestamps: bool = True
    seed: Seed = None

    def __post_init__(self) -> None:
        number("TimeJitter", "std", self.std, low=0, high=1e15, unit="us")
        _only("TimeJitter", "sort_timestamps", self.sort_timestamps, "Events are in order of time")

    def start(self) -> Runner:
        """One generator for all pieces."""
        rng = _rng(self.seed)

        def run(events: Events) -> Events:
            t = events.t + np.rint(rng.normal(0, self.std, len(events))).astype(np.int64)
            order = np.argsort(t, kind="stable")
            moved = events.keep(order).replaced(t=t[order])
            return moved.keep(moved.t >= 0) if self.clip_negative else moved

        return run


@dataclass(frozen=True)
class UniformNoise(Operation):
    """Add ``n`` events, uniform over the sensor, the polarities and the recording's time.

    ``span``: first and last stamp [us] over which the ``n`` are spread; the recording's when
    left out. Those behind the recording's last event are not given.
    """

    sensor_size: Any = None
    n: int = 0
    seed: Seed = None
    span: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        integer("UniformNoise", "n", self.n, low=0, high=1 << 30)
        if self.span is not None:
            ends = tuple(self.span) if np.ndim(self.span) == 1 else ()
            if len(ends) != 2 or not -STAMP_LIMIT < ends[0] <= ends[1] < STAMP_LIMIT:
                raise ParameterError(
                    "UniformNoise.span must be (first, last) [us] with first <= last, got "
                    f"{self.span!r}"
                )

    def fitted(self, recording: Recording) -> "UniformNoise":
        """The time is that of the whole recording, which is run through once."""
        facts = recording.facts()
        span = (facts.t_first, facts.t_last) if facts.n_events else None
        made = self.drawn()
        return made if self.span is not None else replace(made, span=span)

    def start(self) -> Runner:
        """Draws all of it; a piece gets what lies before its end."""
        fresh: list[Events] = []

        def run(events: Events) -> Events:
            if not len(events):
                return events
            first, last = self.span or (int(events.t[0]), int(events.t[-1]))
            if not fresh:
                fresh.append(self._noise(events, first, last))
            end = int(events.t[-1])
            given = len(fresh[0]) if end >= last else int(np.searchsorted(fresh[0].t, end))
            now, fresh[0] = fresh[0].keep(slice(given)), fresh[0].keep(slice(given, None))
            return _merged(events, now)

        return run

    def _noise(self, events: Events, first: int, last: int) -> Events:
        rng = _rng(self.seed)
        width, height = events.sensor_size
        x, y = rng.integers(0, width, self.n), rng.integers(0, height, self.n)
        t = rng.integers(first, last, self.n, endpoint=True)
        p = rng.integers(0, events.n_polarities, self.n)
        order = np.argsort(t, kind="stable")
        columns = {"x": x, "y": y, "t": t, "p": p}
        made = {c: column[order].astype(EVENT_DTYPE[c]) for c, column in columns.items()}
        return events.replaced(**made)


def _merged(events: Events, more: Events) -> Events:
    joined = {c: np.concatenate((getattr(events, c), getattr(more, c))) for c in "xytp"}
    order = np.argsort(joined["t"], kind="stable")
    return events.replaced(**{c: column[order] for c, column in joined.items()})
