"""How are NumPy files (.npy, .npz) read?

A structured array with columns by name, an array of rows, or, in an .npz, one array per
column. Pickled objects are refused.
"""

import ast
import io
import operator
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from neurosim.errors import FormatError

from .named import Arrays, Named, by_content, by_name, checked_order, power_of
from .stored import Stored, check_memory

_MOST_FIELDS = 64
_HEADER_ERRORS = (  # what may come of parsing a header
    *(ValueError, KeyError, SyntaxError, TypeError, EOFError, MemoryError, RecursionError),
    *(OverflowError, UnicodeError, AttributeError, IndexError),
)
_LONGEST = 16_384  # bytes of a header


def looks_like_npy(stored: Stored) -> bool:
    """Whether the file begins with NumPy's magic bytes."""
    return stored.starts_with(b"\x93NUMPY")


def looks_like_npz(stored: Stored) -> bool:
    """Whether the file is a zip archive."""
    return stored.starts_with(b"PK\x03\x04")


def open_npy(stored: Stored, *, columns: str | None = None, time_unit: str | None = None) -> Arrays:
    """One array: structured, or rows."""
    return _source(stored, _npy(stored), "NumPy .npy", columns, time_unit)


def open_npz(stored: Stored, *, columns: str | None = None, time_unit: str | None = None) -> Arrays:
    """An archive of arrays: x, y, t, p, or one array with all of them."""
    return _source(stored, _npz(stored), "NumPy .npz", columns, time_unit)


def _source(stored, found: Any, title: str, columns, time_unit) -> Arrays:
    named, remarks = named_of(stored, found, columns)
    power, more = power_of(time_unit, named.t[:10_000])
    return Arrays(
        stored=stored,
        title=title,
        sensor_size=_sensor(found),
        n_polarities=1 if named.p is None else 2,
        load=partial(_held, named) if stored.content is not None else partial(_again, columns),
        power=power,
        remarks=(*remarks, *more),
    )


def _sensor(found: Any) -> tuple[int, int] | None:
    """What an array called sensor_size says: (W, H)."""
    size = found.get("sensor_size") if isinstance(found, dict) else None
    if size is None or size.shape not in ((2,), (3,)) or size.dtype.kind not in "iu":
        return None
    width, height = (int(side) for side in size[:2])
    return (width, height) if 1 <= width <= 65536 and 1 <= height <= 65536 else None


@contextmanager
def _held(named: Named, stored: Stored) -> Iterator[Named]:
    yield named


@contextmanager
def _again(columns: str | None, stored: Stored) -> Iterator[Named]:
    """Read the file once more, so that a recording can be pickled."""
    found = _npy(stored) if looks_like_npy(stored) else _npz(stored)
    yield named_of(stored, found, columns)[0]


def named_of(stored: Stored, found: Any, columns: str | None = None) -> tuple[Named, tuple]:
    """Columns of a structured array, an array of rows, or a mapping; what was inferred."""
    names = list(found) if isinstance(found, dict) else list(found.dtype.names or ())
    match = by_name(names)
    if match is not None:
        arrays = {c: found[name] for c, name in match.items()}
        if all(a.ndim == 1 or a.size == max(a.shape) for a in arrays.values()):
            return Named(**{c: a.reshape(-1) for c, a in arrays.items()}), ()
    if isinstance(found, dict):
        parts = [a for a in found.values() if a.dtype.names or (a.ndim == 2 and a.size)]
        if len(parts) == 1:
            return named_of(stored, parts[0], columns)
    elif not names and found.ndim == 2 and found.dtype.kind in "iuf":
        for rows in (found, found.T):
            sample = rows[:5000].astype(np.float64)
            order = by_content(sample) if columns is None else checked_order("events.open", columns)
            if order is not None and len(order) == rows.shape[1]:
                picked = {c: rows[:, order.index(c)] for c in "xytp" if c in order}
                remark = (f"columns without names, read as {', '.join(order)}",)
                return Named(**picked), () if columns else remark
    raise FormatError(
        f"{stored.name}: arrays of events must have columns named x, y, t and p, or three or "
        f"four columns of which one ascends, got {_shown(found)}; rename them, or say "
        "columns='txyp'"
    )


def _shown(found: Any) -> str:
    if isinstance(found, dict):
        return f"arrays named {', '.join(found)[:80] or 'nothing'}"
    return f"an array of shape {found.shape} of {str(found.dtype)[:60]}"


def _npy(stored: Stored) -> np.ndarray:
    """The array: mapped from disk, or over the bytes in memory."""
    shape, fortran, dtype, start = _header(stored)
    count = 1
    for side in shape:
        count *= side
    if (
        dtype.hasobject
        or min(shape, default=0) < 0
        or dtype.itemsize == 0
        or len(shape) > 2
        or len(dtype.names or ()) > _MOST_FIELDS
    ):
        raise _damaged(stored, f"an array of {str(dtype)[:40]} in {len(shape)} dimensions")
    if start + count * dtype.itemsize > stored.size:
        raise _damaged(stored, f"{stored.size} bytes for shape {shape} of {str(dtype)[:40]}")
    if stored.content is not None or not count:
        flat = np.frombuffer(stored.content or b"", dtype, count, start if count else 0)
    else:
        flat = np.memmap(stored.name, dtype, "r", start, (count,))
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(stored: Stored) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order, dtype and first byte: a dictionary in Python's notation, read as data."""
    head = stored.head.tobytes()
    size = 2 if head[6:7] == b"\1" else 4
    start = 8 + size + int.from_bytes(head[8 : 8 + size], "little")
    try:
        about = ast.literal_eval(head[8 + size : min(start, _LONGEST)].decode("latin-1").strip())
        dtype = np.lib.format.descr_to_dtype(about["descr"])
        shape = tuple(operator.index(side) for side in about["shape"])
    except _HEADER_ERRORS as error:
        raise _damaged(stored, f"the header {type(error).__name__}: {error}") from None
    return shape, bool(about.get("fortran_order")), dtype, start


def _npz(stored: Stored) -> dict[str, np.ndarray]:
    found = {}
    source = stored.name if stored.content is None else io.BytesIO(stored.content)
    try:
        with zipfile.ZipFile(source) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            if len(members) > _MOST_FIELDS:
                raise _damaged(stored, f"{len(members)} arrays")
            check_memory(sum(member.file_size for member in members), stored.name)
            for member in members:
                content = _member(archive, member, stored)
                inner = Stored.of_content(
                    "events.open", content, f"{stored.name}:{member.filename}"
                )
                array = _npy(inner)
                if array.ndim and (array.dtype.kind in "iufb" or array.dtype.names):
                    found[member.filename[:-4]] = array
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError,
            zipfile.zlib.error) as error:  # fmt: skip
        if isinstance(error, FormatError):
            raise
        raise _damaged(stored, error) from None
    return found


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, stored: Stored) -> bytes:
    """The content of a member, which never holds more than it announces."""
    with archive.open(member) as file:
        content = file.read(member.file_size)
    if len(content) != member.file_size:
        raise _damaged(stored, f"{member.filename} of {len(content)} bytes")
    return content


def _damaged(stored: Stored, what: Any) -> FormatError:
    return FormatError(
        f"{stored.name}: a NumPy file must hold whole arrays of numbers, got "
        f"{' '.join(str(what).split())[:120]}; save it again without pickled objects"
    )
