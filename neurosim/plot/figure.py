"""Where does a plot draw? On the caller's axes, or on a figure with no global state.

Figures are made with :class:`matplotlib.figure.Figure`, never with pyplot: no
display is needed, nothing is kept alive behind the caller's back and no style
changes when neurosim is imported.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours: told apart by colour-blind readers too.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8C6D31",
    "#666666",
)


def new_axes(ax: "Axes | None", size: tuple[float, float], layout: str = "constrained") -> "Axes":
    """Return ``ax``, or fresh axes on a figure of ``size`` inches.

    Pictures with square pixels need the layout "compressed", or labels are cut off.
    """
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout=layout).subplots()


def time_label(time: str) -> str:
    """Label of a time axis for ``Result.time``.

    >>> time_label("continuous"), time_label("steps")
    ('time (ms)', 'time (steps)')
    """
    return "time (ms)" if time == "continuous" else "time (steps)"


def png(ax: "Axes", *, dpi: int = 120) -> bytes:
    """Return the figure that holds ``ax`` as the bytes of a PNG picture."""
    buffer = io.BytesIO()
    ax.figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def save(ax: "Axes", path: str | Path, *, dpi: int = 120) -> Path:
    """Write the figure that holds ``ax`` as a PNG picture.

    Raises
    ------
    ParameterError
        The file cannot be written; the message says why.
    """
    return write_whole(path, png(ax, dpi=dpi), owner="plot.save")
