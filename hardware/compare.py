"""What would this run cost on these chips, side by side?"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from neurosim import checks
from neurosim.errors import ParameterError
from neurosim.files import write_whole

from .bands import Band
from .break_even import BreakEven, break_even
from .chip import Chip
from .counts import Census
from .energy import Estimate, price
from .load import list_chips, load_chip
from .mapping import Mapping
from .refusal import DoesNotFit, Remedy
from .remedies import place_or_advise
from .routes import grid_of, has_links
from .runs import count_runs, results_of
from .wiring import Wiring, wire

# Beside every result: accumulates, and the dense, quantised and sparse twins.
TWIN = "ann-int8"
BASELINES = ("snn-45nm-ac", "ann-45nm-mac", "ann-int8", "ann-bitserial", "ann-sparse-2of4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One chip of a comparison: an estimate by model, or why the network does not fit.

    Energies, times and powers are None where the network does not fit, energies also where
    nothing that happened has a price, times where the chip has no time model. ``breakdown`` is
    nominal [J], of the whole run; None for a part of which nothing has a price. Where
    ``needs_quantisation``, the network fits only once its weights are made coarser.
    ``overruns`` are steps that take longer than the tick they are held to. ``break_even`` says
    at which spike rate the run would cost what its quantised ANN twin costs.
    """

    chip: str
    title: str
    kind: str
    tier: str
    fits: bool
    reason: str = ""
    remedies: tuple[Remedy, ...] = ()
    cores: int | None = None
    chips: int | None = None
    n_steps: int | None = None
    n_inferences: int = 1
    n_spikes: int | None = None
    n_synops: int | None = None
    n_messages: int | None = None
    n_hops: int | None = None
    busiest_link: int | None = None
    energy_j: Band | None = None
    per_inference_j: Band | None = None
    per_synop_j: float | None = None
    breakdown: dict[str, float | None] | None = None
    time_s: Band | None = None
    step_s: float | None = None
    power_w: float | None = None
    basis: str = ""
    unpriced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    needs_quantisation: bool = False
    overruns: int = 0
    break_even: BreakEven | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The rows of :func:`compare`, and what is behind them.

    Attributes
    ----------
    rows : tuple of Row             in the order asked for, baselines last
    estimates : dict                chip -> Estimate, for the chips that fit
    censuses : dict                 chip -> Census
    mappings : dict                 chip -> Mapping
    """

    rows: tuple[Row, ...]
    chips: dict[str, Chip]
    estimates: dict[str, Estimate]
    censuses: dict[str, Census]
    mappings: dict[str, Mapping]

    def row(self, chip: str) -> Row:
        """The row of a chip.

        Raises
        ------
        ParameterError
            The chip is not in the comparison.
        """
        for row in self.rows:
            if row.chip == chip:
                return row
        known = ", ".join(row.chip for row in self.rows)
        raise ParameterError(f"Comparison.row: chip must be one of {known}, got {chip!r}")

    def __str__(self) -> str:
        from .table import as_text

        return as_text(self.rows)

    __repr__ = __str__

    def explain(self, chip: str, part: str | None = None) -> str:
        """Which constants make up the energy on a chip, where they are from, how sure.

        Parameters
        ----------
        chip : str
        part : str, optional        a population or projection, for its share alone

        Raises
        ------
        ParameterError
            No such chip, population or projection.
        """
        from .explain import explain

        row = self.row(chip)
        if not row.fits:
            return f"{row.title} ({chip}): does not fit. {row.reason}"
        return explain(self.chips[chip], self.censuses[chip], self.estimates[chip], part)

    def to_csv(self, path: str | PathLike) -> None:
        """Write one line per chip; the file appears whole or not at all."""
        from .table import as_csv

        write_whole(path, as_csv(self.rows), owner="Comparison.to_csv")

    def to_json(self, path: str | PathLike | None = None) -> str:
        """The rows as JSON text; written to ``path`` as well where one is given."""
        from .table import as_json

        text = as_json(self.rows)
        if path is not None:
            write_whole(path, text, owner="Comparison.to_json")
        return text


def _chips(chips: Iterable[str | PathLike | Chip] | None) -> list[Chip]:
    if isinstance(chips, (str, PathLike, Chip)):
        chips = [chips]
    if chips is not None and (isinstance(chips, bytes) or not isinstance(chips, Iterable)):
        raise ParameterError(
            "compare.chips must be a chip or a list of chips (names, paths or Chip), "
            f"got {type(chips).__name__}"
        )
    named = [load_chip(chip) for chip in (list_chips() if chips is None else chips)]
    named += [load_chip(name) for name in BASELINES]
    unique: dict[str, Chip] = {}
    for chip in named:
        other = unique.setdefault(chip.name, chip)
        if other.path != chip.path:
            raise ParameterError(
                f"compare.chips has two chips named {chip.name!r}: {other.path} and "
                f"{chip.path}; rename one"
            )
    return sorted(unique.values(), key=lambda chip: chip.kind == "baseline")


def _signature(mapping: Mapping) -> tuple:
    """What a census depends on: two chips with the same one have the same counts."""
    places = mapping.core_of, mapping.targets, mapping.target_starts, mapping.positions()
    return (
        mapping.n_chips,
        grid_of(mapping) if has_links(mapping) else None,
        mapping.chip.topology.multicast == "tree",
        mapping.chip.time.cycles == "events",
        *(array.tobytes() for array in places),
    )


def _row(chip: Chip, mapping: Mapping, counts: Census, found: Estimate) -> Row:
    parts = {
        name: None if value == 0 and name in found.gaps else value
        for name, value in found.breakdown.items()
    }
    # A sum in which nothing has a price is no energy of zero.
    energy = found.energy_j if any(parts.values()) or not found.gaps else None
    return Row(
        chip=chip.name,
        title=chip.title,
        kind=chip.kind,
        tier=chip.tier,
        fits=True,
        cores=mapping.n_cores if chip.kind == "chip" else None,
        chips=mapping.n_chips if chip.kind == "chip" else None,
        n_steps=counts.n_steps,
        n_inferences=counts.n_inferences,
        n_spikes=counts.spikes,
        n_synops=counts.synops,
        n_messages=counts.messages,
        n_hops=counts.hops_x + counts.hops_y,
        busiest_link=counts.busiest_link,
        energy_j=energy,
        per_inference_j=energy and energy.scaled(1.0 / counts.n_inferences),
        per_synop_j=energy.nominal / counts.synops if counts.synops and energy else None,
        breakdown=parts if energy else None,
        time_s=found.time_s,
        step_s=found.step_s,
        power_w=found.power_w,
        basis=found.basis,
        unpriced=found.unpriced,
        notes=(*mapping.notes, *found.notes),
        needs_quantisation=mapping.needs_quantisation,
        overruns=found.overruns,
    )


def _refusal(chip: Chip, error: DoesNotFit, fitting: list[str]) -> Row:
    others = f"; fits on {', '.join(fitting)} as it is" if fitting else ""
    return Row(
        chip=chip.name,
        title=chip.title,
        kind=chip.kind,
        tier=chip.tier,
        fits=False,
        reason=error.reason + others,
        remedies=error.remedies,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of each chip, by its name: an estimate and its way there, or a refusal."""

    mappings: dict[str, Mapping] = field(default_factory=dict)
    censuses: dict[str, Census] = field(default_factory=dict)
    estimates: dict[str, Estimate] = field(default_factory=dict)
    refusals: dict[str, DoesNotFit] = field(default_factory=dict)


def _estimate_all(
    chosen: list[Chip], results: list[Any], wiring: Wiring, n_inferences: int, realtime: bool
) -> _Found:
    """Map, count and price on each chip; a census serves all chips with the same counts."""
    found = _Found()
    counted: dict[tuple, Census] = {}
    for chip in chosen:
        try:
            mapping = place_or_advise(wiring, chip)
        except DoesNotFit as error:
            found.refusals[chip.name] = error
            continue
        signature = _signature(mapping)
        if signature not in counted:
            counts = count_runs(wiring.network, mapping, results)
            counted[signature] = replace(counts, n_inferences=n_inferences)
        found.mappings[chip.name] = mapping
        found.censuses[chip.name] = counted[signature]
        found.estimates[chip.name] = price(counted[signature], chip, realtime=realtime)
    return found


def _rows(chosen: list[Chip], found: _Found) -> tuple[Row, ...]:
    # "As it is": without coarser weights.
    fitting = [
        chip.name
        for chip in chosen
        if chip.kind == "chip"
        and chip.name in found.mappings
        and not found.mappings[chip.name].needs_quantisation
    ]
    rows = []
    for chip in chosen:
        name = chip.name
        if name in found.refusals:
            rows.append(_refusal(chip, found.refusals[name], fitting))
            continue
        counts, estimate = found.censuses[name], found.estimates[name]
        row = _row(chip, found.mappings[name], counts, estimate)
        if chip.synapse.charged != "dense":
            meets = break_even(counts, estimate, found.estimates[TWIN])
            row = replace(row, break_even=meets)
        rows.append(row)
    return tuple(rows)


def compare(
    result: Any,
    chips: Iterable[str | PathLike | Chip] | None = None,
    *,
    tick: float | None = None,
    n_inferences: int | None = None,
    realtime: bool = False,
) -> Comparison:
    """Map, count and price a run on several chips, baselines beside them.

    Each number is an estimate by a model of the chip, not a measurement of it.

    Parameters
    ----------
    result : Result or list of Result
        Runs of one network, with the spikes of all populations. Several are several
        inferences, each from the resting state; one that goes on at the time at which the one
        before ended is one run with it, so that spikes under way at the cut arrive.
    chips : list, optional
        Names, paths of chip files, or chips; default all that come with the package.
    tick : float, optional
        Tick of the chips [ms] for networks in continuous time; default 1 ms.
    n_inferences : int, optional
        Inferences in all, where that is not the number of results.
    realtime : bool
        Hold every step for the tick instead of running as fast as the chip goes.

    Returns
    -------
    Comparison
        ``print`` shows a table; a chip that the network does not fit has a row that says
        which limit, by how much, and what would fit.

    Raises
    ------
    ParameterError
        Missing spikes, different networks, an unknown chip, a tick too short for the run.
    FormatError
        A chip file that breaks the schema.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a = net.add(ns.SpikeSource(2, times=[1.0, 4.0], ids=[0, 1]), "a")
    >>> b = net.add(ns.LIF(3), "b")
    >>> _ = net.connect(a, b, weight=2.0)
    >>> table = ns.compare(ns.simulate(net, 10.0), chips=["loihi"])
    >>> [(row.chip, row.fits, row.n_synops) for row in table.rows if row.kind == "chip"]
    [('loihi', True, 6)]
    """
    results = results_of(result)
    n = len(results) if n_inferences is None else n_inferences
    n = checks.integer("compare", "n_inferences", n, low=1)
    if not isinstance(realtime, bool):
        raise ParameterError(f"compare.realtime must be True or False, got {realtime!r}")
    chosen = _chips(chips)
    found = _estimate_all(chosen, results, wire(results[0].network, tick), n, realtime)
    return Comparison(
        rows=_rows(chosen, found),
        chips={chip.name: chip for chip in chosen},
        estimates=found.estimates,
        censuses=found.censuses,
        mappings=found.mappings,
    )
