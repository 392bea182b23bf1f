"""How are networks learnt on a grid? Step by step, with a smooth stand-in for the spike."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..network import Network
from .gradient import ExactGradient


@dataclass(frozen=True, kw_only=True)
class SurrogateGradient:
    """Learn on a grid, where spikes have a stand-in for a derivative: for `fit`'s ``method``.

    The clock engine's own steps run forward, and back in reverse, through models of any equations:
    their functions are differentiated by trying them. (The first state variable is the potential;
    ``fires`` has to depend on it.) The jump of a spike is given the slope of a triangle,

        dS/dv = max(0, 1 - |v - v_th| / reach) / reach

    so that neurons near the threshold learn to fire, and to be silent, which exact gradients
    do not see; work and memory grow with the number of steps. Delays between grid points
    act through Gaussian taps (see :mod:`neurosim.learning.taps`), which get narrower from epoch to
    epoch; scores are those of delays on the grid, as both engines run them.

    Parameters
    ----------
    dt : float              [ms]
    reach : float, optional [mV, or of v's unit]; default: v_th - v_reset of each population
    width : float           of the taps [ms]; never less than half a step
    narrowing : function    of the epoch, from 0, to a factor of the width

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> inp = net.add(ns.SpikeSource(2), "in")
    >>> out = net.add(ns.LI(2, tau_m=5.0, tau_syn=5.0), "out")
    >>> _ = net.connect(inp, out, weight=ns.Uniform(0.0, 1.0), delay=ns.Uniform(0.0, 10.0))
    >>> data = [(([0.0, 8.0], [0, 1]), 0), (([0.0, 8.0], [1, 0]), 1)]
    >>> history = ns.fit(net, data, loss=ns.PeakCrossEntropy(scale=10.0), duration=40.0,
    ...                  learn={"weight": 0.05, "delay": 0.5}, epochs=40,
    ...                  method=ns.SurrogateGradient(width=3.0, narrowing=ns.StepDecay(0.9, 1)))
    >>> history.rows[-1]["accuracy"]
    1.0
    """

    dt: float = 1.0
    reach: float | None = None
    width: float = 0.0
    narrowing: Callable[[int], float] | None = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        checks.number(owner, "dt", self.dt, above=0, unit="ms")
        checks.number(owner, "width", self.width, low=0, unit="ms")
        if self.reach is not None:
            checks.number(owner, "reach", self.reach, above=0)
        if self.narrowing is not None and not callable(self.narrowing):
            raise ParameterError(
                f"{owner}.narrowing must be a function of the epoch, such as StepDecay(0.9, 1), "
                f"got {self.narrowing!r}"
            )

    def width_at(self, epoch: int) -> float:
        """Width of the taps, in steps."""
        factor = 1.0 if self.narrowing is None else self.narrowing(epoch)
        if not (np.ndim(factor) == 0 and isinstance(factor, Real) and 0 <= factor < math.inf):
            raise ParameterError(
                f"{type(self).__name__}.narrowing must return a number >= 0, got {factor!r}"
            )
        return max(0.5, factor * self.width / self.dt)


def machine_of(method: Any, network: Network, duration: float, **options: Any) -> Any:
    """What computes the gradients of a network: an `ExactGradient`, or a `GridGradient`.

    Raises
    ------
    ParameterError
        ``method`` is none.
    """
    if isinstance(method, str) and method == "exact":
        return ExactGradient(network, duration, **options)
    if not isinstance(method, SurrogateGradient):
        raise ParameterError(
            f"method must be 'exact', or a SurrogateGradient such as SurrogateGradient(dt=1.0), "
            f"got {method!r}"
        )
    from .grid import GridGradient

    return GridGradient(network, duration, method, **options)
