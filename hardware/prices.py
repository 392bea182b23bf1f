"""Which costs may a chip file price, and is each entry complete? The validator of prices.

An entry of ``[energy]``, ``[power]``, ``[latency]`` or ``[cycles]`` is a constant (value,
low, high, scope, basis, source, read), or says why there is no number:
``basis = "unpublished"``, ``included_in = "..."`` or ``absent = "..."``.
"""

from typing import Any

from neurosim.errors import ParameterError
from neurosim.units import DIMENSIONS, parse_quantity

from .chip import BASES, READS, SCOPES, Constant, NoPrice, Price, frozen
from .problems import Check, Key, Problems, any_quantity, text, words

# table -> {cost: dimension}. "synop" and "hop" may be split: synop by format, hop by axis.
COSTS: dict[str, dict[str, str]] = {
    "energy": {
        "all_in": "energy",
        "synop": "energy",
        "neuron_active": "energy",
        "neuron_idle": "energy",
        "spike_out": "energy",
        "axon_in": "energy",
        "axon_out": "energy",
        "hop": "energy",
        "intra_tile": "energy",
        "chip_link": "energy",
        "weight_read": "energy",
        "state_access": "energy",
        "activation_read": "energy",
        "result_write": "energy",
        "sync": "energy",
        "io": "energy",
    },
    "power": {
        "chip_static": "power",
        "core_static": "power",
        "core_active": "power",
        "clock_per_hz": "energy",
        "host": "power",
    },
    "latency": {
        "synop": "time",
        "neuron_active": "time",
        "neuron_idle": "time",
        "spike_out": "time",
        "sync": "time",
        "sync_one_tile": "time",
        "sync_multichip": "time",
        "hop": "time",
        "pipeline": "time",
    },
    "cycles": {
        "axon_in": "count",
        "synop": "count",
        "spike_out": "count",
        "input": "count",
        "input_synop": "count",
        "hidden_neuron": "count",
        "output_spike": "count",
        "output_synop": "count",
        "output_neuron": "count",
    },
}
_AXES = ("x", "y")
_NUMBER_KEYS = ("value", "low", "high")
_EXCUSES = ("included_in", "absent")


def _conditions(problems: Problems, table: str, key: str, value: Any) -> dict | None:
    keys = {name: Key(any_quantity) for name in ("vdd", "clock", "rate")}
    keys["note"] = Key(text())
    found = problems.table(f"{table}.{key}", value, keys)
    return {name: entry for name, entry in found.items() if entry is not None}


def _number(problems: Problems, table: str, key: str, value: Any, dimension: str) -> float | None:
    """One of value, low, high, in SI units; reports what is wrong with it."""
    example = {"energy": "'23.6 pJ'", "power": "'104 mW'", "time": "'3.5 ns'"}.get(
        dimension, "'512 cycles'"
    )
    try:
        found = parse_quantity(value, owner=table, name=key)
    except ParameterError as error:
        rule = str(error).removeprefix(f"{table}.{key} ").split("; ")[0]
        remedy = f"write {dimension} with its unit, such as {example}"
        problems.add(table, key, ..., rule, remedy)
        return None
    if found.dimension != DIMENSIONS[dimension]:
        rule = f"must be of dimension {dimension}, not {found.dimension_name}"
        problems.add(table, key, value, rule, f"write it as {example}")
        return None
    if found.value < 0:
        problems.add(table, key, value, "must not be negative", "write the published value")
        return None
    return found.value


def _no_price(problems: Problems, path: str, entry: dict) -> NoPrice | None:
    """An entry that says why it has no number, or None where it is a constant."""
    excuse = next((key for key in _EXCUSES if key in entry), None)
    if excuse is None and entry.get("basis") != "unpublished":
        return None
    keys = {"note": Key(text()), excuse or "basis": Key(text(), required=True)}
    if excuse is None:
        keys["source"] = Key(lambda problems, table, key, value: value)
    for key in _NUMBER_KEYS:
        if key in entry:
            rule = f"stands beside {excuse or 'basis'} = {entry.get(excuse or 'basis')!r}"
            remedy = "an entry has a number or a reason to have none, not both"
            problems.add(path, key, entry[key], rule, remedy)
    rest = {key: value for key, value in entry.items() if key not in _NUMBER_KEYS}
    parsed = problems.table(path, rest, keys)
    note = parsed["note"] or ""
    if excuse == "included_in":
        reason = f"included in {parsed[excuse]}" + (f": {note}" if note else "")
        return NoPrice(path=path, status="included", reason=reason, within=parsed[excuse] or "")
    if excuse == "absent":
        return NoPrice(path=path, status="absent", reason=parsed[excuse] or "")
    return NoPrice(path=path, status="unpublished", reason=note or "unpublished")


def _constant(
    problems: Problems, path: str, entry: dict, dimension: str, source: Check
) -> Constant | None:
    def number(problems: Problems, table: str, key: str, value: Any) -> float | None:
        return _number(problems, table, key, value, dimension)

    keys = {name: Key(number, required=True) for name in _NUMBER_KEYS} | {
        "scope": Key(words(*SCOPES), required=True),
        "basis": Key(words(*BASES), required=True),
        "group": Key(text(60), default=path),
        "conditions": Key(_conditions, default={}),
        "source": Key(source, required=True),
        "read": Key(words(*READS), required=True),
    }
    before = len(problems.found)
    parsed = problems.table(path, entry, keys)
    low, value, high = (parsed[name] for name in ("low", "value", "high"))
    if None not in (low, value, high) and not low <= value <= high:
        key = "low" if low > value else "high"
        rule = f"breaks low <= value <= high (value is {entry['value']!r})"
        problems.add(path, key, entry[key], rule, "order the three numbers")
    if value == 0 and parsed["source"] is not None and not parsed["source"].note:
        remedy = 'say why in source.note, or write basis = "unpublished"'
        problems.add(path, "value", entry["value"], "is zero without a reason", remedy)
    if len(problems.found) > before:
        return None
    parsed["conditions"] = frozen(parsed["conditions"])
    return Constant(path=path, text=entry["value"], dimension=dimension, **parsed)


def _leaves(
    problems: Problems, path: str, entry: dict, cost: str, formats: tuple[str, ...]
) -> dict[str, dict]:
    """The entries under a cost: itself, or one per synapse format or per axis of the mesh."""
    table = path.split(".")[0]
    parts = {"synop": formats, "hop": _AXES}.get(cost, ()) if table == "energy" else ()
    own = {*_NUMBER_KEYS, *_EXCUSES, "basis", "scope", "source", "read"}
    if not parts or own & entry.keys():
        return {path: entry}
    for key in entry:
        if key not in parts:
            remedy = f"use {', '.join(parts)}, or give one entry for all"
            problems.add(path, key, ..., "is an unknown key", remedy)
    return {f"{path}.{part}": entry[part] for part in parts if part in entry}


def parse_prices(
    problems: Problems, document: dict, formats: tuple[str, ...], source: Check
) -> dict[str, Price]:
    """All priced entries of a document, by path such as ``"energy.hop.x"``."""
    prices: dict[str, Price] = {}
    for table, costs in COSTS.items():
        content = document.get(table, {})
        if not isinstance(content, dict):
            problems.add(table, "", content, "must be a table", f"write [{table}.<cost>]")
            continue
        for cost, entry in content.items():
            path = f"{table}.{cost}"
            if cost not in costs:
                known = ", ".join(costs)
                problems.add(table, cost, ..., "is an unknown key", f"known keys: {known}")
                continue
            if not isinstance(entry, dict):
                remedy = "write a table of value, low, high, scope, basis, source, read"
                problems.add(table, cost, entry, "must be a priced constant", remedy)
                continue
            for leaf, content_of_leaf in _leaves(problems, path, entry, cost, formats).items():
                price = _price(problems, leaf, content_of_leaf, costs[cost], source)
                if price is not None:
                    prices[leaf] = price
    return prices


def _price(
    problems: Problems, path: str, entry: Any, dimension: str, source: Check
) -> Price | None:
    if not isinstance(entry, dict):
        remedy = "write a table of value, low, high, scope, basis, source, read"
        problems.add(path, "", entry, "must be a priced constant", remedy)
        return None
    before = len(problems.found)
    excused = _no_price(problems, path, entry)
    if excused is not None or len(problems.found) > before:
        return excused
    return _constant(problems, path, entry, dimension, source)
