"""How do a model's scalar functions become a block kernel? By generated source.

The kernel of a model is a loop around its functions, over row slices of the state, so that
the compiler can inline and vectorise it. It is written to a file named after its content
in the cache folder (``NEUROSIM_CACHE_DIR``, default the user's cache), so the next process
finds the machine code. What is executed is always the text made here, never a file's.

The kernel has one signature for all models::

    block(at, n, lo, hi, moving, t, dt) -> 1 if any neuron fired, else 0

``at`` is the address of a table of addresses (:class:`Block` lists them); ``moving`` is
0 only at the first grid point of a simulation, where there is nothing to advance.
"""

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
import types as pytypes
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaError

from .._jit import INT64, JIT, UINT8, callback, inlined, view
from ..errors import BuildError
from ..models.base import NeuronModel

SIGNATURE = types.int64(*[types.int64] * 5, types.float64, types.float64)


class Block(IntEnum):
    """Columns of the address table that a block kernel reads."""

    STATE = 0  # real [variable, n]
    ROWS = 1  # real [parameter, n]: parameters with one value per neuron
    SCALARS = 2  # real [parameter]: parameters shared by all
    INPUTS = 3  # real [port, n]: summed arrivals, cleared by the kernel
    SPIKED = 4  # uint8 [n]: 1 where the neuron fired


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


def block_source(model: NeuronModel, rows: tuple[str, ...], scalars: tuple[str, ...], real: str):
    """Python source of the block kernel.

    Parameters
    ----------
    model : NeuronModel
    rows, scalars : tuple of str
        Parameters with one value per neuron, and shared ones.
    real : {"float32", "float64", "int32"}
    """
    state = list(model.state)
    values = {"t": "t", "dt": "dt", "weight": "weight"}
    values |= {name: f"s_{name}" for name in state}
    values |= {name: f"row_{name}[j]" for name in rows}
    values |= {name: f"p_{name}" for name in scalars}
    targets = ", ".join(f"s_{name}" for name in state)

    def called(member: str, **literal: str) -> str:
        arguments = ", ".join((values | literal)[a] for a in model.arguments(member))
        return f"{member}({arguments})"

    load = [f"s_{name} = state_{name}[j]" for name in state]
    store = [f"state_{name}[j] = s_{name}" for name in state]
    lines = ["def block(at, n, lo, hi, moving, t, dt):"]
    lines += [f"    addresses = view(at, {len(Block)}, INT64)"]
    for k, name in enumerate(state):
        lines.append(f"    state_{name} = view(addresses[0], {len(state)} * n, REAL)"
                     f"[{k} * n + lo : {k} * n + hi]")  # fmt: skip
    for k, name in enumerate(rows):
        lines.append(f"    row_{name} = view(addresses[1], {len(rows)} * n, REAL)"
                     f"[{k} * n + lo : {k} * n + hi]")  # fmt: skip
    if scalars:
        lines.append(f"    scalars = view(addresses[2], {len(scalars)}, REAL)")
        lines += [f"    p_{name} = scalars[{k}]" for k, name in enumerate(scalars)]
    for k in range(len(model.ports)):
        lines.append(f"    input_{k} = view(addresses[3], {len(model.ports)} * n, REAL)"
                     f"[{k} * n + lo : {k} * n + hi]")  # fmt: skip
    lines += ["    spiked = view(addresses[4], n, UINT8)[lo:hi]", "    any_fired = False"]
    lines += [f"    dt = {real}(dt)"]
    if real == "int32":
        lines += ["    t = int64(t)"]
    step = []
    for k in range(len(model.ports)):
        receive = called("receive", weight=f"input_{k}[j]", port=str(k))
        step += [f"{targets} = {receive}", f"input_{k}[j] = 0"]
    if model.fires is not None:
        step += [f"fired = {called('fires')}", "if fired:"]
        step += [f"    {targets} = {called('fire')}"]
        step += ["spiked[j] = fired", "any_fired |= fired"]
    advance = [f"{targets} = {called('advance')}"]
    for condition, body in (("if moving:", advance + step), ("else:", step)):
        lines += [f"    {condition}", "        for j in range(hi - lo):"]
        lines += [f"            {line}" for line in (*load, *body, *store)]
    lines += ["    return int64(any_fired)", ""]
    return "\n".join(lines)


def cache_folder() -> Path:
    """Folder of the generated files; the temporary one where the user's is not writable."""
    chosen, shared = os.environ.get("NEUROSIM_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(chosen) if chosen else Path(shared or Path.home() / ".cache") / "neurosim"
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except (OSError, RuntimeError):  # not writable, or a user without a home
        pass
    return _own_folder()


@lru_cache(maxsize=1)
def _own_folder() -> Path:
    """A folder that only this process knows: a shared one could hold someone else's code."""
    folder = tempfile.mkdtemp(prefix="neurosim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _write(path: Path, text: str) -> None:
    """Write unless it is there: beside, then renamed, as other processes may write too."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


@lru_cache(maxsize=256)
def block_kernel(
    model: NeuronModel, rows: tuple[str, ...], scalars: tuple[str, ...], real: str
) -> tuple[int, Any]:
    """Handle of the compiled block kernel of a model, and the object that keeps it alive."""
    source = block_source(model, rows, scalars, real)
    parts = [source, *(fingerprint(getattr(model, m)) for m in model.members())]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
    name = f"neurosim_block_{digest}"
    path = cache_folder() / f"{name}.py"
    text = f'"""Block kernel of the model {model.name!a}, generated by neurosim."""\n\n{source}'
    if JIT:
        _write(path, text)
    module = pytypes.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # Numba's cache looks the function up by its module
    names = {"view": view, "int64": np.int64, "INT64": INT64, "UINT8": UINT8}
    names |= {"REAL": np.empty(0, real), real: np.dtype(real).type}
    names |= {m: in_precision(getattr(model, m), real) for m in model.members()}
    module.__dict__.update(names)
    exec(compile(text, str(path), "exec"), module.__dict__)  # the text above, not a file
    try:
        return callback(SIGNATURE)(module.__dict__["block"])
    except NumbaError as error:
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
