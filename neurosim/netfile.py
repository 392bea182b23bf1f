"""How is a network written down in a TOML file, and read back with every key checked?

::

    [network]
    time = "continuous"                  # or "steps"
    seed = 1

    [populations.input]
    model = "PoissonSource"              # LIF, IF, PoissonSource, SpikeSource
    n = 80
    rate = 20.0                          # the model's own parameters and units

    [populations.exc]
    model = "LIF"
    n = 100
    tau_m = 20.0
    tau_syn = 5.0

    [[projections]]
    pre = "input"                        # or a list of names
    post = ["exc"]
    rule = { type = "FixedProbability", p = 0.1 }   # or just "AllToAll"
    weight = 0.3                         # number, list, or distribution
    delay = { type = "Uniform", low = 0.5, high = 3.0 }

    [[stimuli]]
    population = "exc"                   # or a list of names
    type = "PoissonInput"                # or "NoiseCurrent"
    rate = { type = "Schedule", times = [0.0, 100.0], values = [500.0, 2000.0] }
    weight = 0.1

    [inputs.recorded]                    # spikes of a SpikeSource, read while the run goes on
    file = "spikes.h5"                   # from the working directory; or a folder of --out
    population = "exc"                   # the one in the file

    [record]
    exc = ["spikes", "v[:5]"]            # nothing listed: all spikes
"""

import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import connectivity
from .connectivity import distributions
from .engine.spikechunks import SpikeStream, stream_spikes
from .errors import FormatError, NeurosimError
from .models import IF, LIF, NoiseCurrent, PoissonInput, PoissonSource, Schedule, SpikeSource
from .network import Network

MODELS: dict[str, Callable] = {
    "LIF": LIF,
    "IF": IF,
    "PoissonSource": PoissonSource,
    "SpikeSource": SpikeSource,
}
RULES: dict[str, Callable] = {
    name: rule
    for name, rule in vars(connectivity).items()
    if isinstance(rule, type)
    and issubclass(rule, connectivity.Rule)
    and rule not in (connectivity.Rule, connectivity.Procedural)
}
STIMULI: dict[str, Callable] = {"PoissonInput": PoissonInput, "NoiseCurrent": NoiseCurrent}
VALUES: dict[str, Callable] = {
    name: getattr(distributions, name) for name in ("Uniform", "Normal", "LogNormal")
} | {"Schedule": Schedule, "Sinusoid": Schedule.sinusoid}


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network that was read from a file, and what its runs should record.

    Attributes
    ----------
    network : Network
    record : dict of str to list of str, or None
    inputs : dict of str to SpikeStream
        both as ``neurosim.simulate`` takes them.
    """

    network: Network
    record: dict[str, list[str]] | None
    inputs: dict[str, SpikeStream] = field(default_factory=dict)


def read_network(path: str | Path, *, seed: int | None = None) -> NetworkFile:
    """Read a network from a TOML file; the layout is in this module's first lines.

    Parameters
    ----------
    path : str or Path
    seed : int, optional
        in place of the file's.

    Returns
    -------
    NetworkFile

    Raises
    ------
    FormatError
        Not a readable TOML file, an unknown or missing key, or a value that the
        network refuses; the message names the file and the key.
    """
    shown = str(path)
    table = _load(path, shown)
    _only(
        shown, "the file", table,
        ("network", "populations", "projections", "stimuli", "inputs", "record"),
    )  # fmt: skip
    head = _table(shown, "network", table.get("network", {}))
    _only(shown, "network", head, ("time", "seed"))
    if seed is not None:
        head = {**head, "seed": seed}
    network = _call(shown, "network", Network, head)
    populations = _table(shown, "populations", table.get("populations", {}))
    if not populations:
        raise FormatError(f"{shown}: populations must have at least one table [populations.NAME]")
    for name, entry in populations.items():
        where = f"populations.{name}"
        neurons = _typed(shown, where, _table(shown, where, entry), "model", MODELS)
        _call(shown, where, network.add, {"neurons": neurons, "name": name})
    for key, attach in (("projections", _connect), ("stimuli", _stimulate)):
        entries = table.get(key, [])
        if not isinstance(entries, list):
            raise FormatError(f"{shown}: {key} must be [[{key}]] tables")
        for k, entry in enumerate(entries):
            attach(shown, f"{key}[{k}]", _table(shown, f"{key}[{k}]", entry), network)
    inputs = _inputs(shown, _table(shown, "inputs", table.get("inputs", {})))
    return NetworkFile(network, _record(shown, table.get("record"), network), inputs)


def _load(path: str | Path, shown: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FormatError(f"{shown}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{shown}: is not a TOML file: {error}") from None


def _table(shown: str, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"{shown}: {where} must be a table, got {value!r}")
    return value


def _only(shown: str, where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise FormatError(
                f"{shown}: {where} has the unknown key {key!r}; known: {', '.join(known)}"
            )


def _call(shown: str, where: str, make: Callable, arguments: Mapping[str, Any]) -> Any:
    """Call ``make``; put the file and the key before whatever it complains about."""
    try:
        return make(**arguments)
    except NeurosimError as error:
        raise FormatError(f"{shown}: {where}: {error}") from None


def _typed(
    shown: str, where: str, table: dict[str, Any], key: str, kinds: Mapping[str, Callable]
) -> Any:
    """Make the object that ``table[key]`` names, with the other keys as arguments."""
    kind = table.get(key)
    if not isinstance(kind, str) or kind not in kinds:
        got = "nothing" if kind is None else repr(kind)
        raise FormatError(f"{shown}: {where}.{key} must be one of {', '.join(kinds)}, got {got}")
    parameters = inspect.signature(kinds[kind]).parameters
    arguments = {name: value for name, value in table.items() if name != key}
    _only(shown, f"{where} ({kind})", arguments, tuple(parameters))
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise FormatError(f"{shown}: {where} ({kind}) needs the key {name!r}")
    arguments = {name: _value(shown, f"{where}.{name}", value) for name, value in arguments.items()}
    return _call(shown, where, kinds[kind], arguments)


def _value(shown: str, where: str, value: Any) -> Any:
    """Return a number or list as it is, a table as the distribution or schedule it names."""
    if isinstance(value, dict):
        return _typed(shown, where, value, "type", VALUES)
    return value


def _connect(shown: str, where: str, entry: dict[str, Any], network: Network) -> None:
    _only(shown, where, entry, ("pre", "post", "rule", "weight", "delay", "port", "gain", "name"))
    for key in ("pre", "post"):
        if key not in entry:
            raise FormatError(f"{shown}: {where} needs the key {key!r}")
    rule = entry.get("rule", "AllToAll")
    rule = {"type": rule} if isinstance(rule, str) else _table(shown, f"{where}.rule", rule)
    arguments = {
        key: _value(shown, f"{where}.{key}", value) for key, value in entry.items() if key != "rule"
    }
    arguments["rule"] = _typed(shown, f"{where}.rule", rule, "type", RULES)
    _call(shown, where, network.connect, arguments)


def _stimulate(shown: str, where: str, entry: dict[str, Any], network: Network) -> None:
    how = {key: entry[key] for key in ("population", "port", "name") if key in entry}
    if "population" not in how:
        raise FormatError(f"{shown}: {where} needs the key 'population'")
    what = {key: value for key, value in entry.items() if key not in how}
    stimulus = _typed(shown, where, what, "type", STIMULI)
    _call(shown, where, network.stimulate, {**how, "stimulus": stimulus})


def _inputs(shown: str, table: dict[str, Any]) -> dict[str, SpikeStream]:
    inputs = {}
    for name, entry in table.items():
        where = f"inputs.{name}"
        entry = _table(shown, where, entry)
        _only(shown, where, entry, ("file", "population"))
        for key in ("file", "population"):
            if not isinstance(entry.get(key), str):
                raise FormatError(f"{shown}: {where}.{key} must be a text, got {entry.get(key)!r}")
        inputs[name] = stream_spikes(entry["file"], entry["population"])
    return inputs


def _record(shown: str, table: Any, network: Network) -> dict[str, list[str]] | None:
    if table is None:
        return None
    table = _table(shown, "record", table)
    _only(shown, "record", table, tuple(network.populations))
    for name, wanted in table.items():
        if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
            raise FormatError(
                f"{shown}: record.{name} must be a list of texts such as ['spikes', 'v[:5]'], "
                f"got {wanted!r}"
            )
    return table
