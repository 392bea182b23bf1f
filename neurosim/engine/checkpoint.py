"""How is a running simulation saved and continued? One schema of named arrays, in HDF5.

=============================  =============================================================
``/populations/<k>/state``     real (variables, n)
``/populations/<k>/counts``    int64 (n,), spikes so far
``/populations/<k>/anchor``, ``listed``, ``sleep``    where neurons may sleep
``/populations/<k>/steps``     int64, steps of the spikes in flight (the longest delay back)
``/populations/<k>/ids``       int32, their neurons
``/drives/<k>/...``            positions of generators and streams, inputs not yet consumed
``/currents/<k>/...``          values of the noise currents
``/synapses/<name>/weight``    real (synapses,), by edge id, of projections that learn
``/synapses/<name>/steps``     int32, their delays; a name's "/" is "%2F", its "%" is "%25"
``/run``                       where a run under way is to end, and which files belong to it
attributes                     step, dt, dtype, seed, version, and a fingerprint of the network
=============================  =============================================================

Nothing in it depends on the number of threads. A file is written beside, synced and
renamed: it is whole or it is the previous one.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, SimulationError
from ..files import write_whole
from ..network import Network
from .build import Built
from .codegen import fingerprint as code_fingerprint
from .inputs import restored_streams
from .loop import ClockLoop

_VERSION = 5
_FLIGHT = ("steps", "ids", "payloads")  # of spikes that may still arrive


def fingerprint(network: Network, built: Built) -> str:
    """Text that is equal for equal descriptions, grids and precisions."""
    digest = hashlib.sha256()
    _feed(digest, (built.dt, built.real, built.sleep, built.packed, built.learning))
    describe(digest, network)
    return digest.hexdigest()


def describe(digest: Any, network: Network) -> None:
    """Feed a network's description to a digest."""
    _feed(digest, (network.time, network.seed))
    for population in network.populations.values():
        _feed(digest, (population.name, population.kind, population.shape))
        neurons = population.neurons
        if not population.is_source:
            model = neurons.model
            _feed(digest, sorted(model.state))
            for member in model.members():
                _feed(digest, code_fingerprint(getattr(model, member)))
            for name, value in sorted(neurons.params.items()):
                _feed(digest, (name, value))
        else:  # given spikes are part of the state
            given = ("times", "ids", "payloads")
            own = [f.name for f in fields(neurons) if f.name not in given]
            _feed(digest, [(name, getattr(neurons, name)) for name in own])
    for p in network.projections.values():
        _feed(digest, (p.name, p.pre.name, p.post.name, p.port, type(p.rule).__name__))
        for name in p.rule.__dataclass_fields__:
            value = getattr(p.rule, name)
            _feed(digest, value if not hasattr(value, "tocsr") else (value.indptr, value.indices))
        _feed(digest, (p.weight, p.delay, p.gain))
    for stimulus in network.stimuli.values():
        _feed(digest, (stimulus.name, stimulus.population.name, stimulus.kind, stimulus.port))


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, (tuple, list)):
        for item in value:
            _feed(digest, item)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif is_dataclass(value):  # a distribution, whose repr would shorten arrays
        _feed(digest, [type(value).__name__, *(getattr(value, f.name) for f in fields(value))])
    else:
        digest.update(f"|{value!r}".encode())


def save_state(
    loop: ClockLoop,
    path: str | os.PathLike,
    *,
    mark: str | None = None,
    run: Mapping[str, Any] | None = None,
) -> Path:
    """Write the state of a simulation.

    Parameters
    ----------
    mark : str, optional
        The fingerprint, where it is already known.
    run : mapping, optional
        What a run under way has to know when it goes on: numbers and texts become
        attributes of ``/run``, arrays its datasets.

    Raises
    ------
    ParameterError
        The folder does not exist or cannot be written.
    SimulationError
        Synapses were frozen: their values have no places in the schema any more.
    """
    import h5py

    built = loop.built
    _check_open(built, "save")

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs["neurosim_checkpoint"] = _VERSION
            file.attrs["fingerprint"] = mark or fingerprint(built.network, built)
            file.attrs.update(step=loop.step, dt=built.dt, dtype=built.real)
            file.attrs["seed"] = built.network.seed
            for k, population in enumerate(built.populations):
                arrays = {"state": population.state, "counts": population.counts}
                arrays |= dict(zip(_FLIGHT, loop.in_flight(k), strict=False))
                if population.sleepers is not None:
                    arrays |= population.sleepers.saved()
                write_group(file, f"populations/{k}", arrays)
            for k, drive in loop.drives.items():
                write_group(file, f"drives/{k}", drive.state())
            for k, values in built.stimuli.state().items():
                write_group(file, f"currents/{k}", {"values": values})
            for name, synapses in built.synapses.learning.items():
                write_group(file, _group(name), synapses.saved())
            write_group(file, "run", run or {})

    return write_whole(path, fill, owner="Simulator.save")


def _check_open(built: Built, verb: str) -> None:
    if built.synapses.frozen:
        raise SimulationError(
            f"Simulator.{verb}: learning synapses must not be frozen, as the file has their values "
            "by edge id; save before freeze()"
        )


def _group(projection: str) -> str:
    return "synapses/" + projection.replace("%", "%25").replace("/", "%2F")


def write_group(file: Any, name: str, values: Mapping[str, Any]) -> None:
    """Arrays as datasets, all else as attributes."""
    group = file.create_group(name)
    for key, value in values.items():
        if isinstance(value, np.ndarray):
            group.create_dataset(key, data=value)
        else:
            group.attrs[key] = value


def read_group(file: Any, name: str) -> dict[str, Any]:
    """What `write_group` wrote, or nothing."""
    if name not in file:
        return {}
    return dict(file[name].attrs) | {key: values[()] for key, values in file[name].items()}


def load_state(
    loop: ClockLoop,
    path: str | os.PathLike,
    inputs: Mapping[str, Any],
    *,
    only_read: bool = False,
) -> dict[str, Any]:
    """Put a saved state into a simulation of the same network; return what ``run`` was saved.

    ``inputs`` has the streams that the simulation was reading, from their beginning; a run
    that is over, and ``only_read``, does without.

    Raises
    ------
    FormatError
        The file is no checkpoint, is damaged, or belongs to another network.
    ParameterError
        A stream that was being read is not given, or is another one.
    SimulationError
        Synapses were frozen.
    """
    import h5py

    _check_open(loop.built, "load")

    path, built = Path(path), loop.built
    if not path.is_file():
        raise FormatError(f"{path}: no such checkpoint")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("neurosim_checkpoint") != _VERSION:
                raise FormatError(f"{path}: must be a neurosim checkpoint of version {_VERSION}")
            if file.attrs["fingerprint"] != fingerprint(built.network, built):
                raise FormatError(
                    f"{path}: must belong to this network, dt, dtype, sleep, weights and "
                    "learning, but its "
                    "fingerprint differs; build the network as it was when the state was saved"
                )
            step = int(file.attrs["step"])
            state = _read(file, loop, step)
            run = read_group(file, "run")
    except (OSError, KeyError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: must be a neurosim checkpoint ({error})") from None
    populations, drives, currents, values = state
    if not (only_read and run.get("stop_reason")):
        restored_streams("Simulator", loop, inputs, drives)
    loop.restore(step, populations, drives)
    built.stimuli.restore(step, currents)
    for name, arrays in values.items():
        built.synapses.learning[name].load(arrays)
    return run


def _read(file: Any, loop: ClockLoop, step: int) -> tuple[list[dict], dict, dict, dict]:
    """All arrays, checked, before anything in the simulation is touched."""
    populations = []
    for k, built in enumerate(loop.built.populations):
        asleep = built.sleepers.saved() if built.sleepers is not None else {}
        flight = _FLIGHT[: 2 + built.is_graded]
        names = ("state", "counts", *flight, *asleep)
        arrays = {name: file[f"populations/{k}"][name][()] for name in names}
        fixed = {"state": built.state, "counts": built.counts} | asleep
        for name, own in fixed.items():
            if arrays[name].shape != own.shape:
                raise FormatError(f"{file.filename}: {name} of population {k} have a wrong shape")
        steps, ids = arrays["steps"], arrays["ids"]
        since, n = step - loop.built.max_delay, built.population.n
        whole = steps.ndim == 1 and all(arrays[name].shape == steps.shape for name in flight)
        if not whole or not (_within(steps, since, step) and _within(ids, 0, n)):
            raise FormatError(f"{file.filename}: spikes of population {k} are out of range")
        if np.any(np.diff(steps) < 0):
            raise FormatError(f"{file.filename}: spikes of population {k} are not sorted")
        if built.is_graded and not np.isfinite(arrays["payloads"]).all():
            raise FormatError(f"{file.filename}: payloads of population {k} must be finite")
        populations.append(arrays)
    drives = {
        k: {name: file[f"drives/{k}"][name][()] for name in drive.state()}
        for k, drive in loop.drives.items()
    }
    currents = {}
    for k, own in loop.built.stimuli.state().items():
        currents[k] = file[f"currents/{k}"]["values"][()]
        if currents[k].shape != own.shape or not np.isfinite(currents[k]).all():
            raise FormatError(f"{file.filename}: noise current {k} must be {own.size} numbers")
    return populations, drives, currents, _read_synapses(file, loop.built)


def _read_synapses(file: Any, built: Built) -> dict[str, dict]:
    """Weights and delays of projections that learn."""
    values = {}
    for name, synapses in built.synapses.learning.items():
        values[name] = {key: file[_group(name)][key][()] for key in ("weight", "steps")}
        synapses.check(file.filename, values[name])
    return values


def _within(values: np.ndarray, low: int, end: int) -> bool:
    integers = values.dtype.kind in "iu"
    return integers and (values.size == 0 or bool(values.min() >= low and values.max() < end))
