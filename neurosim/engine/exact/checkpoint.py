"""How is a run of the event engine saved and continued? One schema of named arrays, in HDF5.

=============================  =============================================================
``/populations/<k>/state``     float64 (variables, n), at each neuron's last event
``/populations/<k>/counts``    int64 (n,), spikes so far
``/neurons/last``, ``due``     float64, time of the state; no crossing before
``/flight/...``                arrivals to come: times, weights, codes
``/sources/<k>/...``           positions of generators and streams, inputs not yet consumed
``/run``                       of a long run: how far it is, which files belong to it
attributes                     t, version, and a fingerprint of the network
=============================  =============================================================
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError, ParameterError
from ...files import write_whole
from ..checkpoint import describe, read_group, write_group
from .loop import ExactLoop
from .sources import GivenTimes

_VERSION = 1
_FLIGHT = ("times", "weights", "codes")


def fingerprint(loop: ExactLoop) -> str:
    """Text that is equal for equal descriptions."""
    digest = hashlib.sha256(b"event engine")
    describe(digest, loop.built.network)
    for name, rows in loop.built.rows.items():
        digest.update(f"{name} {rows.n_synapses}".encode())
    return digest.hexdigest()


def save_state(loop: ExactLoop, path: str | Path, run: dict[str, Any] | None = None) -> Path:
    """Write the state of a simulation, and how far a run is; whole or not at all."""
    import h5py

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs["t"], file.attrs["version"] = loop.t, _VERSION
            file.attrs["fingerprint"] = fingerprint(loop)
            for k, p in enumerate(loop.built.populations):
                file[f"populations/{k}/state"] = p.state
                file[f"populations/{k}/counts"] = p.counts
            file["neurons/last"], file["neurons/due"] = loop.built.neurons[:2]
            for name, array in zip(_FLIGHT, loop.flight(), strict=True):
                file[f"flight/{name}"] = array
            for k, source in loop.sources.items():
                for name, array in source.state().items():
                    file[f"sources/{k}/{name}"] = array
            write_group(file, "run", run or {})

    return write_whole(Path(path), fill)


def _like(file: Any, name: str, array: np.ndarray, path: Path) -> np.ndarray:
    """An array of the file, of the shape and kind of another."""
    found = file.get(name)
    if getattr(found, "shape", None) != array.shape:
        raise FormatError(f"{path}: {name} must have shape {array.shape}")
    return found.astype(array.dtype)[...]


def load_state(
    loop: ExactLoop, path: str | Path, inputs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Take over a saved state; returns what ``run`` was saved with it.

    ``inputs`` has the streams that the simulation was reading, from their beginning.

    Raises
    ------
    FormatError
        The file is no checkpoint, is damaged, or belongs to another network.
    ParameterError
        A stream that was being read is not given, or is another one.
    """
    import h5py

    path, built = Path(path), loop.built
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("version") != _VERSION or "fingerprint" not in file.attrs:
                raise FormatError(f"{path}: must be a checkpoint of the event engine")
            if file.attrs["fingerprint"] != fingerprint(loop):
                raise FormatError(
                    f"{path}: must belong to the same network; it was saved by another one"
                )
            t = float(file.attrs["t"])
            populations = [
                (_like(file, f"populations/{k}/state", p.state, path),
                 _like(file, f"populations/{k}/counts", p.counts, path))
                for k, p in enumerate(built.populations)
            ]  # fmt: skip
            times = [_like(file, f"neurons/{k}", built.neurons.last, path) for k in ("last", "due")]
            coming = [np.asarray(file[f"flight/{name}"][...]) for name in _FLIGHT]
            sources = {
                k: {name: array[...] for name, array in file[f"sources/{k}"].items()}
                for k in loop.sources
            }
            run = read_group(file, "run")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: must be a whole checkpoint ({error})") from None
    _check_flight(loop, coming, path)
    if any(np.shape(saved.get("stream", np.zeros(4))) != (4,) for saved in sources.values()):
        raise FormatError(f"{path}: a source's stream must have shape (4,)")
    _follow_on(loop, sources, inputs or {})
    loop.reset()
    for k, saved in sources.items():
        loop.sources[k].restore(saved)
    for p, (state, counts) in zip(built.populations, populations, strict=True):
        p.state[...], p.counts[:] = state, counts
    built.neurons.last[:], built.neurons.due[:] = times
    loop.go_on(t, coming)
    return run


def _follow_on(
    loop: ExactLoop, saved: dict[int, dict[str, Any]], inputs: Mapping[str, Any]
) -> None:
    """Put into ``saved`` states of sources the streams that they were reading, skipped forward."""
    given = {k: s for k, s in loop.sources.items() if isinstance(s, GivenTimes)}
    reading = [k for k in given if "stream" in saved[k] and saved[k]["stream"][0]]
    unknown = set(inputs) - {given[k].name for k in given}
    if unknown:
        raise ParameterError(
            f"EventSimulator: inputs must name a SpikeSource, one of "
            f"{[s.name for s in given.values()]}, got {min(unknown)!r}"
        )
    for k in reading:
        name = given[k].name
        if name not in inputs:
            raise ParameterError(
                f"EventSimulator: inputs must have the stream of source {name!r}, which the saved "
                f"simulation was reading; pass inputs={{{name!r}: stream}}, from its beginning, or "
                "None to go on without it"
            )
        if inputs[name] is not None:
            saved[k]["rest"] = given[k].behind(inputs[name], saved[k])


def _check_flight(loop: ExactLoop, coming: list[np.ndarray], path: Path) -> None:
    times, weights, codes = coming
    right = times.ndim == 1 and times.shape == weights.shape == codes.shape
    if not right or not np.isfinite(times).all() or not loop.built.can_arrive(codes).all():
        raise FormatError(f"{path}: flight must hold arrivals at neurons of this network")
