"""How is a recording written? In a format that others read, piece by piece where it can be."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.checks import choice
from neurosim.errors import ParameterError
from neurosim.files import checked_path, write_whole

from .columns import ARRAY_STAMPS, EVENT_DTYPE
from .container import Events
from .formats.es import write_es
from .formats.nmnist import write_nmnist
from .recording import Recording
from .wording import WORDS, checked

_ENDINGS = {
    ".es": "es",
    ".bin": "nmnist",
    ".dat": "dat",
    ".raw": "evt3",
    ".aedat": "aedat2",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".npz": "npz",
    ".npy": "npy",
    ".csv": "csv",
    ".txt": "txt",
}
FORMS = ("es", "nmnist", "dat", "evt2", "evt3", "aedat2", "hdf5", "npz", "npy", "csv", "txt")
"""What `write` writes."""


def write(recording: Recording | Events, path: str | os.PathLike, form: str | None = None) -> Path:
    """Write a recording; the file appears complete or not at all.

    Parameters
    ----------
    recording : Recording or Events
        A lazy one is read piece by piece, so it may be longer than memory; for ``es``,
        ``nmnist``, ``npz`` and ``npy`` it must fit.
    path : path
    form : str, optional
        One of ``FORMS``; told by the path's ending when left out (``.raw``: evt3).

        ``es`` Event Stream 2, ``nmnist`` N-MNIST .bin, ``dat``, ``evt2``, ``evt3`` Prophesee,
        ``aedat2`` jAER, ``hdf5`` with events/x, y, t, p, ``npz`` an array per column, ``npy``
        one structured array, ``csv`` 't[us],x,y,p', ``txt`` seconds, x, y, p.

    Raises
    ------
    ParameterError
        For an unknown form, or a recording that the format cannot hold: a sensor too large,
        stamps out of range, or out of order from piece to piece.

    Examples
    --------
    >>> import tempfile
    >>> from neurosim import events as ev
    >>> e = ev.Events(x=[3, 1], y=[0, 2], t=[10, 5_000_000], p=[1, 0], sensor_size=(4, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.raw", "b.h5", "c.csv"):
    ...         back = ev.open(ev.write(e, f"{folder}/{name}")).events
    ...         print(back.source, back.sensor_size, back.t.tolist())
    Prophesee EVT 3.0 (4, 3) [10, 5000000]
    HDF5 (4, 3) [10, 5000000]
    text (4, 3) [10, 5000000]
    """
    path = Path(checked_path("write", path))
    if form is None:
        form = _ENDINGS.get(path.suffix.lower())
        if form is None:
            raise ParameterError(
                f"write: path must end with one of {', '.join(_ENDINGS)}, got {path.name!r}; or "
                "say form="
            )
    choice("write", "form", form, FORMS)
    if form in ("es", "nmnist"):
        return (write_es if form == "es" else write_nmnist)(_events(recording), path)
    if form in ("npz", "npy"):
        events = _storable(_events(recording))
        return write_whole(path, lambda beside: _arrays(events, beside, form))
    if form == "hdf5":
        return write_whole(path, lambda beside: _hdf5(recording, beside), owner="write")
    return write_whole(path, lambda beside: _words(recording, beside, WORDS[form]()), owner="write")


def _events(recording: Recording | Events) -> Events:
    return recording if isinstance(recording, Events) else recording.events


def _storable(events: Events) -> Events:
    """The events, whose stamps readers of arrays take."""
    if len(events) and max(-int(events.t[0]), int(events.t[-1])) >= ARRAY_STAMPS:
        raise ParameterError(
            f"write: events.t must be > -2**60 and < 2**60 us, got {events.t[0]}..{events.t[-1]}; "
            "use shift_time"
        )
    return events


def _pieces(recording: Recording | Events) -> Iterator[Events]:
    """Pieces in order of time."""
    if isinstance(recording, Events):
        yield recording
        return
    last = None
    for piece in recording.pieces(progress=recording.progress):
        if last is not None and piece.t[0] < last:
            raise ParameterError(
                f"write: events must be in order of time from piece to piece, got {piece.t[0]} us "
                f"after {last} us; write recording.events, which sorts them in memory"
            )
        last = int(piece.t[-1])
        yield piece


def _words(recording: Recording | Events, path: Path, encoder: Any) -> None:
    with open(path, "wb") as file:
        file.write(encoder.header(*_sides(recording, encoder)))
        for piece in _pieces(recording):
            checked("write", piece, sides=encoder.sides, stamps=encoder.stamps)
            file.write(encoder.body(piece))


def _sides(recording: Recording | Events, encoder: Any) -> tuple[int, int]:
    """The sensor's size, which the format can hold."""
    empty = Events(x=[], y=[], t=[], sensor_size=recording.sensor_size)
    checked("write", empty, sides=encoder.sides, stamps=encoder.stamps)
    return recording.sensor_size


def _arrays(events: Events, path: Path, form: str) -> None:
    with open(path, "wb") as file:
        if form == "npy":
            np.save(file, events.to_array(), allow_pickle=False)
        else:
            columns = {name: getattr(events, name) for name in EVENT_DTYPE.names}
            np.savez_compressed(file, **columns, sensor_size=np.array(events.sensor_size))


def _hdf5(recording: Recording | Events, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("events")
        group.attrs["width"], group.attrs["height"] = recording.sensor_size
        for name in EVENT_DTYPE.names:
            group.create_dataset(
                name, (0,), EVENT_DTYPE[name], maxshape=(None,), chunks=(1 << 16,),
                compression="gzip", compression_opts=4, shuffle=True,
            )  # fmt: skip
        total = 0
        for piece in _pieces(recording):
            _storable(piece)
            for name in EVENT_DTYPE.names:
                group[name].resize((total + len(piece),))
                group[name][total:] = getattr(piece, name)
            total += len(piece)
