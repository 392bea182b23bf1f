"""What does a census cost on a chip? Joules and seconds, low, nominal and high.

Energy, for barrier chips, fixed ticks and clocked chips alike::

    E = T * (chips * P_chip + cores * P_core + k_clk * f)  +  n_steps * E_sync
      + N_syn * e_syn + N_active * e_active + N_idle * e_idle + N_spk * e_spk
      + N_in * e_in + N_out * e_out + n_hops * e_hop + ...

or ``E = N_syn * e_all_in`` where the chip has one all-in price. The time ``T`` is, per step,
the slowest core and the barrier; or the tick; or cycles over the clock. All cores of a chip
are powered, used or not. A cost without a price is listed, never taken as zero.

Band: the constants of one group stand at their low, or high, ends together; the groups are
independent, and an energy is wrong by a factor, so the logarithms of the factors add in
squares (log-normal), and never go beyond all constants at their ends::

    low = E exp(-sqrt(sum_g ln(E / E_g_low)^2)),  high = E exp(sqrt(sum_g ln(E_g_high / E)^2))
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from neurosim.errors import ParameterError

from .chip import BASES, Chip, Constant, NoPrice
from .counts import Census
from .pace import notes
from .step_time import RunTime, step_time, time_costs

CATEGORIES = ("static", "neuron", "synapse", "network")


@dataclass(frozen=True, slots=True)
class Band:
    """A number with its band."""

    low: float
    nominal: float
    high: float

    def __iter__(self):
        return iter((self.low, self.nominal, self.high))

    def scaled(self, factor: float) -> "Band":
        """All three numbers times ``factor``."""
        return Band(self.low * factor, self.nominal * factor, self.high * factor)


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
    breakdown : dict                static, neuron, synapse, network -> nominal J
    terms : tuple of Term
    unpriced : tuple of str         what happened and has no price
    basis : str                     the worst basis of the constants used
    overruns : int                  with ``realtime``, steps that take longer than their tick
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

    @property
    def power_w(self) -> float | None:
        """Nominal energy over nominal time."""
        if self.time_s is None or self.time_s.nominal == 0:
            return None
        return self.energy_j.nominal / self.time_s.nominal


def charged_synops(census: Census, chip: Chip) -> tuple[int, str]:
    """Synaptic operations that the chip performs for this census, and what they are."""
    if chip.synapse.charged == "dense":
        return census.dense_macs, "multiply-accumulates of the dense twin"
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
        neurons = int(census.cores["neurons"].sum()) * census.passes
        return [
            (synop, "synapse", synops, counted),
            ("energy.neuron_active", "neuron", neurons, "activations"),
            ("energy.axon_in", "network", synops, "weight reads"),
        ]
    full_row = chip.synapse.charged == "full_row"
    arrived = census.events if full_row else census.messages + census.external
    return [
        (synop, "synapse", synops, counted),
        ("energy.neuron_active", "neuron", census.active, "active neuron updates"),
        ("energy.neuron_idle", "neuron", census.idle, "idle neuron updates"),
        ("energy.spike_out", "neuron", census.spikes, "spikes"),
        ("energy.axon_in", "network", arrived, "messages received"),
        ("energy.axon_out", "network", census.messages, "messages sent"),
        ("energy.hop.x", "network", census.hops_x, "hops along x"),
        ("energy.hop.y", "network", census.hops_y, "hops along y"),
        ("energy.intra_tile", "network", census.intra_tile, "messages within a tile"),
        ("energy.chip_link", "network", census.chip_crossings, "crossings between chips"),
        ("energy.io", "network", census.external, "messages from outside"),
        ("energy.sync", "network", census.n_steps, "steps"),
    ]


def _static(census: Census, chip: Chip) -> list[Row]:
    """(path, category, count per second of run, what is counted) of the powers."""
    rows = [("power.chip_static", "static", float(census.n_chips), "powered chips")]
    if "power.core_static" in chip.prices:
        cores = float(census.n_chips * chip.core.count)
        rows.append(("power.core_static", "static", cores, "powered cores"))
    if "power.clock_per_hz" in chip.prices:
        clock = census.n_chips * float(chip.time.clock_hz or 0.0)
        rows.append(("power.clock_per_hz", "static", clock, "clock cycles"))
    return rows


PricedRow = tuple[Constant, str, float, str]  # constant, category, count, what is counted
# How a group of constants is read: nominal everywhere, or one group at one of its ends.
Reader = Callable[[Constant], float]


def _reader(groups: Collection[str], end: str) -> Reader:
    def read(constant: Constant) -> float:
        return getattr(constant, end) if constant.group in groups else constant.value

    return read


_NOMINAL = _reader((), "value")


@dataclass(frozen=True, slots=True)
class _Bill:
    """The priced rows of an estimate, ready to be summed at any end of any group."""

    census: Census
    chip: Chip
    realtime: bool
    dynamic: list[PricedRow]
    static: list[PricedRow]

    def run_time(self, read: Reader) -> RunTime | None:
        synops, _ = charged_synops(self.census, self.chip)
        tick = float(self.census.tick_s or 0.0) if self.realtime else 0.0
        return step_time(self.census, self.chip, read, synops, tick)

    def time(self, read: Reader) -> float | None:
        run = self.run_time(read)
        return None if run is None else run.seconds

    def energy(self, read: Reader) -> float:
        total = sum(read(constant) * count for constant, _, count, _ in self.dynamic)
        seconds = self.time(read)
        if seconds is not None:
            total += seconds * sum(read(constant) * n for constant, _, n, _ in self.static)
        return total

    def terms(self) -> list[Term]:
        seconds = self.time(_NOMINAL) or 0.0
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


def _split(rows: list[Row], chip: Chip) -> tuple[list[PricedRow], list[str]]:
    """Rows with a price, and a line for each that happened and has none."""
    priced, unpriced = [], []
    for path, category, count, counted in rows:
        price = chip.price(path)
        if isinstance(price, Constant):
            priced.append((price, category, count, counted))
        elif price.status == "unpublished" and count:
            unpriced.append(_unpriced(price, f"{count:,.0f} {counted}"))
    return priced, unpriced


def _unpriced(price: NoPrice, counted: str) -> str:
    reason = "" if price.reason == "unpublished" else f": {price.reason}"
    return f"{price.path} ({counted}){reason}"


def _band(of: Callable[[Reader], float], groups: list[str]) -> Band:
    nominal = of(_NOMINAL)
    limits = {end: of(_reader(groups, end)) for end in ("low", "high")}
    if nominal <= 0:
        return Band(nominal, nominal, max(nominal, limits["high"]))
    # A group's low end may be free of charge: the logarithm of its factor has no bound.
    down = [nominal / low if (low := of(_reader((g,), "low"))) > 0 else math.inf for g in groups]
    up = [of(_reader((g,), "high")) / nominal for g in groups]
    low = nominal * math.exp(-math.hypot(*(math.log(max(1.0, factor)) for factor in down)))
    high = nominal * math.exp(math.hypot(*(math.log(max(1.0, factor)) for factor in up)))
    low, high = max(low, limits["low"]), min(high, limits["high"])
    # All at their ends is the widest there is; rounding must not put the ends past the middle.
    return Band(min(low, nominal), nominal, max(high, nominal))


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
    bill = _Bill(census, chip, realtime, dynamic, static)
    used = [row[0] for row in (*dynamic, *static) if row[2]]
    times, unpriced_times = time_costs(census, chip)
    used += times
    groups = sorted({constant.group for constant in used})
    run = bill.run_time(_NOMINAL)
    nominal_time = None if run is None else run.seconds
    time_s = None
    if nominal_time is not None:
        time_s = _band(lambda read: bill.time(read) or 0.0, groups)
    terms = bill.terms()
    return Estimate(
        chip=chip.name,
        tier=chip.tier,
        energy_j=_band(bill.energy, groups),
        time_s=time_s,
        step_s=None if nominal_time is None else nominal_time / max(1, census.n_steps),
        breakdown={
            category: sum(term.energy_j for term in terms if term.category == category)
            for category in CATEGORIES
        },
        terms=tuple(terms),
        unpriced=tuple(unpriced + unpriced_static + unpriced_times),
        basis=max((c.basis for c in used), key=BASES.index, default="unpublished"),
        notes=notes(census, chip, run if realtime else None),
        overruns=run.overruns if run is not None else 0,
    )
