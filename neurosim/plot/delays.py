"""Which delays does a network have? A histogram, weighted where weights matter."""

from typing import Any

import numpy as np

from ..network import Network
from ..synapses import expand
from .figure import COLOURS, new_axes


def delays(network: Network, projection: str, *, bins: int = 40, ax: Any = None) -> Any:
    """Histogram of the delays of a projection, excitatory and inhibitory synapses apart.

    Parameters
    ----------
    network : Network
    projection : str
    bins : int
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = new_axes(ax, (4.5, 3.0))
    made = expand(network, projection)
    edges = np.linspace(0.0, max(float(made.delay.max(initial=0.0)), 1e-9), bins + 1)
    for chosen, color, label in (
        (made.weight > 0, COLOURS[0], "weight > 0"),
        (made.weight < 0, COLOURS[1], "weight < 0"),
    ):
        if chosen.any():
            ax.hist(made.delay[chosen], edges, histtype="step", color=color, label=label)
    ax.set(xlabel="delay [ms]", ylabel="synapses", title=projection)
    ax.legend(frameon=False)
    return ax
