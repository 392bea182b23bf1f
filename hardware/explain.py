"""Which constant makes up this energy, who published it, and was it measured?"""

from neurosim.errors import ParameterError
from neurosim.units import format_quantity

from .chip import Chip, Constant, NoPrice
from .counts import Census
from .energy import Estimate, Term, charged_synops, format_of

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


def _share(chip: Chip, census: Census, part: str) -> dict[str, float]:
    """Counts of one population or projection, by the path of their price."""
    if part in census.projections:
        name = format_of(census.projections[part].kind, chip.synapse.formats)
        if chip.synapse.charged != "mapped":
            raise ParameterError(
                f"explain: {chip.name!r} charges {charged_synops(census, chip)[1]}, "
                "which are not told apart by projection; leave the name out"
            )
        return {f"energy.synop.{name}": census.projections[part].synops}
    if part in census.populations:
        counts = census.populations[part]
        return {
            "energy.neuron_active": counts.active,
            "energy.neuron_idle": counts.idle,
            "energy.spike_out": counts.spikes if counts.active + counts.idle else 0,
        }
    known = ", ".join((*census.populations, *census.projections))
    raise ParameterError(f"explain: name must be one of {known}, got {part!r}")


def _part(chip: Chip, census: Census, part: str) -> list[str]:
    lines, total = [], 0.0
    for path, count in _share(chip, census, part).items():
        price = chip.price(path)
        if isinstance(price, Constant):
            energy = price.value * count
            total += energy
            text = format_quantity(energy, "J")
            lines.append(f"  {path}: {count:,} -> {text}\n{_constant(price)}")
        elif isinstance(price, NoPrice):
            lines.append(f"  {path}: {count:,}, {price.status}: {price.reason}")
    head = f"{chip.title}, {part!r}: {format_quantity(total, 'J')} in events of its own"
    return [head, *lines]


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
