"""What is "23.6 pJ" in joules? SI quantities written as text, with their dimension.

Chip files write the unit into every value. A unit here is a prefix and a symbol,
or two of them with a slash: ``"1.78 uW/MHz"`` is an energy, 1.78 pJ, because
W/Hz = J. A dimension is a tuple of exponents, so that arithmetic on units cannot
disagree with their names.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from .errors import ParameterError

# Exponents of (joule, second, volt, metre, bit).
Dimension = tuple[int, int, int, int, int]

DIMENSIONS: dict[str, Dimension] = {
    "count": (0, 0, 0, 0, 0),
    "energy": (1, 0, 0, 0, 0),
    "power": (1, -1, 0, 0, 0),
    "time": (0, 1, 0, 0, 0),
    "frequency": (0, -1, 0, 0, 0),
    "voltage": (0, 0, 1, 0, 0),
    "length": (0, 0, 0, 1, 0),
    "area": (0, 0, 0, 2, 0),
    "information": (0, 0, 0, 0, 1),
    "energy per bit": (1, 0, 0, 0, -1),
}
_NAMES = {exponents: name for name, exponents in DIMENSIONS.items()}

_PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3}
_PREFIXES |= {"": 0, "k": 3, "M": 6, "G": 9}

# symbol: (dimension, power of ten of the plain symbol, may it take a prefix)
_SYMBOLS: dict[str, tuple[str, Decimal, bool]] = {
    "J": ("energy", Decimal(1), True),
    "W": ("power", Decimal(1), True),
    "s": ("time", Decimal(1), True),
    "Hz": ("frequency", Decimal(1), True),
    "V": ("voltage", Decimal(1), True),
    "m": ("length", Decimal(1), True),
    "mm2": ("area", Decimal("1e-6"), False),
    "bit": ("information", Decimal(1), False),
    "B": ("information", Decimal(8), False),
    "KiB": ("information", Decimal(8 * 1024), False),
    "cycles": ("count", Decimal(1), False),
    "cycle": ("count", Decimal(1), False),
}
UNITS: dict[str, tuple[Dimension, Decimal]] = {
    (prefix + symbol): (DIMENSIONS[name], scale * Decimal(10) ** power)
    for symbol, (name, scale, prefixed) in _SYMBOLS.items()
    for prefix, power in (_PREFIXES if prefixed else {"": 0}).items()
}

# No more than 32 characters of number and 16 of unit: the text may come from a stranger.
_NUMBER = r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?(?:[eE][+-]?[0-9]{1,2})?"
_TEXT = re.compile(rf"({_NUMBER})\s*(\D.{{0,15}})?")
_SCALES = [(10.0**power, prefix) for prefix, power in _PREFIXES.items() if prefix not in "µμ"]
_SCALES.append((1.0, ""))
_SCALES.sort(reverse=True)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in SI base units and the exponents of its dimension."""

    value: float
    dimension: Dimension

    @property
    def dimension_name(self) -> str:
        """``"energy"``, ``"power"`` ..., or the exponents where there is no word."""
        return dimension_name(self.dimension)


def dimension_name(dimension: Dimension) -> str:
    """The word for a tuple of exponents.

    >>> dimension_name((1, -1, 0, 0, 0))
    'power'
    """
    return _NAMES.get(dimension, f"exponents of (J, s, V, m, bit) {dimension}")


def _unit(owner: str, name: str, text: str, unit: str) -> tuple[Dimension, Decimal]:
    dimension, scale = DIMENSIONS["count"], Decimal(1)
    for place, symbol in enumerate(unit.split("/")):
        if symbol not in UNITS or place > 1:
            raise ParameterError(
                f"{owner}.{name} has the unknown unit {unit!r} in {text!r}; write for example "
                "'23.6 pJ', '104 mW', '3.5 ns', '75 MHz', '1.78 uW/MHz' or '512 cycles'"
            )
        exponents, factor = UNITS[symbol]
        sign = -1 if place else 1
        dimension = tuple(a + sign * b for a, b in zip(dimension, exponents, strict=True))
        scale = scale / factor if place else scale * factor
    return dimension, scale


def parse_quantity(text: str, *, owner: str = "quantity", name: str = "value") -> Quantity:
    """Read ``"<number> <unit>"``, both parts required.

    Parameters
    ----------
    text
        Such as ``"23.6 pJ"``, ``"0.8 V"``, ``"1.78 uW/MHz"``.
    owner, name
        What the error message calls it.

    Raises
    ------
    ParameterError
        Not text, no number, no unit, or a unit that is not in the table.

    Examples
    --------
    >>> parse_quantity("23.6 pJ")
    Quantity(value=2.36e-11, dimension=(1, 0, 0, 0, 0))
    >>> parse_quantity("1.78 uW/MHz").dimension_name
    'energy'
    """
    if not isinstance(text, str):
        raise ParameterError(
            f"{owner}.{name} must be text with a unit, such as '23.6 pJ', got {_short(text)}"
        )
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ParameterError(
            f"{owner}.{name} must be a number and a unit, such as '23.6 pJ', got {_short(text)}"
        )
    number, unit = match[1], (match[2] or "").strip()
    if not unit:
        raise ParameterError(
            f"{owner}.{name} has no unit in {text!r}; write the unit into the value, "
            "such as '23.6 pJ'"
        )
    dimension, scale = _unit(owner, name, text, unit)
    # Decimal: one rounding, so that "23.6 pJ" is the float 23.6e-12 and no neighbour of it.
    return Quantity(float(Decimal(number) * scale), dimension)


def quantity(text: str, dimension: str, *, owner: str = "quantity", name: str = "value") -> float:
    """The value of ``text`` in SI units, checked to be of the named dimension.

    Parameters
    ----------
    text
        Such as ``"23.6 pJ"``.
    dimension
        A key of :data:`DIMENSIONS`.
    owner, name
        What the error message calls it.

    Raises
    ------
    ParameterError
        As :func:`parse_quantity`, or the dimension is another one.

    Examples
    --------
    >>> quantity("104 mW", "power")
    0.104
    """
    found = parse_quantity(text, owner=owner, name=name)
    if found.dimension != DIMENSIONS[dimension]:
        raise ParameterError(
            f"{owner}.{name} must be of dimension {dimension}, "
            f"got {text!r}, which is of dimension {found.dimension_name}"
        )
    return found.value


def format_quantity(value: float, unit: str, digits: int = 3) -> str:
    """``value`` in SI base units as text, with the prefix that keeps it readable.

    >>> format_quantity(2.36e-11, "J")
    '23.6 pJ'
    >>> format_quantity(0.0, "J")
    '0 J'
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    # 999.9 with three digits would print as 1e+03: choose the prefix after rounding.
    value = float(f"{value:.{digits - 1}e}")
    scale, prefix = next(
        ((scale, prefix) for scale, prefix in _SCALES if abs(value) >= scale * (1 - 1e-12)),
        _SCALES[-1],
    )
    return f"{value / scale:.{digits}g} {prefix}{unit}"


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, (str, int, float, bool)) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
