"""Which one operator does what two do, one behind the other, or side by side?

Exactly, and with the fewest numbers: kernels stay kernels where that is possible, so that
synapses need not be listed one by one.
"""

import math

import numpy as np

from .operators import MOST_LINKS, Full, Kernel, Listed, Operator, affordable


def behind(outer: Operator, inner: Operator) -> Operator:
    """Return the operator that applies ``inner``, then ``outer``.

    Raises
    ------
    TooLarge
        The product would have to be written out, and is too large.
    """
    if inner.is_identity():
        return outer
    if outer.is_identity():
        return inner
    if isinstance(outer, Kernel) and outer.by_channel and outer.pointwise:
        return inner.times(outer.kernel.ravel())
    if isinstance(outer, Kernel) and isinstance(inner, Kernel):
        merged = _kernels(outer, inner)
        if merged is not None:
            return merged
    if isinstance(outer, Full) and isinstance(inner, Kernel) and _is_pooling(inner):
        return _full_behind_pooling(outer, inner)
    if isinstance(inner, Full):
        n_pre = len(inner.weight)
        affordable(n_pre * math.prod(outer.post), f"A matrix from {inner.pre} to {outer.post}")
        rows = outer.apply(inner.weight.reshape(n_pre, *inner.post))
        return Full(inner.pre, outer.post, rows.reshape(n_pre, -1))
    if isinstance(outer, Full):
        n_pre, n_post = math.prod(inner.pre), outer.weight.shape[1]
        affordable(n_pre * n_post, f"A matrix from {inner.pre} to {outer.post}")
        return Full(inner.pre, outer.post, inner.matrix().T @ outer.weight)
    left, right = outer.matrix(), inner.matrix()
    most = left.tocsc().indptr, right.indptr  # products of each number in the middle
    products = int(np.diff(most[0]).astype(np.int64) @ np.diff(most[1]))
    affordable(products, f"A matrix from {inner.pre} to {outer.post}", MOST_LINKS)
    return Listed(inner.pre, outer.post, (left @ right).tocsr())


def beside(one: Operator, other: Operator) -> Operator | None:
    """Return the sum of two operators where it is no larger than the two; otherwise None."""
    if isinstance(one, Kernel) and isinstance(other, Kernel) and _alike(one, other):
        return one._with(one.kernel + other.kernel)
    if isinstance(one, Full) and isinstance(other, Full):
        return Full(one.pre, one.post, one.weight + other.weight)
    if isinstance(one, Listed) and isinstance(other, Listed):
        return Listed(one.pre, one.post, (one.links + other.links).tocsr())
    return None


def _alike(one: Kernel, other: Kernel) -> bool:
    same = (one.stride, one.padding, one.dilation, one.groups, one.pool)
    return one.kernel.shape == other.kernel.shape and same == (
        other.stride,
        other.padding,
        other.dilation,
        other.groups,
        other.pool,
    )


def _is_pooling(op: Kernel) -> bool:
    """Whether it is a mean or sum over windows side by side, of one weight."""
    return (
        op.by_channel
        and not op.pools
        and op.taps == op.stride
        and max(op.dilation, default=1) == 1
        and not any(map(any, op.padding))
        and bool((op.kernel == op.kernel.flat[0]).all())
    )


def _is_padding(op: Kernel) -> bool:
    """Whether it adds zeros at the edges, and nothing else."""
    single = max(op.taps, default=1) == max(op.stride, default=1) == 1
    return op.by_channel and single and not op.pools and bool((op.kernel == 1.0).all())


def _kernels(outer: Kernel, inner: Kernel) -> Kernel | None:
    """Merge two kernels; None where the result is not one."""
    if outer.pools or len(outer.taps) != len(inner.taps):
        return None
    if inner.by_channel and inner.pointwise:
        return Kernel(
            inner.pre, outer.post, _scaled_inputs(outer, inner.kernel.ravel()), *_geometry(outer)
        )
    if _is_padding(inner):
        wider = tuple(
            (a + c, b + d) for (a, b), (c, d) in zip(outer.padding, inner.padding, strict=True)
        )
        rest = (outer.stride, wider, outer.dilation, outer.groups, outer.pool)
        return Kernel(inner.pre, outer.post, outer.kernel, *rest)
    if not outer.by_channel and _is_pooling(inner):
        kernel = outer.kernel * inner.kernel.flat[0]
        rest = (outer.stride, outer.padding, outer.dilation, outer.groups)
        return Kernel(inner.pre, outer.post, kernel, *rest, inner.taps)
    if inner.pointwise:
        kernel = _whole(outer)
        mixed = np.einsum(
            "om...,mi->oi...", kernel, _whole(inner).reshape(inner.kernel.shape[0], -1)
        )
        rest = (outer.stride, outer.padding, outer.dilation, 1, outer.pool)
        return Kernel(inner.pre, outer.post, mixed, *rest)
    if any(map(any, outer.padding)) or (inner.pools and not outer.pointwise):
        return None  # what the padding hides is not zero before the inner kernel
    return _stretched(outer, inner)


def _geometry(op: Kernel) -> tuple:
    return (op.stride, op.padding, op.dilation, op.groups, op.pool)


def _scaled_inputs(op: Kernel, factor: np.ndarray) -> np.ndarray:
    """Return the kernel with each input channel multiplied."""
    each = factor.reshape(op.groups, 1, op.kernel.shape[1], *[1] * len(op.taps))
    split = op.kernel.reshape(op.groups, -1, *op.kernel.shape[1:])
    return (split * each).reshape(op.kernel.shape)


def _whole(op: Kernel) -> np.ndarray:
    """Return the kernel without groups: zeros between channels of different ones."""
    if op.groups == 1:
        return op.kernel
    n_out, per_group = op.kernel.shape[:2]
    affordable(n_out * op.pre[-1] * math.prod(op.taps), f"A kernel of {op.pre[-1]} channels")
    whole = np.zeros((n_out, op.pre[-1], *op.taps))
    for m in range(n_out):
        first = m // (n_out // op.groups) * per_group
        whole[m, first : first + per_group] = op.kernel[m]
    return whole


def _stretched(outer: Kernel, inner: Kernel) -> Kernel:
    """Convolve the kernels: ``sum_a O[a] sum_b I[b] x[s_I (s_O o + d_O a) + d_I b - p_I]``."""
    steps = [d * s for d, s in zip(outer.dilation, inner.stride, strict=True)]
    dilation = tuple(
        math.gcd(step if a > 1 else 0, d if b > 1 else 0) or 1
        for step, d, a, b in zip(steps, inner.dilation, outer.taps, inner.taps, strict=True)
    )
    far = tuple(step // g or 1 for step, g in zip(steps, dilation, strict=True))
    near = tuple(d // g or 1 for d, g in zip(inner.dilation, dilation, strict=True))
    size = tuple(
        f * (a - 1) + n * (b - 1) + 1
        for f, n, a, b in zip(far, near, outer.taps, inner.taps, strict=True)
    )
    single = outer.by_channel and inner.by_channel
    if single:
        groups, a, b = outer.groups, outer.kernel, inner.kernel
        affordable(len(a) * math.prod(size), f"A kernel of {size} taps")
        kernel = np.zeros((len(a), 1, *size))
    else:
        groups, a, b = 1, _whole(outer), _whole(inner)
        affordable(len(a) * b.shape[1] * math.prod(size), f"A kernel of {size} taps")
        kernel = np.zeros((len(a), b.shape[1], *size))
    for place in np.ndindex(*outer.taps):
        here = a[(..., *place)]
        spread = (
            here.reshape(-1, 1, *[1] * len(size)) * b
            if single
            else np.einsum("om,mi...->oi...", here, b)
        )
        cut = tuple(
            slice(f * k, f * k + n * (m - 1) + 1, n)
            for k, f, n, m in zip(place, far, near, inner.taps, strict=True)
        )
        kernel[(slice(None), slice(None), *cut)] += spread
    stride = tuple(s * t for s, t in zip(outer.stride, inner.stride, strict=True))
    return Kernel(
        inner.pre, outer.post, kernel, stride, inner.padding, dilation, groups, inner.pool
    )


def _full_behind_pooling(outer: Full, inner: Kernel) -> Kernel:
    """Read a matrix behind a pooling as a kernel that covers all of the pooled layer."""
    n_post = outer.weight.shape[1]
    space = inner.space  # `post` is without it where a single place is left
    kernel = outer.weight.T.reshape(n_post, *space, -1)
    kernel = np.moveaxis(kernel, -1, 1) * inner.kernel.flat[0]
    ones = (1,) * len(space)
    none = ((0, 0),) * len(space)
    return Kernel(inner.pre, outer.post, kernel, ones, none, ones, 1, inner.taps)
