"""How are the words of Prophesee's EVT 2.0 and EVT 2.1 decoded?

EVT 2.0 (published specification), 32 bits, the kind in the highest four::

    0, 1    change event, darker or brighter: 6 low bits of the time, 11 of x, 11 of y
    8       the 28 high bits of the time [64 us]
    10      external trigger     14, 15   extensions

EVT 2.1, 64 bits: the same kinds, and in an event the 32 lowest bits say which of the 32
pixels from x on changed. Some cameras send the two halves of a word the other way round.
"""

import numpy as np

from neurosim._jit import kernel, lowest_bit

from .source import BASE, HEIGHT, LAST, OWN, WIDTH
from .tally import FAULT, OFF, OTHER, UNKNOWN, UNSORTED, UNTIMED, WRAPS

HIGH = OWN  # high bits of the time with all wrap-arounds [us]; -1 before the first
SWAPPED = OWN + 1  # EVT 2.1: whether the halves of a word are swapped

START2 = (-1,)
"""State of EVT 2.0 before the first word."""

_SPAN = 1 << 34  # us, after which the time wraps around


@kernel
def fill_evt2(words, state, counts, x, y, t, p):
    """Decode EVT 2.0 words (uint32); returns (events, words used)."""
    high, last = state[HIGH], state[LAST]
    width = state[WIDTH] if high >= 0 else 0  # no event is on the sensor without a time
    height = state[HEIGHT]
    n, i, size, room = 0, 0, len(words), len(x)
    backwards, other = 0, 0
    while i < size and n < room:
        word = np.int64(words[np.uint64(i)])
        i += 1
        kind = word >> 28
        if kind < 2:
            column, row = (word >> 11) & 0x7FF, word & 0x7FF
            if (column < width) & (row < height):
                now = high | ((word >> 22) & 63)
                backwards += now < last
                last = now
                k = np.uint64(n)  # an unsigned index needs no check for being negative
                x[k], y[k], t[k], p[k] = column, row, now, kind
                n += 1
            elif high < 0:
                counts[UNTIMED] += 1
            else:
                counts[OFF] += 1
                if counts[FAULT] == 0:
                    counts[FAULT] = state[BASE] + 4 * i - 3
        elif kind == 8:
            fresh = (word & 0xFFFFFFF) << 6
            high = _unwrapped(fresh, high, counts)
            width = state[WIDTH]
        elif kind == 10 or kind == 14 or kind == 15:
            other += 1
        else:
            counts[UNKNOWN] += 1
    counts[UNSORTED] += backwards
    counts[OTHER] += other
    state[HIGH], state[LAST] = high, last
    return n, i


@kernel
def fill_evt21(words, state, counts, x, y, t, p):
    """Decode EVT 2.1 words (int64); returns (events, words used)."""
    high, last = state[HIGH], state[LAST]
    width, height = state[WIDTH], state[HEIGHT]
    n, i, size, room = 0, 0, len(words), len(x)
    while i < size and n + 32 <= room:
        low = words[np.uint64(i)] & 0xFFFFFFFF
        word = (words[np.uint64(i)] >> 32) & 0xFFFFFFFF
        if state[SWAPPED] != 0:
            low, word = word, low
        i += 1
        kind = word >> 28
        if kind < 2:
            if high < 0:
                counts[UNTIMED] += 1
                continue
            base, row = (word >> 11) & 0x7FF, word & 0x7FF
            now = high | ((word >> 22) & 63)
            counts[UNSORTED] += now < last
            last = now
            while low != 0:
                column = base + lowest_bit(low)
                low &= low - 1
                if (column < width) & (row < height):
                    k = np.uint64(n)
                    x[k], y[k], t[k], p[k] = column, row, now, kind
                    n += 1
                else:
                    counts[OFF] += 1
                    if counts[FAULT] == 0:
                        counts[FAULT] = state[BASE] + 8 * i - 7
        elif kind == 8:
            high = _unwrapped((word & 0xFFFFFFF) << 6, high, counts)
        elif kind == 10 or kind == 14 or kind == 15:
            counts[OTHER] += 1
        else:
            counts[UNKNOWN] += 1
    state[HIGH], state[LAST] = high, last
    return n, i


@kernel
def _unwrapped(fresh, high, counts):
    """The high time bits ``fresh`` with the wrap-arounds that ``high`` holds [us]."""
    if high < 0:
        return fresh
    now = high - high % _SPAN + fresh
    if now < high - _SPAN // 2:
        counts[WRAPS] += 1
        now += _SPAN
    return now
