"""What falls on neurons without being a population? Stimuli, attached by `Network.stimulate`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError


@dataclass(frozen=True, eq=False)
class PoissonInput:
    """An independent Poisson train of arrivals for each neuron, not kept as spikes.

    The number of arrivals in a step is Poisson distributed with mean rate dt / 1000; each
    adds ``weight`` to the port. It stands for many unseen sources and costs about a
    nanosecond per neuron and step, whatever the rate. The draw of neuron i at step n is
    a pure function of (seed, name, i, n). In a ``time="steps"`` network one step counts
    as 1 ms.

    Parameters
    ----------
    rate : float or array (n,)
        Summed rate of the unseen sources [Hz], >= 0.
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
        if np.ndim(self.rate) == 0:
            rate = checks.number("PoissonInput", "rate", self.rate, low=0, unit="Hz")
        elif np.ndim(self.rate) == 1:
            rate = checks.array("PoissonInput", "rate", self.rate, low=0, unit="Hz")
        else:
            raise ParameterError(
                f"PoissonInput.rate must be a number or one per neuron, got shape "
                f"{np.shape(self.rate)}"
            )
        object.__setattr__(self, "rate", rate)
