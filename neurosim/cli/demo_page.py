"""What does the demo's report.html say? Sections, tables and pictures in reading order."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import plot
from ..report import Picture, Preformatted, Section, Table, write_report
from ..units import format_quantity

if TYPE_CHECKING:
    from .demo_inputs import Outcome

ASSUMED = (
    "The scans are real (UCI handwritten digits, in scikit-learn); the event camera is "
    "simulated: log-intensity thresholds with mismatch, refractory time, leak and noise.",
    "Every inference starts from the resting state, and its input is the events alone.",
    "Both polarities of a pixel share one input neuron.",
    "The read-out adds up in its membrane potential; its last value decides.",
    "Weights are not quantised here; what a chip's weight format would change is not simulated.",
    "Energies are estimates by model from published constants, not measurements of the chips.",
)


def write_page(outcome: "Outcome", summary: dict[str, Any], folder: Path) -> Path:
    """Write report.html into ``folder``, where the pictures already are."""
    sections = [
        Section("Summary", _summary(outcome, summary)),
        Section("Spikes", _spikes(outcome, summary, folder)),
        Section("Conversion", _conversion(outcome)),
        Section("Energy", _energy(outcome, folder)),
        Section("Where the numbers come from", _sources(outcome)),
        Section("What was assumed", _assumed(outcome)),
    ]
    lead = (
        f"neurosim {summary['neurosim']}, seed {summary['seed']}: "
        f"{outcome.recording['what']}; made in {summary['wall_s']:.0f} s."
    )
    return write_report(folder / "report.html", "From events to energy", sections, lead=lead)


def _summary(outcome: "Outcome", summary: dict[str, Any]) -> list[Any]:
    rows = []
    if outcome.evaluation is not None:
        found = summary["accuracy"]
        rows += [
            ["accuracy of the spiking network", f"{100 * found['snn']:.1f} %"],
            [
                "accuracy of the ANN on the same events",
                f"{100 * found['ann_on_the_same_events']:.1f} %",
            ],
            ["held-out scans", found["held_out_scans"]],
        ]
    else:
        facts = outcome.recording
        width, height = facts["sensor"]
        rows += [
            ["recording", facts["file"]],
            ["format", facts["format"]],
            ["sensor", f"{width} x {height}, pooled by {facts['pool']}"],
            ["events", facts["events"]],
            ["duration", f"{facts['duration_ms']:.1f} ms"],
            ["windows with events, run as inferences", facts["inferences"]],
            ["windows left out", facts["windows_left_out"]],
        ]
    sizes = ", ".join(f"{name} {n}" for name, n in summary["network"].items())
    rows += [
        ["network", sizes],
        ["scans trained on", summary["trained_on"]],
        ["steps per inference", f"{summary['steps']} of {summary['step_ms']:.2f} ms"],
    ]
    stages = ", ".join(f"{name} {s:.1f} s" for name, s in summary["stages_s"].items())
    return [Table(["", ""], [[name, str(value)] for name, value in rows]), f"Time: {stages}."]


def _spikes(outcome: "Outcome", summary: dict[str, Any], folder: Path) -> list[Any]:
    layers = Table(
        ["population", "neurons", "spikes per inference", "spikes per neuron"],
        [
            [name, summary["network"][name], round(count, 1), count / summary["network"][name]]
            for name, count in summary["spikes_per_inference"].items()
        ],
        "Spikes by layer; the read-out adds up and never fires.",
    )
    synapses = Table(
        ["projection", "synaptic events per inference"],
        [
            [name, round(count, 1)]
            for name, count in summary["synaptic_events_per_inference"].items()
        ],
    )
    frame = plot.frame(outcome.events)
    return [
        Picture(plot.png(frame), "What the camera saw: the first recording, all its events."),
        Picture(
            (folder / "raster.png").read_bytes(),
            "The first inference, spike by spike. Hidden neurons are held below threshold "
            "at first, so that early events do not make spikes that later ones take back.",
        ),
        layers,
        synapses,
    ]


def _conversion(outcome: "Outcome") -> list[Any]:
    report = outcome.trained.snn.report
    columns, rows = report.rows()
    words = (
        f"{report.source}, thresholds by the {report.percentile:g}th percentile, T = "
        f"{report.steps} steps; errors on {report.samples} calibration samples, "
        f"{report.note}: mean absolute, in thresholds. Relative error of the outputs: "
        f"{100 * report.output_error:.2f} %."
    )
    return [words, Table(columns, rows)]


def _energy(outcome: "Outcome", folder: Path) -> list[Any]:
    rows = [_energy_row(row) for row in outcome.comparison.rows]
    columns = [
        "chip",
        "tier",
        "cores",
        "low",
        "nominal",
        "high",
        "static %",
        "neuron %",
        "synapse %",
        "memory %",
        "network %",
        "time",
        "worst basis",
    ]
    refused = [
        f"{row.title} does not fit: {row.reason}."
        for row in outcome.comparison.rows
        if not row.fits
    ]
    unpriced = Table(
        ["chip", "what happened and has no published price"],
        [[row.chip, line] for row in outcome.comparison.rows for line in row.unpriced],
        "Not in the totals.",
    )
    return [
        Picture((folder / "energy.png").read_bytes(), "Energy per inference by chip."),
        Table(columns, rows, "Energy per inference; low and high are the band of the constants."),
        *refused,
        unpriced,
    ]


def _energy_row(row: Any) -> list[Any]:
    if not row.fits:
        return [row.chip, row.tier, "does not fit", *["–"] * 10]
    ends, total = ["no price"] * 3, 0.0
    if row.energy_j is not None:
        ends = [format_quantity(value, "J") for value in row.per_inference_j]
        total = row.energy_j.nominal
    parts = row.breakdown or {}
    shares = [
        "–" if not total or parts[name] is None else f"{100 * parts[name] / total:.1f}"
        for name in ("static", "neuron", "synapse", "memory", "network")
    ]
    seconds = "–"
    if row.time_s is not None:
        seconds = format_quantity(row.time_s.nominal / row.n_inferences, "s")
    cores = "–" if row.cores is None else str(row.cores)
    return [row.chip, row.tier, cores, *ends, *shares, seconds, row.basis]


def _sources(outcome: "Outcome") -> list[Any]:
    blocks: list[Any] = [
        "Every constant with its count, band, scope, basis and source. Energies here are of "
        "the whole run, all inferences together."
    ]
    table = outcome.comparison
    return blocks + [Preformatted(table.explain(row.chip)) for row in table.rows if row.fits]


def _assumed(outcome: "Outcome") -> list[Any]:
    notes = [[row.chip, note] for row in outcome.comparison.rows for note in row.notes]
    blocks: list[Any] = list(ASSUMED)
    if notes:
        blocks.append(Table(["chip", "assumed by its mapping or price"], notes))
    return blocks
