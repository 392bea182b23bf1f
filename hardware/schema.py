"""Which tables and keys may a chip file have? The schema, as data, and its validator.

Every table is a dictionary of :class:`Key`; :func:`parse_chip` walks the document with
them and reports all problems at once. Prices have their own module, ``prices.py``.
"""

from typing import Any

from .agreement import check_inclusions, check_prices, check_tables
from .assumptions import FEATURES
from .chip import (
    READS,
    SCOPES,
    Calibration,
    Chip,
    CoreKind,
    Figure,
    NeuronKind,
    Quantise,
    Rule,
    Source,
    SynapseKind,
    Timing,
    Topology,
    Twin,
    Validation,
    frozen,
)
from .prices import parse_prices
from .problems import (
    Check,
    Key,
    Problems,
    any_quantity,
    fraction,
    in_unit,
    list_of,
    name_of,
    one_or_some,
    text,
    true_or_false,
    whole,
    words,
)
from .rules import RESOURCES, RULES
from .walls import LAYER_LIMITS, LIMITS

SCHEMA_VERSION = 1
TIERS = ("A", "B", "C")
CYCLE_MODELS = ("events", "xylo_audio2", "xylo_imu")
TIME_MODES = ("barrier_step", "fixed_tick", "clocked", "asynchronous", "continuous", "none")

_SOURCE = {
    "ref": Key(text(), required=True),
    "at": Key(text(), required=True),
    "note": Key(text(), default=""),
}


def source(problems: Problems, table: str, key: str, value: Any) -> Source | None:
    """``{ ref = "Davies 2018", at = "Table 2", note = "..." }``."""
    if not isinstance(value, dict):
        remedy = 'write source = { ref = "Author year", at = "Table 1" }'
        problems.add(table, key, value, "must be a table of ref and at", remedy)
        return None
    parsed = problems.table(f"{table}.{key}", value, _SOURCE)
    if parsed["ref"] is None or parsed["at"] is None:
        return None
    return Source(**parsed)


_SOURCED = {"source": Key(source, required=True), "read": Key(words(*READS), required=True)}
_CHIP = {
    "name": Key(name_of(40), required=True),
    "title": Key(text(80), required=True),
    "vendor": Key(text(80), required=True),
    "year": Key(whole(1950, 2100), required=True),
    "kind": Key(words("chip", "baseline"), default="chip"),
    "tier": Key(words(*TIERS), required=True),
    "evidence": Key(text(600), required=True),
    "node": Key(text(80), default="unknown"),
    "licence": Key(text(200), default=""),
    "aliases": Key(list_of(name_of(40)), default=()),
    "schema_version": Key(whole(1, SCHEMA_VERSION), required=True),
}
_TIME = _SOURCED | {
    "mode": Key(words(*TIME_MODES), required=True),
    "tick": Key(in_unit("time")),
    "clock": Key(in_unit("frequency")),
    "speed_up": Key(whole(1, 10**6), default=1),
    "cycles": Key(words(*CYCLE_MODELS), default="events"),
}
_TOPOLOGY = _SOURCED | {
    "kind": Key(words("mesh", "tri_torus", "none"), required=True),
    "tiles_x": Key(whole(1, 4096), default=1),
    "tiles_y": Key(whole(1, 4096), default=1),
    "cores_per_tile": Key(whole(1, 4096), default=1),
    "max_chips": Key(whole(1, 2**20), default=1),
    "multicast": Key(words("per_target_core", "single_target", "tree"), default="per_target_core"),
    "unit": Key(words("neuron", "layer"), default="neuron"),
}
_LIMITS = (
    _SOURCED
    | {name: Key(whole(0, 2**40)) for name in LIMITS}
    | {name: Key(one_or_some(whole(0, 2**40))) for name in LAYER_LIMITS}
)
_TWIN = _SOURCED | {
    "weight_density": Key(fraction, default=1.0),
    "bit_steps": Key(whole(0, 64), default=1),
    "bit_density": Key(fraction, default=1.0),
    "weight_bits": Key(whole(1, 64), default=32),
    "index_bits": Key(whole(0, 64), default=0),
    "activation_bits": Key(whole(1, 64), default=32),
    "word_bits": Key(whole(1, 1024), default=64),
    "reuse": Key(whole(1, 2**20), default=1),
    "utilisation": Key(fraction, default=1.0),
}
_QUANTISE = _SOURCED | {
    "state_bits": Key(whole(2, 64)),
    "decay": Key(words("mantissa", "shift", "analog"), default="mantissa"),
    "decay_bits": Key(whole(1, 32), default=12),
    "threshold_bits": Key(whole(1, 64)),
    "rounding": Key(words("nearest", "zero"), default="nearest"),
    "negative": Key(true_or_false, default=True),
}
_NEURON = _SOURCED | {
    "models": Key(list_of(text(40)), default=()),
    "features": Key(list_of(words(*FEATURES))),
}
_SYNAPSE = _SOURCED | {
    "weight_bits": Key(whole(1, 64)),
    "weight_values_per_neuron": Key(whole(1, 2**20)),
    "weight_values_per_core": Key(whole(1, 2**20)),
    "sign": Key(words("per_synapse", "per_source", "per_axon_type"), default="per_synapse"),
    "delay_min": Key(whole(0, 2**20), default=0),
    "delay_max": Key(whole(0, 2**20)),
    "delay_free": Key(whole(0, 2**20)),
    "formats": Key(list_of(name_of(40)), default=("default",)),
    "charged": Key(words("mapped", "full_row", "dense"), default="mapped"),
}
_FIGURE = _SOURCED | {
    "what": Key(text(), required=True),
    "value": Key(any_quantity, required=True),
    "scope": Key(words(*SCOPES), required=True),
    "why": Key(text(), required=True),
}
_CALIBRATION = _SOURCED | {
    "workload": Key(text(), required=True),
    "fitted": Key(text(), required=True),
    "residual": Key(text(), required=True),
}
_QUANTITIES = {"power": "power", "dynamic_energy": "energy", "step_time": "time"}
_VALIDATION = _SOURCED | {
    "id": Key(text(60), required=True),
    "workload": Key(text(60), required=True),
    "parameters": Key(lambda problems, table, key, value: value, required=True),
    "quantity": Key(words(*_QUANTITIES), required=True),
    "measured": Key(any_quantity, required=True),
    "tolerance": Key(fraction, required=True),
    "label": Key(words("calibrated", "predicted", "band"), required=True),
}
WORKLOADS: dict[str, dict[str, Key]] = {
    "random_recurrent": {
        "cores": Key(whole(1), required=True),
        "neurons_per_core": Key(whole(1), required=True),
        "synapses_per_neuron": Key(whole(1), required=True),
        "rate": Key(in_unit("frequency"), required=True),
    },
    "rate_band": {
        "synapses": Key(whole(1, 2**40), required=True),
        "neurons": Key(whole(1, 2**40), required=True),
        "steps_low": Key(whole(1, 2**20), required=True),
        "steps_high": Key(whole(1, 2**20), required=True),
        "rate_low": Key(fraction, required=True),
        "rate_high": Key(fraction, required=True),
    },
    "sop_stream": {
        "rows": Key(whole(1), required=True),
        "columns": Key(whole(1), required=True),
        "synop_rate": Key(in_unit("frequency"), required=True),
        "clock": Key(in_unit("frequency"), required=True),
    },
    "counts": {
        "synops": Key(whole(0, 2**53), default=0),
        "neuron_active": Key(whole(0, 2**53), default=0),
        "neuron_idle": Key(whole(0, 2**53), default=0),
        "steps": Key(whole(0, 2**40), default=0),
        "cores": Key(whole(0, 2**20), default=0),
        "chips": Key(whole(1, 2**20), default=1),
    },
}
_TOP = ("chip", "time", "topology", "limits", "core", "neuron", "synapse", "quantise", "twin")
_TOP += ("energy", "power", "latency", "cycles", "published", "calibration", "validation")


def _resources(problems: Problems, table: str, value: Any) -> dict[str, int]:
    if value is None:
        return {}
    keys = {name: Key(whole(1)) for name in RESOURCES}
    parsed = problems.table(f"{table}.resources", value, keys)
    return {name: limit for name, limit in parsed.items() if limit is not None}


def _rule(problems: Problems, table: str, resource: str, value: Any) -> Rule | None:
    where = f"{table}.cost_rules.{resource}"
    name = value.get("rule") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in RESOURCES[resource]:
        allowed = ", ".join(RESOURCES[resource])
        problems.add(where, "rule", name, f"is not a rule for {resource}", f"use {allowed}")
        return None
    keys: dict[str, Key] = {"rule": Key(text())}
    for param, default in RULES[name].items():
        if isinstance(default, tuple):
            keys[param] = Key(words(*default), default=default[0])
        else:
            low = 0 if param.endswith(("bits", "bytes")) and param != "word_bits" else 1
            keys[param] = Key(whole(low, 2**20), default=default)
    parsed = problems.table(where, value, keys)
    parsed.pop("rule")
    return Rule(name=name, params=frozen(parsed))


def _cost_rules(
    problems: Problems, table: str, value: Any, resources: dict[str, int]
) -> dict[str, Rule]:
    rules = {
        resource: Rule(name=RESOURCES[resource][0], params=frozen(RULES[RESOURCES[resource][0]]))
        for resource in resources
    }
    if value is not None and not isinstance(value, dict):
        remedy = 'write synapse_words = { rule = "linear" }'
        problems.add(table, "cost_rules", value, "must be a table", remedy)
        return rules
    for resource, rule in (value or {}).items():
        if resource not in resources:
            remedy = f"resources of this core: {', '.join(resources) or 'none'}"
            where = f"{table}.cost_rules"
            problems.add(where, resource, ..., "is not a resource of this core", remedy)
        elif (parsed := _rule(problems, table, resource, rule)) is not None:
            rules[resource] = parsed
    for resource, rule in rules.items():
        for param, number in rule.params.items():
            if number is None:
                where = f"{table}.cost_rules.{resource}"
                problems.add(where, param, ..., "is missing", f"rule {rule.name!r} needs it")
    return rules


def _core(problems: Problems, table: str, value: Any) -> CoreKind:
    raw: Check = lambda problems, table, key, value: value  # noqa: E731  (checked below)
    keys = _SOURCED | {
        "count": Key(whole(1), required=True),
        "roles": Key(list_of(words("neurons", "host")), default=("neurons",)),
        "layers": Key(list_of(words("conv", "dense")), default=()),
        "resources": Key(raw),
        "cost_rules": Key(raw),
    }
    parsed = problems.table(table, value, keys)
    resources = _resources(problems, table, parsed.pop("resources"))
    rules = _cost_rules(problems, table, parsed.pop("cost_rules"), resources)
    return CoreKind(resources=frozen(resources), cost_rules=frozen(rules), **parsed)


def _tables(problems: Problems, document: dict, name: str, limit: int = 64) -> list:
    value = document.get(name, [])
    if not isinstance(value, list) or len(value) > limit:
        rule = f"must be a list of at most {limit} tables"
        problems.add(name, "", value, rule, f"write [[{name}]] above each")
        return []
    return value


def _validation(problems: Problems, table: str, value: Any) -> Validation | None:
    parsed = problems.table(table, value, _VALIDATION)
    workload = parsed["workload"]
    if workload is None or parsed["quantity"] is None or parsed["measured"] is None:
        return None
    if workload not in WORKLOADS:
        remedy = f"use {', '.join(WORKLOADS)}"
        problems.add(table, "workload", workload, "is not a known workload", remedy)
        return None
    parameters = problems.table(
        f"{table}.parameters", parsed.pop("parameters"), WORKLOADS[workload]
    )
    check = in_unit(_QUANTITIES[parsed["quantity"]])
    parsed["measured"] = check(problems, table, "measured", parsed["measured"])
    return Validation(parameters=frozen(parameters), **parsed)


def _sections(problems: Problems, document: dict) -> dict[str, Any]:
    cores = _tables(problems, document, "core")
    if not cores:
        problems.add("core", "", ..., "is missing", "add a [[core]] with count and resources")
    parsed = [_core(problems, "core", core) for core in cores]
    holding = [core for core in parsed if "neurons" in (core.roles or ())]
    topology = problems.table("topology", document.get("topology"), _TOPOLOGY)
    if cores and len(holding) != 1 and (topology["unit"] != "layer" or not holding):
        remedy = 'keep one core with "neurons" among its roles; several where unit = "layer"'
        problems.add("core", "roles", ..., "must name one kind of core for neurons", remedy)
    rows = enumerate(_tables(problems, document, "validation"), start=1)
    return {
        "time": Timing(**_timing(problems, document)),
        "topology": Topology(**topology),
        "cores": tuple(parsed),
        "neuron": NeuronKind(**problems.table("neuron", document.get("neuron"), _NEURON)),
        "synapse": SynapseKind(**_synapse(problems, document)),
        "limits": _limits(problems, document),
        "twin": Twin(**problems.table("twin", document["twin"], _TWIN))
        if "twin" in document
        else None,
        "quantise": Quantise(**problems.table("quantise", document["quantise"], _QUANTISE))
        if "quantise" in document
        else None,
        "figures": tuple(
            Figure(**problems.table("published", row, _FIGURE))
            for row in _tables(problems, document, "published")
        ),
        "calibrations": tuple(
            Calibration(**problems.table("calibration", row, _CALIBRATION))
            for row in _tables(problems, document, "calibration")
        ),
        "validations": tuple(_validation(problems, f"validation {n}", row) for n, row in rows),
    }


def _limits(problems: Problems, document: dict) -> dict[str, int | tuple[int, ...]]:
    if "limits" not in document:
        return frozen({})
    parsed = problems.table("limits", document["limits"], _LIMITS)
    return frozen({name: parsed[name] for name in LIMITS if parsed[name] is not None})


def _timing(problems: Problems, document: dict) -> dict[str, Any]:
    parsed = problems.table("time", document.get("time"), _TIME)
    needs = {"fixed_tick": "tick", "clocked": "clock", "continuous": "tick"}.get(parsed["mode"])
    if needs is not None and parsed[needs] is None:
        remedy = f"write {needs} with its unit"
        problems.add("time", needs, ..., f"is missing for mode {parsed['mode']!r}", remedy)
    return {
        "mode": parsed["mode"],
        "tick_s": parsed["tick"],
        "clock_hz": parsed["clock"],
        "speed_up": float(parsed["speed_up"]),
        "cycles": parsed["cycles"],
        "source": parsed["source"],
        "read": parsed["read"],
    }


def _synapse(problems: Problems, document: dict) -> dict[str, Any]:
    parsed = problems.table("synapse", document.get("synapse"), _SYNAPSE)
    low, high = parsed["delay_min"], parsed["delay_max"]
    if high is not None and low is not None and low > high:
        remedy = "delay_min must not exceed delay_max"
        problems.add("synapse", "delay_min", low, f"is above delay_max = {high}", remedy)
    if not parsed["formats"]:
        problems.add("synapse", "formats", ..., "is empty", "name one, or leave the key out")
        parsed["formats"] = ("default",)
    return parsed


def parse_chip(document: dict, file: str) -> tuple[Chip | None, list]:
    """Validate a parsed TOML document; a chip, or None and all its problems."""
    problems = Problems(file)
    for key in document:
        if key not in _TOP:
            known = ", ".join(_TOP)
            problems.add("top level", key, ..., "is an unknown table", f"known: {known}")
    head = problems.table("chip", document.get("chip"), _CHIP)
    head.pop("schema_version")
    sections = _sections(problems, document)
    prices = parse_prices(problems, document, sections["synapse"].formats, source)
    check_prices(problems, prices, sections["time"].mode)
    check_inclusions(problems, prices)
    check_tables(problems, document, sections, prices)
    if problems.found:
        return None, problems.found
    return Chip(path=file, prices=frozen(prices), **head, **sections), []
