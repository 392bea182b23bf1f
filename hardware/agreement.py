"""Do the tables of a chip file agree? Rules over several tables at once.

Each table is right by itself when these are asked.
"""

from typing import Any

from .chip import Constant, CoreKind, Price, SynapseKind, Topology
from .problems import Problems
from .rules import LAYER_RULES


def check_prices(problems: Problems, prices: dict[str, Price], mode: str | None) -> None:
    """Rules over the whole price list: all-in prices stand alone, times fit the mode."""
    numbers = {path: price for path, price in prices.items() if isinstance(price, Constant)}
    all_in = [path for path, price in numbers.items() if price.scope == "all_in"]
    for path in all_in:
        if path != "energy.all_in":
            remedy = "move it to [energy.all_in], or to [[published]] to only show it"
            problems.add(path, "scope", "all_in", "is only allowed in [energy.all_in]", remedy)
    if "energy.all_in" in numbers:
        if numbers["energy.all_in"].scope != "all_in":
            remedy = 'write scope = "all_in"'
            problems.add("energy.all_in", "scope", "incremental", "must be all_in", remedy)
        for path in numbers:
            if path.startswith(("energy.", "power.")) and path not in all_in:
                rule = "would be counted twice beside the all-in price energy.all_in"
                remedy = f"remove one of the two, or move one to [[published]] ({path})"
                problems.add(path, "value", numbers[path].text, rule, remedy)
    for path in numbers:
        table = path.split(".")[0]
        if (table == "cycles") != (mode == "clocked") and table in ("cycles", "latency"):
            rule = f"does not go with [time] mode = {mode!r}"
            remedy = "clocked chips have [cycles], all others [latency]"
            problems.add(path, "value", numbers[path].text, rule, remedy)
    if "power.clock_per_hz" in numbers and mode != "clocked":
        rule = f"needs a clock, and [time] mode is {mode!r}"
        problems.add("power.clock_per_hz", "value", ..., rule, "use power.chip_static")


def check_inclusions(problems: Problems, prices: dict[str, Price]) -> None:
    """A cost that is inside another one names a constant: else it would be nowhere."""
    broken = {problem.table for problem in problems.found}
    priced = {path for path, price in prices.items() if isinstance(price, Constant)}
    for path, price in prices.items():
        within = getattr(price, "within", "")
        if not within or within in priced or within in broken:
            continue
        if not any(name.startswith(f"{within}.") for name in priced):
            remedy = f"name one of {', '.join(sorted(priced)) or 'the priced entries'}"
            problems.add(path, "included_in", within, "is not an entry with a number", remedy)


def _check_core(problems: Problems, core: CoreKind, synapse: SynapseKind, unit: str) -> None:
    for resource, limit in core.resources.items():
        units = core.cost_rules[resource].params.get("units", 1)
        if isinstance(units, int) and units > limit:
            rule = f"is above the {resource} = {limit} of a core, so nothing fits"
            where = f"core.cost_rules.{resource}"
            problems.add(where, "units", units, rule, "lower units or raise the resource")
    if unit == "layer" and not any(rule.name in LAYER_RULES for rule in core.cost_rules.values()):
        rule = "holds layers, which none of its resources counts"
        remedy = "add kernel_words and state_words, or weight_bytes and input_bytes"
        problems.add("core", "resources", ..., rule, remedy)
    if synapse.charged == "full_row" and "neurons" not in core.resources:
        rule = "needs the number of columns, which [[core]] resources does not give"
        problems.add("synapse", "charged", "full_row", rule, "add neurons = ... to the resources")


def check_tables(
    problems: Problems,
    document: dict[str, Any],
    sections: dict[str, Any],
    prices: dict[str, Price],
) -> None:
    """Rules that need cores, mesh, synapses and prices together."""
    place: Topology = sections["topology"]
    synapse: SynapseKind = sections["synapse"]
    for core in sections["cores"]:
        if "neurons" not in (core.roles or ()) or core.count is None:
            continue
        _check_core(problems, core, synapse, place.unit)
        room = place.tiles_x * place.tiles_y * place.cores_per_tile
        if place.kind == "mesh" and room < core.count:
            rule = f"has room for {room} cores, fewer than the {core.count} of [[core]]"
            remedy = "raise tiles_x, tiles_y or cores_per_tile"
            problems.add("topology", "tiles_x", place.tiles_x, rule, remedy)
    if "energy" not in document:
        remedy = 'add one; where nobody printed a price, write basis = "unpublished"'
        problems.add("energy", "", ..., "is missing", remedy)
    unpriced = [name for name in synapse.formats if f"energy.synop.{name}" not in prices]
    if len(synapse.formats) > 1 and unpriced and "energy.synop" not in prices:
        rule = f"has no entry in [energy.synop] for {', '.join(unpriced)}"
        remedy = 'add one, with basis = "unpublished" where there is no number'
        problems.add("synapse", "formats", ..., rule, remedy)
