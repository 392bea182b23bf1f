"""What can kernels call? The same in plain Python, for when nothing is compiled."""

import ctypes
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import JIT

python_callbacks: list[Callable] = []  # used only without the compiler


class _AlsoCompiled:
    """A Python function; compiled code calls the intrinsic of the same name."""

    def __init__(self, function: Callable) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function

    def __call__(self, *args: Any) -> Any:
        return self.py_func(*args)

    @property
    def _numba_type_(self) -> Any:
        """Numba asks for it where compiled code calls this function."""
        from . import intrinsics

        return intrinsics.type_of(self.__name__)


def also_compiled(function: Callable) -> Callable:
    """Let kernels use the intrinsic of this name."""
    return _AlsoCompiled(function) if JIT else function


@also_compiled
def call(handle, arguments):
    """Call the function with this handle with a tuple of scalars; it returns int64."""
    return python_callbacks[handle](*arguments)


@also_compiled
def view(address, n, like):
    """The ``n`` numbers at ``address``, of the same type as the array ``like``."""
    if n == 0:
        return np.empty(0, like.dtype)
    raw = (ctypes.c_char * (int(n) * like.dtype.itemsize)).from_address(int(address))
    return np.frombuffer(raw, dtype=like.dtype)


@also_compiled
def address_of(array):
    """Where the array lies in memory: :func:`address`, for kernels."""
    return array.__array_interface__["data"][0]


@also_compiled
def add_lanes(target, addend, factor, like, lanes):
    """``target[k] += addend[k] * factor`` for neighbours, at once; both are addresses."""
    view(target, lanes, like)[:] += view(addend, lanes, like) * factor


@also_compiled
def prefetch(array, index):
    """Nothing: Python has no say in it."""


@also_compiled
def lowest_bit(word):
    """Number of the lowest bit that is set in a uint64 other than 0."""
    return (int(word) & -int(word)).bit_length() - 1


@also_compiled
def take_flags(address):
    """Which of the 64 bytes there are set, as the bits of a uint64; they are cleared."""
    flags = view(address, 64, UINT8)
    found = np.packbits(flags != 0, bitorder="little").view(np.uint64)[0]
    flags[:] = 0
    return found


@also_compiled
def exponential(x):
    """e^x for x <= 0, in a form that loops are vectorised with."""
    return math.exp(x)


@also_compiled
def room(n, like):
    """Memory for ``n`` numbers, a constant, for as long as the function runs."""
    return np.zeros(n, like.dtype)


@also_compiled
def read_progress(array, index):
    """The number there: Python's threads see what others wrote."""
    return array[index]


@also_compiled
def write_progress(array, index, value):
    """Set the number there."""
    array[index] = value


@also_compiled
def flush_denormals():
    """Nothing: Python cannot switch the mode."""
    return 0


@also_compiled
def restore_rounding_mode(mode):
    """Nothing, as in :func:`flush_denormals`."""


# Prototypes for `view`, in kernels where no array of the type is at hand.
INT64 = np.empty(0, np.int64)
INT32 = np.empty(0, np.int32)
UINT8 = np.empty(0, np.uint8)
UINT32 = np.empty(0, np.uint32)
UINT64 = np.empty(0, np.uint64)
FLOAT64 = np.empty(0, np.float64)
