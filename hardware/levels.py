"""Which few weights stand for many? Grids of a number of bits, and the best few levels."""

import numpy as np

_PASSES = 50


def largest_mantissa(bits: int, *, signed: bool) -> int:
    """The largest magnitude of so many bits, one of which is the sign where ``signed``.

    >>> largest_mantissa(8, signed=True), largest_mantissa(3, signed=False)
    (127, 7)
    """
    return int(2 ** (bits - 1 if signed else bits) - 1)


def grid(values: np.ndarray, bits: int, *, signed: bool) -> float:
    """The step of a grid of so many bits that holds these values; 0 where all are 0."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest / max(1, largest_mantissa(bits, signed=signed))


def on_grid(values: np.ndarray, step: float, rounding: str = "nearest") -> np.ndarray:
    """The whole multiples of a step nearest to values, or next towards zero.

    >>> on_grid(np.array([0.74, -0.76]), 0.5).tolist(), on_grid(np.array([0.74]), 0.5, "zero")
    ([0.5, -1.0], array([0.5]))
    """
    if step == 0:
        return np.zeros_like(values)
    whole = values / step
    return step * (np.trunc(whole) if rounding == "zero" else np.rint(whole))


def few_levels(values: np.ndarray, most: int) -> np.ndarray:
    """The values with at most ``most`` distinct ones: k-means in one dimension, from quantiles.

    >>> few_levels(np.array([1.0, 1.1, 5.0, 5.2]), 2).tolist()
    [1.05, 1.05, 5.1, 5.1]
    """
    distinct = np.unique(values)
    if distinct.size <= most:
        return values.copy()
    places = np.unique(np.quantile(values, (np.arange(most) + 0.5) / most))
    for _ in range(_PASSES):
        edges = (places[1:] + places[:-1]) / 2
        nearest = np.searchsorted(edges, values)
        sums = np.bincount(nearest, weights=values, minlength=places.size)
        counts = np.bincount(nearest, minlength=places.size)
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), places)
        if np.array_equal(moved, places):
            break
        places = np.unique(moved)
    return places[np.searchsorted((places[1:] + places[:-1]) / 2, values)]


def few_per_row(values: np.ndarray, rows: np.ndarray, n_rows: int, most: int) -> np.ndarray:
    """The values with at most ``most`` distinct ones in each row; rows are any order."""
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_rows))])
    found = values.copy()
    for row in range(n_rows):
        places = order[starts[row] : starts[row + 1]]
        found[places] = few_levels(values[places], most)
    return found
