"""How do a model's scalar functions become a block kernel? By generated source.

The source (:mod:`neurosim.engine.kernelsource`) is written to a file named after its content
in the cache folder (``NEUROSIM_CACHE_DIR``, default the user's cache), so the next process
finds the machine code. What is executed is always the text made here, never a file's.
A kernel has the same signature for all models.
"""

import hashlib
import os
import sys
import tempfile
import types as pytypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .._jit import (
    FLOAT64,
    INT32,
    INT64,
    JIT,
    UINT8,
    UINT32,
    UINT64,
    CompileError,
    cache_folder,
    callback,
    inlined,
    prefetch,
    room,
    view,
)
from ..errors import BuildError
from ..models.base import NeuronModel
from . import backsource, kernelsource
from .exact import source as eventsource

SOURCES = kernelsource.SOURCES | eventsource.SOURCES | backsource.SOURCES
MEMBERS = kernelsource.MEMBERS | eventsource.MEMBERS | backsource.MEMBERS
SIGNATURES = {
    "block": f"int64({'int64, ' * 5}float64, float64)",
    "resting": f"int64({'int64, ' * 5}float64, float64)",
    "doze": f"int64({'int64, ' * 5}float64)",
    "peek": f"int64({'int64, ' * 9}float64)",
    "attend": "int64(int64, float64)",
    "look": f"int64({'int64, ' * 5}float64)",
    "lean": "int64(int64, int64, int64, float64, float64, float64)",
    "pull": "int64(int64, int64, int64, float64, float64)",
}
_FIXED_MODULES = {"math", "cmath", "numpy"}  # the same for a given version


def _value_fingerprint(value: Any, seen: set[int]) -> str:
    if isinstance(value, pytypes.ModuleType):  # its attributes: see `fingerprint`
        return f"module {value.__name__}"
    if isinstance(value, pytypes.BuiltinFunctionType | np.ufunc | type):
        return f"builtin {getattr(value, '__module__', '')}.{value.__name__}"
    if hasattr(value, "py_func"):
        value = value.py_func
    if isinstance(value, pytypes.FunctionType):
        return fingerprint(value, seen)
    if isinstance(value, pytypes.CodeType):
        return _code_fingerprint(value, seen)
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} {value.tobytes().hex()}"
    if isinstance(value, (tuple, frozenset)):
        parts = [_value_fingerprint(v, seen) for v in value]
        return f"{type(value).__name__} {sorted(parts) if isinstance(value, frozenset) else parts}"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return f"{type(value).__name__} {value!r}"
    return f"unknown {type(value).__name__} {os.urandom(8).hex()}"  # never share machine code


def _code_fingerprint(code: pytypes.CodeType, seen: set[int]) -> str:
    constants = [_value_fingerprint(c, seen) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def fingerprint(function: pytypes.FunctionType, seen: set[int] | None = None) -> str:
    """Text that changes when the function, or anything that it refers to, does."""
    seen = set() if seen is None else seen
    if id(function) in seen:
        return "recursion"
    seen.add(id(function))
    code = function.__code__
    cells = [c.cell_contents for c in function.__closure__ or ()]
    used = [function.__globals__[n] for n in code.co_names if n in function.__globals__]
    modules = [v for v in (*cells, *used) if isinstance(v, pytypes.ModuleType)]
    used += [
        getattr(m, n)
        for m in modules
        if m.__name__ not in _FIXED_MODULES
        for n in code.co_names
        if hasattr(m, n)
    ]
    used += [function.__defaults__, *(function.__kwdefaults__ or {}).items()]
    values = [_value_fingerprint(v, seen) for v in (*cells, *used)]
    return f"{_code_fingerprint(code, seen)} {values}"


def _write(path: Path, text: str) -> None:
    """Write unless it is there: beside, then renamed, as other processes may write too."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def used_members(model: NeuronModel, kernel: str) -> list[str]:
    """The functions of a model that a kernel calls."""
    return [m for m in MEMBERS[kernel] if getattr(model, m) is not None]


@lru_cache(maxsize=256)
def model_kernel(
    kind: str,
    model: NeuronModel,
    rows: tuple[str, ...],
    scalars: tuple[str, ...],
    real: str,
    still: tuple[str, ...] = (),
) -> tuple[int, Any]:
    """Handle of a compiled kernel of a model, and the object that keeps it alive.

    Parameters
    ----------
    kind : {"block", "resting", "doze", "peek", "attend", "look", "lean", "pull"}
    model, rows, scalars, real : see :func:`~neurosim.engine.kernelsource.block_source`
    still : state variables that "block" and "resting" leave out, as they are 0
    """
    source = SOURCES[kind](model, rows, scalars, real, *[still] * bool(still))
    members = used_members(model, kind)
    parts = [source, *(fingerprint(getattr(model, m)) for m in members)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
    name = f"neurosim_{kind}_{digest}"
    path = cache_folder() / f"{name}.py"
    text = f'"""Kernel {kind!a} of the model {model.name!a}, generated by neurosim."""\n\n{source}'
    if JIT:
        _write(path, text)
    module = pytypes.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # Numba's cache looks the function up by its module
    names = {"view": view, "int64": np.int64, "INT64": INT64, "UINT8": UINT8}
    names |= {
        "FLOAT64": FLOAT64,
        "INT32": INT32,
        "UINT32": UINT32,
        "UINT64": UINT64,
        "uint64": np.uint64,
        "prefetch": prefetch,
        "room": room,
    }
    names |= {"REAL": np.empty(0, real), real: np.dtype(real).type}
    names |= {m: in_precision(getattr(model, m), real) for m in members}
    module.__dict__.update(names)
    exec(compile(text, str(path), "exec"), module.__dict__)  # the text above, not a file
    try:
        return callback(SIGNATURES[kind])(module.__dict__[kind])
    except CompileError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = next((line for line in lines if "rror" in line or "nknown" in line), lines[0])
        raise BuildError(
            f"NeuronModel {model.name!r} must compile in {real}: {said}; its functions may use "
            "numbers, math, numpy scalars and functions compiled by numba.njit"
        ) from None


def in_precision(function: Any, real: str) -> Any:
    """Compiled form of a model's function, with its float constants of dtype ``real``.

    (Those of an integer model are whole: `NeuronModel` checks it.) A float64 literal would
    pull a float32 neuron into double precision and halve its speed. Functions that the user
    compiled already are taken as they are. Not cached: Numba would stamp them with the
    user's file, and inline stale code.
    """
    if hasattr(function, "py_func"):
        return function
    kind = np.dtype(real).type
    code = function.__code__
    constants = tuple(kind(c) if isinstance(c, float) else c for c in code.co_consts)
    cast = pytypes.FunctionType(
        code.replace(co_consts=constants),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    return inlined(cast)
