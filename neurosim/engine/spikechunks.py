"""How is a spike recording read that is larger than memory? In pieces, in order of time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..errors import FormatError
from .result import Spikes
from .spikefile import spike_files


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpikeStream:
    """Spikes of a population in files, read when iterated over, each time from the beginning.

    Made by :func:`stream_spikes`; gives `Spikes` that follow each other in time.
    """

    path: Path
    population: str
    piece: int

    def __iter__(self) -> Iterator[Spikes]:
        for file in spike_files(self.path):
            yield from _pieces(file, self.population, self.piece)

    def __repr__(self) -> str:
        return f"SpikeStream({str(self.path)!r}, {self.population!r})"


def stream_spikes(
    path: str | os.PathLike, population: str, *, piece: int = 1_000_000
) -> SpikeStream:
    """Spikes of a SONATA spike file, or of a folder that `out=` wrote, in bounded memory.

    Parameters
    ----------
    path : path-like
        The file must be sorted by time.
    population : str
    piece : int
        Most spikes to hold at a time.

    Returns
    -------
    SpikeStream
        To iterate over, or to give to a run: ``inputs={"in": stream_spikes(...)}``.

    Raises
    ------
    FormatError
        While it is read: the file is not HDF5, damaged, or has no such population.

    Examples
    --------
    >>> import tempfile, neurosim as ns
    >>> spikes = ns.Spikes(np.array([0.5, 1.0, 2.0]), np.array([1, 0, 1]), 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = ns.write_spikes(f"{folder}/spikes.h5", {"exc": spikes})
    ...     [part.times.tolist() for part in stream_spikes(file, "exc", piece=2)]
    [[0.5, 1.0], [2.0]]
    """
    piece = checks.integer("stream_spikes", "piece", piece, low=1)
    return SpikeStream(path=Path(path), population=population, piece=piece)


def _pieces(path: Path, name: str, size: int) -> Iterator[Spikes]:
    import h5py

    if not path.is_file():
        raise FormatError(f"{path}: no such spike file")
    try:
        with h5py.File(path, "r") as file:
            times, ids = (file[f"spikes/{name}/{key}"] for key in ("timestamps", "node_ids"))
            if times.shape != ids.shape or times.ndim != 1 or ids.dtype.kind not in "iu":
                raise FormatError(
                    f"{path}: /spikes/{name} must have one integer node_id per timestamp, got "
                    f"shapes {times.shape} and {ids.shape}"
                )
            n = int(file[f"spikes/{name}"].attrs.get("size", 0))
            payloads = file[f"spikes/{name}"].get("payloads")
            if payloads is not None and payloads.shape != times.shape:
                raise FormatError(
                    f"{path}: /spikes/{name} must have one number in payloads per timestamp, got "
                    f"shapes {payloads.shape} and {times.shape}"
                )
            for begin in range(0, len(times), size):
                yield _piece(times, ids, payloads, slice(begin, begin + size), n)
    except (OSError, KeyError, AttributeError, RuntimeError) as error:
        raise FormatError(
            f"{path}: must be an HDF5 file with /spikes/{name}/timestamps and node_ids ({error})"
        ) from None


def _piece(times: Any, ids: Any, payloads: Any, part: slice, n: int) -> Spikes:
    found = ids[part].astype(np.int64)
    payload = None if payloads is None else payloads[part].astype(np.float64)
    return Spikes(times[part].astype(np.float64), found, max(n, int(found.max()) + 1), payload)
