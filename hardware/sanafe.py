"""Which chip does an architecture file of SANA-FE describe? Its YAML, as a chip.

Every constant is marked *fitted* and *assumed by the file*: the header of such a file says
where its values are from, and for Loihi most are not from there. SANA-FE charges the access
of each mapped neuron in every step, and its update where it changed: idle neurons cost the
access, active ones both. A dendrite before the buffer is updated by each synaptic operation and
is part of its price. It knows neither static power nor capacities other than neurons. A price
that the file lacks, older forms of the file have other names for, is unpublished and never zero.

The file may come from a stranger: it is read as plain data of bounded size, without aliases.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.errors import FormatError

from .chip import Chip
from .load import read_bounded
from .problems import short
from .schema import parse_chip

_RANGE = re.compile(r"(.*)\[(\d{1,6})\.\.(\d{1,6})\]")
_WAYS = ("east", "west", "north", "south")
# What SANA-FE takes for a core that does not say.
_MOST_NEURONS = 1024


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
        if isinstance(error, FormatError):
            raise
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

    def number(self, unit: dict, key: str) -> float | None:
        """A number that is not negative, or None where the file does not give it."""
        # A unit without attributes is written as an empty key.
        attributes = unit.get("attributes") or {}
        value = self.table(attributes, str(unit.get("name"))).get(key, ...)
        if value is ...:
            return None
        try:
            found = -1.0 if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            found = -1.0
        if not 0 <= found < 1e9:
            rule = f"must be a number that is not negative, got {short(value)}"
            raise _fault(self.path, f"{unit.get('name')}.{key}", rule, "write it in SI units")
        return found

    def sum_of(self, *terms: tuple[dict, str]) -> float | None:
        """The sum of numbers of units; None where the file lacks one of them."""
        found = [self.number(unit, key) for unit, key in terms]
        return None if None in found else sum(found)


def count_of(name: Any) -> int:
    """How many units a name with a range stands for.

    >>> count_of("tile[0..31]"), count_of("tile")
    (32, 1)
    """
    match = _RANGE.fullmatch(str(name))
    if match is None:
        return 1
    first, last = int(match[2]), int(match[3])
    if last < first:
        raise ValueError(f"the range of {short(name)} ends before it begins")
    return last - first + 1


@dataclass(frozen=True, slots=True)
class _Prices:
    """Entries of a chip file from numbers of an architecture, in one unit."""

    unit: str
    source: dict

    def entry(self, value: float | None, other: float | None = None) -> dict:
        """A constant between ``value`` and ``other``; unpublished where there is no number."""
        if value is None:
            return {"basis": "unpublished", "note": "the file does not give it"}
        ends = [value, value if other is None else other]
        note = "the file says zero" if value == 0 else "as the file says; where from is not checked"
        return {
            "value": f"{value:.9g} {self.unit}",
            "low": f"{min(ends):.9g} {self.unit}",
            "high": f"{max(ends):.9g} {self.unit}",
            "scope": "incremental",
            "basis": "fitted",
            "group": "sanafe_file",
            "source": self.source | {"note": note},
            "read": "primary",
        }


@dataclass(frozen=True, slots=True)
class _Units:
    """The units of a core that are read: the first of each kind, and all synapses."""

    synapses: list[dict]
    dendrite: dict
    soma: dict
    axon_in: dict
    axon_out: dict
    others: list[str]

    @classmethod
    def of(cls, file: _File, core: dict) -> "_Units":
        found, others = {}, []
        for kind in ("dendrite", "soma", "axon_in", "axon_out"):
            units = file.list_of(core, kind, "core")
            found[kind] = units[0] if units else {"name": kind}
            others += [f"{kind} {unit.get('name')}" for unit in units[1:]]
        synapses = file.list_of(core, "synapse", "core")
        if not synapses:
            raise _fault(file.path, "core.synapse", "is missing", "add a synapse unit")
        return cls(synapses, others=others, **found)


def _dendrite(file: _File, core: dict, units: _Units, key: str) -> float:
    """What the dendrite adds to a synaptic operation.

    With the buffer of a core before its soma the dendrite is updated once by each operation.

    Raises
    ------
    FormatError
        It has a price, and the buffer is elsewhere: then the updates follow from no raster.
    """
    value = file.number(units.dendrite, key) or 0.0
    place = file.table(core.get("attributes") or {}, "core").get("buffer_position", "soma")
    if value and place != "soma":
        where = f"{units.dendrite.get('name')}.{key}"
        rule = f"has a price where the buffer_position is {short(place)}"
        raise _fault(file.path, where, rule, "only buffers before the soma are counted")
    return value


def _formats(file: _File, core: dict, units: _Units, source: dict) -> tuple[list[str], dict, dict]:
    """Names of the synapse units, their energies, and the time of the first."""
    energies, joules = {}, _Prices("J", source)
    more = _dendrite(file, core, units, "energy_update")
    for unit in units.synapses:
        name = re.sub("[^a-z0-9._-]", "_", str(unit.get("name", "synapse")).lower())[:40]
        word = next((word for word in ("conv", "dense", "sparse") if word in name), name)
        price = file.number(unit, "energy_process_spike")
        energies.setdefault(word, joules.entry(None if price is None else price + more))
    seconds = file.number(units.synapses[0], "latency_process_spike")
    if seconds is not None:
        seconds += _dendrite(file, core, units, "latency_update")
    return list(energies), energies, _Prices("s", source).entry(seconds)


def _sync(file: _File, source: dict) -> dict[str, dict]:
    """The barrier: a number, or a table over tiles of which the two ends are taken."""
    attributes = file.table(file.architecture.get("attributes") or {}, "architecture.attributes")
    value, seconds = attributes.get("latency_sync"), _Prices("s", source)
    if isinstance(value, dict) and value:
        ends = sorted((int(k), float(v)) for k, v in value.items())
        return {
            "sync_one_tile": seconds.entry(ends[0][1]),
            "sync": seconds.entry(ends[-1][1]),
        }
    return {"sync": seconds.entry(None if value is None else float(value))}


def _energies(file: _File, tile: dict, units: _Units, source: dict) -> dict:
    """The table [energy], apart from the synapses."""
    access = (units.soma, "energy_access_neuron")
    hop = {way: file.number(tile, f"energy_{way}_hop") for way in _WAYS}
    joules = _Prices("J", source)
    return {
        "neuron_idle": joules.entry(file.sum_of(access)),
        "neuron_active": joules.entry(file.sum_of(access, (units.soma, "energy_update_neuron"))),
        "spike_out": joules.entry(file.number(units.soma, "energy_spike_out")),
        "axon_in": joules.entry(file.number(units.axon_in, "energy_message_in")),
        "axon_out": joules.entry(file.number(units.axon_out, "energy_message_out")),
        "hop": {
            "x": joules.entry(hop["east"], hop["west"]),
            "y": joules.entry(hop["north"], hop["south"]),
        },
        "intra_tile": {"absent": "no energy within a tile in SANA-FE"},
        "chip_link": {"absent": "one mesh in SANA-FE"},
        "sync": {"absent": "no energy of the barrier in SANA-FE"},
        "io": {"basis": "unpublished", "note": "SANA-FE has inputs on cores"},
    }


def _latencies(file: _File, tile: dict, units: _Units, source: dict) -> dict:
    """The table [latency], apart from the synapses."""
    access, seconds = (units.soma, "latency_access_neuron"), _Prices("s", source)
    active = file.sum_of(access, (units.soma, "latency_update_neuron"))
    return {
        "neuron_idle": seconds.entry(file.sum_of(access)),
        "neuron_active": seconds.entry(active),
        "spike_out": seconds.entry(file.number(units.soma, "latency_spike_out")),
        "hop": seconds.entry(file.number(tile, "latency_east_hop")),
    } | _sync(file, source)


def _only(file: _File, parent: dict, kind: str, where: str) -> dict:
    found = file.list_of(parent, kind, where)
    if len(found) != 1:
        rule = f"must hold one kind of {kind}, got {len(found)}"
        raise _fault(file.path, f"{where}.{kind}", rule, "describe others in chip files")
    return found[0]


def _evidence(units: _Units) -> str:
    left = (
        "Read from a SANA-FE architecture; no static power, no memory walls, no time of messages."
    )
    if units.others:
        named = ", ".join(units.others)
        left += f" Not read: {named if len(named) <= 300 else named[:297] + '...'}."
    return left


def _document(file: _File, name: str) -> dict[str, Any]:
    attributes = file.table(file.architecture.get("attributes") or {}, "architecture.attributes")
    tile = _only(file, file.architecture, "tile", "architecture")
    core = _only(file, tile, "core", "tile")
    n_tiles, per_tile = count_of(tile.get("name")), count_of(core.get("name"))
    source = {"ref": "a SANA-FE architecture", "at": Path(file.path).name[:100]}
    marks = {"source": source, "read": "primary"}
    units = _Units.of(file, core)
    formats, synop, synop_time = _formats(file, core, units, source)
    width = int(attributes.get("width", n_tiles))
    limit = file.number(core, "max_neurons_supported")
    return {
        "chip": {
            "name": name,
            "title": f"{name} (SANA-FE file)",
            "vendor": "unknown",
            "year": 2026,
            "tier": "C",
            "evidence": _evidence(units),
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
        "core": [
            marks
            | {
                "count": n_tiles * per_tile,
                "resources": {"neurons": _MOST_NEURONS if limit is None else int(limit)},
            }
        ],
        "neuron": dict(marks),
        "synapse": marks | {"formats": formats},
        "energy": _energies(file, tile, units, source) | {"synop": synop},
        "power": {"chip_static": {"basis": "unpublished", "note": "SANA-FE has no static power"}},
        "latency": _latencies(file, tile, units, source) | {"synop": synop_time},
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
