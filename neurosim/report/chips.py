"""How does a comparison of chips become a page? Energies, and every constant behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plot
from ..errors import ParameterError
from ..units import format_quantity
from .html import Picture, Preformatted, Section, Table, write_report

if TYPE_CHECKING:
    from ..hardware import Comparison, ValidationTable

_UNITS = {"energy": "J", "power": "W", "time": "s"}
_LEAD = (
    "Estimates by models of the chips, not measurements of them. Each number is a count times a "
    "published constant; the constants, their bands and their sources are below."
)
_TIERS = (
    "Tier A reproduces at least one published measurement, B is calibrated on one workload, C "
    "has capacities and single published figures. Bands run from the 5 to the 95 % point of "
    "draws in which the constants of one source are wrong together."
)


def write_comparison(
    path: str | Path,
    comparison: "Comparison",
    *,
    title: str = "What it would cost on chips",
    validation: "ValidationTable | None" = None,
) -> Path:
    """Write a comparison of chips as one self-contained HTML page, whole or not at all.

    Parameters
    ----------
    path : str or Path
    comparison : Comparison         of :func:`neurosim.compare`
    title : str
    validation : ValidationTable, optional
        Of :func:`neurosim.hardware.validate`: a section with what was measured on the chips.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        There is nothing to show, or the file cannot be written.
    """
    if not getattr(comparison, "rows", ()):
        raise ParameterError("write_comparison.comparison must be a Comparison with rows")
    sections = [
        Section("Energy", _energy(comparison)),
        Section("Where it goes", _shares(comparison)),
        Section("Beside the ANN twin", _break_even(comparison)),
        Section("What does not fit", _refusals(comparison)),
        Section("What has no price", _unpriced(comparison)),
        Section("What is assumed", _notes(comparison)),
        Section("The constants", [_constants(comparison, chip) for chip in comparison.estimates]),
    ]
    if validation is not None:
        sections.append(Section("Measured on chips", _validation(validation)))
    return write_report(path, title, sections, lead=_LEAD)


def _text(band: Any, unit: str) -> str:
    if band is None:
        return "-"
    low, nominal, high = (format_quantity(value, unit) for value in band)
    return nominal if low == high else f"{nominal} ({low} .. {high})"


def _energy(comparison: "Comparison") -> list[Any]:
    many = max(row.n_inferences for row in comparison.rows) > 1
    per = "per inference" if many else "of the run"
    rows = []
    for row in comparison.rows:
        energy = row.per_inference_j if many else row.energy_j
        seconds = None if row.time_s is None else row.time_s.nominal / row.n_inferences
        fits = "no"
        if row.fits:
            fits = "after quantisation" if row.needs_quantisation else "yes"
        rows.append(
            [
                row.title,
                row.tier,
                fits,
                "-" if row.cores is None else row.cores,
                "-" if not row.fits else _text(energy, "J") if energy else "no price",
                "-" if row.per_synop_j is None else format_quantity(row.per_synop_j, "J"),
                "-" if seconds is None else format_quantity(seconds, "s"),
                "-" if row.power_w is None else format_quantity(row.power_w, "W"),
                row.overruns or "-",
                row.basis or "-",
            ]
        )
    head = ["chip", "tier", "fits", "cores", f"energy {per}", "per synaptic operation"]
    head += [f"time {per}", "power", "late steps", "worst basis"]
    picture = Picture(plot.png(plot.energy(comparison)), f"Energy {per}, with its band.")
    return [_TIERS, Table(head, rows), picture]


def _part(energy: float | None) -> str:
    return "no price" if energy is None else format_quantity(energy, "J")


def _shares(comparison: "Comparison") -> list[Any]:
    names = ("static", "neuron", "synapse", "memory", "network")
    rows = [
        [row.title, *(_part(row.breakdown[name]) for name in names)]
        for row in comparison.rows
        if row.breakdown and any(row.breakdown.values())
    ]
    return [Table(["chip", *names], rows, "Nominal energy of the whole run.")]


def _break_even(comparison: "Comparison") -> list[Any]:
    rows = [
        [
            row.title,
            row.break_even.against,
            f"{100 * row.break_even.measured:.3g} %",
            f"{100 * row.break_even.rate:.3g} %" if row.break_even.rate > 0 else "at no rate",
        ]
        for row in comparison.rows
        if row.break_even is not None
    ]
    words = (
        "At the break-even rate the run would cost what its quantised ANN twin costs on a dense "
        "8-bit accelerator of 45 nm without leakage; below it, less."
    )
    head = ["chip", "twin", "spikes per neuron and step", "break-even rate"]
    return [words, Table(head, rows)] if rows else ["No run with spikes and a price."]


def _refusals(comparison: "Comparison") -> list[Any]:
    rows = [[row.title, row.reason] for row in comparison.rows if not row.fits]
    return [Table(["chip", "why, and what would fit"], rows)] if rows else ["Everything fits."]


def _unpriced(comparison: "Comparison") -> list[Any]:
    rows = [[row.title, line] for row in comparison.rows for line in row.unpriced]
    words = "It happened, nobody printed a price, and it is in no sum above."
    return [words, Table(["chip", "cost (count): reason"], rows)] if rows else ["Nothing."]


def _notes(comparison: "Comparison") -> list[Any]:
    rows = [[row.title, line] for row in comparison.rows for line in row.notes]
    return [Table(["chip", "assumption"], rows)] if rows else ["Nothing."]


def _constants(comparison: "Comparison", chip: str) -> Table:
    rows = []
    for term in comparison.estimates[chip].terms:
        c = term.constant
        unit = _UNITS.get(c.dimension, "")
        rows.append(
            [
                term.path,
                f"{term.count:,.6g} {term.counted}",
                format_quantity(c.value, unit),
                f"{format_quantity(c.low, unit)} .. {format_quantity(c.high, unit)}",
                f"{c.scope}, {c.basis}",
                str(c.source),
                c.read,
                format_quantity(term.energy_j, "J"),
            ]
        )
    head = ["cost", "count", "constant", "low .. high", "scope, basis", "source", "read", "energy"]
    return Table(head, rows, f"{comparison.chips[chip].title}: {comparison.chips[chip].evidence}")


def _validation(table: "ValidationTable") -> Sequence[Any]:
    words = "Predicted rows were not used to set any constant; calibrated ones were."
    return [words, Preformatted(str(table))]
