"""How are the words of Prophesee's EVT 3.0 decoded?

The published specification: 16 bits, the kind in the highest four. Words change what is
known (row, base column, polarity, time); three kinds report events by it::

    0   row y (11 bits)                     6   the 12 low bits of the time [us]
    2   EVENT at column x, polarity bit 11  8   the 12 high bits of the time
    3   base column, polarity               10  external trigger
    4   EVENTS, a bit for each of 12 columns from the base on, which moves by 12
    5   the same for 8                      7, 14, 15   extensions
"""

import numpy as np

from neurosim._jit import kernel, lowest_bit

from .source import BASE, HEIGHT, LAST, OWN, WIDTH
from .tally import FAULT, OFF, OTHER, UNKNOWN, UNSORTED, UNTIMED, WRAPS

HIGH = OWN  # high bits of the time with all wrap-arounds [us]; -1 before the first
LOW = OWN + 1
ROW = OWN + 2
BASE_X = OWN + 3
POLARITY = OWN + 4

START = (-1, 0, 0, 0, 0)
"""State before the first word."""

MOST = 12
"""Events of one word, at most."""

_SPAN = 1 << 24  # us, after which the time wraps around


@kernel
def fill_evt3(words, state, counts, x, y, t, p):
    """Decode EVT 3.0 words (uint16); returns (events, words used)."""
    high, low, row = state[HIGH], state[LOW], state[ROW]
    base, polarity, last = state[BASE_X], state[POLARITY], state[LAST]
    now = high + low
    width = state[WIDTH] if high >= 0 and row < state[HEIGHT] else 0
    n, i, size, room = 0, 0, len(words), len(x) - 11
    other = 0
    while i < size and n < room:
        word = np.int64(words[np.uint64(i)])
        i += 1
        kind, value = word >> 12, word & 0xFFF
        if kind == 2:
            column = value & 0x7FF
            if column < width:
                k = np.uint64(n)  # an unsigned index needs no check for being negative
                x[k], y[k], t[k], p[k] = column, row, now, value >> 11
                n += 1
            else:
                _lost(1, high, state, counts, 2 * i - 2)
        elif kind == 0:
            row = value & 0x7FF
            width = state[WIDTH] if high >= 0 and row < state[HEIGHT] else 0
        elif kind == 6:
            low = value
            if high >= 0:
                now = high | low
                counts[UNSORTED] += now < last
                last = now
        elif kind == 3:
            base, polarity = value & 0x7FF, value >> 11
        elif kind == 4 or kind == 5:
            bits = value if kind == 4 else value & 0xFF
            while bits != 0:
                column = base + lowest_bit(bits)
                bits &= bits - 1
                if column < width:
                    k = np.uint64(n)
                    x[k], y[k], t[k], p[k] = column, row, now, polarity
                    n += 1
                else:
                    _lost(1, high, state, counts, 2 * i - 2)
            base += 12 if kind == 4 else 8
        elif kind == 8:
            fresh = value << 12
            if high >= 0:
                fresh += high - high % _SPAN
                if fresh < high - _SPAN // 2:
                    counts[WRAPS] += 1
                    fresh += _SPAN
            else:
                width = state[WIDTH] if row < state[HEIGHT] else 0
            if fresh != high:
                high, low = fresh, 0
                now = high
                counts[UNSORTED] += now < last
                last = now
        elif kind == 10 or kind == 7 or kind >= 14:
            other += 1
        else:
            counts[UNKNOWN] += 1
    counts[OTHER] += other
    state[HIGH], state[LOW], state[ROW] = high, low, row
    state[BASE_X], state[POLARITY], state[LAST] = base, polarity, last
    return n, i


@kernel
def _lost(events, high, state, counts, place):
    if high < 0:
        counts[UNTIMED] += events
    else:
        counts[OFF] += events
        if counts[FAULT] == 0:
            counts[FAULT] = state[BASE] + place + 1
