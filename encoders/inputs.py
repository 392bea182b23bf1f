"""Can an encoder take this input? Real numbers, sizes, and results that fit into memory."""

from typing import Any

import numpy as np

from neurosim.checks import array, integer
from neurosim.errors import ParameterError

MAX_SPIKES = 1 << 26
"""Spikes, or camera events, of one call; their arrays take some 2 GB."""

MAX_PIXELS = 1 << 28
"""Pixels of an image sequence, 2 GiB as float64."""


def real_array(owner: str, name: str, value: Any, **rules: Any) -> np.ndarray:
    """A finite float64 array as :func:`neurosim.checks.array`; complex input is refused."""
    kind = getattr(value, "dtype", None)
    if kind is not None and np.issubdtype(kind, np.complexfloating):
        raise ParameterError(
            f"{owner}.{name} must be real numbers, got {kind}; take the real part or abs()"
        )
    return array(owner, name, value, **rules)


def unit_values(owner: str, values: Any) -> np.ndarray:
    """Values in 0..1, at least one."""
    checked = real_array(owner, "values", values, low=0.0)
    if checked.size == 0 or checked.ndim == 0:
        raise ParameterError(
            f"{owner}.values must hold at least one value, got shape {checked.shape}"
        )
    if checked.max() > 1.0:
        at = np.unravel_index(int(checked.argmax()), checked.shape)
        raise ParameterError(
            f"{owner}.values must be >= 0 and <= 1 everywhere, got {float(checked[at])!r} at "
            f"{tuple(int(i) for i in at)}; divide by 255 if this is an image of 8 bits"
        )
    return checked


def sides(
    owner: str, name: str, value: Any, names: tuple[str, ...], *, high: int | None = None
) -> tuple[int, ...]:
    """One integer >= 1 for each of ``names``.

    >>> sides("Saccades", "canvas", [16, 12], ("W", "H"))
    (16, 12)
    """
    try:
        found = tuple(value)
    except TypeError:
        found = ()
    if len(found) != len(names):
        raise ParameterError(f"{owner}.{name} must be ({', '.join(names)}), got {value!r}")
    return tuple(integer(owner, name, side, low=1, high=high) for side in found)
