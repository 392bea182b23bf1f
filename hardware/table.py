"""How are the rows of a comparison printed and written?"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neurosim.units import format_quantity

from .energy import CATEGORIES

if TYPE_CHECKING:
    from .compare import Row

_TITLE = "Estimates by model, not measurements of the chips. Energy: nominal (low .. high)."


def _shares(row: "Row") -> str:
    """Shares of the nominal energy, in the order of ``energy.CATEGORIES``, in percent.

    A question mark where nothing of a part has a price.
    """
    total = row.energy_j.nominal if row.energy_j else 0.0
    if not total or row.breakdown is None:
        return "-"
    parts = row.breakdown.values()
    return "/".join("?" if part is None else f"{100 * part / total:.0f}" for part in parts)


def _cells(row: "Row") -> list[str]:
    if not row.fits:
        return [row.chip, "no", *["-"] * 7, row.tier]
    many = row.n_inferences > 1
    energy = row.per_inference_j if many else row.energy_j
    cores = "-" if row.cores is None else f"{row.cores}"
    if row.chips and row.chips > 1:
        cores += f" on {row.chips} chips"
    seconds = None if row.time_s is None else row.time_s.nominal / row.n_inferences
    return [
        row.chip,
        "after quantisation" if row.needs_quantisation else "yes",
        cores,
        f"{row.n_spikes:,}",
        f"{row.n_synops:,}",
        energy.text("J") if energy else "no price",
        _shares(row),
        "-" if seconds is None else format_quantity(seconds, "s"),
        "-" if row.power_w is None else format_quantity(row.power_w, "W"),
        row.tier,
    ]


def _head(rows: Sequence["Row"]) -> list[str]:
    n = max(row.n_inferences for row in rows)
    per = "per inference" if n > 1 else "of the run"
    shares = "st/ne/sy/me/nw %"
    columns = ["chip", "fits", "cores", "spikes", "synops", f"energy {per}", shares]
    return [*columns, f"time {per}", "power", "tier"]


def as_text(rows: Sequence["Row"]) -> str:
    """The table for people, with what has no price and what is assumed below it."""
    if not rows:
        return "no chips"
    grid = [_head(rows), *(_cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in grid) for k in range(len(grid[0]))]
    lines = [_TITLE]
    for number, line in enumerate(grid):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    lines.append(
        "Shares: static, neuron, synapse, memory, network (?: no price). "
        "Spikes and synops: the whole run."
    )
    for row in rows:
        if not row.fits:
            lines.append(f"{row.chip}: does not fit: {row.reason}")
        if row.unpriced:
            lines.append(f"{row.chip}: without a price: {'; '.join(row.unpriced)}")
        if row.break_even is not None:
            lines.append(f"{row.chip}: {row.break_even}")
        if row.notes:
            lines.append(f"{row.chip}: {'; '.join(row.notes)}")
    return "\n".join(lines)


def _flat(row: "Row") -> dict[str, Any]:
    """One level of columns, units in the names."""

    def ends(band: Any, name: str, unit: str) -> dict[str, float | None]:
        low, nominal, high = band or (None, None, None)
        return {
            f"{name}_low_{unit}": low,
            f"{name}_{unit}": nominal,
            f"{name}_high_{unit}": high,
        }

    parts = row.breakdown or dict.fromkeys(CATEGORIES)
    return {
        "chip": row.chip,
        "kind": row.kind,
        "tier": row.tier,
        "fits": row.fits,
        "needs_quantisation": row.needs_quantisation,
        "reason": row.reason,
        "cores": row.cores,
        "chips": row.chips,
        "n_inferences": row.n_inferences,
        "n_steps": row.n_steps,
        "spikes": row.n_spikes,
        "synops": row.n_synops,
        "messages": row.n_messages,
        "hops": row.n_hops,
        "busiest_link_messages": row.busiest_link,
        **ends(row.energy_j, "energy", "j"),
        **ends(row.per_inference_j, "energy_per_inference", "j"),
        "energy_per_synop_j": row.per_synop_j,
        **{f"{name}_j": value for name, value in parts.items()},
        **ends(row.time_s, "time", "s"),
        "time_per_step_s": row.step_s,
        "overruns": row.overruns,
        "break_even_rate": None if row.break_even is None else row.break_even.rate,
        "spike_rate": None if row.break_even is None else row.break_even.measured,
        "power_w": row.power_w,
        "worst_basis": row.basis,
        "unpriced": "; ".join(row.unpriced),
        "notes": "; ".join(row.notes),
    }


def as_csv(rows: Sequence["Row"]) -> str:
    """Comma-separated values, one line per chip, empty where there is no number."""
    flat = [_flat(row) for row in rows]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(flat[0]) if flat else [])
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def as_json(rows: Sequence["Row"]) -> str:
    """The rows with all their fields; energies in J, times in s, powers in W."""
    what = "estimates by model, not measurements of the chips"
    return json.dumps({"what": what, "rows": [asdict(row) for row in rows]}, indent=2)
