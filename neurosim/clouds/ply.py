"""How is a PLY file read and written? Points only: faces and other elements are skipped.

A text header lists elements (name and number of rows) and the properties of each, then
the rows follow as text or as packed binary of either byte order.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurosim.checks import choice
from neurosim.errors import FormatError

from .container import PointCloud

SIGNATURE = b"ply"
_HEADER_LIMIT = 1 << 16
_BYTE_ORDER = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4"},
    **{"uint32": "u4", "float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_INTENSITY = ("intensity", "scalar_intensity", "reflectance")


@dataclass(slots=True)
class _Element:
    """One element of the header; a list property has the type of its length too."""

    name: str
    count: int
    properties: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def smallest(self) -> int:
        """The fewest bytes that a binary row can have."""
        return sum(np.dtype(length or kind).itemsize for _, kind, length in self.properties)

    @property
    def has_list(self) -> bool:
        return any(length for _, _, length in self.properties)


def decode_ply(data: bytes, name: str) -> PointCloud:
    """Points of the bytes of a .ply file (called ``name`` in errors).

    Any scalar types, any order of properties, list properties and other elements are
    taken; ``x``, ``y``, ``z`` and one of intensity, scalar_intensity, reflectance are
    kept. Points with a coordinate that is not finite are dropped and noted.

    Raises
    ------
    FormatError
        For a damaged header, fewer rows than announced, or numbers that cannot be read.
    """
    form, elements, body = _header(data, name)
    read = _read_ascii if form == "ascii" else _read_binary
    columns = read(data[body:], elements, name, body, _BYTE_ORDER[form])
    columns = {key.lower(): value for key, value in columns.items()}
    if not {"x", "y", "z"} <= set(columns):
        raise FormatError(
            f"{name}: element vertex must have scalar properties x, y and z, got "
            f"{', '.join(columns) or 'none'}; this PLY file holds no points"
        )
    with np.errstate(over="ignore"):
        xyz = np.stack([columns[c].astype(np.float32) for c in "xyz"], axis=1)
        intensity = next((columns[c] for c in _INTENSITY if c in columns), None)
        keep = np.isfinite(xyz).all(axis=1)
        if intensity is not None:
            intensity = intensity.astype(np.float32)
            keep &= np.isfinite(intensity)
            intensity = intensity[keep]
    dropped = len(xyz) - int(np.count_nonzero(keep))
    return PointCloud(
        xyz=xyz[keep],
        intensity=intensity,
        source=f"PLY {form}",
        notes=(f"{dropped:,} points that are not finite dropped",) if dropped else (),
    )


def _header(data: bytes, name: str) -> tuple[str, list[_Element], int]:
    """Format word, elements up to and with ``vertex``, and where the rows begin."""
    form, elements, position = "", [], 0
    while True:
        end = data.find(b"\n", position, _HEADER_LIMIT)
        if end < 0:
            raise FormatError(
                f"{name}: the PLY header must end with 'end_header' within its first "
                f"{_HEADER_LIMIT} bytes, got none; the file is truncated or damaged"
            )
        line = data[position:end].decode("ascii", "replace")
        position, words = end + 1, line.split()
        if words == ["end_header"]:
            break
        try:
            form = _header_line(words, form, elements)
        except (ValueError, IndexError, KeyError):
            raise FormatError(
                f"{name}: header line {line[:60]!r} must be a PLY format, element or property; "
                "the file is damaged or of another format"
            ) from None
    names = [element.name for element in elements]
    if not form or "vertex" not in names:
        missing = "element vertex" if form else "a format line"
        raise FormatError(f"{name}: the PLY header must have {missing}; got {names}")
    return form, elements[: names.index("vertex") + 1], position


def _header_line(words: list[str], form: str, elements: list[_Element]) -> str:
    """Add what one line says to ``elements``; return the format word."""
    match words:
        case [] | ["ply"] | ["comment" | "obj_info", *_]:
            return form
        case ["format", kind, "1.0"] if kind in _BYTE_ORDER:
            return kind
        case ["element", name, count] if count.isdecimal():
            elements.append(_Element(name, int(count)))
        case ["property", "list", length, kind, name] if _TYPES[length][0] != "f":
            elements[-1].properties.append((name, _TYPES[kind], _TYPES[length]))
        case ["property", kind, name] if kind != "list":
            elements[-1].properties.append((name, _TYPES[kind], None))
        case _:
            raise ValueError
    return form


def _short(name: str, element: _Element, needed: str, at: int) -> FormatError:
    return FormatError(
        f"{name}: element {element.name} must have {element.count} rows ({needed}), but the "
        f"file ends at byte {at}; it is truncated, copy it again"
    )


# ---------------------------------------------------------------------------- binary


def _read_binary(
    body: bytes, elements: list[_Element], name: str, offset: int, order: str
) -> dict[str, np.ndarray]:
    """Columns of the last element; the ones before it are passed over."""
    position, columns = 0, {}
    for element in elements:
        needed = element.count * element.smallest
        if needed > len(body) - position:  # before anything is allocated
            raise _short(name, element, f"{needed} bytes or more", offset + len(body))
        if element.has_list:
            columns, position = _binary_rows(body, element, name, offset, order, position)
            continue
        if not element.properties:  # rows of nothing
            columns = {}
            continue
        row = [(f"{k}", order + kind) for k, (_, kind, _) in enumerate(element.properties)]
        table = np.frombuffer(body, np.dtype(row), element.count, position)
        columns = {p: table[f"{k}"] for k, (p, _, _) in enumerate(element.properties)}
        position += needed
    return columns


def _binary_rows(
    body: bytes, element: _Element, name: str, offset: int, order: str, position: int
) -> tuple[dict[str, np.ndarray], int]:
    """Rows of an element with lists, one by one: their lengths are known only on the way."""
    scalars: dict[str, list[float]] = {p: [] for p, _, length in element.properties if not length}
    steps = [
        (p, np.dtype(order + kind), np.dtype(order + length) if length else None)
        for p, kind, length in element.properties
    ]
    for _ in range(element.count):
        for prop, kind, length in steps:
            head = length or kind
            if position + head.itemsize > len(body):
                raise _short(name, element, "lists included", offset + len(body))
            value = np.frombuffer(body, head, 1, position)[0]
            position += head.itemsize
            if length is None:
                scalars[prop].append(value)
            elif not 0 <= int(value) * kind.itemsize <= len(body) - position:
                raise _short(name, element, f"a list of {value}", offset + len(body))
            else:
                position += int(value) * kind.itemsize
    return {p: np.array(v, np.float64) for p, v in scalars.items()}, position


# ----------------------------------------------------------------------------- ascii


def _read_ascii(
    body: bytes, elements: list[_Element], name: str, offset: int, order: str
) -> dict[str, np.ndarray]:
    """Columns of the last element; words are separated by any white space."""
    if any(element.has_list for element in elements):
        words, at = body.split(), 0
    else:  # the usual case: stop splitting after the vertices
        most = sum(element.count * len(element.properties) for element in elements)
        if most > len(body):
            raise _short(name, elements[-1], f"{most} words up to there", offset + len(body))
        words, at = body.split(None, most), 0
    columns: dict[str, np.ndarray] = {}
    for element in elements:
        rows, at = _ascii_rows(words, at, element, name, offset + len(body))
        columns = {
            prop: rows[:, k]
            for k, prop in enumerate(p for p, _, length in element.properties if not length)
        }
    return columns


def _ascii_rows(
    words: list[bytes], at: int, element: _Element, name: str, end: int
) -> tuple[np.ndarray, int]:
    """The scalar properties of one element, (count, scalars), and the word after it."""
    width = len(element.properties)
    if element.count * width > len(words) - at:
        raise _short(name, element, f"{element.count * width} words or more", end)
    try:
        if not element.has_list:
            stop = at + element.count * width
            values = np.array([float(w) for w in words[at:stop]], np.float64)
            return values.reshape(element.count if width else 0, width), stop
        table = []
        for _ in range(element.count if width else 0):
            row = []
            for _, _, length in element.properties:
                if length is None:
                    row.append(float(words[at]))
                else:
                    at += _list_length(words[at], len(words) - at)
                at += 1
            table.append(row)
    except IndexError:
        raise _short(name, element, "lists included", end) from None
    except (ValueError, OverflowError) as error:
        raise FormatError(
            f"{name}: element {element.name} must have numbers in its rows, got {error}; the "
            "file is damaged"
        ) from None
    return np.array(table, np.float64).reshape(len(table), -1), at


def _list_length(word: bytes, left: int) -> int:
    length = int(word[:20])
    if length < 0:
        raise ValueError(f"a list of {length} values")
    if length > left:
        raise IndexError
    return length


def write_ply(
    cloud: PointCloud, path: str | os.PathLike, form: str = "binary_little_endian"
) -> Path:
    """Write ``cloud`` as float properties x, y, z and, where present, intensity.

    Parameters
    ----------
    form : {"binary_little_endian", "binary_big_endian", "ascii"}

    The file appears complete or not at all.
    """
    choice("write_ply", "form", form, tuple(_BYTE_ORDER))
    names = ["x", "y", "z"] + ([] if cloud.intensity is None else ["intensity"])
    table = np.column_stack([cloud.xyz] + ([] if cloud.intensity is None else [cloud.intensity]))
    lines = ["ply", f"format {form} 1.0", f"element vertex {len(cloud)}"]
    lines += [f"property float {name}" for name in names] + ["end_header", ""]
    if form == "ascii":
        body = "".join(" ".join(f"{v:.9g}" for v in row) + "\n" for row in table).encode()
    else:
        body = table.astype(_BYTE_ORDER[form] + "f4").tobytes()
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes("\n".join(lines).encode() + body)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
