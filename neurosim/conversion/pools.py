"""What do the pooling nodes of a layer graph compute?"""

from dataclasses import dataclass

import numpy as np

from .nodes import Node
from .windows import Pairs, check_pool, extended, pooled_shape, windows


@dataclass(frozen=True, slots=True, eq=False)
class AveragePool(Node):
    """Means over windows, channel by channel.

    ``count_include_pad``: places of the padding count in the divisor. ``ceil``: a last window
    that reaches past the padded edge is kept; places beyond never count.
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    count_include_pad: bool = True
    ceil: bool = False

    def __post_init__(self) -> None:
        check_pool(self.owner, self.window, self.stride, self.padding)

    def extended(self, space: tuple[int, ...]) -> Pairs:
        """Return the padding, with what ``ceil`` adds behind."""
        return extended(space, self.window, self.stride, self.padding, self.ceil)

    def divisors(self, space: tuple[int, ...]) -> np.ndarray:
        """Return how many places each window divides by, float64[*space_out]."""
        result = np.ones(())
        for n, window, stride, (before, after), (_, behind) in zip(
            space, self.window, self.stride, self.padding, self.extended(space), strict=True
        ):
            counted = np.zeros((1, 1, before + n + behind))
            low, high = (0, before + n + after) if self.count_include_pad else (before, before + n)
            counted[..., low:high] = 1.0
            seen = windows(counted, (window,), (stride,), ((0, 0),), (1,), 0.0)
            result = np.multiply.outer(result, seen.sum(axis=-1)[0, 0])
        return result

    def shape_of(self, *shapes):
        (shape,) = shapes
        padding = self.extended(shape[1:]) if len(shape) - 1 == len(self.window) else ()
        return pooled_shape(self.owner, shape, self.window, self.stride, padding)

    def __call__(self, *values):
        (x,) = values
        seen = windows(x, self.window, self.stride, self.extended(x.shape[2:]), None, 0.0)
        axes = tuple(range(-len(self.window), 0))
        return seen.sum(axis=axes) / np.maximum(self.divisors(x.shape[2:]), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool(Node):
    """Largest value of each window, channel by channel; the padding never wins."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    ceil: bool = False

    def __post_init__(self) -> None:
        check_pool(self.owner, self.window, self.stride, self.padding)

    def extended(self, space: tuple[int, ...]) -> Pairs:
        """Return the padding, with what ``ceil`` adds behind."""
        return extended(space, self.window, self.stride, self.padding, self.ceil)

    def shape_of(self, *shapes):
        (shape,) = shapes
        padding = self.extended(shape[1:]) if len(shape) - 1 == len(self.window) else ()
        return pooled_shape(self.owner, shape, self.window, self.stride, padding)

    def __call__(self, *values):
        (x,) = values
        seen = windows(x, self.window, self.stride, self.extended(x.shape[2:]), None, -np.inf)
        return seen.max(axis=tuple(range(-len(self.window), 0)))
