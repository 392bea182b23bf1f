"""How soon is it right, and what does it cost? Accuracy against steps, spikes or operations."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import checks
from ..errors import ParameterError
from .figure import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALONG = {
    "steps": "steps",
    "spikes": "spikes per sample",
    "operations": "synaptic operations per sample",
}


def latency(
    evaluations: Any,
    *,
    along: str = "steps",
    reference: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the score of converted networks against what it takes.

    Parameters
    ----------
    evaluations : Evaluation, or mapping of label to Evaluation
        from :func:`neurosim.evaluate`.
    along : {"steps", "spikes", "operations"}
        what is on the other axis, which is logarithmic.
    reference : float, optional
        the ANN's score, as a line.
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        Nothing to draw.
    """
    checks.choice("plot.latency", "along", along, tuple(_ALONG))
    several = evaluations if isinstance(evaluations, Mapping) else {"": evaluations}
    if not several:
        raise ParameterError("plot.latency: evaluations must be one or more, got none")
    ax = new_axes(ax, (6.0, 3.6))
    for k, (label, found) in enumerate(several.items()):
        points = [(getattr(p, along), p.score) for p in found.curve if getattr(p, along) > 0]
        if not points:  # one spike each, in continuous time: no steps
            points = [(1, found.score)]
        x, y = zip(*points, strict=True)
        ax.plot(x, y, "o-", color=COLOURS[k % len(COLOURS)], markersize=3, label=label)
    if reference is not None:
        ax.axhline(reference, color="black", linestyle="--", linewidth=1.0, label="ANN")
    ax.set_xscale("log", base=2 if along == "steps" else 10)
    if along == "steps":
        ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(_ALONG[along])
    ax.set_ylabel(next(iter(several.values())).metric)
    if len(several) > 1 or reference is not None:
        ax.legend(frameon=False, fontsize="small")
    return ax
