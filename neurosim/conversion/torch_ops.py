"""How is each operation of PyTorch said in a layer graph? One short function per kind.

Names and arguments are those of PyTorch's operators (``torch.ops.aten``). A function gets the
call, then its arguments: values of nodes as :class:`~.building.Tensor`, constants as arrays. What
is computed from constants alone has been computed by PyTorch.
"""

import math
from typing import Any

import numpy as np

from .building import Refusal, Tensor, unsupported


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """One number per axis of space, from one or several."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return tuple(int(v) for v in (values * axes if len(values) == 1 else values))


def _pairs(value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    return tuple((p, p) for p in _each(value, axes))


def _same(taps, dilation) -> tuple[tuple[int, int], ...]:
    """PyTorch's padding='same': the odd place goes behind."""
    total = [d * (k - 1) for k, d in zip(taps, dilation, strict=True)]
    return tuple((t // 2, t - t // 2) for t in total)


def _convolve(call, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _constants("a convolution by values that depend on the sample", weight, bias)
    axes = weight.ndim - 2
    dilation = _each(dilation, axes)
    if padding == "same":
        pairs = _same(weight.shape[2:], dilation)
    else:
        pairs = _pairs(0 if padding == "valid" else padding, axes)
    stride = _each(stride, axes)
    return call.builder.convolve(call.name, x, weight, bias, stride, pairs, dilation, groups)


def _linear(call, x, weight, bias=None):
    _constants("a product of two activations", weight, bias)
    return call.builder.linear(call.name, x, weight, bias)


def _addmm(call, bias, x, weight, *, beta=1, alpha=1):
    _constants("a product of two activations", weight)
    if not isinstance(bias, Tensor):
        return call.builder.linear(call.name, x, alpha * weight.T, beta * bias)
    return _add(call, call.builder.linear(call.name, x, alpha * weight.T, None), bias, alpha=beta)


def _matmul(call, x, weight):
    _constants("a product of two activations", weight)
    if isinstance(x, np.ndarray) or weight.ndim != 2:
        raise Refusal("a product by a matrix from the left")
    return call.builder.linear(call.name, x, weight.T, None)


def _constants(operation: str, *values: Any) -> None:
    if any(isinstance(value, Tensor) for value in values):
        raise Refusal(operation, "only trained parameters can be weights of synapses")


def _batch_norm(call, x, gamma, beta, mean, var, *rest):
    eps = rest[-1] if len(rest) == 2 else rest[2]  # (momentum, eps) or (training, momentum, eps, _)
    if mean is None or var is None:
        raise Refusal("a batch norm without running statistics", "track_running_stats=True")
    return call.builder.batch_norm(call.name, x, gamma, beta, mean, var, eps)


def _clamp(call, x, low=None, high=None):
    low, high = (_number(v, default) for v, default in ((low, -math.inf), (high, math.inf)))
    return call.builder.clip(call.name, x, low, high)


def _number(value: Any, default: float) -> float:
    if value is None:
        return default
    if np.size(value) != 1:
        raise Refusal("a clip with several bounds", "clip all values at one ceiling")
    return float(np.ravel(value)[0])


def _hardtanh(call, x, low=-1.0, high=1.0):
    return call.builder.clip(call.name, x, low, high)


def _relu(call, x):
    return call.builder.rectify(call.name, x)


def _relu6(call, x):
    return call.builder.rectify(call.name, x, ceiling=6.0)


def _maximum(call, x, y):
    x, y = (y, x) if isinstance(x, np.ndarray) else (x, y)
    if isinstance(y, Tensor) or (np.asarray(y) != 0).any():
        raise Refusal("a maximum of two values", "only max(x, 0) is a ReLU")
    return call.builder.rectify(call.name, x)


def _max(call, x, y=None, *_):
    if not isinstance(y, (Tensor, np.ndarray)):  # a number is an axis
        raise Refusal("a maximum with places", "torch.amax over space, or max-pooling")
    return _maximum(call, x, y)


def _max_pool(axes):
    def pool(call, x, window, stride=(), padding=0, dilation=1, ceil=False):
        if max(_each(dilation, axes)) > 1:
            raise Refusal("a max-pooling with dilation", "pool by windows without gaps")
        window = _each(window, axes)
        stride = _each(stride, axes) if stride else window
        return call.builder.largest(call.name, x, window, stride, _pairs(padding, axes), bool(ceil))

    return pool


def _average_pool(axes):
    def pool(call, x, window, stride=(), padding=0, ceil=False, include=True, divisor=None):
        if divisor is not None:
            raise Refusal("a pooling with a divisor of its own", "leave divisor_override out")
        window = _each(window, axes)
        stride = _each(stride, axes) if stride else window
        pairs = _pairs(padding, axes)
        return call.builder.average(call.name, x, window, stride, pairs, include, bool(ceil))

    return pool


def _adaptive(axes, kind="average"):
    def pool(call, x, out):
        space = call.builder.shape(x)[1:]
        out = [s if o is None else o for s, o in zip(space, _each_or_none(out, axes), strict=True)]
        return call.builder.adaptive(call.name, x, out, kind)

    return pool


def _each_or_none(value: Any, axes: int) -> list[int | None]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return values * axes if len(values) == 1 else values


def _over(kind):
    def reduce(call, x, dims=None, keepdim=False, **_):
        n = len(call.builder.shape(x)) + 1
        axes = [d % n - 1 for d in dims or ()]
        if -1 in axes or not axes:  # without dims: over everything
            raise Refusal(f"{_REDUCTIONS[kind]} over samples", "keep the samples apart")
        return call.builder.over(call.name, x, axes, bool(keepdim), kind)

    return reduce


_REDUCTIONS = {"average": "a mean", "largest": "a maximum", "sum": "a sum"}


def _add(call, x, y, *, alpha=1):
    match isinstance(x, Tensor), isinstance(y, Tensor):
        case True, True:
            y = y if alpha == 1 else call.builder.affine(f"{call.name}.alpha", y, alpha, 0.0)
            return call.builder.add(call.name, x, y)
        case True, False:
            return call.builder.affine(call.name, x, 1.0, np.multiply(alpha, y))
    return call.builder.affine(call.name, y, alpha, x)


def _subtract(call, x, y, *, alpha=1):
    return _add(call, x, y, alpha=-alpha)


def _rsub(call, x, y, *, alpha=1):
    return _add(call, y, x, alpha=-alpha)


def _multiply(call, x, y):
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        raise unsupported("bmm")
    if isinstance(x, Tensor):
        return call.builder.affine(call.name, x, y, 0.0)
    return call.builder.affine(call.name, y, x, 0.0)


def _divide(call, x, y, *, rounding_mode=None):
    if rounding_mode is not None:
        raise Refusal(f"a division that rounds ({rounding_mode})", "divide without rounding")
    if isinstance(y, Tensor):
        raise unsupported("bmm")
    return _multiply(call, x, 1.0 / np.asarray(y, np.float64))


def _negative(call, x):
    return _multiply(call, x, -1.0)


def _concatenate(call, values, axis=0):
    axes = len(call.shape)
    if any(isinstance(value, np.ndarray) for value in values):
        raise Refusal("a concatenation with a constant")
    return call.builder.concatenate(call.name, values, axis % axes - 1)


def _reshape(call, x, *_, **__):
    return call.builder.reshape(call.name, x, call.sample_shape())


def _select(call, x, axis, k):
    shape = call.builder.shape(x)
    if axis % (len(shape) + 1) == 0 or shape[axis % (len(shape) + 1) - 1] != 1:
        raise Refusal("a choice of one of several values", "use all of them, or a linear layer")
    return _reshape(call, x)


def _permute(call, x, axes):
    n = len(call.builder.shape(x)) + 1
    axes = [axis % n for axis in axes]
    if axes[0] != 0:
        raise Refusal("samples moved to another axis", "keep the samples in the first axis")
    return call.builder.transpose(call.name, x, [axis - 1 for axis in axes[1:]])


def _swap(call, x, a, b):
    n = len(call.builder.shape(x)) + 1
    axes = list(range(n))
    axes[a % n], axes[b % n] = axes[b % n], axes[a % n]
    return _permute(call, x, axes)


def _pad(call, x, sizes, value=0.0, *_):
    if value:
        raise Refusal(f"padding with {value:g}", "pad with zeros")
    return _padded(call, x, sizes)


def _general_pad(call, x, sizes, mode="constant", value=None):
    if mode != "constant":
        raise Refusal(f"padding by {mode}", "pad with zeros")
    return _pad(call, x, sizes, value or 0.0)


def _padded(call, x, sizes):
    axes = len(call.builder.shape(x))
    pairs = [(sizes[k], sizes[k + 1]) for k in range(0, len(sizes), 2)][::-1]
    if len(pairs) > axes:
        raise Refusal(f"padding by {sizes}, samples among it", "pad axes of space")
    return call.builder.pad(call.name, x, ((0, 0),) * (axes - len(pairs)) + tuple(pairs))


def _item(call, x, k):
    if isinstance(x, Tensor) and k == 0:
        return x
    raise Refusal("a result of several", "use the first one only")


def _nothing(call, x, *_, **__):
    return x


def _cast(call, x, *_, dtype=None, **__):
    if dtype is not None and not dtype.is_floating_point:
        raise Refusal(
            f"a cast of activations to {dtype}, which rounds",
            "leave it out; only casts between floating-point types change nothing",
        )
    return x


def _like(value: float | None) -> Any:
    """A constant of the shape of an activation: a number will do."""
    return lambda call, x, fill=value, **_: np.asarray(float(fill))


def _softmax(kind):
    return lambda call, x, axis, *_, **__: call.builder.softmax(
        x, kind, [axis % (len(call.builder.shape(x)) + 1) - 1]
    )


def _names(names: str, translate: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), translate)


OPERATIONS = {
    **_names("conv1d conv2d conv3d", _convolve),
    "linear": _linear,
    "addmm": _addmm,
    **_names("mm matmul", _matmul),
    **_names("batch_norm _native_batch_norm_legit_no_training", _batch_norm),
    **_names("relu relu_", _relu),
    **_names("relu6 relu6_", _relu6),
    **_names("clamp clamp_ clamp_min clip", _clamp),
    "clamp_max": lambda call, x, high: _clamp(call, x, None, high),
    **_names("hardtanh hardtanh_", _hardtanh),
    "maximum": _maximum,
    "max": _max,
    **_names("max_pool1d", _max_pool(1)),
    **_names("max_pool2d max_pool2d_with_indices", _max_pool(2)),
    **_names("max_pool3d max_pool3d_with_indices", _max_pool(3)),
    "avg_pool1d": _average_pool(1),
    "avg_pool2d": _average_pool(2),
    "avg_pool3d": _average_pool(3),
    **_names("adaptive_avg_pool1d", _adaptive(1)),
    **_names("adaptive_avg_pool2d _adaptive_avg_pool2d", _adaptive(2)),
    **_names("adaptive_avg_pool3d _adaptive_avg_pool3d", _adaptive(3)),
    "adaptive_max_pool1d": _adaptive(1, "largest"),
    "adaptive_max_pool2d": _adaptive(2, "largest"),
    "adaptive_max_pool3d": _adaptive(3, "largest"),
    "mean": _over("average"),
    "amax": _over("largest"),
    "sum": _over("sum"),
    **_names("add add_", _add),
    **_names("sub sub_", _subtract),
    "rsub": _rsub,
    **_names("mul mul_", _multiply),
    **_names("div div_", _divide),
    "neg": _negative,
    "cat": _concatenate,
    **_names("view reshape _unsafe_view flatten squeeze unsqueeze view_copy", _reshape),
    "select": _select,
    "permute": _permute,
    "transpose": _swap,
    "t": lambda call, x: _swap(call, x, 0, 1),
    "constant_pad_nd": _pad,
    "pad": _general_pad,
    "getitem": _item,
    **_names(
        "dropout dropout_ feature_dropout alpha_dropout clone contiguous detach alias "
        "lift_fresh_copy",
        _nothing,
    ),
    **_names("_to_copy to", _cast),
    "zeros_like": _like(0.0),
    "ones_like": _like(1.0),
    "full_like": _like(None),
    **_names("softmax _softmax", _softmax("softmax")),
    **_names("log_softmax _log_softmax", _softmax("log_softmax")),
    "sigmoid": lambda call, x: call.builder.sigmoid(x),
}
