"""How does a membrane answer a decaying current, and how does the answer depend on the rates?"""

import math

from .._jit import shared
from ..models.flow import through_alpha


@shared
def gains(dt, rate_m, rate):
    """(leak, left, gain, slow, fast) over ``dt``.

    leak = e^{-rate_m dt}, left = e^{-rate dt}, gain = (leak - left) / (rate - rate_m): what the
    membrane holds of a current of 1; slow = -d gain / d rate_m, fast = -d gain / d rate.
    """
    leak = math.exp(-rate_m * dt)
    left, gain, fast = through_alpha(dt, leak, rate, rate - rate_m)
    return leak, left, gain, dt * gain - fast, fast
