"""How often do the neurons fire? A histogram of mean rates per population."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .figure import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def rates(
    result: Any,
    population: str | list[str] | None = None,
    *,
    bins: int = 30,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how many neurons fire at which mean rate, with each population's mean.

    Rates are counts divided by the duration: Hz, or spikes per step for a
    network in steps. Counts are always recorded, so any result will do.

    Parameters
    ----------
    result : Result
    population : str or list of str, optional
        all populations that are not sources when left out.
    bins : int
        number of bars at most, shared by all populations.
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        An unknown population.
    """
    bins = checks.integer("plot.rates", "bins", bins, low=1)
    if population is None:
        sources = {n for n, p in result.network.populations.items() if p.is_source}
        names = [name for name in result.counts if name not in sources] or list(result.counts)
    else:
        names = [population] if isinstance(population, str) else list(population)
    for name in names:
        if name not in result.counts:
            have = ", ".join(repr(n) for n in result.counts)
            raise ParameterError(
                f"plot.rates: there is no population {name!r}; populations: {have}"
            )
    per_second = result.time == "continuous"
    scale = (1e3 if per_second else 1.0) / float(result.duration)
    values = {name: result.counts[name] * scale for name in names}
    # Whole numbers of spikes per bar, or the bars would show the grain of the counts.
    top = max(int(result.counts[name].max(initial=0)) for name in names) + 1
    width = -(-top // bins)
    edges = np.arange(0, top + width, width) * scale

    ax = new_axes(ax, (6.0, 3.2))
    unit = "Hz" if per_second else "spikes per step"
    for k, (name, value) in enumerate(values.items()):
        colour = COLOURS[k % len(COLOURS)]
        label = f"{name}: mean {value.mean():.3g} {unit}"
        ax.hist(value, edges, histtype="stepfilled", color=colour, alpha=0.35, label=label)
        ax.hist(value, edges, histtype="step", color=colour)
        ax.axvline(float(value.mean()), color=colour, linestyle="--", linewidth=1.0)
    ax.set_xlim(0.0, edges[-1])
    ax.set_xlabel(f"mean rate ({unit})")
    ax.set_ylabel("neurons")
    ax.legend(frameon=False, fontsize="small")
    return ax
