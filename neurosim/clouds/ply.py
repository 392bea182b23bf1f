"""How is a PLY file read and written? Points only: faces and other elements are skipped.

A text header lists elements (name and number of rows) and the properties of each, then
the rows follow as text or as packed binary of either byte order.
"""

import os
from pathlib import Path

import numpy as np

from neurosim.checks import choice
from neurosim.errors import FormatError
from neurosim.files import write_whole

from .container import PointCloud
from .plyrows import Element, read_ascii, read_binary

_HEADER_LIMIT = 1 << 16
_BYTE_ORDER = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4"},
    **{"uint32": "u4", "float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_INTENSITY = ("intensity", "scalar_intensity", "reflectance")


def looks_like_ply(data: np.ndarray, *, text: bool) -> bool:
    """Whether ``data`` (uint8), the first bytes of a file, begins a PLY file, text or not."""
    head = data[:_HEADER_LIMIT].tobytes()
    return head.startswith((b"ply\n", b"ply\r\n")) and (b"\nformat ascii" in head) == text


def decode_ply(data: np.ndarray, name: str, *, strict: bool = True) -> PointCloud:
    """Points of the bytes of a .ply file (``data`` uint8, called ``name`` in errors).

    Any scalar types, any order of properties, list properties and other elements are
    taken; ``x``, ``y``, ``z`` and one of intensity, scalar_intensity, reflectance are
    kept. Points with a coordinate that is not finite are dropped and noted. The announced
    points must be there whether ``strict`` or not.

    Raises
    ------
    FormatError
        For a damaged header, fewer rows than announced, or numbers that cannot be read.
    """
    form, elements, body = _header(data[:_HEADER_LIMIT].tobytes(), name)
    _check_names(elements[-1], name)
    read = read_ascii if form == "ascii" else read_binary
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


def _check_names(vertex: Element, name: str) -> None:
    names = [prop.lower() for prop, _, _ in vertex.properties]
    for prop in (*"xyz", *_INTENSITY):
        if names.count(prop) > 1:
            raise FormatError(
                f"{name}: element vertex must have property {prop} once, got "
                f"{names.count(prop)} of them; remove all but one from the file"
            )


def _header(data: bytes, name: str) -> tuple[str, list[Element], int]:
    """Format word, elements up to and with ``vertex``, and where the rows begin."""
    form, elements, position = "", [], 0
    while True:
        end = data.find(b"\n", position)
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


def _header_line(words: list[str], form: str, elements: list[Element]) -> str:
    """Add what one line says to ``elements``; return the format word."""
    match words:
        case [] | ["ply"] | ["comment" | "obj_info", *_]:
            return form
        case ["format", kind, "1.0"] if kind in _BYTE_ORDER:
            return kind
        case ["element", name, count] if count.isdecimal():
            elements.append(Element(name, int(count)))
        case ["property", "list", length, kind, name] if _TYPES[length][0] != "f":
            elements[-1].properties.append((name, _TYPES[kind], _TYPES[length]))
        case ["property", kind, name] if kind != "list":
            elements[-1].properties.append((name, _TYPES[kind], None))
        case _:
            raise ValueError
    return form


def write_ply(
    cloud: PointCloud, path: str | os.PathLike, form: str = "binary_little_endian"
) -> Path:
    """Write ``cloud`` as float properties x, y, z and, where present, intensity.

    Parameters
    ----------
    form : {"binary_little_endian", "binary_big_endian", "ascii"}

    The file appears complete or not at all.

    Raises
    ------
    ParameterError
        For another ``form``, or a path that cannot be written.
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
    return write_whole(path, "\n".join(lines).encode() + body, owner="write_ply")
