"""Who is connected to whom by a convolution, or its transpose?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .procedural import Procedural, paddings, per_axis
from .taps import AXES, Taps, convolved, transposed


def _kernel(name: str, value: Any) -> np.ndarray:
    kernel = checks.array(name, "kernel", value)
    if not 2 <= kernel.ndim <= AXES + 2 or not kernel.size:
        raise ParameterError(
            f"{name}.kernel must have two axes of channels and up to {AXES} of space, and no "
            f"empty one, got the shape {kernel.shape}"
        )
    return kernel


def _groups(name: str, groups: int, channels: tuple[int, int], shape: tuple[int, ...]) -> None:
    if shape[-1] != channels[0] or channels[0] % groups or channels[1] % groups:
        raise ParameterError(
            f"{name}: the last axis of the source population must be the kernel's {channels[0]} "
            f"channels, and {groups} groups must divide these and the {channels[1]} of the target, "
            f"got the shape {shape}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Convolution(Procedural):
    """A convolution (cross-correlation) over one to three spatial axes, or none.

    out[o, m] = sum_k sum_c kernel[m, c, k] in[stride o + dilation k - padding, c]

    as in PyTorch, ONNX and NIR, but channels are the last axis of populations.

    Parameters
    ----------
    kernel : array (c_out, c_in / groups, \\*taps)
    stride, dilation : int or tuple
    padding : int, tuple, tuple of pairs (before, after), "same" or "valid"
    groups : int
        Channels are split into as many; a target hears only the sources of its own.
    pool : int or tuple
        The input is summed over so many neighbours first, without a layer between: a pooling of
        equal size and stride, whose rest at the edge is left out. For a mean, divide the kernel.

    Raises
    ------
    ParameterError
        At `Network.connect`, when shapes do not fit.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> camera = net.add(ns.SpikeSource((34, 34, 2)), "camera")
    >>> cells = net.add(ns.IF((30, 30, 16), v_th=1.0), "cells")
    >>> kernel = np.random.default_rng(1).normal(0.0, 0.1, (16, 2, 5, 5))
    >>> net.connect(camera, cells, ns.Convolution(kernel))
    Projection('camera->cells', Convolution)
    """

    kernel: np.ndarray
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    pool: Any = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", _kernel("Convolution", self.kernel))
        checks.integer("Convolution", "groups", self.groups, low=1)
        self._sizes()

    def _sizes(self) -> list[tuple[int, int, tuple[int, int], int, int]]:
        """Of each axis: taps, stride, padding, dilation, pool."""
        name, n = "Convolution", self.space
        taps = self.kernel.shape[2:]
        stride, dilation, pool = (
            per_axis(name, what, getattr(self, what), n, 1)
            for what in ("stride", "dilation", "pool")
        )
        sizes = tuple(d * (k - 1) for d, k in zip(dilation, taps, strict=True))
        if self.padding == "same" and max(stride, default=1) > 1:
            raise ParameterError(
                f"{name}.padding must be numbers where the stride is not 1, got 'same'"
            )
        pairs = paddings(name, self.padding, sizes)
        return list(zip(taps, stride, pairs, dilation, pool, strict=True))

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        channels = (self.kernel.shape[1] * self.groups, self.kernel.shape[0])
        _groups("Convolution", self.groups, channels, shape)
        axes = [convolved(n, *sizes) for n, sizes in zip(shape, self._sizes(), strict=False)]
        return Taps(tuple(axes), channels, self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class TransposedConvolution(Procedural):
    """The transpose of a convolution: each source stamps the kernel onto the targets.

    out[stride i + dilation k - padding, m] += kernel[c, m, k] in[i, c]

    Parameters
    ----------
    kernel : array (c_in, c_out / groups, \\*taps)
    stride, dilation : int or tuple
    padding : int, tuple, or tuple of pairs       cut off at the edges of the output
    output_padding : int or tuple                 added at the far edge
    groups : int

    Examples
    --------
    >>> TransposedConvolution(np.ones((4, 1, 2, 2)), stride=2).output_shape((8, 8, 4))
    (16, 16, 1)
    """

    kernel: np.ndarray
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        name = "TransposedConvolution"
        object.__setattr__(self, "kernel", _kernel(name, self.kernel))
        checks.integer(name, "groups", self.groups, low=1)
        if self.padding == "same":
            raise ParameterError(f"{name}.padding must be numbers, got 'same'")
        self._sizes()

    def _sizes(self) -> list[tuple[int, int, tuple[int, int], int, int]]:
        name, n = "TransposedConvolution", self.space
        stride = per_axis(name, "stride", self.stride, n, 1)
        dilation = per_axis(name, "dilation", self.dilation, n, 1)
        extra = per_axis(name, "output_padding", self.output_padding, n, 0)
        for one, s, d in zip(extra, stride, dilation, strict=True):
            if one >= max(s, d):
                raise ParameterError(
                    f"{name}.output_padding must be below the stride or the dilation, got "
                    f"{self.output_padding!r}"
                )
        pairs = paddings(name, self.padding, (0,) * n)
        return list(zip(self.kernel.shape[2:], stride, pairs, dilation, extra, strict=True))

    def by_source(self, values: np.ndarray) -> np.ndarray:
        return values

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        channels = (self.kernel.shape[0], self.kernel.shape[1] * self.groups)
        _groups("TransposedConvolution", self.groups, channels, shape)
        axes = [transposed(n, *sizes) for n, sizes in zip(shape, self._sizes(), strict=False)]
        return Taps(tuple(axes), channels, self.groups)
