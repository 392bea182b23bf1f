"""What can a node of a layer graph do to arrays? One class per operation, in plain numpy.

Arrays are float64[samples, *shape]; a shape with space is (channels, *space), as in PyTorch
and ONNX. These are the definitions: slow, obvious, a few samples at a time.
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..errors import ParameterError
from .windows import (
    Pairs,
    check_numbers,
    check_pairs,
    count_windows,
    few,
    windows,
)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation.

    Parameters
    ----------
    name : str
        as the user knows it: the path of a module, the name of an ONNX node.
    inputs : tuple of str
        names of the nodes that feed it.
    """

    name: str
    inputs: tuple[str, ...]

    @property
    def owner(self) -> str:
        """Who is meant in messages."""
        return f"{type(self).__name__} {self.name!r}"

    def shape_of(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the value, without samples, or refuse those of the inputs."""
        raise NotImplementedError

    def __call__(self, *values: np.ndarray) -> np.ndarray:
        """Return the value, float64[samples, *shape]."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Input(Node):
    """A sample of the given shape: (channels, height, width), (channels, length) or (n,)."""

    shape: tuple[int, ...] = ()
    inputs: tuple[str, ...] = ()

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        if not shape or min(shape) < 1:
            raise ParameterError(
                f"Input {name!r}: shape must have at least one axis and none that is empty, got "
                f"{shape}"
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "inputs", ())
        object.__setattr__(self, "shape", tuple(shape))

    def shape_of(self, *shapes):
        return self.shape

    def checked(self, x: np.ndarray) -> np.ndarray:
        """Return samples as float64[samples, *shape], finite."""
        x = checks.array(self.owner, "samples", x)
        if x.shape[1:] != self.shape or x.ndim == 0:
            raise ParameterError(
                f"{self.owner}: samples must have shape (samples, {', '.join(map(str, self.shape))}"
                f"), got {x.shape}"
            )
        return x


@dataclass(frozen=True, slots=True, eq=False)
class Linear(Node):
    """``y = weight @ x + bias`` with weight[n_out, n_in], bias[n_out]."""

    weight: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        weight = checks.array(self.owner, "weight", self.weight)
        if weight.ndim != 2 or not weight.size:
            raise ParameterError(f"{self.owner}.weight must have 2 axes, got shape {weight.shape}")
        bias = checks.array(self.owner, "bias", self.bias, shape=weight.shape[:1])
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def shape_of(self, *shapes):
        if shapes[0] != self.weight.shape[1:]:
            raise ParameterError(
                f"{self.owner}: its input must have shape {self.weight.shape[1:]}, got {shapes[0]}"
            )
        return self.weight.shape[:1]

    def __call__(self, *values):
        return values[0] @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True, eq=False)
class Convolve(Node):
    """A cross-correlation with weight[n_out, n_in / groups, *taps], bias[n_out].

    y[m, o] = bias[m] + sum_c sum_k weight[m, c, k] x[c, stride o + dilation k - padding]

    Places outside count as zeros; ``padding`` is (before, after) per axis.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]
    groups: int = 1

    def __post_init__(self) -> None:
        weight = checks.array(self.owner, "weight", self.weight)
        if weight.ndim < 3 or not weight.size:
            raise ParameterError(
                f"{self.owner}.weight must have 2 axes of channels and 1 or more of space, got "
                f"shape {weight.shape}"
            )
        object.__setattr__(self, "weight", weight)
        bias = checks.array(self.owner, "bias", self.bias, shape=weight.shape[:1])
        object.__setattr__(self, "bias", bias)
        checks.integer(self.owner, "groups", self.groups, low=1)
        for name, low in (("stride", 1), ("dilation", 1)):
            check_numbers(self.owner, name, getattr(self, name), weight.ndim - 2, low)
        check_pairs(self.owner, self.padding, weight.ndim - 2)

    def shape_of(self, *shapes):
        (shape,) = shapes
        n_out, per_group, *taps = self.weight.shape
        if len(shape) != self.weight.ndim - 1 or shape[0] != per_group * self.groups:
            raise ParameterError(
                f"{self.owner}: its input must have {per_group * self.groups} channels and "
                f"{len(taps)} axes of space, got shape {shape}"
            )
        if n_out % self.groups:
            raise ParameterError(
                f"{self.owner}.groups must divide its {n_out} channels, got {self.groups}"
            )
        space = count_windows(self.owner, shape[1:], taps, self.stride, self.padding, self.dilation)
        return (n_out, *space)

    def __call__(self, *values):
        pieces = [self._some(x) for x in few(values[0])]
        return np.concatenate(pieces)

    def _some(self, x):
        taps = self.weight.shape[2:]
        seen = windows(x, taps, self.stride, self.padding, self.dilation, 0.0)
        seen = seen.reshape(len(x), self.groups, -1, *seen.shape[2:])
        weight = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        n = len(taps)
        space, tap = [4 + k for k in range(n)], [4 + n + k for k in range(n)]
        y = np.einsum(
            seen, [0, 1, 2, *space, *tap], weight, [1, 3, 2, *tap], [0, 1, 3, *space], optimize=True
        )
        return y.reshape(len(x), -1, *y.shape[3:]) + self.bias.reshape(-1, *[1] * n)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelAffine(Node):
    """``y[c] = scale[c] x[c] + shift[c]`` along the first axis: batch norm, a bias, a scaler."""

    scale: np.ndarray
    shift: np.ndarray

    def __post_init__(self) -> None:
        scale = checks.array(self.owner, "scale", self.scale)
        if scale.ndim != 1:
            raise ParameterError(f"{self.owner}.scale must have 1 axis, got shape {scale.shape}")
        shift = checks.array(self.owner, "shift", self.shift, shape=scale.shape)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "shift", shift)

    def shape_of(self, *shapes):
        if shapes[0][0] != len(self.scale):
            raise ParameterError(
                f"{self.owner}: its input must have {len(self.scale)} channels, got shape "
                f"{shapes[0]}"
            )
        return shapes[0]

    def __call__(self, *values):
        along = (-1, *[1] * (values[0].ndim - 2))
        return values[0] * self.scale.reshape(along) + self.shift.reshape(along)


@dataclass(frozen=True, slots=True, eq=False)
class Rectify(Node):
    """What neurons can do: 0 below zero, and perhaps no more than a ceiling, in levels.

    ==============  ==========================================================
    ``relu``        max(x, 0), or min(max(x, 0), ceiling): ReLU6, a clip
    ``quantised``   ceiling clip(floor(x levels / ceiling + 1/2) / levels, 0, 1)
    ==============  ==========================================================
    """

    kind: str = "relu"
    ceiling: float | None = None
    levels: int | None = None

    def __post_init__(self) -> None:
        checks.choice(self.owner, "kind", self.kind, ("relu", "quantised"))
        if self.kind == "quantised" or self.ceiling is not None:
            ceiling = checks.number(self.owner, "ceiling", self.ceiling, above=0.0)
            object.__setattr__(self, "ceiling", ceiling)
        if self.kind == "quantised":
            checks.integer(self.owner, "levels", self.levels, low=1)
        elif self.levels is not None:
            raise ParameterError(f"{self.owner}.levels must be None for kind='relu'")

    def shape_of(self, *shapes):
        return shapes[0]

    def __call__(self, *values):
        return rectified(values[0], self.kind, self.ceiling, self.levels)


def rectified(
    x: np.ndarray, kind: str, ceiling: float | None = None, levels: int | None = None
) -> np.ndarray:
    """Apply a :class:`Rectify`.

    >>> rectified(np.array([-1.0, 0.4, 0.7, 9.0]), "quantised", 1.0, 2).tolist()
    [0.0, 0.5, 0.5, 1.0]
    """
    if kind == "quantised":
        return ceiling * np.clip(np.floor(x * (levels / ceiling) + 0.5) / levels, 0.0, 1.0)
    return np.clip(x, 0.0, ceiling)


@dataclass(frozen=True, slots=True, eq=False)
class Pad(Node):
    """Zeros around each channel: (before, after) per axis of space."""

    padding: Pairs

    def __post_init__(self) -> None:
        check_pairs(self.owner, self.padding, len(self.padding))

    def shape_of(self, *shapes):
        if len(shapes[0]) - 1 != len(self.padding):
            raise ParameterError(
                f"{self.owner}: its input must have channels and {len(self.padding)} axes of "
                f"space, got shape {shapes[0]}"
            )
        wide = (size + sum(pair) for size, pair in zip(shapes[0][1:], self.padding, strict=True))
        return (shapes[0][0], *wide)

    def __call__(self, *values):
        return np.pad(values[0], [(0, 0), (0, 0), *self.padding])


@dataclass(frozen=True, slots=True, eq=False)
class Add(Node):
    """The sum of its inputs, all of one shape: a residual connection."""

    def shape_of(self, *shapes):
        if len(shapes) < 1 or any(shape != shapes[0] for shape in shapes):
            raise ParameterError(f"{self.owner}: its inputs must have one shape, got {shapes}")
        return shapes[0]

    def __call__(self, *values):
        return np.sum(values, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Concatenate(Node):
    """Its inputs behind one another, along the channels."""

    def shape_of(self, *shapes):
        if len(shapes) < 1 or any(shape[1:] != shapes[0][1:] for shape in shapes):
            raise ParameterError(
                f"{self.owner}: its inputs must have the same space behind the channels, got "
                f"{shapes}"
            )
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def __call__(self, *values):
        return np.concatenate(values, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Node):
    """The same numbers in the same order, in another shape."""

    shape: tuple[int, ...]

    def shape_of(self, *shapes):
        if math.prod(shapes[0]) != math.prod(self.shape) or min(self.shape, default=0) < 1:
            raise ParameterError(
                f"{self.owner}: shape must hold the {math.prod(shapes[0])} values of {shapes[0]}, "
                f"got {self.shape}"
            )
        return self.shape

    def __call__(self, *values):
        return values[0].reshape(len(values[0]), *self.shape)


class Flatten(Reshape):
    """A :class:`Reshape` to one axis."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Node):
    """Axis k of the value is axis ``axes[k]`` of the input; samples are not counted."""

    axes: tuple[int, ...]

    def shape_of(self, *shapes):
        if sorted(self.axes) != list(range(len(shapes[0]))):
            raise ParameterError(
                f"{self.owner}: axes must be those of the shape {shapes[0]} in some order, got "
                f"{self.axes}"
            )
        return tuple(shapes[0][k] for k in self.axes)

    def __call__(self, *values):
        return values[0].transpose(0, *(k + 1 for k in self.axes))
