"""Is this argument what it should be? One check per kind, one wording for all.

Each function returns the value in canonical form or raises
:class:`~neurosim.errors.ParameterError` with owner, attribute, rule and value.
"""

import math
import operator
from typing import Any

import numpy as np

from .errors import ParameterError


def _bounds(low: float | None, high: float | None, above: float | None) -> str:
    parts = []
    if above is not None:
        parts.append(f"> {above:g}")
    if low is not None:
        parts.append(f">= {low:g}")
    if high is not None:
        parts.append(f"<= {high:g}")
    return " and ".join(parts)


def number(
    owner: str,
    name: str,
    value: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    unit: str = "",
) -> float:
    """A finite float with ``low <= value <= high`` and ``value > above``.

    >>> number("LIF", "tau_m", 20, above=0, unit="ms")
    20.0
    """
    rule = f"{_bounds(low, high, above) or 'a finite number'}{' ' + unit if unit else ''}"
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        result = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{owner}.{name} must be a number, {rule}, got {value!r}") from None
    ok = math.isfinite(result)
    ok = ok and (low is None or result >= low) and (high is None or result <= high)
    if not ok or (above is not None and result <= above):
        raise ParameterError(f"{owner}.{name} must be {rule}, got {result!r}")
    return result


def integer(
    owner: str, name: str, value: Any, *, low: int | None = None, high: int | None = None
) -> int:
    """An integer with ``low <= value <= high`` (a bool is not one).

    >>> integer("LIF", "n", 10, low=1)
    10
    """
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise ParameterError(f"{owner}.{name} must be an integer, got {value!r}") from None
    if (low is not None and result < low) or (high is not None and result > high):
        raise ParameterError(f"{owner}.{name} must be {_bounds(low, high, None)}, got {result}")
    return result


def array(
    owner: str,
    name: str,
    value: Any,
    *,
    shape: tuple[int, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    unit: str = "",
) -> np.ndarray:
    """A finite float64 array of the given shape, every element within bounds.

    >>> array("Projection 'a->b'", "weight", [1, 2], shape=(2,))
    array([1., 2.])
    """
    try:
        if np.iscomplexobj(value):
            raise TypeError("an imaginary part would be lost")
        result = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # the last one: a tensor that has a gradient
        raise ParameterError(
            f"{owner}.{name} must be an array of real numbers, got {type(value).__name__}"
        ) from None
    if shape is not None and result.shape != shape:
        raise ParameterError(f"{owner}.{name} must have shape {shape}, got {result.shape}")
    bad = ~np.isfinite(result)
    if low is not None:
        bad |= result < low
    if high is not None:
        bad |= result > high
    if above is not None:
        bad |= result <= above
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        rule = f"{_bounds(low, high, above) or 'finite'}{' ' + unit if unit else ''}"
        raise ParameterError(
            f"{owner}.{name} must be {rule} everywhere, got {float(result[where])!r} at {where}"
        )
    return result


def choice(owner: str, name: str, value: Any, options: tuple[str, ...]) -> str:
    """One of a few words.

    >>> choice("Network", "time", "steps", ("continuous", "steps"))
    'steps'
    """
    if value not in options:
        words = ", ".join(repr(option) for option in options)
        raise ParameterError(f"{owner}.{name} must be one of {words}, got {value!r}")
    return value
