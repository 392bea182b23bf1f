"""Yin-Yang: points of a disc in three classes, generated, or from the published files."""

from typing import Any

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError

RADIUS = 0.5  # of the disc, centred at (0.5, 0.5)
DOT = 0.1  # radius of the small discs
CLASSES = ("yin", "yang", "dot")


def yin_yang_class(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Class of points of the disc, by the rule and the numbers of the published files.

    Kriener, Göltz and Petrovici (2022, doi 10.1145/3517343.3517380): within DOT of the centre
    of either small disc 2; else 1 where the left half disc or, above it, the outside of the
    right one is; else 0.

    Examples
    --------
    >>> yin_yang_class(np.array([0.25, 0.5, 0.5, 0.25]), np.array([0.5, 0.9, 0.1, 0.35])).tolist()
    [2, 1, 0, 1]
    """
    right = np.hypot(x - 1.5 * RADIUS, y - RADIUS)
    left = np.hypot(x - 0.5 * RADIUS, y - RADIUS)
    is_dot = (right < DOT) | (left < DOT)
    is_one = (right <= DOT) | ((left > DOT) & (left <= RADIUS / 2))
    is_one |= (y > RADIUS) & (right > RADIUS / 2)
    return np.where(is_dot, 2, is_one).astype(np.int64)


class YinYang:
    """Points as spikes: sources fire at times linear in x, y, 1 - x, 1 - y; a fifth at a fixed one.

    Classes are drawn with equal odds, then a point of that class uniformly from the disc.

    Parameters
    ----------
    n : int                     samples
    seed : int                  of the published splits: 42 training, 41 validation, 40 test
    earliest, latest, bias : float   spike times [ms]: of 0, of 1, and of the fifth source
    points : tuple, optional    ((n, 2) or (n, 4) array, labels) instead of generated ones

    Examples
    --------
    >>> data = YinYang(300, seed=1)
    >>> (times, ids), label = data[0]
    >>> times.size, np.bincount(data.labels).tolist()
    (5, [99, 91, 110])
    """

    def __init__(
        self, n: int = 5000, *, seed: int = 42, earliest: float = 0.75, latest: float = 10.0,
        bias: float = 4.5, points: tuple[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        for name, value in (("earliest", earliest), ("latest", latest), ("bias", bias)):
            checks.number("YinYang", name, value, low=0, unit="ms")
        if points is None:
            n = checks.integer("YinYang", "n", n, low=1)
            self.points, self.labels = _draw(
                n, checks.integer("YinYang", "seed", seed, low=0, high=2**32 - 1)
            )
        else:
            found = checks.array("YinYang", "points", points[0], low=0, high=1)
            labels = np.asarray(points[1])
            if found.ndim != 2 or found.shape[1] not in (2, 4) or labels.shape != (len(found),):
                raise ParameterError(
                    "YinYang.points must be (n, 2) or (n, 4) numbers and n labels, got shapes "
                    f"{found.shape} and {labels.shape}"
                )
            if not np.isin(labels, (0, 1, 2)).all():
                raise ParameterError("YinYang.points must have the labels 0, 1 and 2")
            self.points, self.labels = found[:, :2], labels.astype(np.int64)
        four = np.column_stack((self.points, 1.0 - self.points))
        times = earliest + (latest - earliest) * four
        self.times = np.column_stack((times, np.full(len(four), bias)))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, k: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
        order = np.argsort(self.times[k], kind="stable")
        return (self.times[k][order], order.astype(np.int32)), int(self.labels[k])


def _draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw points by rejection, as the published files were drawn."""
    random = np.random.RandomState(seed)
    points, labels = np.empty((n, 2)), np.empty(n, np.int64)
    for k in range(n):
        wanted = random.randint(3)
        while True:
            x, y = 2.0 * RADIUS * random.rand(2)
            if np.hypot(x - RADIUS, y - RADIUS) > RADIUS:
                continue
            if yin_yang_class(np.float64(x), np.float64(y)) == wanted:
                break
        points[k], labels[k] = (x, y), wanted
    return points, labels
