"""How is each operation of ONNX said in a layer graph? One short function per kind.

Names, attributes and their defaults are those of the ONNX operator specification, versions 1
to 23. A function gets the call, then its inputs: values of nodes as
:class:`~.building.Tensor`, constants as arrays, None for an input that is left out.
"""

import math
from typing import Any

import numpy as np

from .building import Refusal, Tensor, unsupported
from .onnx_constants import FLOATS, axes_of, target_shape

_NO_PRODUCT = "only trained parameters can be weights of synapses"


def _weights(value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise Refusal("a product of two activations", _NO_PRODUCT)
    return value


def _numbers(call: Any, name: str, axes: int, default: int = 1) -> tuple[int, ...]:
    found = call.get(name)
    found = [default] * axes if found is None else found
    if len(found) != axes:
        raise ValueError(f"{name} must have {axes} numbers, got {found}")
    return tuple(int(v) for v in found)


def _padding(call, x, window, stride, dilation) -> tuple[tuple[int, int], ...]:
    """Return (before, after) per axis from pads, or as auto_pad says."""
    axes = len(window)
    how = call.get("auto_pad", "NOTSET")
    if how == "VALID":
        return ((0, 0),) * axes
    if how in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, d in zip(call.builder.shape(x)[1:], window, stride, dilation, strict=True):
            total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
            small, large = total // 2, total - total // 2
            pairs.append((small, large) if how == "SAME_UPPER" else (large, small))
        return tuple(pairs)
    if how != "NOTSET":
        raise Refusal(f"auto_pad={how!r}")
    pads = _numbers(call, "pads", 2 * axes, 0)
    return tuple(zip(pads[:axes], pads[axes:], strict=True))


def _space(call: Any, x: Tensor) -> int:
    return len(call.builder.shape(x)) - 1


def _convolve(call, x, weight, bias=None):
    weight = call.walk.charged(_weights(weight))
    axes = weight.ndim - 2
    if axes < 1 or _space(call, x) != axes:
        raise ValueError(f"weights of shape {weight.shape} for samples of {call.builder.shape(x)}")
    stride, dilation = _numbers(call, "strides", axes), _numbers(call, "dilations", axes)
    said = tuple(call.get("kernel_shape") or weight.shape[2:])
    if said != weight.shape[2:]:
        raise ValueError(f"kernel_shape {said} for weights of shape {weight.shape}")
    padding = _padding(call, x, weight.shape[2:], stride, dilation)
    bias = None if bias is None else _weights(bias)
    groups = call.get("group", 1)
    return call.builder.convolve(call.name, x, weight, bias, stride, padding, dilation, groups)


def _gemm(call, x, weight, bias=None):
    weight = call.walk.charged(_weights(weight))
    if call.get("transA", 0) or weight.ndim != 2:
        raise Refusal("a product with samples along the last axis", "keep the samples first")
    weight = weight if call.get("transB", 0) else weight.T
    weight = call.get("alpha", 1.0) * weight
    if bias is not None:
        bias = call.get("beta", 1.0) * np.broadcast_to(np.ravel(_weights(bias)), (len(weight),))
    return call.builder.linear(call.name, x, weight, bias)


def _matmul(call, x, weight):
    weight = call.walk.charged(_weights(weight))
    if not isinstance(x, Tensor) or weight.ndim != 2:
        raise Refusal("a product by a matrix from the left")
    return call.builder.linear(call.name, x, weight.T, None)


def _batch_norm(call, x, gamma, beta, mean, var, *_):
    if call.get("training_mode", 0) or not call.get("spatial", 1):
        raise Refusal("a batch norm in training mode", "export the model for inference")
    numbers = [np.ravel(_weights(value)) for value in (gamma, beta, mean, var)]
    if min(numbers[3], default=1.0) < 0:
        raise ValueError("variances must not be negative")
    return call.builder.batch_norm(call.name, x, *numbers, call.get("epsilon", 1e-5))


def _clip(call, x, low=None, high=None):
    low = call.get("min") if low is None else float(np.ravel(low)[0])
    high = call.get("max") if high is None else float(np.ravel(high)[0])
    largest = float(np.finfo(np.float32).max)
    low = -math.inf if low is None or low <= -largest else low
    high = math.inf if high is None or high >= largest else high
    return call.builder.clip(call.name, x, low, high)


def _max(call, *values):
    constants = [value for value in values if isinstance(value, np.ndarray)]
    if len(values) != 2 or len(constants) != 1 or constants[0].any():
        raise Refusal("a maximum of several values", "only max(x, 0) is a ReLU")
    (x,) = (value for value in values if isinstance(value, Tensor))
    return call.builder.rectify(call.name, x)


def _min(call, *values):
    constants = [value for value in values if isinstance(value, np.ndarray)]
    if len(values) != 2 or len(constants) != 1 or constants[0].size != 1:
        raise Refusal("a minimum of several values", "only min(max(x, 0), ceiling) is a clip")
    (x,) = (value for value in values if isinstance(value, Tensor))
    return call.builder.clip(call.name, x, -math.inf, float(constants[0].flat[0]))


def _window(call, x):
    window = tuple(int(k) for k in call.get("kernel_shape") or ())
    if len(window) != _space(call, x):
        raise ValueError(f"a window {window} for samples of shape {call.builder.shape(x)}")
    stride, dilation = (_numbers(call, name, len(window)) for name in ("strides", "dilations"))
    if max(dilation, default=1) > 1:
        raise Refusal("a pooling with dilation", "pool by windows without gaps")
    return window, stride, _padding(call, x, window, stride, dilation)


def _max_pool(call, x):
    return call.builder.largest(call.name, x, *_window(call, x), bool(call.get("ceil_mode", 0)))


def _average_pool(call, x):
    include, ceil = bool(call.get("count_include_pad", 0)), bool(call.get("ceil_mode", 0))
    return call.builder.average(call.name, x, *_window(call, x), include, ceil)


def _global(call, x):
    return call.builder.adaptive(call.name, x, (1,) * _space(call, x))


def _global_max(call, x):
    window = call.builder.shape(x)[1:]
    return call.builder.largest(call.name, x, window, window, ((0, 0),) * len(window))


def _over(kind):
    def reduce(call, x, axes=None):
        axes = axes_of(call, axes)
        n = len(call.shape(x))
        if not axes:
            if call.get("noop_with_empty_axes", 0):
                return x
            raise Refusal(f"{call.operation} over samples", "keep the samples apart")
        axes = [call.axis(axis, n) for axis in axes]
        return call.builder.over(call.name, x, axes, bool(call.get("keepdims", 1)), kind)

    return reduce


def _aligned(call: Any, x: Tensor, value: np.ndarray) -> np.ndarray:
    """Return a constant with the axes of before version 7, where they were said."""
    axis = call.get("axis")
    if call.opset >= 7 or axis is None or not call.get("broadcast", 0):
        return value
    behind = len(call.shape(x)) - axis % len(call.shape(x)) - value.ndim
    return value.reshape(value.shape + (1,) * max(behind, 0))


def _split(x: Any, y: Any) -> tuple[Tensor, np.ndarray]:
    return (x, y) if isinstance(x, Tensor) else (y, x)


def _add(call, x, y):
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return call.builder.add(call.name, x, y)
    x, constant = _split(x, y)
    return call.builder.affine(call.name, x, 1.0, _aligned(call, x, constant))


def _subtract(call, x, y):
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return call.builder.subtract(call.name, x, y)
    if isinstance(x, Tensor):
        return call.builder.affine(call.name, x, 1.0, -_aligned(call, x, y))
    return call.builder.affine(call.name, y, -1.0, x)


def _multiply(call, x, y):
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        raise unsupported("bmm")
    x, constant = _split(x, y)
    return call.builder.affine(call.name, x, _aligned(call, x, constant), 0.0)


def _divide(call, x, y):
    if not isinstance(x, Tensor) or isinstance(y, Tensor):
        raise unsupported("bmm")
    with np.errstate(all="ignore"):
        return call.builder.affine(call.name, x, 1.0 / _aligned(call, x, y), 0.0)


def _sum(call, *values):
    result = values[0]
    for value in values[1:]:
        both = isinstance(result, np.ndarray) and isinstance(value, np.ndarray)
        result = result + value if both else _add(call, result, value)
    return result


def _concatenate(call, *values):
    if any(isinstance(value, np.ndarray) for value in values):
        raise Refusal("a concatenation with a constant")
    axis = call.axis(call.get("axis", 1), len(call.shape(values[0])))
    return call.builder.concatenate(call.name, values, axis)


def _reshape(call, x, shape=None):
    if isinstance(shape, Tensor):
        raise Refusal("a shape that depends on values")
    whole = target_shape(call, call.shape(x), shape)
    return call.builder.reshape(call.name, x, call.per_sample(whole))


def _flatten(call, x):
    axis, shape = call.get("axis", 1), call.shape(x)
    if axis % len(shape) != 1:
        raise Refusal(f"flattening from axis {axis}", "keep the samples in the first axis")
    return call.builder.reshape(call.name, x, (math.prod(shape[1:]),))


def _transpose(call, x):
    axes = call.get("perm") or list(range(len(call.shape(x))))[::-1]
    if axes[0] != 0:
        raise Refusal("samples moved to another axis", "keep the samples in the first axis")
    return call.builder.transpose(call.name, x, [axis - 1 for axis in axes[1:]])


def _squeeze(call, x, axes=None):
    shape, axes = call.builder.shape(x), axes_of(call, axes)
    if axes is None:
        left = tuple(size for size in shape if size != 1)
    else:
        gone = {call.axis(axis, len(shape) + 1) for axis in axes}
        left = tuple(size for k, size in enumerate(shape) if k not in gone)
    return call.builder.reshape(call.name, x, left or (1,))


def _unsqueeze(call, x, axes=None):
    axes = axes_of(call, axes) or []
    n = len(call.shape(x)) + len(axes)
    new = {call.axis(axis, n) for axis in axes}
    sizes = iter(call.builder.shape(x))
    shape = [1 if k in new else next(sizes) for k in range(n - 1)]
    return call.builder.reshape(call.name, x, shape)


def _pad(call, x, pads=None, value=None, axes=None):
    pads = call.get("pads", call.get("paddings")) if pads is None else np.ravel(pads).tolist()
    value = call.get("value", 0.0) if value is None else float(np.ravel(value)[0])
    n = len(call.shape(x))
    axes = range(n) if axes is None else [int(a) % n for a in np.ravel(axes)]
    half = len(pads) // 2
    pairs = dict(zip(axes, zip(pads[:half], pads[half:], strict=True), strict=True))
    sizes = tuple(tuple(int(p) for p in pairs.get(k, (0, 0))) for k in range(n))
    if value or call.get("mode", "constant") != "constant" or any(sizes[0]):
        raise Refusal("padding with values, or of samples", "pad space with zeros")
    return call.builder.pad(call.name, x, sizes[1:])


def _nothing(call, x, *_):
    return x


def _cast(call, x):
    if call.get("to") not in FLOATS:
        raise Refusal(
            f"a cast of activations to kind {call.get('to')}, which rounds",
            "leave it out; only casts between floating-point types change nothing",
        )
    return x


def _softmax(kind):
    def softmax(call, x):
        shape = call.shape(x)
        if call.opset < 13:  # over this axis and all behind it
            axis = call.get("axis", 1) % len(shape)
            axes = range(axis, len(shape))
        else:
            axes = (call.get("axis", -1) % len(shape),)
        return call.builder.softmax(x, kind, [axis - 1 for axis in axes])

    return softmax


OPERATIONS = {
    "Conv": _convolve,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_norm,
    "Relu": lambda call, x: call.builder.rectify(call.name, x),
    "Clip": _clip,
    "Max": _max,
    "Min": _min,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global,
    "GlobalMaxPool": _global_max,
    "ReduceMean": _over("average"),
    "ReduceMax": _over("largest"),
    "ReduceSum": _over("sum"),
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Neg": lambda call, x: call.builder.affine(call.name, x, -1.0, 0.0),
    "Sum": _sum,
    "Concat": _concatenate,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Pad": _pad,
    "Identity": _nothing,
    "Dropout": _nothing,
    "Cast": _cast,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Sigmoid": lambda call, x: call.builder.sigmoid(x),
}
