"""What is checked of events that were decoded without looking? The sensor, and their order."""

from neurosim._jit import kernel

from .source import BASE, HEIGHT, WIDTH
from .tally import FAULT, OFF


@kernel
def backwards(t, n, last):
    """How many of the first ``n`` stamps are smaller than the one before; ``last`` is before."""
    found = 1 if t[0] < last else 0
    for i in range(1, n):
        found += t[i] < t[i - 1]
    return found


@kernel
def within(n, place, size, state, counts, columns):
    """Keep those of ``n`` events that lie on the sensor, count the others; how many are left.

    The first one is word ``place`` of the words, of ``size`` bytes each.
    """
    x, y, t, p = columns
    kept = 0
    for i in range(n):
        if x[i] < state[WIDTH] and y[i] < state[HEIGHT]:
            x[kept], y[kept], t[kept], p[kept] = x[i], y[i], t[i], p[i]
            kept += 1
        else:
            counts[OFF] += 1
            if counts[FAULT] == 0:
                counts[FAULT] = state[BASE] + size * (place + i) + 1
    return kept
