"""How are spikes kept on disk? Files in the SONATA spike layout (HDF5), and folders of them.

``/spikes/<population>/timestamps`` (float64, attribute ``units``) and ``node_ids`` (uint64),
sorted by time; ``size`` is the number of neurons. Graded spikes also have ``payloads`` (float64),
which other readers pass over. A file is written beside and
renamed, so it is whole or it is not there. A long recording is a folder of numbered
files, each of them closed before the next is begun; readers accept the folder.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from ..files import write_whole
from .result import Result, Spikes

_SORTING = {"none": 0, "by_id": 1, "by_time": 2}
_MAGIC = 0x0A7A  # of every SONATA file
_UNITS = {"ms": "milliseconds", "step": "steps"}


def write_spikes(
    path: str | os.PathLike, spikes: Result | Mapping[str, Spikes], *, unit: str | None = None
) -> Path:
    """Write spikes to an HDF5 file in the SONATA layout.

    Parameters
    ----------
    path : path-like
    spikes : Result, or mapping of population name to Spikes
    unit : {"ms", "step"}, optional
        Unit of the times; taken from a Result, else ms.

    Raises
    ------
    ParameterError
        The folder does not exist or cannot be written.

    Examples
    --------
    >>> import tempfile, neurosim as ns
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spikes = ns.Spikes(np.array([0.5, 1.0]), np.array([1, 0]), 2)
    ...     file = write_spikes(f"{folder}/spikes.h5", {"exc": spikes})
    ...     read_spikes(file)["exc"].times.tolist()
    [0.5, 1.0]
    """
    import h5py

    if isinstance(spikes, Result):
        unit = unit or ("ms" if spikes.time == "continuous" else "step")
        spikes = spikes.spikes

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs["magic"] = np.uint32(_MAGIC)
            file.attrs["version"] = np.array([0, 1], np.uint32)
            file.create_group("spikes")
            for name, s in spikes.items():
                _write_group(h5py, file["spikes"].create_group(name), s, _UNITS[unit or "ms"])

    return write_whole(path, fill, owner="write_spikes")


def _write_group(h5py: Any, group: Any, spikes: Spikes, units: str) -> None:
    sorting = h5py.enum_dtype(_SORTING, basetype="u1")
    group.attrs.create("sorting", _SORTING["by_time"], dtype=sorting)
    group.attrs["size"] = spikes.n
    times = group.create_dataset("timestamps", data=np.asarray(spikes.times, np.float64))
    times.attrs["units"] = units
    group.create_dataset("node_ids", data=np.asarray(spikes.ids, np.uint64))
    if spikes.payload is not None:
        group.create_dataset("payloads", data=np.asarray(spikes.payload, np.float64))


def read_spikes(path: str | os.PathLike) -> dict[str, Spikes]:
    """Read a SONATA spike file, or a folder of numbered ones.

    Raises
    ------
    FormatError
        The file is not HDF5, damaged, or not in the SONATA spike layout.
    """
    path = Path(path)
    chunks = [_read_file(file) for file in spike_files(path)]
    return {name: _joined([c[name] for c in chunks if name in c]) for name in chunks[0]}


def spike_files(path: Path) -> list[Path]:
    """The files of a folder in order of time, or the one file that it is.

    Raises
    ------
    FormatError
        The folder has none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("spikes-*.h5"))
    if not files:
        raise FormatError(f"{path}: folder must hold files spikes-000000.h5 ..., found none")
    return files


def _joined(parts: list[Spikes]) -> Spikes:
    if len(parts) == 1:
        return parts[0]
    times, ids = (np.concatenate([getattr(s, k) for s in parts]) for k in ("times", "ids"))
    graded = all(part.payload is not None for part in parts)
    payload = np.concatenate([part.payload for part in parts]) if graded else None
    return Spikes(times, ids, parts[0].n, payload)


def _read_file(path: Path, only: str | None = None) -> dict[str, Spikes]:
    import h5py

    if not path.is_file():
        raise FormatError(f"{path}: no such spike file")
    try:
        with h5py.File(path, "r") as file:
            groups = file["spikes"]
            names = groups if only is None else [only]
            return {name: _read_group(path, name, groups[name]) for name in names}
    except (OSError, KeyError, AttributeError, RuntimeError) as error:
        raise FormatError(
            f"{path}: must be an HDF5 file with /spikes/<population>/timestamps and node_ids "
            f"({error})"
        ) from None


def _read_group(path: Path, name: str, group: Any) -> Spikes:
    times, ids = group["timestamps"][:], group["node_ids"][:]
    if times.shape != ids.shape or times.ndim != 1 or ids.dtype.kind not in "iu":
        raise FormatError(
            f"{path}: /spikes/{name} must have one integer node_id per timestamp, "
            f"got shapes {times.shape} and {ids.shape}"
        )
    largest = int(ids.max()) if ids.size else -1
    if largest > np.iinfo(np.int32).max:
        raise FormatError(f"{path}: /spikes/{name}/node_ids must be below 2^31, got {largest}")
    n = int(group.attrs.get("size", largest + 1))
    order = np.lexsort((ids, times))
    payload = None
    if "payloads" in group:
        payload = group["payloads"][:]
        if payload.shape != times.shape or payload.dtype.kind not in "fiu":
            raise FormatError(
                f"{path}: /spikes/{name} must have one number in payloads per timestamp, got "
                f"shapes {payload.shape} and {times.shape}"
            )
        payload = payload[order].astype(np.float64)
    return Spikes(times[order].astype(np.float64), ids[order].astype(np.int32), n, payload)


class SpikeFolder(Mapping):
    """Spikes of a long recording, read from their folder when they are asked for."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.names = folder, names

    def __getitem__(self, name: str) -> Spikes:
        return _joined(list(self.parts(name)))

    def parts(self, name: str) -> Iterator[Spikes]:
        """The spikes of a population file by file, for recordings larger than memory."""
        if name not in self.names:
            raise KeyError(name)
        for file in spike_files(self.folder):
            yield _read_file(file, only=name)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"SpikeFolder({str(self.folder)!r}, {self.names})"
