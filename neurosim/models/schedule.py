"""How does a quantity change in time? Piecewise-constant schedules."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """A quantity that is constant between given times: a rate, or the mean of a current.

    q(t) = values[k] for times[k] <= t < times[k + 1]; the last value holds for ever, or,
    with a ``period``, until it ends and everything begins again:
    q(t + period) = q(t).

    Parameters
    ----------
    times : array (k,)
        When each value begins [ms], or [steps]; ascending, the first of them 0.
    values : array (k,), (k, n) or (k, *shape of the population)
        One value for all neurons, or one for each, in the unit of the quantity.
    period : float, optional
        Length of a cycle [ms], or [steps]; later than the last of ``times``.

    Raises
    ------
    ParameterError
        Times that do not ascend from 0, shapes that do not fit, NaN.

    Examples
    --------
    >>> pulse = Schedule(times=[0.0, 100.0, 300.0], values=[5.0, 50.0, 5.0])
    >>> pulse
    Schedule(3 values from 0 to 300)
    >>> pulse.at([99.9, 100.0, 1e6]).tolist()
    [5.0, 50.0, 5.0]
    """

    times: Any
    values: Any
    period: float | None = None

    def __post_init__(self) -> None:
        times = checks.array("Schedule", "times", self.times, low=0)
        values = checks.array("Schedule", "values", self.values)
        if times.ndim != 1 or not times.size or times[0] != 0.0 or np.any(np.diff(times) <= 0):
            raise ParameterError(
                "Schedule.times must be one or more ascending times of which the first is 0, got "
                f"{np.array2string(times, threshold=6)}; begin with the value before any change"
            )
        if values.ndim == 0 or not values.size or len(values) != len(times):
            raise ParameterError(
                f"Schedule.values must have one entry (a number, or one per neuron) for each of "
                f"the {len(times)} times, got shape {values.shape}"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(
            self, "values", values if values.ndim == 1 else values.reshape(len(times), -1)
        )
        if self.period is not None:
            period = checks.number("Schedule", "period", self.period, above=times[-1])
            object.__setattr__(self, "period", period)

    @classmethod
    def sinusoid(
        cls,
        *,
        mean: float,
        amplitude: float,
        frequency: float,
        phase: float = 0.0,
        interval: float = 1.0,
    ) -> "Schedule":
        """mean + amplitude sin(2 pi frequency t + phase), by its exact means over intervals.

        Parameters
        ----------
        mean, amplitude : float
            In the unit of the quantity; a rate needs ``abs(amplitude) <= mean``.
        frequency : float
            [Hz]; in a ``time="steps"`` network one step counts as 1 ms.
        phase : float
            [rad]
        interval : float
            At most so long is each value held [ms]; a cycle has a whole number of them.

        Examples
        --------
        >>> tide = Schedule.sinusoid(mean=20.0, amplitude=10.0, frequency=8.0)
        >>> tide, round(float(tide.values.max()), 2)
        (Schedule(125 values, period 125), 30.0)
        """
        owner = "Schedule.sinusoid"
        mean = checks.number(owner, "mean", mean)
        amplitude = checks.number(owner, "amplitude", amplitude)
        frequency = checks.number(owner, "frequency", frequency, above=0, unit="Hz")
        phase = checks.number(owner, "phase", phase)
        interval = checks.number(owner, "interval", interval, above=0, unit="ms")
        period = 1000.0 / frequency
        n = max(2, math.ceil(period / interval - 1e-9))
        angle = phase + 2.0 * np.pi * np.arange(n + 1) / n
        values = mean + amplitude * (np.cos(angle[:-1]) - np.cos(angle[1:])) * (n / (2.0 * np.pi))
        return cls(times=np.arange(n) * (period / n), values=values, period=period)

    @property
    def n(self) -> int | None:
        """Neurons that have values of their own; None where all share them."""
        return None if self.values.ndim == 1 else self.values.shape[1]

    def at(self, t: Any) -> np.ndarray:
        """The values at times ``t`` >= 0: shape of ``t``, and (n,) behind it if there are n."""
        t = checks.array("Schedule.at", "t", t, low=0)
        if self.period is not None:
            t = np.mod(t, self.period)
        return self.values[np.searchsorted(self.times, t, side="right") - 1]

    def merged(self) -> "Schedule":
        """The same in the fewest pieces: neighbours that do not differ become one."""
        differ = self.values[1:] != self.values[:-1]
        kept = np.concatenate(([True], differ if differ.ndim == 1 else differ.any(axis=1)))
        period = self.period if kept.sum() > 1 else None
        return Schedule(self.times[kept], self.values[kept], period)

    def scaled(self, *, time: float = 1.0, value: float = 1.0) -> "Schedule":
        """The schedule in other units: all times, and all values, times a factor."""
        period = None if self.period is None else self.period * time
        return Schedule(self.times * time, self.values * value, period)

    def __repr__(self) -> str:
        each = "" if self.n is None else f" x {self.n} neurons"
        size = f"{len(self.times)} value{'s' * (len(self.times) != 1)}{each}"
        if self.period is not None:
            return f"Schedule({size}, period {self.period:g})"
        return f"Schedule({size} from 0 to {self.times[-1]:g})"


def as_schedule(value: Any) -> Schedule:
    """A number or an array (n,) as a schedule of one value; a schedule in fewest pieces."""
    return value.merged() if isinstance(value, Schedule) else Schedule([0.0], np.array([value]))


def scheduled(
    owner: str, name: str, value: Any, n: int | None = None, **rule: Any
) -> float | np.ndarray | Schedule:
    """A checked number, array of one value per neuron, or schedule of either.

    ``n`` is the number of neurons, where it is known.

    Raises
    ------
    ParameterError
    """
    if isinstance(value, Schedule):
        checks.array(owner, f"{name}.values", value.values, **rule)
        found = value.n
    elif np.ndim(value) == 0:
        return checks.number(owner, name, value, **rule)
    else:
        value = checks.array(owner, name, value, **rule)
        if value.ndim != 1:
            raise ParameterError(
                f"{owner}.{name} must be a number, one per neuron, or a Schedule, got shape "
                f"{value.shape}"
            )
        found = value.size
    check_size(owner, name, found, n)
    return value


def check_size(owner: str, name: str, found: int | None, n: int | None) -> None:
    """A value for each of ``n`` neurons, or one for all (``found`` is None)."""
    if None not in (found, n) and found != n:
        raise ParameterError(f"{owner}.{name} must have shape ({n},), got ({found},)")
