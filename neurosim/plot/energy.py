"""Which chip takes how much energy, for what, and how sure is that?"""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..units import format_quantity
from .figure import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOUR_OF = {
    "static": "#999999",
    "neuron": COLOURS[0],
    "synapse": COLOURS[1],
    "memory": "#CC79A7",
    "network": COLOURS[2],
}


def energy(comparison: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw one bar per chip: nominal energy, its parts, and the low-high band.

    The axis is logarithmic, so a bar's *length* compares chips, and its *colours* show
    which share of that chip's energy is static, neurons, synapses, memory and network (the
    lengths of the parts are shares of the bar, not joules). Error bars run from low
    to high. A chip that the network does not fit is named with the limit it breaks, and one
    whose operations or leakage have no price is marked: its bar is less than the whole.

    Parameters
    ----------
    comparison : Comparison
        of :func:`neurosim.compare`.
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        The comparison has no rows.
    """
    rows = list(comparison.rows)
    if not rows:
        raise ParameterError("plot.energy: comparison must have at least one row, got none")
    # Many rows stand closer, so that a page holds them.
    ax = new_axes(ax, (8.5, 1.4 + (0.62 if len(rows) <= 10 else 0.45) * len(rows)))
    many = any(row.n_inferences > 1 for row in rows)
    bands = [_band(row, many) for row in rows]
    low, high = _limits([band for band in bands if band is not None])
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    for k, (row, band) in enumerate(zip(rows, bands, strict=True)):
        if band is None:
            _refusal(ax, k, row, low)
        else:
            _bar(ax, k, row, band, low)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), [_name(row) for row in rows])
    ax.set_xlabel("energy per inference (J)" if many else "energy of the run (J)")
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_title("estimates by model, not measurements", fontsize="small", loc="left")
    _legend(ax, rows)
    return ax


def _band(row: Any, many: bool) -> tuple[float, float, float] | None:
    """Return (low, nominal, high) in J, None where there is nothing to draw."""
    band = row.per_inference_j if many else row.energy_j
    if not row.fits or band is None or not band.nominal > 0:
        return None
    return band.low, band.nominal, band.high


def _limits(bands: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return axis limits, with room on the right for the numbers."""
    if not bands:
        return 1e-9, 1e-3
    lowest = min(max(low, nominal * 1e-3) for low, nominal, _ in bands)
    highest = max(band[2] for band in bands)
    low = 10.0 ** np.floor(np.log10(lowest) - 0.3)
    return low, highest * (highest / low) ** 0.43


def _bar(ax: "Axes", k: int, row: Any, band: tuple[float, float, float], left: float) -> None:
    low, nominal, high = band
    parts = {name: value for name, value in (row.breakdown or {}).items() if value}
    total = sum(parts.values())
    start = np.log10(left)
    length = np.log10(nominal) - start
    at = left
    done = 0.0
    for name, value in parts.items():
        done += value / total
        end = 10.0 ** (start + length * done)
        ax.barh(k, end - at, left=at, height=0.6, color=_COLOUR_OF.get(name, "0.3"))
        at = end
    if not parts:
        ax.barh(k, nominal - left, left=left, height=0.6, color="0.6")
    ax.errorbar(
        nominal,
        k,
        xerr=[[max(nominal - low, 0.0)], [max(high - nominal, 0.0)]],
        color="black",
        capsize=3,
        linewidth=1.0,
    )
    text = format_quantity(nominal, "J")
    ends = [format_quantity(end, "J") for end in (low, high)]
    if ends[0] != ends[1]:
        text += f"  ({ends[0]} .. {ends[1]})"
    if row.cores is not None:
        text += _missing(row.unpriced)
    ax.annotate(
        text,
        (max(high, nominal), k),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
    )


def _missing(unpriced: tuple[str, ...]) -> str:
    """What a chip's energy leaves out that may be most of it."""
    parts = {"energy.synop": "operations", "power.chip_static": "leakage"}
    found = [what for path, what in parts.items() if any(u.startswith(path) for u in unpriced)]
    return f"  + {' and '.join(found)} without a price" if found else ""


def _refusal(ax: "Axes", k: int, row: Any, left: float) -> None:
    reason = "0 J" if row.energy_j else "no energy has a price"
    if not row.fits:
        reason = f"does not fit: {row.reason.split(';')[0]}"
    ax.annotate(
        textwrap.fill(textwrap.shorten(reason, 150, placeholder=" ..."), 76),
        (left, k),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
        color="#8B0000",
        style="italic",
    )


def _name(row: Any) -> str:
    if not row.fits:
        return row.chip
    if row.cores is None:
        return f"{row.chip}\n(baseline)"
    return f"{row.chip}\n({row.cores} core{'s' * (row.cores != 1)}, tier {row.tier})"


def _legend(ax: "Axes", rows: list[Any]) -> None:
    from matplotlib.patches import Patch

    used = set()
    for row in rows:
        parts = {name: value for name, value in (row.breakdown or {}).items() if value}
        total = sum(parts.values())
        # A part below half a percent would have a colour that nobody can find.
        used |= {name for name, value in parts.items() if value > 0.005 * total}
    handles = [Patch(color=c, label=name) for name, c in _COLOUR_OF.items() if name in used]
    if handles:
        ax.legend(
            handles=handles,
            title="share of the energy",
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            frameon=False,
            fontsize="small",
            title_fontsize="small",
        )
