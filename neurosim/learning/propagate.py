"""How does a membrane answer a decaying current, and how does the answer depend on the rates?"""

import math

from .._jit import shared
from ..models.flow import HALF, through_alpha


@shared
def held(dt, rate_m, rate):
    """(leak, left, gain) of :func:`gains`, in half the time."""
    leak, x = math.exp(-rate_m * dt), (rate - rate_m) * dt
    if abs(x) >= HALF:
        left = math.exp(-rate * dt)
        return leak, left, (leak - left) / (rate - rate_m)
    lost = math.expm1(-x)
    return leak, leak + leak * lost, dt * leak if x == 0.0 else -dt * leak * (lost / x)


@shared
def gains(dt, rate_m, rate):
    """(leak, left, gain, slow, fast) over ``dt``.

    leak = e^{-rate_m dt}, left = e^{-rate dt}, gain = (leak - left) / (rate - rate_m): what the
    membrane holds of a current of 1; slow = -d gain / d rate_m, fast = -d gain / d rate.
    """
    leak = math.exp(-rate_m * dt)
    left, gain, fast = through_alpha(dt, leak, rate, rate - rate_m)
    return leak, left, gain, dt * gain - fast, fast
