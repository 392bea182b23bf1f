"""Where does each input buffer begin? On a line of the cache, so that runs cross few of them."""

from collections.abc import Sequence

import numpy as np

_LINE = 64  # bytes
GROUP = 64  # places, of one population, that the engine may pass over together


def input_starts(sizes: Sequence[int]) -> np.ndarray:
    """First place of each population's buffers among all, and how many places there are.

    Examples
    --------
    >>> input_starts([5, 64, 65]).tolist()
    [0, 64, 128, 256]
    """
    whole = [-n // GROUP * -GROUP for n in sizes]
    return np.cumsum([0, *whole]).astype(np.int64)


def aligned_zeros(n: int, dtype: str) -> np.ndarray:
    """Zeros that begin on a line of the cache."""
    size = np.dtype(dtype).itemsize
    room = np.zeros(n * size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + n * size].view(dtype)


def aligned(values: np.ndarray) -> np.ndarray:
    """A copy that begins on a line of the cache."""
    copy = aligned_zeros(values.size, values.dtype.str)
    copy[:] = values
    return copy
