"""Where does a sum of exponentials and polynomials change its sign? Rolle's theorem, plainly.

Between two zeros of f(t) e^{rt} lies one of its derivative, which has one coefficient less. In
float64, or with as many digits as are asked for (mpmath): then nothing cancels that matters.
"""

import math
from itertools import pairwise

import mpmath


class Float64:
    """Numbers as Python has them."""

    number, exp, least = float, math.exp, 1e-16


class Digits:
    """Numbers with many decimal digits."""

    def __init__(self, digits):
        context = mpmath.MPContext()
        context.dps = digits
        self.number, self.exp, self.least = context.mpf, context.exp, 10.0 ** (5 - digits)


class Curve:
    """f(t) = sum over rates r of p_r(t) e^{-r t}, with polynomials p_r = [p0, p1, ...]."""

    def __init__(self, terms, numbers):
        kept = {r: p for r, p in terms.items() if any(p)}
        self.terms, self.numbers = kept, numbers

    def __call__(self, t):
        total = 0 * t
        for rate, polynomial in self.terms.items():
            value = 0 * t
            for coefficient in reversed(polynomial):
                value = value * t + coefficient
            total += value * self.numbers.exp(-rate * t) if rate else value
        return total

    def derivative(self):
        terms = {}
        for rate, p in self.terms.items():
            slopes = [k * c for k, c in enumerate(p)][1:]
            terms[rate] = [s - rate * c for s, c in zip([*slopes, 0.0], p, strict=True)]
            if not rate:
                terms[rate] = slopes
        return Curve(terms, self.numbers)

    def times_growth(self, rate):
        """f(t) e^{rate t}."""
        return Curve({r - rate: p for r, p in self.terms.items()}, self.numbers)

    def sign_changes(self, end):
        """All t in (0, end] at which the curve begins to have another sign than before."""
        if not self.terms:
            return []
        f = self.times_growth(min(self.terms))  # the same zeros, and nothing grows
        if list(f.terms) == [0] and len(f.terms[0]) == 1:
            return []
        slope = f.derivative()
        places = [0 * end, *slope.sign_changes(end), end]
        return [
            _zero(f, slope, a, b, self.numbers.least)
            for a, b in pairwise(places)
            if (f(a) < 0) != (f(b) < 0)
        ]


def _zero(f, slope, low, high, least):
    """The zero of a monotone ``f``: Newton's steps, or a halving where they do not help."""
    falls = f(high) < 0
    t, step = (low + high) / 2, high - low
    for _ in range(400):
        value = f(t)
        if (value < 0) != falls:
            low = t
        else:
            high = t
        steepness = slope(t)
        newton = t - value / steepness if steepness else low
        if not low < newton < high or abs(newton - t) > step / 2:
            newton = (low + high) / 2
        step, t = abs(newton - t), newton
        if step <= least * (1 + t):
            break
    return t
