"""How are samples read from a file? Arrays of numbers only: no file can run code or fill memory.

==========  ==================================================================================
``.npz``    arrays ``x`` (samples, *shape) and, for labels, ``y`` (samples,)
``.npy``    x alone
``.csv``    a line per sample, numbers; a column named ``label`` in the first line has labels
==========  ==================================================================================
"""

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import FormatError, ParameterError

MOST_BYTES = 4 << 30  # of one array, unpacked
MOST_TEXT = 1 << 28  # bytes of a .csv file
_KINDS = "biuf"


def read_samples(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (x, labels or None).

    Raises
    ------
    ParameterError
        No such file, or another ending.
    FormatError
        The file is not what its name says, is damaged, or has absurd sizes.
    """
    readers = {".npz": _zipped, ".npy": _plain, ".csv": _text}
    if path.suffix not in readers:
        raise ParameterError(
            f"{path}: samples must be in a file that ends in {', '.join(readers)}, got "
            f"{path.suffix or 'no ending'!r}; numpy.savez('{path.stem}.npz', x=x, y=labels) "
            "writes one"
        )
    try:
        x, y = readers[path.suffix](path)
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read: {error.strerror or error}") from None
    if x.ndim < 2 or not len(x):
        raise FormatError(f"{path}: x must have shape (samples, ...), got {x.shape}")
    if y is not None and y.shape[:1] != x.shape[:1]:
        raise FormatError(f"{path}: there must be {len(x)} labels, got shape {y.shape}")
    return x, y


def _zipped(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {i.filename: i for i in archive.infolist()}
            if "x.npy" not in names:
                found = ", ".join(name.removesuffix(".npy") for name in names) or "nothing"
                raise FormatError(f"{path}: must have an array named x, got {found}")
            arrays = {}
            for name in ("x.npy", "y.npy"):
                if name in names:
                    with archive.open(names[name]) as file:
                        arrays[name] = _array(file, f"{path}, {name}", names[name].file_size)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{path}: is no .npz file, or is damaged: {error}") from None
    return arrays["x.npy"], arrays.get("y.npy")


def _plain(path: Path) -> tuple[np.ndarray, None]:
    with path.open("rb") as file:
        return _array(file, str(path), path.stat().st_size), None


def _array(file: BinaryIO | Any, name: str, size: int) -> np.ndarray:
    """One array of numbers; its header is looked at before anything is allocated."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran, kind = np.lib.format.read_array_header_2_0(file)
    except (ValueError, EOFError) as error:
        raise FormatError(f"{name}: is no array of numpy's: {error}") from None
    if kind.kind not in _KINDS:
        raise FormatError(f"{name}: must hold numbers, got {kind}")
    wanted = kind.itemsize
    for n in shape:
        wanted *= int(n)
    if wanted > MOST_BYTES or wanted > size:
        raise FormatError(
            f"{name}: must hold an array of at most {MOST_BYTES >> 30} GiB that is all there, got "
            f"the shape {shape}, which is {wanted:,} bytes, in {size:,}"
        )
    data = file.read(wanted)
    if len(data) < wanted:
        raise FormatError(f"{name}: ends after {len(data):,} of {wanted:,} bytes")
    return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")


def _text(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    size = path.stat().st_size
    if size > MOST_TEXT:
        raise FormatError(
            f"{path}: must be at most {MOST_TEXT:,} bytes of text, got {size:,}; take .npz"
        )
    try:
        text = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: must be text: {error}") from None
    head = [cell.strip() for cell in text[0].split(",")] if text else []
    named = any(not _is_number(cell) for cell in head)
    rows = [line.split(",") for line in text[named:] if line.strip()]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or (named and widths != {len(head)}):
        raise FormatError(
            f"{path}: every line must have as many cells, got {sorted(widths) or 'no lines'}"
        )
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise FormatError(f"{path}: must have numbers below the first line: {error}") from None
    if "label" not in head:
        return table, None
    k = head.index("label")
    y = table[:, k]
    whole = bool((y == np.rint(y)).all())
    return np.delete(table, k, axis=1), y.astype(np.int64) if whole else y


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
