"""How does Python call compiled code? Kernels, with arguments in eight-byte slots."""

import functools
import inspect
import os
import threading
from collections.abc import Callable
from typing import Any

from .calls import MISS, caller, format_of, kind_of, plain
from .objectfiles import ObjectFile, place


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0") not in ("", "0")


JIT: bool = not _is_set("NUMBA_DISABLE_JIT")
CHECKED: bool = _is_set("NUMBA_BOUNDSCHECK")  # only Numba's dispatcher tells of a wrong index
LOCK = threading.RLock()


def _missing(*args: Any) -> Any:
    return MISS


class Kernel:
    """A function that is compiled for each kind of arguments when it is first called.

    Parameters
    ----------
    function : function
    cache : bool        keep the machine code for the next process
    """

    def __init__(self, function: Callable, *, cache: bool = True) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._cache = cache
        self._n_arguments = function.__code__.co_argcount
        self._variants: dict[tuple, Callable] = {}
        self._latest: Callable = _missing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == self._n_arguments:
            result = self._latest(*args)
            if result is not MISS:
                return result
        return self._call(args, kwargs)

    def _call(self, args: tuple, kwargs: dict) -> Any:
        """Call with arguments of another kind than the last ones."""
        if kwargs or len(args) != self._n_arguments:
            bound = inspect.signature(self.py_func).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        kinds = tuple(map(kind_of, args))
        with LOCK:
            if kinds not in self._variants:
                self._variants[kinds] = self._variant(kinds, args)
            variant = self._variants[kinds]
        if variant is None:
            return self.dispatcher(*args)
        self._latest = variant
        result = variant(*map(plain, args, kinds))
        return self.dispatcher(*args) if result is MISS else result

    def _variant(self, kinds: tuple, args: tuple) -> Callable | None:
        """Find or make the machine code for some arguments; None where Numba calls it."""
        if CHECKED or None in map(format_of, kinds):
            return None
        file = ObjectFile(self.py_func, repr(kinds), cache=self._cache)
        found = file.read()
        if found is None:
            from . import compiler

            try:
                arguments = tuple(map(plain, args, kinds))
                found = compiler.for_arguments(self.py_func, arguments, file.symbol)
            except compiler.Unsuitable:
                found = b"", None  # the next process need not try again
            file.write(*found)
        code, note = found
        if not code:
            return None
        return caller(self.__qualname__, place(code, file.symbol), kinds, note)

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled as functions are, by name

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Numba's own, for functions that allocate, and arguments that only it knows."""
        from . import compiler

        return compiler.dispatcher(self.py_func, cache=self._cache)

    @functools.cached_property
    def _helper(self) -> Any:
        """What compiled code calls."""
        from . import compiler

        return compiler.helper(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        """Numba asks for it where compiled code calls this function."""
        return self._helper._numba_type_


def kernel(function: Callable) -> Callable:
    """Compile ``function`` in nopython mode: no GIL, IEEE division, cached on disk.

    No ``fastmath``: spike times are threshold crossings, and one ulp moves a spike.
    A function that allocates nothing, and returns numbers only, starts fastest.
    """
    return Kernel(function) if JIT else function


def inlined(function: Callable) -> Callable:
    """Compile a function that only other compiled code calls, and do not cache it."""
    return Kernel(function, cache=False) if JIT else function


class _Shared(Kernel):
    """Compiled code compiles it; Python calls it as it is, so that no import compiles."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.py_func(*args, **kwargs)


def shared(function: Callable) -> Callable:
    """Let the functions of models, plain or compiled, call ``function``."""
    return _Shared(function, cache=False) if JIT else function
