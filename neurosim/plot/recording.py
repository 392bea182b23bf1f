"""What does a recording look like in space and time? Scatter, time surface, pixels, film."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..files import write_whole
from .figure import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ON, _OFF = COLOURS[1], COLOURS[0]
_KINDS = ((1, _ON, "ON"), (0, _OFF, "OFF"))


def _chosen(events: Any, most: int, seed: int) -> np.ndarray:
    """At most so many positions, at random but in order."""
    n = len(events.t)
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _title(ax: "Axes", events: Any, shown: int) -> None:
    """How many events are shown, and what the reader dropped or assumed."""
    total = len(events.t)
    words = f"{shown:,} of {total:,} events" if shown < total else f"{total:,} events"
    lines = [words, *(note for note in events.notes[:3])]
    ax.set_title("\n".join(lines), fontsize="small", loc="left")


def _milliseconds(events: Any) -> np.ndarray:
    return (events.t - (events.t[0] if len(events.t) else 0)) / 1e3


def _colours(ax: "Axes", events: Any, which: np.ndarray) -> np.ndarray:
    """A colour per event: in order of time, so that neither polarity hides the other."""
    for polarity, colour, name in _KINDS:
        if events.n_polarities == 2 and np.any(events.p[which] == polarity):
            ax.plot([], [], *([[]] if hasattr(ax, "set_zlabel") else []), ".", ms=1.2, color=colour,
                    mew=0, label=name)  # fmt: skip
    return np.array([_OFF, _ON])[events.p[which]]


def scatter(events: Any, *, most: int = 20_000, seed: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw events as points in x, y and time.

    Parameters
    ----------
    events : Events or Recording
    most : int
        So many points at most, drawn at random; the title says how many of all.
    seed : int
        Of the draw.
    ax : mpl_toolkits.mplot3d.Axes3D, optional

    Returns
    -------
    Axes3D
        Time in ms from the first event; y grows downwards.
    """
    checks.integer("plot.scatter", "most", most, low=1)
    events = getattr(events, "events", events)
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.4, 4.8)).add_subplot(projection="3d")
        ax.figure.subplots_adjust(left=0.0, right=0.94, bottom=0.04, top=0.9)
    if not hasattr(ax, "set_zlabel"):
        raise ParameterError("plot.scatter.ax must be 3-D, got flat axes; leave it out")
    which = _chosen(events, most, seed)
    t = _milliseconds(events)
    colours = _colours(ax, events, which)
    ax.scatter(t[which], events.x[which], events.y[which], s=1.5, c=colours, lw=0)
    width, height = events.sensor_size
    ax.set(xlabel="time from first event (ms)", ylabel="x (pixels)", zlabel="y (pixels)")
    ax.set(ylim=(0, width), zlim=(height, 0))
    ax.locator_params(axis="x", nbins=5)  # labels of time stand aslant and close
    if events.n_polarities == 2 and len(which):
        ax.legend(loc="upper right", frameon=False, fontsize="small", markerscale=6)
    _title(ax, events, len(which))
    return ax


def time_surface(
    events: Any, *, tau: float = 20_000.0, at: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw how recently each pixel fired: ``exp(-(at - t_last) / tau)``.

    Parameters
    ----------
    events : Events or Recording
    tau : float
        [us]
    at : int, optional
        The moment [us]; the last event when left out. Later events do not count.
    ax : matplotlib.axes.Axes, optional
    """
    checks.number("plot.time_surface", "tau", tau, above=0, unit="us")
    events = getattr(events, "events", events)
    width, height = events.sensor_size
    last, n = np.full((height, width), -np.inf), 0
    if len(events.t):
        at = int(events.t[-1]) if at is None else checks.integer("plot.time_surface", "at", at)
        n = int(np.searchsorted(events.t, at, "right"))
        last[events.y[:n], events.x[:n]] = events.t[:n]
    surface = np.exp(-((0 if at is None else at) - last) / tau)
    ax = new_axes(ax, (5.6, max(2.4, min(6.0, 3.5 * height / width + 0.9))), "compressed")
    image = ax.imshow(surface, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label(f"exp(-age / {tau / 1e3:g} ms)")
    ax.set(xlabel="x (pixels)", ylabel="y (pixels)")
    _title(ax, events, n)
    return ax


def pixels(events: Any, *, most: int = 50_000, seed: int = 0, ax: "Axes | None" = None) -> "Axes":
    """Draw which pixel fired when: a raster, pixels numbered row by row."""
    checks.integer("plot.pixels", "most", most, low=1)
    events = getattr(events, "events", events)
    ax = new_axes(ax, (6.4, 3.6))
    which = _chosen(events, most, seed)
    t = _milliseconds(events)
    place = events.y.astype(np.int64) * events.sensor_size[0] + events.x
    ax.scatter(t[which], place[which], s=1.2, c=_colours(ax, events, which), lw=0)
    ax.set(xlabel="time from the first event (ms)", ylabel="pixel (y W + x)")
    ax.set_ylim(-0.5, events.sensor_size[0] * events.sensor_size[1] - 0.5)
    if events.n_polarities == 2 and len(which):
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, markerscale=8)
    _title(ax, events, len(which))
    return ax


def film(
    events: Any,
    path: str | Path,
    *,
    time_window: int = 33_000,
    most: int = 200,
    frames_per_s: float = 20.0,
) -> Path:
    """Write an animation (GIF): one picture as of `frame` per window of time.

    Parameters
    ----------
    events : Events or Recording
        A recording is read window by window.
    path : path
        Ends with .gif.
    time_window : int
        Of each picture [us].
    most : int
        Pictures at most; what follows is not shown.
    frames_per_s : float
        Pictures per second of the film.
    """
    from itertools import islice

    from matplotlib.animation import PillowWriter

    from ..events import windows
    from .frame import frame

    path = Path(path)
    checks.integer("plot.film", "time_window", time_window, low=1)
    checks.integer("plot.film", "most", most, low=1)
    if path.suffix.lower() != ".gif":
        raise ParameterError(f"plot.film.path must end with .gif, got {path.name!r}")
    pieces = events.pieces() if hasattr(events, "pieces") else events
    cut = windows(pieces, time_window=time_window, include_incomplete=True)
    shown = list(islice(cut, most))
    if not shown:
        raise ParameterError("plot.film.events must hold at least one event, got none")
    start = int(shown[0].t[0]) if len(shown[0]) else 0
    width, height = shown[0].sensor_size
    ax = new_axes(None, (5.2, max(2.2, min(6.0, 3.5 * height / width + 0.9))), "compressed")
    writer = PillowWriter(fps=frames_per_s)
    said = [f"the first {most} windows"] if next(cut, None) is not None else []
    said += getattr(events, "notes", ())[:2]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.gif"
        with writer.saving(ax.figure, str(made), dpi=80):
            for k, part in enumerate(shown):
                ax.clear()
                begin = start + k * time_window
                frame(part, t=(begin, begin + time_window), ax=ax)
                at = k * time_window / 1e3
                title = f"{len(part):,} events, {at:g}..{at + time_window / 1e3:g} ms"
                ax.set_title("\n".join([title, *said]), fontsize="small", loc="left")
                writer.grab_frame()
        return write_whole(path, made.read_bytes(), owner="plot.film")
