"""What falls on neurons without being a population? Stimuli, attached by `Network.stimulate`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .schedule import Schedule, check_size, scheduled


@dataclass(frozen=True, eq=False)
class PoissonInput:
    """An independent Poisson train of arrivals for each neuron, not kept as spikes.

    The number of arrivals at a grid point is Poisson distributed with mean rate dt / 1000;
    each adds ``weight`` to the port. It stands for many unseen sources and costs about a
    nanosecond per neuron and step, whatever the rate. The draw of neuron i at step n is
    a pure function of (seed, name, i, n). In a ``time="steps"`` network one step counts
    as 1 ms.

    Parameters
    ----------
    rate : float, array (n,) or Schedule
        Summed rate of the unseen sources [Hz], >= 0. Of a schedule, the value at t = n dt
        is the rate of step n.
    weight : float
        [nA] for exponential synapses, [mV] for delta synapses.

    Examples
    --------
    >>> PoissonInput(rate=8000.0, weight=0.15)
    PoissonInput(rate=8000.0, weight=0.15)
    """

    rate: Any
    weight: float

    def __post_init__(self) -> None:
        checks.number("PoissonInput", "weight", self.weight)
        rate = scheduled("PoissonInput", "rate", self.rate, low=0, unit="Hz")
        object.__setattr__(self, "rate", rate)

    def check(self, owner: str, n: int) -> None:
        """Raise ParameterError unless it fits a population of ``n`` neurons."""
        check_size(owner, "rate", _size(self.rate), n)


@dataclass(frozen=True, eq=False, kw_only=True)
class NoiseCurrent:
    """A current into each neuron that is noisy, or changes on a schedule, or both.

    I(t) = mean(t) + std x(t), added to the parameter ``i_ext`` of the population's model,
    and held over each step. x is, independently for each neuron and of variance 1,

    - without ``tau``, *white noise* as a generator of currents gives it: a new standard
      normal number every ``interval``, held in between. ``std`` is that of the current
      itself; towards low frequencies its spectral density is std^2 interval, so to compare
      with white noise of density D^2 (dI = D dW), set std = D / sqrt(interval);
    - with ``tau``, an *Ornstein-Uhlenbeck process*, tau dx/dt = -x + sqrt(2 tau) dW/dt, begun
      in its stationary state and moved exactly, x' = a x + sqrt(1 - a^2) N(0, 1) with
      a = exp(-interval / tau), every ``interval``, held in between.

    Neither depends on dt: with the same ``interval`` a finer grid sees the same current. What
    is held over a step moves linear models exactly. The draw of neuron i in interval h is a
    pure function of (seed, name, i, h).

    Parameters
    ----------
    mean : float, array (n,) or Schedule
        [nA]; of a schedule, the value at t = n dt holds until the next grid point.
    std : float or array (n,)
        [nA], >= 0.
    tau : float, optional
        Correlation time [ms].
    interval : float, optional
        A whole number of steps [ms]; by default 1 ms (or 1 step) for white noise, and one
        step for a process with ``tau``.

    Examples
    --------
    >>> NoiseCurrent(mean=0.4, std=0.2)
    NoiseCurrent(mean=0.4, std=0.2, tau=None, interval=None)
    """

    mean: Any = 0.0
    std: Any = 0.0
    tau: float | None = None
    interval: float | None = None

    def __post_init__(self) -> None:
        owner = "NoiseCurrent"
        object.__setattr__(self, "mean", scheduled(owner, "mean", self.mean, unit="nA"))
        if isinstance(self.std, Schedule):
            raise ParameterError(
                f"{owner}.std must be a number or one per neuron, got {self.std!r}; only the "
                "mean can follow a schedule"
            )
        object.__setattr__(self, "std", scheduled(owner, "std", self.std, low=0, unit="nA"))
        for name in ("tau", "interval"):
            value = getattr(self, name)
            if value is not None:
                value = checks.number(owner, name, value, above=0, unit="ms")
                object.__setattr__(self, name, value)

    def check(self, owner: str, n: int) -> None:
        """Raise ParameterError unless it fits a population of ``n`` neurons."""
        check_size(owner, "mean", _size(self.mean), n)
        check_size(owner, "std", _size(self.std), n)


def _size(value: Any) -> int | None:
    """Neurons that have values of their own; None where all share them."""
    return getattr(value, "n", None) if np.ndim(value) == 0 else len(value)
