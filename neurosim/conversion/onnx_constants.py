"""What are the constants of an ONNX graph worth? Exporters compute shapes on the way."""

import math
from typing import Any

import numpy as np

from .building import Refusal

FLOATS = (1, 10, 11, 16)  # kinds of number, as ONNX counts them: float32, 16, 64, bfloat16
MOST_NUMBERS = 2**24  # of a constant that is worked out: these are shapes, seldom weights


def _afforded(size: int) -> None:
    if size > MOST_NUMBERS:
        raise Refusal(f"a constant of {size:,} numbers", "make it smaller, or an initialiser")


def _pointwise(function: Any) -> Any:
    def apply(call, x, y):
        _afforded(math.prod(np.broadcast_shapes(np.shape(x), np.shape(y))))
        with np.errstate(all="ignore"):
            return call.walk.charged(np.asarray(function(x, y)))

    return apply


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "i" and y.dtype.kind == "i":
        return (x / np.where(y == 0, 1, y)).astype(np.int64)
    return x / y


def _constant(call):
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if call.get(name) is not None:
            return np.asarray(call.get(name))
    raise Refusal("a constant without numbers")


def _filled(call, shape):
    _afforded(math.prod(shape.tolist()))
    value = np.ravel(call.get("value", np.zeros(1)))[0]
    return call.walk.charged(np.full(tuple(shape.tolist()), value))


def _shape(call, x):
    whole = np.shape(x) if isinstance(x, np.ndarray) else call.shape(x)
    return np.array(whole[call.get("start", 0) : call.get("end")], np.int64)


def _gather(call, x, indices):
    axis = call.get("axis", 0)
    _afforded(indices.size * max(x.size // max(x.shape[axis], 1), 1))
    return call.walk.charged(np.take(x, indices.astype(np.int64), axis=axis))


def _slice(call, x, starts=None, ends=None, axes=None, steps=None):
    starts = call.get("starts") if starts is None else starts
    ends = call.get("ends") if ends is None else ends
    axes = call.get("axes", range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cut[int(axis)] = slice(int(start), int(end), int(step))
    return x[tuple(cut)]


def axes_of(call: Any, given: Any = None) -> list[int] | None:
    """Return axes that an attribute, or an input in later versions, has."""
    if given is not None:
        return [int(axis) for axis in np.ravel(given)]
    axes = call.get("axes")
    return None if axes is None else [int(axis) for axis in axes]


def _squeeze(call, x, axes=None):
    axes = axes_of(call, axes)
    return np.squeeze(x, None if axes is None else tuple(axes))


def _unsqueeze(call, x, axes=None):
    return np.expand_dims(x, tuple(axes_of(call, axes) or ()))


def _concatenate(call, *values):
    _afforded(sum(value.size for value in values))
    return call.walk.charged(np.concatenate(values, axis=call.get("axis", 0)))


def target_shape(call: Any, before: tuple[int, ...], shape: Any) -> tuple[int, ...]:
    """Return the shape that a Reshape asks for: 0 keeps an axis, -1 is what is left."""
    asked = [int(size) for size in (call.get("shape") if shape is None else np.ravel(shape))]
    if not call.get("allowzero", 0):
        asked = [before[k] if size == 0 else size for k, size in enumerate(asked)]
    rest = math.prod(size for size in asked if size != -1)
    if asked.count(-1) == 1 and rest > 0:
        asked[asked.index(-1)] = math.prod(before) // rest
    return tuple(asked)


def _reshape(call, x, shape=None):
    return x.reshape(target_shape(call, x.shape, shape))


def _transpose(call, x):
    return x.transpose(call.get("perm"))


def _flatten(call, x):
    axis = call.get("axis", 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _cast(call, x):
    return x.astype(np.float64 if call.get("to") in FLOATS else np.int64)


def _product(call, x, axes=None):
    axes = axes_of(call, axes)
    return np.prod(x, None if axes is None else tuple(axes), keepdims=bool(call.get("keepdims", 1)))


def _same(call, x, *_):
    return x


CONSTANTS = {
    "Add": _pointwise(np.add),
    "Sub": _pointwise(np.subtract),
    "Mul": _pointwise(np.multiply),
    "Div": _pointwise(_divide),
    "Mod": _pointwise(np.mod),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Shape": _shape,
    "Gather": _gather,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concatenate,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Flatten": _flatten,
    "Cast": _cast,
    "ReduceProd": _product,
    "Identity": _same,
    "Neg": lambda call, x: -x,
    "Sqrt": lambda call, x: np.sqrt(np.maximum(x, 0.0)),
}
