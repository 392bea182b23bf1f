"""How is code compiled? The one place that configures Numba.

Two decorators and two casts:

* :func:`kernel` compiles a function for arrays and scalars, with the on-disk cache.
* :func:`callback` compiles a function of scalars and *addresses* and returns a handle
  that a kernel can call through a table, so that the caller is compiled once whatever
  the callee is (neuron models reach the engine in this way).
* :func:`address` gives an array's place in memory, :func:`view` makes an array of it again.

With ``NUMBA_DISABLE_JIT=1`` all of them work in plain Python, for debugging and coverage.
``NEUROSIM_CACHE=0`` switches the on-disk cache off.
"""

import ctypes
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import sigutils
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

JIT: bool = not numba.config.DISABLE_JIT
CACHE: bool = os.environ.get("NEUROSIM_CACHE", "1") != "0"
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}


def _package_stamp() -> str:
    """Fingerprint of all sources: Numba's own stamp sees only the file of one function.

    Without it, an edit of an inlined function in another file would leave the old
    machine code in use.
    """
    root = Path(__file__).resolve().parent
    files = [*root.rglob("*.py")]
    if (root.parent / "pyproject.toml").is_file():
        for folder in ("encoders", "hardware", "datasets"):
            files += (root.parent / folder).rglob("*.py")
    stats = sorted((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)
    return hashlib.sha256(repr(stats).encode()).hexdigest()


STAMP = _package_stamp()


def _cached(compiled: Any) -> None:
    """Give a function the on-disk cache with the package-wide stamp, where that works."""
    if not CACHE:
        return
    try:
        if hasattr(compiled, "enable_caching"):
            compiled.enable_caching()
        compiled._cache._cache_file._source_stamp = STAMP
    except (RuntimeError, OSError):  # no writable cache folder: compile in each process
        return


def kernel(function: Callable) -> Callable:
    """Compile ``function`` in nopython mode: no GIL, IEEE division, cached on disk.

    No ``fastmath``: spike times are threshold crossings, and one ulp moves a spike.
    """
    if not JIT:
        return function
    compiled = numba.njit(**_OPTIONS)(function)
    _cached(compiled)
    return compiled


def inlined(function: Callable) -> Callable:
    """Compile a function that only other compiled code calls, and do not cache it."""
    return numba.njit(**_OPTIONS)(function) if JIT else function


# ---------------------------------------------------------------- calls through a table

_python_callbacks: list[Callable] = []  # used only without the compiler


def callback(signature: Any) -> Callable[[Callable], tuple[int, Any]]:
    """Compile to a C function; return its handle and the object that keeps it alive."""

    def decorate(function: Callable) -> tuple[int, Any]:
        if not JIT:
            _python_callbacks.append(function)
            return len(_python_callbacks) - 1, function
        kind = sigutils.normalize_signature(signature)
        compiled = CFunc(function, kind, locals={}, options={"error_model": "numpy"})
        _cached(compiled)
        compiled.compile()
        return compiled.address, compiled

    return decorate


if JIT:

    @intrinsic
    def call(typingctx, handle, arguments):  # pragma: no cover - compiled
        """Call the C function at ``handle`` with a tuple of scalars; it returns int64."""
        kinds = list(arguments.types)
        signature = types.int64(types.int64, arguments)

        def codegen(context, builder, _, args):
            pointer, packed = args
            values = [builder.extract_value(packed, k) for k in range(len(kinds))]
            shape = ir.FunctionType(
                context.get_value_type(types.int64), [context.get_value_type(t) for t in kinds]
            )
            return builder.call(builder.inttoptr(pointer, shape.as_pointer()), values)

        return signature, codegen

    @intrinsic
    def _pointer(typingctx, address):  # pragma: no cover - compiled
        def codegen(context, builder, _, args):
            return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

        return types.voidptr(types.int64), codegen

    @kernel
    def view(address, n, like):
        """The ``n`` numbers at ``address``, of the same type as the array ``like``."""
        return numba.carray(_pointer(address), (n,), like.dtype)

else:

    def call(handle, arguments):
        """Call the Python function with this handle."""
        return _python_callbacks[handle](*arguments)

    def view(address, n, like):
        """The ``n`` numbers at ``address``, of the same type as the array ``like``."""
        if n == 0:
            return np.empty(0, like.dtype)
        raw = (ctypes.c_char * (int(n) * like.dtype.itemsize)).from_address(int(address))
        return np.frombuffer(raw, dtype=like.dtype)


def address(array: np.ndarray) -> int:
    """Where the data of an array lies, for a table."""
    return array.ctypes.data


# Prototypes for `view`, in kernels where no array of the type is at hand.
INT64 = np.empty(0, np.int64)
INT32 = np.empty(0, np.int32)
UINT8 = np.empty(0, np.uint8)
UINT32 = np.empty(0, np.uint32)
UINT64 = np.empty(0, np.uint64)
