"""How is a running simulation saved and continued? One schema of named arrays, in HDF5.

=============================  =============================================================
``/populations/<k>/state``     real (variables, n)
``/populations/<k>/counts``    int64 (n,), spikes so far
``/populations/<k>/steps``     int64, steps of the spikes in flight (the longest delay back)
``/populations/<k>/ids``       int32, their neurons
``/drives/<k>/...``            positions of the generators, inputs not yet consumed
attributes                     step, dt, dtype, seed, version, and a fingerprint of the network
=============================  =============================================================

Nothing in it depends on the number of threads. A file is written beside, synced and
renamed: it is whole or it is the previous one.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, ParameterError
from ..network import Network
from .build import Built
from .codegen import fingerprint as code_fingerprint
from .loop import ClockLoop

_VERSION = 1


def fingerprint(network: Network, built: Built) -> str:
    """Text that is equal for equal descriptions, grids and precisions."""
    digest = hashlib.sha256()
    _feed(digest, (network.time, network.seed, built.dt, built.real))
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
        elif hasattr(neurons, "rate"):
            _feed(digest, neurons.rate)
    for p in network.projections.values():
        _feed(digest, (p.name, p.pre.name, p.post.name, p.port, type(p.rule).__name__))
        for name in p.rule.__dataclass_fields__:
            value = getattr(p.rule, name)
            _feed(digest, value if not hasattr(value, "tocsr") else value.indices)
        _feed(digest, (p.weight, p.delay))
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, (tuple, list)):
        for item in value:
            _feed(digest, item)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        digest.update(f"|{value!r}".encode())


def save_state(loop: ClockLoop, path: str | os.PathLike) -> Path:
    """Write the state of a simulation.

    Raises
    ------
    ParameterError
        The folder does not exist or cannot be written.
    """
    import h5py

    path, built = Path(path), loop.built
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(beside, "w") as file:
            file.attrs["neurosim_checkpoint"] = _VERSION
            file.attrs["step"] = loop.step
            file.attrs["fingerprint"] = fingerprint(built.network, built)
            for k, population in enumerate(built.populations):
                group = file.create_group(f"populations/{k}")
                steps, ids = loop.in_flight(k)
                arrays = {"state": population.state, "counts": population.counts}
                for name, array in (arrays | {"steps": steps, "ids": ids}).items():
                    group.create_dataset(name, data=array)
            for k, drive in loop.drives.items():
                group = file.create_group(f"drives/{k}")
                for name, array in drive.state().items():
                    group.create_dataset(name, data=array)
        with open(beside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise ParameterError(
            f"Simulator.save: path must be a file in a writable folder, got {str(path)!r} ({error})"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def load_state(loop: ClockLoop, path: str | os.PathLike) -> None:
    """Put a saved state into a simulation of the same network.

    Raises
    ------
    FormatError
        The file is no checkpoint, is damaged, or belongs to another network.
    """
    import h5py

    path, built = Path(path), loop.built
    if not path.is_file():
        raise FormatError(f"{path}: no such checkpoint")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("neurosim_checkpoint") != _VERSION:
                raise FormatError(f"{path}: must be a neurosim checkpoint of version {_VERSION}")
            if file.attrs["fingerprint"] != fingerprint(built.network, built):
                raise FormatError(
                    f"{path}: must belong to this network, dt and dtype, but its fingerprint "
                    "differs; build the network as it was when the state was saved"
                )
            state = _read(file, loop)
            step = int(file.attrs["step"])
    except (OSError, KeyError, AttributeError, RuntimeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: must be a neurosim checkpoint ({error})") from None
    loop.restore(step, *state)


def _read(file: Any, loop: ClockLoop) -> tuple[list[dict], dict[int, dict]]:
    """All arrays, checked for shape, before anything in the simulation is touched."""
    populations = []
    for k, built in enumerate(loop.built.populations):
        arrays = {name: file[f"populations/{k}"][name][()] for name in ("state", "counts")}
        if arrays["state"].shape != built.state.shape:
            raise FormatError(f"{file.filename}: state of population {k} has a wrong shape")
        if arrays["counts"].shape != built.counts.shape:
            raise FormatError(f"{file.filename}: counts of population {k} have a wrong shape")
        arrays |= {name: file[f"populations/{k}"][name][()] for name in ("steps", "ids")}
        populations.append(arrays)
    drives = {
        k: {name: file[f"drives/{k}"][name][()] for name in drive.state()}
        for k, drive in loop.drives.items()
    }
    return populations, drives
