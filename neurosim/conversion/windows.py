"""Which places does each window of a kernel or a pooling see, and do its numbers make sense?"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from .. import checks
from ..errors import ParameterError

Pairs = tuple[tuple[int, int], ...]  # (before, after) of each axis
_SAMPLES_AT_ONCE = 16
MOST_VALUES = 2**26  # of one sample in all nodes together: 512 MiB in float64


def windows(x, window, stride, padding, dilation, outside: float) -> np.ndarray:
    """Return what each window sees: a view [samples, channels, *space_out, *window]."""
    dilation = dilation or (1,) * len(window)
    x = np.pad(x, [(0, 0), (0, 0), *padding], constant_values=outside)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, x.ndim)))
    steps = tuple(slice(None, None, s) for s in stride)
    return seen[(slice(None), slice(None), *steps, *(slice(None, None, d) for d in dilation))]


def places(window: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the places of a window in C order."""
    return product(*map(range, window))


def few(x: np.ndarray) -> list[np.ndarray]:
    """A few samples at a time, so that windows that are written out stay small."""
    return [x[k : k + _SAMPLES_AT_ONCE] for k in range(0, len(x), _SAMPLES_AT_ONCE)] or [x]


def check_numbers(owner: str, name: str, value: tuple[int, ...], n: int, low: int) -> None:
    """Refuse another number of integers than ``n``, or one below ``low``."""
    if len(value) != n:
        raise ParameterError(f"{owner}.{name} must have {n} numbers, got {value!r}")
    for one in value:
        checks.integer(owner, name, one, low=low)


def check_pairs(owner: str, padding: Pairs, n: int) -> None:
    """Refuse anything but ``n`` pairs of integers that are not negative."""
    if len(padding) != n:
        raise ParameterError(f"{owner}.padding must have {n} pairs, got {padding!r}")
    for pair in padding:
        check_numbers(owner, "padding", pair, 2, 0)


def check_pool(owner: str, window, stride, padding) -> None:
    """Refuse a pooling with a window that would lie in the padding."""
    check_numbers(owner, "window", window, len(window), 1)
    check_numbers(owner, "stride", stride, len(window), 1)
    check_pairs(owner, padding, len(window))
    for size, pair in zip(window, padding, strict=True):
        if max(pair) >= size:
            raise ParameterError(
                f"{owner}.padding must be smaller than the window {window}, got {padding}"
            )


def extended(space, window, stride, padding, ceil: bool) -> Pairs:
    """Return the padding, wider behind where ``ceil`` keeps a last window."""
    if not ceil:
        return tuple(padding)
    result = []
    for n, k, s, (before, after) in zip(space, window, stride, padding, strict=True):
        rest = (before + n + after - k) % s
        # A further window must begin inside the input or the padding before it.
        begins = before + n + after - k - rest + s
        more = s - rest if rest and begins < before + n else 0
        result.append((before, after + more))
    return tuple(result)


def count_windows(owner, space, window, stride, padding, dilation) -> tuple[int, ...]:
    """Return how many windows there are along each axis."""
    result, padded = [], 1
    for n, k, s, pair, d in zip(space, window, stride, padding, dilation, strict=True):
        padded *= n + sum(pair)
        room = n + sum(pair) - d * (k - 1) - 1
        if room < 0:
            raise ParameterError(
                f"{owner}: a window of {tuple(window)} must fit into its input, got the space "
                f"{tuple(space)}; give larger samples"
            )
        result.append(room // s + 1)
    affordable_values(owner, padded)
    return tuple(result)


def pooled_shape(owner, shape, window, stride, padding) -> tuple[int, ...]:
    """Return the shape behind a pooling of (channels, *space)."""
    if len(shape) - 1 != len(window):
        raise ParameterError(
            f"{owner}: its input must have channels and {len(window)} axes of space, got shape "
            f"{shape}"
        )
    space = count_windows(owner, shape[1:], window, stride, padding, (1,) * len(window))
    return (shape[0], *space)


def affordable_values(owner: str, values: int) -> None:
    """Refuse what is larger than any network that could be simulated."""
    if values > MOST_VALUES:
        raise ParameterError(
            f"{owner} must have at most {MOST_VALUES:,} values, got {values:,}; give smaller "
            "samples"
        )
