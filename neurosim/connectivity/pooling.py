"""Who is connected to whom by pooling, or by a matrix?"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .procedural import Procedural, paddings, per_axis
from .taps import AXES, Taps, convolved


@dataclass(frozen=True, slots=True, eq=False)
class SumPool(Procedural):
    """Sums over windows, channel by channel: one weight for all.

    Parameters
    ----------
    window : tuple of int               one number per spatial axis
    stride : int or tuple, optional     default: the window
    padding : int, tuple, or tuple of pairs
    weight : float

    Examples
    --------
    >>> SumPool((2, 2)).output_shape((28, 28, 16))
    (14, 14, 16)
    """

    window: tuple[int, ...]
    stride: Any = None
    padding: Any = 0
    weight: float = 1.0
    kernel: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        name = type(self).__name__
        n = np.size(self.window)
        if not 1 <= n <= AXES:
            raise ParameterError(
                f"{name}.window must have one number for each of up to {AXES} spatial axes, got "
                f"{self.window!r}"
            )
        window = per_axis(name, "window", tuple(np.ravel(self.window).tolist()), n, 1)
        object.__setattr__(self, "window", window)
        checks.number(name, "weight", self.weight)
        object.__setattr__(self, "kernel", np.full((1, 1, *window), float(self.weight)))
        self._sizes()

    def _sizes(self) -> list[tuple[int, int, tuple[int, int], int, int]]:
        name, n = type(self).__name__, len(self.window)
        stride = per_axis(name, "stride", self.window if self.stride is None else self.stride, n, 1)
        pairs = paddings(name, self.padding, tuple(k - 1 for k in self.window))
        return list(zip(self.window, stride, pairs, (1,) * n, (1,) * n, strict=True))

    def by_source(self, values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, (self.taps.channels[0], 1, *self.window))

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        axes = [convolved(n, *sizes) for n, sizes in zip(shape, self._sizes(), strict=False)]
        return Taps(tuple(axes), (shape[-1], shape[-1]), shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class AveragePool(SumPool):
    """Means over windows: a `SumPool` with the weight 1 / (places in the window).

    As in PyTorch's default, places of the padding count as zeros.
    """

    weight: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", 1.0 / float(np.prod(self.window)))
        SumPool.__post_init__(self)


@dataclass(frozen=True, slots=True, eq=False)
class WindowPlace(Procedural):
    """From the source at one place of each window to the window's target, channel by channel.

    Parameters
    ----------
    window, stride, padding : see :class:`SumPool`
    place : tuple of int        in the window
    """

    window: tuple[int, ...]
    stride: Any
    padding: Any
    place: tuple[int, ...]
    kernel: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", np.ones((1, 1, *(1 for _ in self.window))))

    def by_source(self, values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, (self.taps.channels[0], *values.shape[1:]))

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        axes = []
        sizes = SumPool(self.window, self.stride, self.padding)._sizes()
        for n, at, (k, stride, (before, after), *_) in zip(shape, self.place, sizes, strict=False):
            moved = before - at, after - (k - 1) + at  # one tap, where the window has the place
            axes.append(convolved(n, 1, stride, moved, 1, 1))
        return Taps(tuple(axes), (shape[-1], shape[-1]), shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Procedural):
    """Every source to every target by a matrix that is kept as it is: one number per synapse.

    Parameters
    ----------
    kernel : array (n_pre, n_post)      ids of populations of more axes count in C order

    Examples
    --------
    >>> Dense(np.ones((6, 10))).output_shape((2, 3))
    (10,)
    """

    kernel: np.ndarray

    def __post_init__(self) -> None:
        kernel = checks.array("Dense", "kernel", self.kernel)
        if kernel.ndim != 2 or not kernel.size:
            raise ParameterError(
                f"Dense.kernel must have the shape (n_pre, n_post), got {kernel.shape}"
            )
        object.__setattr__(self, "kernel", kernel)

    @classmethod
    def flattened(cls, weight: Any, shape: tuple[int, ...]) -> "Dense":
        """From the weights of a linear layer behind a flattened layer of channels first.

        Parameters
        ----------
        weight : array (n_post, channels * height * width)      as in PyTorch, ONNX, NIR
        shape : tuple of int        of the layer here: (height, width, channels)

        Examples
        --------
        >>> Dense.flattened([[0.0, 1.0, 2.0, 3.0]], (1, 2, 2)).kernel.ravel().tolist()
        [0.0, 2.0, 1.0, 3.0]
        """
        weight = checks.array("Dense", "weight", weight)
        if weight.ndim != 2 or weight.shape[1] != math.prod(shape):
            raise ParameterError(
                f"Dense.flattened: weight must have the shape (n_post, {math.prod(shape)}) for a "
                f"layer of shape {tuple(shape)}, got {weight.shape}"
            )
        first = weight.reshape(len(weight), shape[-1], *shape[:-1])
        return cls(np.moveaxis(first, 1, -1).reshape(len(weight), -1).T.copy())

    def by_source(self, values: np.ndarray) -> np.ndarray:
        return values

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what comes out: one axis."""
        return self._taps(tuple(shape)).shape_out

    def placed(self, pre_shape: tuple[int, ...], post_shape: tuple[int, ...]) -> "Dense":
        """The rule for populations of these shapes, which are flattened."""
        n_pre, n_post = self.kernel.shape
        if (math.prod(pre_shape), math.prod(post_shape)) != (n_pre, n_post):
            raise ParameterError(
                f"Dense.kernel must have the shape (n_pre, n_post) = ({math.prod(pre_shape)}, "
                f"{math.prod(post_shape)}), got {self.kernel.shape}"
            )
        placed = replace(self)
        object.__setattr__(placed, "taps", self._taps((n_pre,)))
        return placed

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        if math.prod(shape) != self.kernel.shape[0]:
            raise ParameterError(
                f"Dense.kernel must have {math.prod(shape)} rows for the shape {shape}, got "
                f"{self.kernel.shape}"
            )
        return Taps((), self.kernel.shape, 1)
