"""What does a census cost on a chip? Joules and seconds, low, nominal and high.

Energy, for barrier chips, fixed ticks and clocked chips alike::

    E = T * (chips * P_chip + cores * P_core + k_clk * f)  +  n_steps * E_sync
      + N_syn * e_syn + N_active * e_active + N_idle * e_idle + N_spk * e_spk
      + N_in * e_in + N_out * e_out + n_hops * e_hop + ...

or ``E = N_syn * e_all_in`` where the chip has one all-in price. The time ``T`` is, per step,
the slowest core and the barrier; or the tick; or cycles over the clock. All cores of a chip
are powered, used or not. A cost without a price is listed, never taken as zero.

Band: see :mod:`neurosim.hardware.bands`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurosim.errors import ParameterError

from .bands import Band, Draws, band, read_draws, read_value
from .chip import BASES, Chip, Constant, NoPrice
from .counts import Census
from .pace import notes
from .step_time import RunTime, step_time, time_costs
from .twins import twin_operations, twin_rows

CATEGORIES = ("static", "neuron", "synapse", "memory", "network")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One cost of an estimate: how often, at which price, in all [J]."""

    path: str
    category: str
    count: float
    counted: str
    energy_j: float
    constant: Constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a model says a run costs; it is not a measurement of the chip.

    Attributes
    ----------
    energy_j, time_s : Band         time None where the chip has no time model
    breakdown : dict                static, neuron, synapse, memory, network -> nominal J
    gaps : tuple of str             those of them in which something happened that has no price
    terms : tuple of Term
    unpriced : tuple of str         what happened and has no price
    basis : str                     the worst basis of the constants used
    overruns : int                  steps that take longer than the tick they are held to, or
                                    than that of a chip whose software must be done in it
    partial : bool                  no static power in the energy: unpublished, or an all-in price
    """

    chip: str
    tier: str
    energy_j: Band
    time_s: Band | None
    step_s: float | None
    breakdown: dict[str, float]
    terms: tuple[Term, ...]
    unpriced: tuple[str, ...]
    basis: str
    notes: tuple[str, ...]
    overruns: int = 0
    partial: bool = False
    gaps: tuple[str, ...] = ()

    @property
    def power_w(self) -> float | None:
        """Nominal energy over nominal time; None where a part of it has no price."""
        if self.time_s is None or self.time_s.nominal == 0 or self.partial:
            return None
        return self.energy_j.nominal / self.time_s.nominal


def charged_synops(census: Census, chip: Chip) -> tuple[int, str]:
    """Synaptic operations that the chip performs for this census, and what they are."""
    if chip.synapse.charged == "dense":
        return twin_operations(census, chip)
    if chip.synapse.charged == "full_row":
        columns = chip.core.resources.get("neurons", 1)
        return census.events * columns, f"events times {columns} columns"
    return census.synops, "synaptic operations"


Row = tuple[str, str, float, str]  # path, category, count, what is counted


def _dynamic(census: Census, chip: Chip) -> list[Row]:
    """Every cost that is an event."""
    synops, counted = charged_synops(census, chip)
    if chip.all_in:
        return [("energy.all_in", "synapse", synops, counted)]
    synop = f"energy.synop.{chip.synapse.formats[0]}"
    if chip.synapse.charged == "dense":
        return [(synop, "synapse", synops, counted), *twin_rows(census, chip)]
    full_row = chip.synapse.charged == "full_row"
    if full_row or len(chip.synapse.formats) == 1 or not census.projections:
        operations = [(synop, "synapse", synops, counted)]
    else:
        operations = _by_format(census, chip)
    arrived = census.events if full_row else census.messages + census.external
    return [
        *operations,
        ("energy.neuron_active", "neuron", census.active, "active neuron updates"),
        ("energy.neuron_idle", "neuron", census.idle, "idle neuron updates"),
        ("energy.spike_out", "neuron", census.spikes, "spikes"),
        ("energy.axon_in", "network", arrived, "messages received"),
        ("energy.axon_out", "network", int(census.cores["axons_out"].sum()), "messages sent"),
        ("energy.hop.x", "network", census.hops_x, "hops along x"),
        ("energy.hop.y", "network", census.hops_y, "hops along y"),
        ("energy.intra_tile", "network", census.intra_tile, "messages within a tile"),
        ("energy.chip_link", "network", census.chip_crossings, "crossings between chips"),
        ("energy.io", "network", census.external, "messages from outside"),
        ("energy.sync", "network", census.n_steps, "steps"),
        *(row for row in _memory(census) if row[0] in chip.prices),
    ]


def format_of(kind: str, formats: tuple[str, ...]) -> str:
    """The chip's format for a kind of projection; the first one, where it has none of that name.

    >>> format_of("conv", ("dense", "conv")), format_of("sparse", ("dense", "conv"))
    ('conv', 'dense')
    """
    return kind if kind in formats else formats[0]


def _by_format(census: Census, chip: Chip) -> list[Row]:
    """Synaptic operations by the format that their synapses are stored in."""
    formats = chip.synapse.formats
    counts = dict.fromkeys(formats, 0)
    for projection in census.projections.values():
        counts[format_of(projection.kind, formats)] += projection.synops
    what = "synaptic operations"
    return [(f"energy.synop.{name}", "synapse", n, what) for name, n in counts.items()]


def _memory(census: Census) -> list[Row]:
    """Accesses to memory, for models that price them apart from the operations."""
    updates = census.active + census.idle
    return [
        ("energy.weight_read", "memory", census.synops, "weights read"),
        ("energy.state_access", "memory", 2 * updates, "states read or written"),
        ("energy.activation_read", "memory", census.messages + census.external, "spikes read"),
        ("energy.result_write", "memory", census.spikes, "spikes written"),
    ]


def _static(census: Census, chip: Chip) -> list[Row]:
    """(path, category, count per second of run, what is counted) of the powers."""
    rows = [("power.chip_static", "static", float(census.n_chips), "powered chips")]
    if "power.core_static" in chip.prices:
        cores = float(census.n_chips * chip.n_cores)
        rows.append(("power.core_static", "static", cores, "powered cores"))
    if "power.core_active" in chip.prices:
        rows.append(("power.core_active", "static", float(census.n_cores), "cores in use"))
    if "power.clock_per_hz" in chip.prices:
        clock = census.n_chips * float(chip.time.clock_hz or 0.0)
        rows.append(("power.clock_per_hz", "static", clock, "clock cycles"))
    return rows


PricedRow = tuple[Constant, str, float, str]  # constant, category, count, what is counted


@dataclass(frozen=True, slots=True)
class _Bill:
    """The priced rows of an estimate, ready to be summed however the constants are read."""

    census: Census
    chip: Chip
    realtime: bool
    dynamic: list[PricedRow]
    static: list[PricedRow]

    def run_time(self, read: Callable[[Constant], float] = read_value) -> RunTime | None:
        synops, _ = charged_synops(self.census, self.chip)
        tick = float(self.census.tick_s or 0.0) if self.realtime else 0.0
        return step_time(self.census, self.chip, read, synops, tick)

    def energy(self, read: Callable, seconds: float | np.ndarray | None) -> float | np.ndarray:
        """Joules where the run takes ``seconds``; arrays where constants are read as arrays."""
        total = sum(read(constant) * count for constant, _, count, _ in self.dynamic)
        if seconds is not None:
            total += seconds * sum(read(constant) * n for constant, _, n, _ in self.static)
        return total

    def at_end(self, end: str) -> tuple[float, float | None]:
        """Energy and time with all constants at their low, or high, ends."""
        read = lambda constant: getattr(constant, end)  # noqa: E731
        run = self.run_time(read)
        seconds = None if run is None else run.seconds
        return self.energy(read, seconds), seconds

    def bands(self, run: RunTime | None) -> tuple[Band, Band | None]:
        """Bands of energy and time: draws of the constants, within all at their ends."""
        draws: Draws = {}
        read = lambda constant: read_draws(constant, draws)  # noqa: E731
        seconds, time_band = None, None
        least, most = self.at_end("low"), self.at_end("high")
        if run is not None:
            seconds = run.fixed + sum(
                count * read(price)
                for path, count in run.parts.items()
                if isinstance(price := self.chip.price(path), Constant)
            )
            time_band = band(run.seconds, seconds, least[1] or 0.0, most[1] or 0.0)
        nominal = self.energy(read_value, None if run is None else run.seconds)
        return band(nominal, self.energy(read, seconds), least[0], most[0]), time_band

    def terms(self, seconds: float) -> list[Term]:
        rows = [(*row, 1.0) for row in self.dynamic] + [(*row, seconds) for row in self.static]
        return [
            Term(
                path=constant.path,
                category=category,
                count=count * factor,
                counted=counted if category != "static" else f"s times {counted}",
                energy_j=constant.value * count * factor,
                constant=constant,
            )
            for constant, category, count, counted, factor in rows
        ]


def _split(rows: list[Row], chip: Chip) -> tuple[list[PricedRow], list[tuple[str, str]]]:
    """Rows with a price, and category and line of each that happened and has none."""
    priced, unpriced = [], []
    for path, category, count, counted in rows:
        price = chip.price(path)
        if isinstance(price, Constant):
            priced.append((price, category, count, counted))
        elif price.status == "unpublished" and count:
            unpriced.append((category, _unpriced(price, f"{count:,.0f} {counted}")))
    return priced, unpriced


def _unpriced(price: NoPrice, counted: str) -> str:
    reason = "" if price.reason == "unpublished" else f": {price.reason}"
    return f"{price.path} ({counted}){reason}"


def price(census: Census, chip: Chip, *, realtime: bool = False) -> Estimate:
    """Price a census on a chip.

    Parameters
    ----------
    census : Census
    chip : Chip
    realtime : bool                 hold each step for the network's tick: a chip that is done
                                    early waits, and leaks. Default: as fast as the chip goes.

    Returns
    -------
    Estimate

    Raises
    ------
    ParameterError
        ``realtime`` is not a bool, or True for a network in steps, whose tick has no duration.
    """
    if not isinstance(realtime, bool):
        raise ParameterError(f"price.realtime must be True or False, got {realtime!r}")
    if realtime and census.tick_s is None:
        raise ParameterError(
            "price.realtime must be False for a network with time='steps', "
            "whose steps have no duration"
        )
    dynamic, unpriced = _split(_dynamic(census, chip), chip)
    static, unpriced_static = ([], []) if chip.all_in else _split(_static(census, chip), chip)
    without = unpriced + unpriced_static
    bill = _Bill(census, chip, realtime, dynamic, static)
    used = [row[0] for row in (*dynamic, *static) if row[2]]
    times, unpriced_times = time_costs(census, chip)
    used += times
    run = bill.run_time()
    nominal_time = None if run is None else run.seconds
    energy_j, time_s = bill.bands(run)
    terms = bill.terms(nominal_time or 0.0)
    return Estimate(
        chip=chip.name,
        tier=chip.tier,
        energy_j=energy_j,
        time_s=time_s,
        step_s=None if nominal_time is None else nominal_time / max(1, census.n_steps),
        breakdown={
            category: sum(term.energy_j for term in terms if term.category == category)
            for category in CATEGORIES
        },
        terms=tuple(terms),
        unpriced=(*(line for _, line in without), *unpriced_times),
        basis=max((c.basis for c in used), key=BASES.index, default="unpublished"),
        notes=notes(census, chip, run, realtime),
        overruns=run.overruns if run is not None else 0,
        partial=chip.all_in or chip.price("power.chip_static").status == "unpublished",
        gaps=tuple(name for name in CATEGORIES if name in dict(without)),
    )
