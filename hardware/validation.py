"""Does the model of a chip reproduce what was measured on it? Published rows, run again.

A row of a chip file names a workload, what was measured, and whether the constants were
fitted to it (*calibrated*) or not (*predicted*). A piece of the workload is simulated,
mapped and counted; the counts, scaled to the published size, are priced.
"""

from dataclasses import dataclass, replace

import numpy as np

from neurosim.engine import simulate
from neurosim.units import format_quantity

from .census import census
from .chip import Chip, Validation
from .counts import Census
from .energy import Estimate, price
from .load import list_chips, load_chip
from .mapping import map_network
from .workloads import BUILDERS, Piece

_UNITS = {"power": "W", "dynamic_energy": "J", "step_time": "s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRow:
    """One published measurement beside what the model says; SI units.

    Where rates and steps were not published, ``low`` and ``high`` are the model at the ends of
    what is assumed for them, and ``model`` lies in the middle of the two (geometrically).
    """

    chip: str
    id: str
    label: str
    quantity: str
    model: float
    measured: float
    tolerance: float
    how: str
    source: str
    low: float | None = None
    high: float | None = None

    @property
    def error(self) -> float:
        """Relative: model over measured, less one."""
        return self.model / self.measured - 1.0

    @property
    def ok(self) -> bool:
        """Within the tolerance of the row; a band holds what was measured."""
        if self.low is not None and self.high is not None:
            return self.low <= self.measured <= self.high
        return abs(self.error) <= self.tolerance


@dataclass(frozen=True, slots=True)
class ValidationTable:
    """Rows of :func:`validate`, and what was fitted to what; ``print`` shows them."""

    rows: tuple[ValidationRow, ...]
    calibrations: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = ["chip", "workload", "label", "model", "measured", "error", "within", "how"]
        grid = [head]
        for row in self.rows:
            unit = _UNITS[row.quantity]
            numbers = [format_quantity(value, unit) for value in (row.model, row.measured)]
            error = [f"{100 * row.error:+.2f} %", f"{100 * row.tolerance:g} %"]
            if row.low is not None and row.high is not None:
                ends = (format_quantity(end, unit) for end in (row.low, row.high))
                error = ["-", " .. ".join(ends)]
            grid.append([row.chip, row.id, row.label, *numbers, *error, row.how])
        widths = [max(len(line[k]) for line in grid) for k in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in grid
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(line.rstrip() for line in (*lines, *self.calibrations))

    __repr__ = __str__


def _counted(parameters: dict[str, float]) -> Census:
    """A census of published counts, spread evenly over the cores, without a network."""
    n_cores = int(parameters["cores"])
    counts = {name: int(parameters[name]) for name in ("synops", "neuron_active", "neuron_idle")}
    each = {name: np.full(n_cores, n / max(1, n_cores)) for name, n in counts.items()}
    none = np.zeros(n_cores)
    names = ("source_spikes", "messages", "external", "without_target", "hops_x", "hops_y")
    zeros = dict.fromkeys((*names, "spikes", "intra_tile", "chip_crossings"), 0)
    cores = dict.fromkeys(("neurons", "spikes", "axons_in", "axons_out"), none)
    cores |= {"synops": each["synops"]}
    cores |= {"active": each["neuron_active"], "idle": each["neuron_idle"]}
    return Census(
        n_steps=int(parameters["steps"]),
        tick_s=None,
        n_inferences=1,
        n_cores=n_cores,
        n_chips=int(parameters["chips"]),
        synops=counts["synops"],
        active=counts["neuron_active"],
        idle=counts["neuron_idle"],
        cores=cores,
        populations={},
        projections={},
        steps=None,
        recurrent=False,
        **zeros,
    )


def _scaled(counts: Census, scale: float, chip: Chip) -> Census:
    """The census of ``scale`` such pieces side by side, for the same number of steps."""
    names = ("n_cores", "spikes", "source_spikes", "synops", "active", "idle", "messages")
    names += ("external", "without_target", "hops_x", "hops_y", "intra_tile", "chip_crossings")
    grown = {name: round(getattr(counts, name) * scale) for name in names}
    n_chips = max(1, -(-grown["n_cores"] // chip.n_cores))
    return replace(counts, steps=None, n_chips=n_chips, **grown)


def _simulated(piece: Piece, chip: Chip) -> Census:
    result = simulate(piece.network, piece.duration, dt=piece.dt, progress=False)
    mapping = map_network(piece.network, chip, tick=piece.tick)
    counts = census(piece.network, mapping, result.spikes, duration=result.duration)
    return _scaled(counts, piece.scale, chip)


def _quantity(estimate: Estimate, quantity: str) -> float:
    if quantity == "power":
        return float(estimate.power_w or 0.0)
    if quantity == "step_time":
        return float(estimate.step_s or 0.0)
    return sum(term.energy_j for term in estimate.terms if term.category != "static")


def _of_band(chip: Chip, row: Validation) -> tuple[float, float]:
    """The quantity at both ends of the steps and rates that are assumed."""
    p, found = row.parameters, []
    for end in ("low", "high"):
        steps, rate = int(p[f"steps_{end}"]), p[f"rate_{end}"]
        updates = int(p["neurons"]) * steps
        active = round(updates * rate)
        counts = {"synops": round(p["synapses"] * steps * rate), "neuron_active": active}
        counts |= {"neuron_idle": updates - active, "steps": steps, "cores": 1, "chips": 1}
        found.append(_quantity(price(_counted(counts), chip), row.quantity))
    return found[0], found[1]


def _row(chip: Chip, row: Validation, seed: int) -> ValidationRow:
    operated = chip
    if row.workload == "rate_band":
        low, high = _of_band(chip, row)
        return ValidationRow(
            chip=chip.name,
            id=row.id,
            label=row.label,
            quantity=row.quantity,
            model=float(np.sqrt(low * high)),
            measured=row.measured,
            tolerance=row.tolerance,
            how="counts of assumed rates and steps",
            source=str(row.source),
            low=low,
            high=high,
        )
    if "clock" in row.parameters:
        operated = replace(chip, time=replace(chip.time, clock_hz=row.parameters["clock"]))
    if row.workload == "counts":
        estimate = price(_counted(dict(row.parameters)), operated)
        how = "published counts"
    else:
        piece = BUILDERS[row.workload](row.parameters, seed)
        estimate = price(_simulated(piece, operated), operated, realtime=True)
        how = "simulated, mapped" + (f", x {piece.scale:g}" if piece.scale != 1 else "")
    return ValidationRow(
        chip=chip.name,
        id=row.id,
        label=row.label,
        quantity=row.quantity,
        model=_quantity(estimate, row.quantity),
        measured=row.measured,
        tolerance=row.tolerance,
        how=how,
        source=str(row.source),
    )


def validate(*chips: Chip | str, seed: int = 0) -> ValidationTable:
    """Run the validation rows of chips; all shipped chips if none is named.

    Examples
    --------
    >>> for row in validate("loihi").rows:
    ...     print(row.quantity, row.label, row.ok, f"{100 * row.error:+.1f} %")
    dynamic_energy predicted True +14.5 %
    step_time calibrated True -0.5 %
    dynamic_energy band True ...
    """
    named = [load_chip(chip) for chip in (chips or list_chips())]
    return ValidationTable(
        tuple(_row(chip, row, seed) for chip in named for row in chip.validations),
        tuple(f"{chip.name} {fit}" for chip in named for fit in chip.calibrations),
    )
