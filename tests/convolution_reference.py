"""Convolutions from their definition, one product at a time: slow and obvious."""

import itertools

import numpy as np


def _places(shape):
    return itertools.product(*(range(n) for n in shape))


def convolution(x, kernel, stride, padding, dilation, groups):
    """out[o, m] = sum over k, c of kernel[m, c, k] x[stride o + dilation k - padding, c]."""
    space, taps = x.shape[:-1], kernel.shape[2:]
    c_out, of_group = kernel.shape[:2]
    shape = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(space, taps, stride, padding, dilation, strict=True)
    ]
    out = np.zeros((*shape, c_out))
    for o in _places(shape):
        for k in _places(taps):
            sizes = zip(o, k, stride, dilation, padding, strict=True)
            at = [s * a + d * b - p[0] for a, b, s, d, p in sizes]
            if any(not 0 <= i < n for i, n in zip(at, space, strict=True)):
                continue
            for m in range(c_out):
                first = m // (c_out // groups) * of_group
                for c in range(of_group):
                    out[(*o, m)] += kernel[(m, c, *k)] * x[(*at, first + c)]
    return out


def transposed(x, kernel, stride, padding, extra, dilation, groups):
    """out[stride i + dilation k - padding, m] += kernel[c, m, k] x[i, c]."""
    space, taps = x.shape[:-1], kernel.shape[2:]
    c_in, of_group = kernel.shape[:2]
    shape = [
        (n - 1) * s - sum(p) + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(space, taps, stride, padding, dilation, extra, strict=True)
    ]
    out = np.zeros((*shape, of_group * groups))
    for i in _places(space):
        for k in _places(taps):
            sizes = zip(i, k, stride, dilation, padding, strict=True)
            at = [s * a + d * b - p[0] for a, b, s, d, p in sizes]
            if any(not 0 <= o < n for o, n in zip(at, shape, strict=True)):
                continue
            for c in range(c_in):
                first = c // (c_in // groups) * of_group
                for m in range(of_group):
                    out[(*at, first + m)] += kernel[(c, m, *k)] * x[(*i, c)]
    return out


def summed(x, window):
    """Sums over neighbours, channel by channel; what does not fill a window is left out."""
    shape = [n // w for n, w in zip(x.shape[:-1], window, strict=True)]
    out = np.zeros((*shape, x.shape[-1]))
    for o in _places(shape):
        for k in _places(window):
            out[o] += x[tuple(w * a + b for a, b, w in zip(o, k, window, strict=True))]
    return out
