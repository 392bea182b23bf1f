"""How are events found in an HDF5 file? By the names of data sets, in the common layouts.

A group with data sets x, y, t, p (DSEC, M3ED, evlib: ``events/x``; e2vid: ``events/xs``), a
table with such columns (Prophesee: ``CD/events``, in its codec or not; tonic), or rows of
four numbers called ``events`` (MVSEC). MATLAB 7.3 files are HDF5 too.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from neurosim.errors import FormatError

from .ecf import Table, packed
from .named import DAMAGE, Arrays, Named, by_content, by_name, power_of
from .stored import Stored

START = b"\x89HDF\r\n\x1a\n"
_MOST = 10_000  # groups and data sets that are looked at
_ERRORS = (*DAMAGE, OverflowError, KeyError, TypeError, AttributeError)


def looks_like_hdf5(stored: Stored) -> bool:
    """Whether the signature stands at one of the places where it may."""
    return any(stored.head[at : at + 8].tobytes() == START for at in (0, 512, 1024, 2048))


def open_hdf5(
    stored: Stored, *, dataset: str | None = None, time_unit: str | None = None
) -> Arrays:
    """The recording; ``dataset`` is the path of one of several groups or tables."""
    with _file(stored) as file:
        try:
            places = _places(file)
        except _ERRORS as error:
            raise _damaged(stored, error) from None
        if dataset is not None:
            dataset = "/" + str(dataset).strip("/")
            places = [place for place in places if place.split(":")[0] == dataset]
        if not places:
            raise FormatError(
                f"{stored.name}: an HDF5 file of events must have a group or table "
                f"{dataset or ''} with x, y, t and p, got none; name it with dataset=, or "
                "rename its columns"
            )
        try:
            named = _named(file, places[0])
            power, remarks = power_of(time_unit, named.t[:10_000])
            size = _size(file, places[0])
            single = named.p is None
            missing = named.missing
        except _ERRORS as error:
            raise _damaged(stored, error) from None
    if len(places) > 1:
        others = ", ".join(place.split(":")[0] for place in places[1:6])
        remarks = (f"events of {places[0].split(':')[0]}; others with dataset=: {others}", *remarks)
    if missing:
        remarks = (f"{missing:,} rows announced, but not stored", *remarks)
    return Arrays(
        stored=stored,
        title="HDF5",
        sensor_size=size,
        n_polarities=1 if single else 2,
        load=partial(_load, places[0]),
        power=power,
        remarks=remarks,
    )


@contextmanager
def _file(stored: Stored) -> Iterator[Any]:
    import h5py

    source = stored.name if stored.content is None else io.BytesIO(stored.content)
    try:
        file = h5py.File(source, "r")
    except _ERRORS as error:
        raise _damaged(stored, error) from None
    with file:
        yield file


@contextmanager
def _load(place: str, stored: Stored) -> Iterator[Named]:
    with _file(stored) as file:
        try:
            yield _named(file, place)
        except _ERRORS as error:
            if isinstance(error, FormatError):
                raise
            raise _damaged(stored, error) from None


def _places(file: Any) -> list[str]:
    """Paths of groups and tables with events; of rows, 'path:order'."""
    import h5py

    found, seen = [], 0

    def visit(name: str, thing: Any) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(thing, h5py.Group):
            columns = {key for key in _own(thing) if isinstance(thing[key], h5py.Dataset)}
            match = by_name(sorted(columns))
            if match and all(_plain(thing[key]) and thing[key].ndim == 1 for key in match.values()):
                found.append("/" + name)
        elif _plain(thing) and thing.ndim == 1 and by_name(thing.dtype.names or ()):
            found.append("/" + name)
        elif _plain(thing) and thing.ndim == 2 and thing.shape[1] == 4 and len(thing):
            order = by_content(np.asarray(thing[:2000], np.float64))
            if order:
                found.append(f"/{name}:{order}")
        return True if seen > _MOST else None

    visit("", file)
    file.visititems(visit)
    return found


def _own(group: Any) -> list[str]:
    """What is in a group itself: links may point to other files."""
    import h5py

    return [key for key in group if isinstance(group.get(key, getlink=True), h5py.HardLink)]


def _plain(data: Any) -> bool:
    """Whether a data set's numbers are in this very file."""
    names = data.dtype.names or ()
    kinds = [data.dtype[name].kind for name in names] or [data.dtype.kind]
    return not data.is_virtual and not data.external and set(kinds) <= set("iufb")


def _there(data: Any) -> int:
    """How many rows the file can hold: without storage, HDF5 makes up as many as it is told."""
    if data.chunks:
        return min(len(data), data.id.get_num_chunks() * data.chunks[0])
    row = data.dtype.itemsize * (data.shape[1] if data.ndim == 2 else 1)
    return min(len(data), data.id.get_storage_size() // row)


def _chunk(data: Any) -> int:
    """Rows of a chunk; 0 where there are none."""
    return data.chunks[0] if data.chunks else 0


class _Column:
    """A data set that is no longer than what is stored of it."""

    def __init__(self, data: Any) -> None:
        self.data, self.length = data, _there(data)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> np.ndarray:
        return self.data[part]


class _Rows:
    """Rows of a table that remember the part that was read last: each column asks for it."""

    def __init__(self, data: Any) -> None:
        self.data: Any = Table(data) if packed(data) else data
        self.length = _there(data)
        self.latest: tuple[Any, Any] = None, None

    def __len__(self) -> int:
        return self.length

    def read(self, part: slice) -> np.ndarray:
        """The rows of a slice."""
        if self.latest[0] != part:
            part = slice(*part.indices(len(self)))
            self.latest = part, self.data[part]
        return self.latest[1]


class _Field:
    """One column of a table, or of rows, that is read when it is sliced."""

    def __init__(self, rows: _Rows, name: str | int) -> None:
        self.rows, self.name = rows, name

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> np.ndarray:
        rows = self.rows.read(part)
        return rows[self.name] if isinstance(self.name, str) else rows[:, self.name]


def _named(file: Any, place: str) -> Named:
    path, _, order = place.partition(":")
    thing = file[path]
    if order:
        rows = _Rows(thing)
        columns = {c: _Field(rows, order.index(c)) for c in "xytp" if c in order}
        return Named(**columns, missing=len(thing) - len(rows), rows=_chunk(thing))
    names = thing.dtype.names if hasattr(thing, "dtype") else _own(thing)
    match = by_name(sorted(names))
    if hasattr(thing, "dtype"):
        rows = _Rows(thing)
        columns = {c: _Field(rows, name) for c, name in match.items()}
        return Named(**columns, missing=len(thing) - len(rows), rows=_chunk(thing))
    offset = 0
    for holder in (thing, thing.parent):  # DSEC: what was taken from all stamps
        if "t_offset" in _own(holder) and holder["t_offset"].size == 1:
            offset = int(np.asarray(holder["t_offset"][()]).ravel()[0])
            break
    if abs(offset) >= 1 << 61:
        raise ValueError(f"t_offset {offset}")
    found = {c: _Column(thing[name]) for c, name in match.items()}
    missing = max(len(column.data) for column in found.values()) - min(map(len, found.values()))
    chunk = max(_chunk(column.data) for column in found.values())
    return Named(**found, offset=offset, missing=missing, rows=chunk)


def _size(file: Any, place: str) -> tuple[int, int] | None:
    """The sensor, where an attribute tells it."""
    for holder in (file[place.partition(":")[0]], file):
        about = {key.lower(): holder.attrs[key] for key in holder.attrs}
        pair = None
        if "width" in about and "height" in about:
            pair = about["width"], about["height"]
        elif "sensor_resolution" in about:  # (H, W), as e2vid writes it
            pair = tuple(np.ravel(about["sensor_resolution"])[1::-1])
        elif "geometry" in about:
            found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(about["geometry"]))
            pair = found.groups() if found else None
        if pair is not None and len(pair) == 2:
            width, height = int(pair[0]), int(pair[1])
            if 1 <= width <= 65536 and 1 <= height <= 65536:
                return width, height
    return None


def _damaged(stored: Stored, error: Exception) -> FormatError:
    text = " ".join(str(error).split())
    remedy = "copy the file again"
    if "filter" in text or "plugin" in text:
        remedy = "import hdf5plugin first, which brings more compression filters"
    return FormatError(
        f"{stored.name}: an HDF5 file must be whole and readable, got: {text[:160]}; {remedy}"
    )
