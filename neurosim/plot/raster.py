"""Who fired when? Spike rasters, populations stacked from the bottom up."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .figure import COLOURS, new_axes, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def raster(
    result: Any,
    population: str | list[str] | None = None,
    *,
    ax: "Axes | None" = None,
    t: tuple[float, float] | None = None,
    max_spikes: int = 200_000,
) -> "Axes":
    """Draw one mark per spike: time across, neuron index up.

    Several populations are stacked in the order given, each in its own colour,
    separated by thin lines and named with their spike counts in the legend.

    Parameters
    ----------
    result : Result
        of :func:`neurosim.simulate`, with recorded spikes.
    population : str or list of str, optional
        names; all populations with recorded spikes when left out.
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.
    t : (float, float), optional
        start (included) and end (excluded) in ms, or steps for a network in steps.
    max_spikes : int
        above this many spikes only every k-th is drawn, and the title says so.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        A population without recorded spikes, or an empty time span.
    """
    max_spikes = checks.integer("plot.raster", "max_spikes", max_spikes, low=1)
    names = _names(result, population)
    start, stop = _span(result, t)
    chosen = {name: _inside(result.spikes[name], start, stop) for name in names}
    total = sum(len(times) for times, _ in chosen.values())
    every = -(-total // max_spikes) if total > max_spikes else 1

    sizes = [result.spikes[name].n for name in names]
    height = min(7.0, max(2.5, 1.6 + 0.012 * sum(sizes)))
    ax = new_axes(ax, (8.0, height))
    offset = 0
    for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
        times, ids = chosen[name]
        ax.plot(
            times[::every],
            ids[::every] + offset,
            linestyle="none",
            marker="|" if sum(sizes) <= 200 else ".",
            markersize=4.0 if sum(sizes) <= 200 else 1.5,
            color=COLOURS[k % len(COLOURS)],
            rasterized=True,
        )
        if offset:
            ax.axhline(offset - 0.5, color="0.8", linewidth=0.6, zorder=0)
        offset += size
    labels = [f"{name} ({len(times)})" for name, (times, _) in chosen.items()]
    _dress(ax, labels, sizes, (start, stop), result.time)
    if every > 1:
        ax.set_title(f"every {every}th of {total} spikes", fontsize="small", loc="left")
    return ax


def _names(result: Any, population: str | list[str] | None) -> list[str]:
    if population is None:
        names = list(result.spikes)
    else:
        names = [population] if isinstance(population, str) else list(population)
    missing = [name for name in names if name not in result.spikes]
    if missing or not names:
        have = ", ".join(repr(name) for name in result.spikes) or "none"
        raise ParameterError(
            f"plot.raster: no spikes were recorded of population {(missing or [None])[0]!r}; "
            f"recorded: {have}; ask for them with record={{name: ['spikes']}}"
        )
    return names


def _span(result: Any, t: tuple[float, float] | None) -> tuple[float, float]:
    if t is None:
        return float(result.t_start), float(result.t_stop)
    start, stop = (checks.number("plot.raster", "t", value) for value in t)
    if stop <= start:
        raise ParameterError(f"plot.raster.t must be (start, end), start < end, got {t!r}")
    return start, stop


def _inside(spikes: Any, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    keep = (spikes.times >= start) & (spikes.times < stop)
    return spikes.times[keep], spikes.ids[keep]


def _dress(
    ax: "Axes", labels: list[str], sizes: list[int], span: tuple[float, float], time: str
) -> None:
    """Label axes; keep the legend outside so that it hides no spike."""
    from matplotlib.patches import Patch

    ax.set_xlim(*span)
    ax.set_ylim(-0.5, sum(sizes) - 0.5)
    ax.set_xlabel(time_label(time))
    ax.set_ylabel("neuron" if len(labels) == 1 else "neuron (populations stacked)")
    handles = [
        Patch(color=COLOURS[k % len(COLOURS)], label=label) for k, label in enumerate(labels)
    ]
    ax.legend(
        handles=handles[::-1],  # from the top down, as in the picture
        title="population (spikes)",
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
        title_fontsize="small",
    )
