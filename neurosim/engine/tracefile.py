"""How are state traces kept on disk? Numbered HDF5 files of a long recording.

``/traces/<population>/<variable>`` has ``times`` float64 (t,), ``ids`` int64 (k,) and
``values`` real (t, k), and the attribute ``unit``.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from ..files import write_whole
from .result import Trace

Traces = Mapping[str, Mapping[str, Trace]]


def write_traces(path: str | os.PathLike, traces: Traces) -> Path:
    """Write traces to an HDF5 file, which appears whole or not at all.

    Raises
    ------
    ParameterError
        The folder does not exist or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> trace = Trace(np.array([0.0, 0.1]), np.array([3]), np.array([[0.5], [0.25]]), "mV")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_traces(f"{folder}/traces.h5", {"exc": {"v": trace}})
    ...     read_traces(file)["exc"]["v"]
    Trace(2 times x 1 neurons, 'mV')
    """
    import h5py

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.create_group("traces")
            for name, variables in traces.items():
                for variable, trace in variables.items():
                    group = file.create_group(f"traces/{name}/{variable}")
                    group.attrs["unit"] = trace.unit
                    for key in ("times", "ids", "values"):
                        group.create_dataset(key, data=getattr(trace, key))

    return write_whole(path, fill, owner="write_traces")


def read_traces(path: str | os.PathLike) -> dict[str, dict[str, Trace]]:
    """Read a file of traces, or a folder of numbered ones.

    Raises
    ------
    FormatError
        The file is not HDF5, damaged, or holds no traces.
    """
    path = Path(path)
    chunks = [_read_file(file) for file in _files(path)] if path.is_dir() else [_read_file(path)]
    return {
        name: {variable: _joined([c[name][variable] for c in chunks]) for variable in variables}
        for name, variables in chunks[0].items()
    }


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("traces-*.h5"))
    if not files:
        raise FormatError(f"{folder}: folder must hold files traces-000000.h5 ..., found none")
    return files


def _joined(parts: list[Trace]) -> Trace:
    first = parts[0]
    times = np.concatenate([part.times for part in parts])
    return Trace(times, first.ids, np.concatenate([part.values for part in parts]), first.unit)


def _read_file(path: Path, only: str | None = None) -> dict[str, dict[str, Trace]]:
    import h5py

    if not path.is_file():
        raise FormatError(f"{path}: no such file of traces")
    try:
        with h5py.File(path, "r") as file:
            names = list(file["traces"]) if only is None else [only]
            groups = {name: file["traces"][name].items() for name in names}
            return {
                name: {variable: _read_group(group) for variable, group in variables}
                for name, variables in groups.items()
            }
    except (OSError, KeyError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: must be an HDF5 file with /traces/<population>/<variable>/values ({error})"
        ) from None


def _read_group(group: Any) -> Trace:
    times, ids, values = (group[key][()] for key in ("times", "ids", "values"))
    if values.shape != (times.size, ids.size):
        raise ValueError(f"{group.name}: values must have shape {(times.size, ids.size)}")
    return Trace(times, ids, values, str(group.attrs["unit"]))


class TraceFolder(Mapping):
    """Traces of a long recording, read from their folder when they are asked for."""

    def __init__(self, folder: Path, recorded: dict[str, list[str]]) -> None:
        self.folder, self.recorded = folder, recorded

    def __getitem__(self, name: str) -> dict[str, Trace]:
        parts = list(self.parts(name))
        return {k: _joined([part[k] for part in parts]) for k in self.recorded[name]}

    def parts(self, name: str) -> Iterator[dict[str, Trace]]:
        """The traces of a population file by file, for recordings larger than memory."""
        if name not in self.recorded:
            raise KeyError(name)
        for file in _files(self.folder):
            yield _read_file(file, only=name)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.recorded)

    def __len__(self) -> int:
        return len(self.recorded)

    def __repr__(self) -> str:
        return f"TraceFolder({str(self.folder)!r}, {list(self.recorded)})"
