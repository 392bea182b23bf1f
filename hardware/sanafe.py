"""Which chip does an architecture file of SANA-FE describe? Its YAML, as a chip.

Every constant is marked *fitted* and *assumed by the file*: the header of such a file says
where its values are from, and for Loihi most are not from there. SANA-FE charges the access
of each mapped neuron in every step, and its update where it changed: idle neurons cost the
access, active ones both. It knows neither static power nor capacities other than neurons.

The file may come from a stranger: it is read as plain data of bounded size, without aliases.
"""

import os
import re
from pathlib import Path
from typing import Any

from neurosim.errors import FormatError

from .chip import Chip
from .load import read_bounded
from .problems import short
from .schema import parse_chip

_RANGE = re.compile(r"(.*)\[(\d{1,6})\.\.(\d{1,6})\]")
_WAYS = ("east", "west", "north", "south")
_LATENCIES = {
    "message_in": ("axon_in", "latency_message_in"),
    "spike_out": ("soma", "latency_spike_out"),
}


def _fault(path: str, where: str, rule: str, remedy: str) -> FormatError:
    return FormatError(f"{path}: {where} {rule}; {remedy}")


def _parsed(path: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise _fault(
            str(path), "the file", "needs PyYAML to be read", "pip install 'neurosim[sanafe]'"
        ) from None
    content = read_bounded(path)
    if not isinstance(content, bytes):
        raise FormatError("\n".join(str(problem) for problem in content))
    try:
        text = content.decode("utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise _fault(str(path), "YAML alias", "is not read", "write the values out")
        return yaml.safe_load(text)
    except UnicodeDecodeError:
        raise _fault(str(path), "the file", "is not UTF-8 text", "save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        what = " ".join(str(error).split())[:120]
        raise _fault(str(path), "the file", f"is not YAML ({what})", "correct it") from None


class _File:
    """The parts of an architecture, each checked when it is asked for."""

    def __init__(self, path: str, document: Any) -> None:
        self.path = path
        self.architecture = self.table(document, "file").get("architecture")
        self.architecture = self.table(self.architecture, "architecture")

    def table(self, value: Any, where: str) -> dict:
        if not isinstance(value, dict):
            raise _fault(self.path, where, f"must be a table, got {short(value)}", "see loihi.yaml")
        return value

    def list_of(self, parent: dict, key: str, where: str) -> list[dict]:
        value = parent.get(key, [])
        if not isinstance(value, list) or len(value) > 4096:
            raise _fault(self.path, f"{where}.{key}", "must be a list", "see loihi.yaml")
        return [self.table(one, f"{where}.{key}") for one in value]

    def number(self, unit: dict, key: str, default: float = 0.0) -> float:
        value = self.table(unit.get("attributes", {}), str(unit.get("name"))).get(key, default)
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = -1.0
        if not 0 <= found < 1e9:
            rule = f"must be a number that is not negative, got {short(value)}"
            raise _fault(self.path, f"{unit.get('name')}.{key}", rule, "write it in SI units")
        return found


def count_of(name: Any) -> int:
    """How many units a name with a range stands for.

    >>> count_of("tile[0..31]"), count_of("tile")
    (32, 1)
    """
    match = _RANGE.fullmatch(str(name))
    return 1 if match is None else max(1, int(match[3]) - int(match[2]) + 1)


def _constant(value: float, unit: str, source: dict, low: float | None = None) -> dict:
    low = value if low is None else low
    low, high = min(low, value), max(low, value)
    note = "the file says zero" if value == 0 else "as the file says; where from is not checked"
    return {
        "value": f"{value:.9g} {unit}",
        "low": f"{low:.9g} {unit}",
        "high": f"{high:.9g} {unit}",
        "scope": "incremental",
        "basis": "fitted",
        "group": "sanafe_file",
        "source": source | {"note": note},
        "read": "primary",
    }


def _formats(file: _File, core: dict, source: dict) -> tuple[list[str], dict, dict]:
    """Names of the synapse units, their energies, and the time of the first."""
    energies, units = {}, file.list_of(core, "synapse", "core")
    for unit in units:
        name = re.sub("[^a-z0-9._-]", "_", str(unit.get("name", "synapse")).lower())[:40]
        word = next((word for word in ("conv", "dense", "sparse") if word in name), name)
        price = file.number(unit, "energy_process_spike")
        energies.setdefault(word, _constant(price, "J", source))
    if not units:
        raise _fault(file.path, "core.synapse", "is missing", "add a synapse unit")
    time = _constant(file.number(units[0], "latency_process_spike"), "s", source)
    return list(energies), energies, time


def _sync(file: _File, source: dict) -> dict[str, dict]:
    """The barrier: a number, or a table over tiles of which the two ends are taken."""
    attributes = file.table(file.architecture.get("attributes", {}), "architecture.attributes")
    value = attributes.get("latency_sync", 0.0)
    if isinstance(value, dict) and value:
        ends = sorted((int(k), float(v)) for k, v in value.items())
        return {
            "sync_one_tile": _constant(ends[0][1], "s", source),
            "sync": _constant(ends[-1][1], "s", source),
        }
    return {"sync": _constant(float(value or 0.0), "s", source)}


def _energies(file: _File, tile: dict, core: dict, source: dict) -> tuple[dict, dict]:
    """The tables [energy] and [latency]."""
    soma = next(iter(file.list_of(core, "soma", "core")), {"name": "soma"})
    axon_in = next(iter(file.list_of(core, "axon_in", "core")), {"name": "axon_in"})
    axon_out = next(iter(file.list_of(core, "axon_out", "core")), {"name": "axon_out"})
    units = {"soma": soma, "axon_in": axon_in}
    access = file.number(soma, "energy_access_neuron")
    active = access + file.number(soma, "energy_update_neuron")
    hop = {way: file.number(tile, f"energy_{way}_hop") for way in _WAYS}
    energy = {
        "neuron_idle": _constant(access, "J", source),
        "neuron_active": _constant(active, "J", source),
        "spike_out": _constant(file.number(soma, "energy_spike_out"), "J", source),
        "axon_in": _constant(file.number(axon_in, "energy_message_in"), "J", source),
        "axon_out": _constant(file.number(axon_out, "energy_message_out"), "J", source),
        "hop": {
            "x": _constant(hop["east"], "J", source, hop["west"]),
            "y": _constant(hop["north"], "J", source, hop["south"]),
        },
        "intra_tile": {"absent": "no energy within a tile in SANA-FE"},
        "chip_link": {"absent": "one mesh in SANA-FE"},
        "sync": {"absent": "no energy of the barrier in SANA-FE"},
        "io": {"basis": "unpublished", "note": "SANA-FE has inputs on cores"},
    }
    access = file.number(soma, "latency_access_neuron")
    latency = {
        "neuron_idle": _constant(access, "s", source),
        "neuron_active": _constant(
            access + file.number(soma, "latency_update_neuron"), "s", source
        ),
        "hop": _constant(file.number(tile, "latency_east_hop"), "s", source),
    }
    for name, (unit, key) in _LATENCIES.items():
        latency[name] = _constant(file.number(units[unit], key), "s", source)
    return energy, latency | _sync(file, source)


def _document(file: _File, name: str) -> dict[str, Any]:
    attributes = file.table(file.architecture.get("attributes", {}), "architecture.attributes")
    tiles = file.list_of(file.architecture, "tile", "architecture")
    if len(tiles) != 1:
        rule = f"must hold one kind of tile, got {len(tiles)}"
        raise _fault(file.path, "architecture.tile", rule, "describe others in chip files")
    cores = file.list_of(tiles[0], "core", "tile")
    if len(cores) != 1:
        rule = f"must hold one kind of core, got {len(cores)}"
        raise _fault(file.path, "tile.core", rule, "describe others in chip files")
    tile, core = tiles[0], cores[0]
    n_tiles, per_tile = count_of(tile.get("name")), count_of(core.get("name"))
    source = {"ref": "a SANA-FE architecture", "at": Path(file.path).name[:100]}
    marks = {"source": source, "read": "primary"}
    formats, synop, synop_time = _formats(file, core, source)
    energy, latency = _energies(file, tile, core, source)
    width = int(attributes.get("width", n_tiles))
    limit = int(file.number(core, "max_neurons_supported", 1024))
    return {
        "chip": {
            "name": name,
            "title": f"{name} (SANA-FE file)",
            "vendor": "unknown",
            "year": 2026,
            "tier": "C",
            "evidence": "Read from a SANA-FE architecture; no static power, no memory walls.",
            "schema_version": 1,
        },
        "time": marks | {"mode": "barrier_step"},
        "topology": marks
        | {
            "kind": "mesh",
            "tiles_x": width,
            "tiles_y": int(attributes.get("height", max(1, n_tiles // max(1, width)))),
            "cores_per_tile": per_tile,
        },
        "core": [marks | {"count": n_tiles * per_tile, "resources": {"neurons": limit}}],
        "neuron": dict(marks),
        "synapse": marks | {"formats": formats},
        "energy": energy | {"synop": synop},
        "power": {"chip_static": {"basis": "unpublished", "note": "SANA-FE has no static power"}},
        "latency": latency | {"synop": synop_time},
    }


def import_sanafe(path: str | os.PathLike, name: str | None = None) -> Chip:
    """A chip from an architecture file of SANA-FE.

    Parameters
    ----------
    path
        A YAML file with one kind of tile and one kind of core.
    name : str, optional
        Of the chip; default the name in the file, in the characters that a chip's name may have.

    Raises
    ------
    FormatError
        The file is not such an architecture; the message says where.
    """
    file = _File(str(path), _parsed(Path(path)))
    own = re.sub("[^a-z0-9._-]", "-", str(file.architecture.get("name", "sanafe")).lower())
    try:
        document = _document(file, name or own.strip("-._")[:40] or "sanafe")
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise _fault(
            file.path, "the file", f"holds a wrong value ({error})", "use numbers"
        ) from None
    chip, problems = parse_chip(document, file.path)
    if chip is None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise FormatError(f"architecture {file.path!r} makes no chip:\n{lines}")
    return chip
