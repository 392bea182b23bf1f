"""Which constant makes up this energy, who published it, and was it measured?"""

from neurosim.errors import ParameterError
from neurosim.units import format_quantity

from .chip import Chip, Constant, NoPrice
from .counts import Census
from .energy import Estimate, Term, charged_synops, format_of
from .twins import twin_rows

_READ = {
    "primary": "read in the source",
    "secondary": "read through a secondary source",
    "memory": "from memory, to be verified",
}


def _constant(constant: Constant) -> str:
    band = ""
    if constant.low != constant.high:
        unit = {"energy": "J", "power": "W", "time": "s"}.get(constant.dimension, "cycles")
        ends = (format_quantity(end, unit) for end in (constant.low, constant.high))
        band = f" ({' .. '.join(ends)})"
    at = "".join(f", {name} {value}" for name, value in constant.conditions.items())
    return (
        f"    {constant.text}{band}, {constant.scope}, {constant.basis}{at}, "
        f"group {constant.group}\n"
        f"    source: {constant.source}; {_READ[constant.read]}"
    )


def _term(term: Term) -> str:
    energy = format_quantity(term.energy_j, "J")
    counted = f"{term.count:,.6g} {term.counted}"
    return f"  {term.path}: {counted} -> {energy}\n{_constant(term.constant)}"


# Memory that operations and updates reach, where a chip file prices it apart from them.
_OF_SYNAPSES = ("energy.weight_read", "energy.activation_read")
_OF_NEURONS = ("energy.neuron_active", "energy.result_write")


def _of_projection(chip: Chip, census: Census, part: str) -> dict[str, float | None]:
    """Counts of a projection by the path of their price; None where it has no share of its own."""
    counts = census.projections[part]
    if chip.all_in:
        return {"energy.all_in": counts.synops}
    synop = f"energy.synop.{format_of(counts.kind, chip.synapse.formats)}"
    if chip.synapse.charged == "full_row":
        return {synop: None}
    if chip.synapse.charged == "dense":
        share = counts.macs / max(1, sum(p.macs for p in census.projections.values()))
        rows = {path: n * share for path, _, n, _ in twin_rows(census, chip)}
        memory = {path: rows[path] for path in _OF_SYNAPSES if path in chip.prices}
        return {synop: charged_synops(census, chip)[0] * share} | memory
    memory = {"energy.weight_read": counts.synops} if "energy.weight_read" in chip.prices else {}
    return {synop: counts.synops} | memory


def _of_population(chip: Chip, census: Census, part: str) -> dict[str, float | None]:
    """Counts of a population by the path of their price; sources are on no core."""
    counts = census.populations[part]
    placed = counts.active + counts.idle > 0
    if chip.all_in or not placed:
        return {}
    if chip.synapse.charged == "dense":
        share = counts.n / max(1, int(census.cores["neurons"].sum()))
        rows = {path: n * share for path, _, n, _ in twin_rows(census, chip)}
        return {path: rows[path] for path in _OF_NEURONS if path in chip.prices}
    found: dict[str, float | None] = {
        "energy.neuron_active": counts.active,
        "energy.neuron_idle": counts.idle,
        "energy.spike_out": counts.spikes,
    }
    memory = {
        "energy.state_access": 2 * (counts.active + counts.idle),
        "energy.result_write": counts.spikes,
    }
    return found | {path: n for path, n in memory.items() if path in chip.prices}


def _share(chip: Chip, census: Census, part: str) -> dict[str, float | None]:
    if part in census.projections:
        return _of_projection(chip, census, part)
    if part in census.populations:
        return _of_population(chip, census, part)
    known = ", ".join((*census.populations, *census.projections))
    raise ParameterError(f"explain: name must be one of {known}, got {part!r}")


def _without_share(chip: Chip, census: Census, part: str) -> str:
    """Why a population has no cost of its own."""
    if chip.all_in:
        return "  all of it is inside energy.all_in, which counts synaptic operations"
    spikes = census.populations[part].spikes
    return f"  on no core: its {spikes:,} spikes are priced by the synapses that they reach"


def _part(chip: Chip, census: Census, part: str) -> list[str]:
    lines, total, shares = [], 0.0, _share(chip, census, part)
    for path, count in shares.items():
        price = chip.price(path)
        if isinstance(price, Constant) and count is None:
            counted = charged_synops(census, chip)[1]
            what = f"{counted}, which are not told apart by projection"
            lines.append(f"  {path}: {what}\n{_constant(price)}")
        elif isinstance(price, Constant):
            energy = price.value * count
            total += energy
            text = format_quantity(energy, "J")
            lines.append(f"  {path}: {_count(count)} -> {text}\n{_constant(price)}")
        elif isinstance(price, NoPrice):
            lines.append(f"  {path}: {_count(count)}, {price.status}: {price.reason}")
    own = f"{format_quantity(total, 'J')} in events of its own"
    if not shares or None in shares.values():
        own = "no cost of its own"
    head = f"{chip.title}, {part!r}: {own}"
    return [head, *(lines or [_without_share(chip, census, part)])]


def _count(count: float | None) -> str:
    if count is None:
        return "-"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.6g}"


def _structure(chip: Chip) -> str:
    """Where the parts of the description that have no price are from."""
    parts = {"time": chip.time, "topology": chip.topology, "core": chip.core}
    parts |= {"neuron": chip.neuron, "synapse": chip.synapse}
    lines = [f"    {name}: {part.source}; {_READ[part.read]}" for name, part in parts.items()]
    return "\n".join(["  structure:", *lines])


def explain(chip: Chip, census: Census, estimate: Estimate, part: str | None = None) -> str:
    """The text of ``Comparison.explain``."""
    if part is not None:
        return "\n".join(_part(chip, census, part))
    energy = format_quantity(estimate.energy_j.nominal, "J")
    lines = [
        f"{chip.title}: {energy}, an estimate by model, not a measurement of the chip",
        f"tier {chip.tier}: {chip.evidence}",
        f"worst basis used: {estimate.basis}",
        *(_term(term) for term in estimate.terms),
    ]
    excused = [p for p in chip.prices.values() if isinstance(p, NoPrice)]
    for status, title in (("included", "inside other prices"), ("absent", "not on this chip")):
        lines += [f"  {p.path}: {title}: {p.reason}" for p in excused if p.status == status]
    lines += [f"  without a price: {line}" for line in estimate.unpriced]
    lines += [
        f"  published, not used: {figure.value}, {figure.what} ({figure.scope}): "
        f"{figure.why}; {figure.source}"
        for figure in chip.figures
    ]
    lines += [f"  {calibration}" for calibration in chip.calibrations]
    lines += [_structure(chip)]
    lines += [f"  note: {note}" for note in estimate.notes]
    return "\n".join(lines)
