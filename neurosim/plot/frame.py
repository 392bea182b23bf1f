"""What did the event camera see? ON and OFF counts of a recording as one picture."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .figure import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What one full count takes away from white: ON leaves red, OFF leaves blue.
_ON_TAKES = np.array([0.10, 0.85, 0.85])
_OFF_TAKES = np.array([0.85, 0.60, 0.15])


def frame(events: Any, *, t: tuple[int, int] | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw the events of a time span: red where ON (brighter), blue where OFF (darker).

    A pixel's colour grows with its number of events, full at the 99th percentile
    of the active pixels; both polarities mix to purple, no event is white. A recording
    without polarities is drawn in blue.

    Parameters
    ----------
    events : Events
        a recording, as :func:`neurosim.events.open` reads it.
    t : (int, int), optional
        start (included) and end (excluded) in µs; the whole recording when left out.
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes
        y grows downwards, as on the sensor.

    Raises
    ------
    ParameterError
        The end of the span is not after its start.
    """
    events = getattr(events, "events", events)  # a lazy recording
    keep = slice(None)
    if t is not None:
        start, stop = (checks.number("plot.frame", "t", value, unit="us") for value in t)
        if stop <= start:
            raise ParameterError(f"plot.frame.t must be (start, end), start < end, got {t!r}")
        keep = (events.t >= start) & (events.t < stop)
    width, height = events.sensor_size
    on = _counts(events, keep, 1, width, height)
    off = _counts(events, keep, 0, width, height)
    both = on + off
    full = max(1.0, float(np.percentile(both[both > 0], 99))) if both.any() else 1.0

    def strength(counts: np.ndarray) -> np.ndarray:
        return np.minimum(counts / full, 1.0)[..., np.newaxis]

    picture = 1.0 - strength(on) * _ON_TAKES - strength(off) * _OFF_TAKES
    ax = new_axes(ax, (5.2, max(2.2, min(6.0, 3.5 * height / width + 0.9))), "compressed")
    ax.imshow(np.clip(picture, 0.0, 1.0), interpolation="nearest", origin="upper")
    ax.set_xlabel("x (pixels)")
    ax.set_ylabel("y (pixels)")
    if events.n_polarities == 2:
        _legend(ax, int(on.sum()), int(off.sum()))
    ends = (int(events.t[0]), int(events.t[-1])) if len(events) else (0, 0)
    first, last = ends if t is None else t
    title = f"{int(both.sum()):,} events, {(last - first) / 1e3:.4g} ms"
    lines = [title, *getattr(events, "notes", ())[:3]]  # what was dropped or assumed
    ax.set_title("\n".join(lines), fontsize="small", loc="left")
    return ax


def _counts(events: Any, keep: Any, polarity: int, width: int, height: int) -> np.ndarray:
    x, y, p = events.x[keep], events.y[keep], events.p[keep]
    mine = p == polarity
    flat = y[mine].astype(np.int64) * width + x[mine]
    return np.bincount(flat, minlength=width * height).reshape(height, width)


def _legend(ax: "Axes", on: int, off: int) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color=tuple(1.0 - _ON_TAKES), label=f"ON ({on:,})"),
        Patch(color=tuple(1.0 - _OFF_TAKES), label=f"OFF ({off:,})"),
    ]
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
    )
