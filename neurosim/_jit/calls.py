"""How do arguments reach compiled code? In a table of eight-byte slots, written in Python.

For each kind of arguments a Python function is generated that checks the kind, fills the
slots and calls the entry. It takes a few microseconds, and needs nothing of Numba.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

_C, _F, _ALIGNED, _WRITEABLE = 0x0001, 0x0002, 0x0100, 0x0400  # NumPy's flags
_IN_ORDER, _LAYOUT = _C | _F, _C | _F | _ALIGNED | _WRITEABLE
_SAME = {int: np.int64, float: np.float64, bool: np.bool_, np.longlong: np.int64}
_FORMATS: dict[type, str] = {np.float64: "d", np.float32: "d", np.bool_: "?7x"}
_FORMATS |= {t: "q" for t in (np.int8, np.int16, np.int32, np.int64)}
_FORMATS |= {t: "Q" for t in (np.uint8, np.uint16, np.uint32, np.uint64)}

MISS = object()  # what a generated function returns for arguments of another kind


def kind_of(value: Any) -> Any:
    """What decides on the machine code: types, and the layout of arrays."""
    if isinstance(value, np.ndarray):
        flags = value.flags.num & _LAYOUT
        return value.dtype, value.ndim, flags & ~_F if flags & _C else flags  # a row is both
    if isinstance(value, tuple):
        return (type(value), *map(kind_of, value))
    if type(value) is int and value >= 1 << 63:
        return np.uint64
    return _SAME.get(type(value), type(value))


def format_of(kind: Any) -> str | None:
    """Format of the slots of an argument; None where only Numba can pass it on."""
    if isinstance(kind, type):
        return _FORMATS.get(kind)
    if isinstance(kind[0], np.dtype):
        dtype, ndim, layout = kind
        plain = dtype.isnative and dtype.kind in "biufc" and layout & _ALIGNED
        return f"{1 + (ndim if layout & _IN_ORDER else 2 * ndim)}q" if plain else None
    parts = [format_of(k) for k in kind[1:]]
    return None if None in parts else "".join(parts)


def plain(value: Any, kind: Any) -> Any:
    """The same argument as the generated function knows it: no subclass, that very dtype."""
    if isinstance(kind, type):
        return value
    if isinstance(kind[0], np.dtype):
        return np.asarray(value).view(kind[0])
    parts = [plain(v, k) for v, k in zip(value, kind[1:], strict=True)]
    return kind[0]._make(parts) if hasattr(kind[0], "_make") else tuple(parts)


# ------------------------------------------------------------------- the place of an array


def _by_numpy(array: np.ndarray) -> int:
    return array.ctypes.data


def _by_header(array: np.ndarray) -> int:
    """The first field behind the header that all Python objects have; ten times as fast."""
    return ctypes.c_int64.from_address(id(array) + object.__basicsize__).value


_sample = np.empty(3)
address: Callable[[np.ndarray], int] = (
    _by_header if _by_header(_sample) == _by_numpy(_sample) else _by_numpy
)

# --------------------------------------------------------------------- generated functions


class _Writer:
    """Source of a function that checks its arguments and fills the slots."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: list[str] = []
        self.names: dict[str, Any] = {"address": address, "ndarray": np.ndarray}

    def name(self, value: Any) -> str:
        """A global name for an object."""
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name

    def take(self, argument: str, kind: Any) -> None:
        """Check one argument, and list the values of its slots."""
        if isinstance(kind, type):
            self._scalar(argument, kind)
        elif isinstance(kind[0], np.dtype):
            self._array(argument, *kind)
        else:
            self.lines.append(f"if type({argument}) is not {self.name(kind[0])}: return MISS")
            parts = [f"{argument}_{k}" for k in range(len(kind) - 1)]
            self.lines.append(f"if len({argument}) != {len(parts)}: return MISS")
            self.lines += [f"{', '.join(parts)}, = {argument}"] if parts else []
            for part, each in zip(parts, kind[1:], strict=True):
                self.take(part, each)

    def _scalar(self, argument: str, kind: type) -> None:
        same = [k for k, v in _SAME.items() if v is kind]
        tests = [f"type({argument}) is not {self.name(k)}" for k in (*same, kind)]
        if kind is np.uint64:  # beyond int64
            tests.append(f"(type({argument}) is not int or {argument} < {1 << 63})")
        self.lines.append(f"if {' and '.join(tests)}: return MISS")
        self.values.append(argument)

    def _array(self, argument: str, dtype: np.dtype, ndim: int, layout: int) -> None:
        asked = _LAYOUT & ~_F if layout & _C else _LAYOUT
        self.lines.append(
            f"if type({argument}) is not ndarray or {argument}.dtype is not {self.name(dtype)} "
            f"or {argument}.ndim != {ndim} or {argument}.flags.num & {asked} != {layout}: "
            "return MISS"
        )
        self.values += [f"address({argument})", f"*{argument}.shape"]
        if not layout & _IN_ORDER:
            self.values.append(f"*{argument}.strides")


def _result_format(note: Any) -> str:
    return "".join(map(_result_format, note)) if isinstance(note, list) else note or ""


def _shaped(note: Any, values: Any) -> Any:
    """Values in the shape of a result: one, a tuple, or None."""
    if isinstance(note, list):
        return tuple(_shaped(n, values) for n in note)
    return None if note is None else next(values)


def caller(name: str, code: int, kinds: tuple, note: Any) -> Callable:
    """A function that calls the entry at address ``code`` with arguments of these kinds.

    Parameters
    ----------
    note : None, str or list        format of the result: nothing, a number, or a tuple
    """
    arguments = struct.Struct("=" + "".join(map(str, map(format_of, kinds))))
    results = struct.Struct("=" + _result_format(note))
    writer = _Writer()
    parameters = [f"a{k}" for k in range(len(kinds))]
    for parameter, kind in zip(parameters, kinds, strict=True):
        writer.take(parameter, kind)

    def failed() -> None:
        raise RuntimeError(f"{name}: the compiled function ended with an error")

    def result(table: Any) -> Any:
        return _shaped(note, iter(results.unpack_from(table, arguments.size)))

    end = {type(None): "return None", str: f"return read(table, {arguments.size})[0]"}
    lines = [
        f"def called({', '.join(parameters)}):",
        *writer.lines,
        "table = new()",
        f"pack(table, 0, {', '.join(writer.values)})",
        "if entry(place(table)): failed()",
        end.get(type(note), "return result(table)"),
    ]
    names = {
        **writer.names, "MISS": MISS, "pack": arguments.pack_into, "read": results.unpack_from,
        "new": ctypes.c_char * (arguments.size + results.size), "place": ctypes.addressof,
        "entry": ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(code),  # without the GIL
        "failed": failed, "result": result,
    }  # fmt: skip
    exec("\n    ".join(lines), names)
    return names["called"]
