"""How does a function get a handle that kernels can call? As a C function."""

from collections.abc import Callable
from typing import Any

from .kernels import CHECKED, JIT, LOCK
from .objectfiles import ObjectFile, place
from .plain import python_callbacks


class CompileError(Exception):
    """A function does not compile; the text is the compiler's."""


def callback(signature: Any) -> Callable[[Callable], tuple[int, Any]]:
    """Compile to a C function; return its handle and the object that keeps it alive.

    Parameters
    ----------
    signature : str        such as ``"int64(int64, float64)"``

    Raises
    ------
    CompileError
    """

    def decorate(function: Callable) -> tuple[int, Any]:
        if not JIT:
            python_callbacks.append(function)
            return len(python_callbacks) - 1, function
        with LOCK:
            return _compiled(function, signature)

    return decorate


def _compiled(function: Callable, signature: Any) -> tuple[int, Any]:
    file = ObjectFile(function, str(signature))
    found = None if CHECKED else file.read()
    if found is None:
        from . import compiler

        try:
            if CHECKED:  # only Numba's own C function tells of a wrong index
                raise compiler.Unsuitable
            found = compiler.for_signature(function, signature, file.symbol), None
        except compiler.Unsuitable:
            return _by_numba(function, signature)
        file.write(*found)
    return place(found[0], file.symbol), function


def _by_numba(function: Callable, signature: Any) -> tuple[int, Any]:
    from . import compiler

    try:
        made = compiler.c_function(function, signature)
    except compiler.NumbaError as error:
        raise CompileError(str(error)) from None
    return made.address, made
