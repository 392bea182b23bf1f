"""How does a reader put a layer graph together, whatever it reads?

Readers translate their operations into these; what cannot be said is refused, noted, and
reading goes on, so that all of it is listed at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..maxpool import MOST_PLACES
from . import nodes as n
from .graph import LayerGraph, UnsupportedOperations
from .pools import AveragePool, MaxPool
from .windows import Pairs, affordable_values

_REWRITE = (
    "express it with convolutions, linear layers, batch norm, ReLU, pooling, sums and "
    "concatenations of channels"
)


class Refusal(Exception):
    """An operation that cannot be part of a layer graph, and what to do instead."""

    def __init__(self, operation: str, remedy: str = _REWRITE) -> None:
        super().__init__(operation)
        self.operation, self.remedy = operation, remedy


@dataclass(frozen=True, slots=True)
class Tensor:
    """The value of a node, for samples; ``final`` says that a softmax or sigmoid was left out."""

    name: str
    final: str | None = None


class Unknown:
    """The value of a node that has been refused."""


UNKNOWN = Unknown()
FURTHER = Unknown()  # what a node makes besides its first output: indices of a maximum, masks


class GraphBuilder:
    """A layer graph in the making.

    Parameters
    ----------
    source : str
        what is read, for messages.
    shape : tuple of int
        of a sample.
    """

    def __init__(self, source: str, shape: Sequence[int], name: str = "input") -> None:
        self.source = source
        start = n.Input(name, tuple(shape))
        self._nodes: list[n.Node] = [start]
        self._shapes = {name: start.shape}
        self._turns: dict[str, tuple[Tensor, tuple[int, ...]]] = {}
        self._values = math.prod(start.shape)
        affordable_values(f"{source}: a sample", self._values)
        self._refused: list[tuple[str, str, str]] = []
        self.start = Tensor(name)

    def shape(self, value: Tensor) -> tuple[int, ...]:
        """Return the shape of a value, for one sample."""
        return self._shapes[value.name]

    def is_rectified(self, value: Tensor) -> bool:
        """Whether a value comes straight from a rectifier, so that it is not negative."""
        return any(node.name == value.name for node in self._nodes if isinstance(node, n.Rectify))

    def refuse(self, name: str, refusal: Refusal) -> Unknown:
        """Note an operation that cannot be converted."""
        self._refused.append((name, refusal.operation, refusal.remedy))
        return UNKNOWN

    def put(self, node: n.Node) -> Tensor:
        """Add a node; its name gets a number where it is taken."""
        name, k = node.name, 1
        while name in self._shapes:
            k += 1
            name = f"{node.name}#{k}"
        node = node if name == node.name else replace(node, name=name)
        shape = node.shape_of(*(self._shapes[other] for other in node.inputs))
        self._values += math.prod(shape)
        affordable_values(f"{self.source} up to {node.owner}", self._values)
        self._nodes.append(node)
        self._shapes[name] = shape
        return Tensor(name)

    def finish(self, output: Tensor | Unknown, classes: np.ndarray | str | None) -> LayerGraph:
        """Return the graph, or list everything that was refused.

        ``classes="auto"``: numbers from 0, where there are several outputs or a softmax.
        """
        if not self._refused and not isinstance(output, Tensor):
            self.refuse("the output", Refusal("a further output of a node", "use its first one"))
        if self._refused or not isinstance(output, Tensor):
            raise UnsupportedOperations(self.source, tuple(self._refused))
        if isinstance(classes, str) and classes == "auto":
            size = int(np.prod(self.shape(output)))
            classes = np.arange(max(size, 2)) if size > 1 or output.final else None
        return LayerGraph(self.source, tuple(self._nodes), output.name, classes)

    # ------------------------------------------------------------------ operations

    def linear(self, name: str, x: Tensor, weight: np.ndarray, bias: np.ndarray | None) -> Tensor:
        """``weight @ x + bias`` with weight[n_out, n_in]."""
        if len(self.shape(x)) != 1:
            raise Refusal(
                f"a matrix applied along the last axis of {self.shape(x)}",
                "flatten before the linear layer, or use a convolution by one tap",
            )
        weight = np.asarray(weight, np.float64)
        bias = np.zeros(len(weight)) if bias is None else np.ravel(bias)
        return self.put(n.Linear(name, (x.name,), weight, bias))

    def convolve(self, name: str, x: Tensor, weight, bias, stride, padding, dilation, groups=1):
        """A convolution; see :class:`~.nodes.Convolve`."""
        weight = np.asarray(weight, np.float64)
        if weight.ndim > 5:
            raise Refusal("a convolution over more than 3 axes")
        bias = np.zeros(len(weight)) if bias is None else np.ravel(bias)
        geometry = (tuple(stride), tuple(padding), tuple(dilation), groups)
        return self.put(n.Convolve(name, (x.name,), weight, bias, *geometry))

    def batch_norm(self, name: str, x: Tensor, gamma, beta, mean, var, eps: float) -> Tensor:
        """``gamma (x - mean) / sqrt(var + eps) + beta`` per channel."""
        gain = 1.0 / np.sqrt(np.asarray(var, np.float64) + eps)
        gain = gain if gamma is None else gain * gamma
        shift = -np.asarray(mean, np.float64) * gain
        shift = shift if beta is None else shift + beta
        return self.put(n.ChannelAffine(name, (x.name,), gain, shift))

    def clip(self, name: str, x: Tensor, low: float, high: float) -> Tensor:
        """Limit values: a rectifier where ``low`` is 0."""
        if low == -np.inf and high == np.inf:
            return x
        if self.is_rectified(x):
            low = max(low, 0.0)
        if low != 0.0 or not high > 0.0:
            raise Refusal(
                f"a clip between {low:g} and {high:g}",
                "clip between 0 and a ceiling, or at a ceiling behind a ReLU; spikes say nothing "
                "below zero",
            )
        return self.rectify(name, x, ceiling=None if high == np.inf else float(high))

    def rectify(self, name: str, x: Tensor, kind="relu", ceiling=None, levels=None) -> Tensor:
        """What becomes neurons; see :class:`~.nodes.Rectify`."""
        return self.put(n.Rectify(name, (x.name,), kind, ceiling, levels))

    def affine(self, name: str, x: Tensor, scale: np.ndarray, shift: np.ndarray) -> Tensor:
        """``scale x + shift``, which may vary along the axes of a sample."""
        shape = self.shape(x)
        scale, shift = (self._per_sample(v, shape) for v in (scale, shift))
        if (scale == 1.0).all() and (shift == 0.0).all():
            return x
        varying = {k for v in (scale, shift) for k, size in enumerate(v.shape) if size > 1}
        if len(varying) <= 1:
            axis = varying.pop() if varying else 0
            size = (shape[axis],)
            scale, shift = (np.broadcast_to(v.ravel(), size) for v in (scale, shift))
            turned = self._turned(name, x, axis)
            made = self.put(n.ChannelAffine(name, (turned.name,), scale, shift))
            return self._turned_back(name, made, axis)
        size = int(np.prod(shape))
        scale, shift = (np.broadcast_to(v, shape).ravel() for v in (scale, shift))
        flat = self.reshape(f"{name}.flat", x, (size,))
        made = self.put(n.ChannelAffine(name, (flat.name,), scale, shift))
        return self.reshape(f"{name}.back", made, shape)

    def _per_sample(self, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return a constant with as many axes as a sample has."""
        value = np.asarray(value, np.float64)
        if value.ndim == len(shape) + 1 and value.shape[0] == 1:
            value = value[0]
        value = value.reshape((1,) * (len(shape) - value.ndim) + value.shape)
        fits = value.ndim == len(shape) and all(
            size in (1, whole) for size, whole in zip(value.shape, shape, strict=True)
        )
        if not fits:
            raise Refusal(
                f"arithmetic of shapes {shape} and {value.shape}, which makes a larger one"
            )
        return value

    def _turned(self, name: str, x: Tensor, axis: int) -> Tensor:
        if axis == 0:
            return x
        axes = [axis, *(k for k in range(len(self.shape(x))) if k != axis)]
        return self.transpose(f"{name}.first", x, axes)

    def _turned_back(self, name: str, x: Tensor, axis: int) -> Tensor:
        if axis == 0:
            return x
        axes = [axis, *(k for k in range(len(self.shape(x))) if k != axis)]
        return self.transpose(f"{name}.back", x, np.argsort(axes).tolist())

    def add(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """The sum of two values."""
        if self.shape(x) != self.shape(y):
            raise Refusal(f"a sum of shapes {self.shape(x)} and {self.shape(y)}")
        return self.put(n.Add(name, (x.name, y.name)))

    def subtract(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """The difference of two values."""
        return self.add(name, x, self.affine(f"{name}.minus", y, -1.0, 0.0))

    def concatenate(self, name: str, values: Sequence[Tensor], axis: int) -> Tensor:
        """Values behind one another along an axis of the sample, not counting samples."""
        axes = len(self.shape(values[0]))
        if not 0 <= axis < axes or any(len(self.shape(value)) != axes for value in values):
            raise Refusal(f"a concatenation along axis {axis} of {axes}")
        turned = [self._turned(f"{name}.{k}", value, axis) for k, value in enumerate(values)]
        made = self.put(n.Concatenate(name, tuple(value.name for value in turned)))
        return self._turned_back(name, made, axis)

    def reshape(self, name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same numbers in another shape."""
        shape = tuple(int(size) for size in shape)
        if shape == self.shape(x):
            return x
        made = n.Flatten if len(shape) == 1 else n.Reshape
        return replace(self.put(made(name, (x.name,), shape)), final=x.final)

    def transpose(self, name: str, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Axes in another order, samples not counted."""
        axes = tuple(int(axis) for axis in axes)
        before = self._turns.get(x.name)
        if before is not None:  # one after the other are one, and often none
            source, first = before
            if sorted(axes) == list(range(len(first))):
                x, axes = source, tuple(first[axis] for axis in axes)
        if axes == tuple(range(len(self.shape(x)))):
            return x
        made = self.put(n.Transpose(name, (x.name,), axes))
        self._turns[made.name] = x, axes
        return made

    def pad(self, name: str, x: Tensor, padding: Pairs) -> Tensor:
        """Zeros around, (before, after) for each axis of the sample; one of them has none."""
        if not any(map(any, padding)):
            return x
        plain = [axis for axis, pair in enumerate(padding) if not any(pair)]
        if not plain or min(map(min, padding)) < 0:
            raise Refusal(f"padding by {padding}", "pad space, with as many zeros as you like")
        turned = self._turned(name, x, plain[0])
        space = tuple(pair for axis, pair in enumerate(padding) if axis != plain[0])
        made = self.put(n.Pad(name, (turned.name,), space))
        return self._turned_back(name, made, plain[0])

    def average(self, name, x, window, stride, padding, include=True, ceil=False) -> Tensor:
        """Means over windows."""
        self._space(x, window)
        return self.put(
            AveragePool(
                name, (x.name,), tuple(window), tuple(stride), tuple(padding), bool(include), ceil
            )
        )

    def largest(self, name, x, window, stride, padding, ceil=False) -> Tensor:
        """Largest values of windows; wide windows axis by axis, in as many layers."""
        self._space(x, window)
        if math.prod(window) > MOST_PLACES and sum(k > 1 for k in window) > 1:
            for axis in (k for k, size in enumerate(window) if size > 1):
                one = [k == axis for k in range(len(window))]
                sizes = [size if here else 1 for size, here in zip(window, one, strict=True)]
                steps = [step if here else 1 for step, here in zip(stride, one, strict=True)]
                pads = [pad if here else (0, 0) for pad, here in zip(padding, one, strict=True)]
                x = self.largest(name, x, sizes, steps, pads, ceil)
            return x
        return self.put(
            MaxPool(name, (x.name,), tuple(window), tuple(stride), tuple(padding), ceil)
        )

    def _space(self, x: Tensor, window: Sequence[int]) -> None:
        if len(window) > 3 or len(self.shape(x)) != len(window) + 1:
            raise Refusal(f"pooling by {tuple(window)} of a value of shape {self.shape(x)}")

    def adaptive(self, name: str, x: Tensor, out: Sequence[int], pool="average") -> Tensor:
        """Means over windows that make a given number of places, or the largest values."""
        space = self.shape(x)[1:]
        if len(out) != len(space) or any(s % o for s, o in zip(space, out, strict=True)):
            raise Refusal(
                f"adaptive pooling from {space} to {tuple(out)}, with windows of several sizes",
                "pool to a size that divides the one before, such as 1",
            )
        window = [s // o for s, o in zip(space, out, strict=True)]
        return self._by_windows(name, x, window, pool)

    def over(self, name: str, x: Tensor, axes: Sequence[int], keep: bool, pool: str) -> Tensor:
        """Reduce axes of the sample; ``pool`` is "average", "largest" or "sum"."""
        shape = self.shape(x)
        left = [k for k in range(len(shape)) if k not in axes]
        if not left or len(left) == len(shape):
            raise Refusal(
                f"a reduction over axes {sorted(axes)} of a value of shape {shape}",
                "reduce space, and keep channels",
            )
        turned = self._turned(name, x, left[0])
        others = [k for k in range(len(shape)) if k != left[0]]
        window = [shape[k] if k in axes else 1 for k in others]
        made = self._by_windows(name, turned, window, pool)
        if pool == "sum":
            made = self.affine(f"{name}.places", made, float(math.prod(window)), 0.0)
        if not keep:
            return self.reshape(f"{name}.flat", made, [shape[k] for k in left])
        return self._turned_back(name, made, left[0])

    def _by_windows(self, name: str, x: Tensor, window: Sequence[int], pool: str) -> Tensor:
        """Windows side by side, each one number."""
        made = self.largest if pool == "largest" else self.average
        return made(name, x, window, window, ((0, 0),) * len(window))

    def softmax(self, x: Tensor, kind: str, axes: Sequence[int]) -> Tensor:
        """Left out: it must be the last operation, and changes no decision.

        ``axes`` are those of the sample that it goes over, -1 that of samples.
        """
        shape = self.shape(x)
        over = math.prod(shape[axis] for axis in axes if axis >= 0)
        if min(axes) < 0 or over != math.prod(shape):
            raise Refusal(
                f"a {kind} over axes {[axis + 1 for axis in axes]} of (samples, "
                f"{', '.join(map(str, shape))})",
                "take it over all outputs of a sample, and last",
            )
        return replace(x, final=kind)

    def sigmoid(self, x: Tensor) -> Tensor:
        """Left out behind a single output, where it changes no decision."""
        if math.prod(self.shape(x)) != 1:
            raise Refusal(
                "a sigmoid",
                "train with ReLU; at the end, leave the sigmoids of several labels to the user",
            )
        return replace(x, final="sigmoid")


def used(value: object) -> None:
    """Refuse to go on behind a softmax."""
    if isinstance(value, Tensor) and value.final:
        raise Refusal(
            f"an operation behind a {value.final}",
            f"a {value.final} can be the last operation only; leave it out, or train with ReLU",
        )


_CURVED = "spikes say rates from 0 to a ceiling; train with ReLU instead"
_NORMS = "its factors depend on the sample; train with batch norm instead"
_STATE = "what it keeps between steps cannot be rectified; build it of neurons, see docs/concepts"
_CHANCE = "it draws at random in every run; leave it out (F.dropout wants training=self.training)"
_BATCH = "its statistics are those of the other samples; track_running_stats=True"
_PRODUCT = "a product of two activations is no weighted sum; use sums or concatenation instead"
_WIDER = "repeat values in the input, or train with strided convolutions and sums"

REMEDIES = {
    _CURVED: (
        "leaky_relu rrelu prelu elu celu selu gelu silu swish mish tanh sigmoid hardsigmoid "
        "hardswish softplus softsign logsigmoid erf thresholdedrelu threshold softshrink "
        "hardshrink exp log sqrt pow abs sign sin cos floor ceil round leakyrelu logsigmoid"
    ),
    _NORMS: (
        "layer_norm group_norm instance_norm native_layer_norm native_group_norm "
        "layernormalization groupnormalization instancenormalization lrn rms_norm "
        "meanvariancenormalization lpnormalization"
    ),
    _STATE: "lstm gru rnn rnn_tanh rnn_relu loop scan",
    _PRODUCT: (
        "bmm scaled_dot_product_attention baddbmm attention einsum multi_head_attention_forward"
    ),
    _CHANCE: "native_dropout bernoulli rand rand_like randn randn_like randomnormal randomuniform",
    _BATCH: "_native_batch_norm_legit _native_batch_norm_legit_functional",
    _WIDER: (
        "conv_transpose1d conv_transpose2d conv_transpose3d convtranspose upsample resize "
        "upsample_nearest2d upsample_bilinear2d pixel_shuffle depthtospace"
    ),
}
_REMEDY = {name: remedy for remedy, names in REMEDIES.items() for name in names.split()}


def unsupported(operation: str) -> Refusal:
    """Return the refusal of an operation that no reader knows, with the nearest rewrite."""
    return Refusal(operation, _REMEDY.get(operation.lower().rstrip("_"), _REWRITE))
