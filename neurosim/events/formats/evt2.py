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

from .runs import backwards, within
from .source import BASE, HEIGHT, LAST, OWN, WIDTH
from .tally import FAULT, OFF, OTHER, UNKNOWN, UNSORTED, UNTIMED, WRAPS

HIGH = OWN  # high bits of the time with all wrap-arounds [us]; -1 before the first
SWAPPED = OWN + 1  # EVT 2.1: whether the halves of a word are swapped

START2 = (-1,)
"""State of EVT 2.0 before the first word."""

_EVENTS = np.uint32(1 << 29)  # smaller words are change events
_SPAN = 1 << 34  # us, after which the time wraps around


@kernel
def fill_evt2(words, state, counts, x, y, t, p):
    """Decode EVT 2.0 words (uint32); returns (events, words used)."""
    high = state[HIGH]
    n, i, size, room = 0, 0, len(words), len(x)
    while i < size and n < room:
        word = np.int64(words[np.uint64(i)])
        kind = word >> 28
        if kind < 2:
            end, stop = i + 1, min(size, i + room - n)
            while end < stop and words[np.uint64(end)] < _EVENTS:
                end += 1
            n += _run(words[i:end], high, i, state, counts, (x[n:], y[n:], t[n:], p[n:]))
            i = end
            continue
        i += 1
        if kind == 8:
            high = _unwrapped((word & 0xFFFFFFF) << 6, high, counts)
        elif kind == 10 or kind == 14 or kind == 15:
            counts[OTHER] += 1
        else:
            counts[UNKNOWN] += 1
    state[HIGH] = high
    return n, i


@kernel
def _run(words, high, place, state, counts, columns):
    """Decode words that are all change events; how many lie on the sensor."""
    x, y, t, p = columns
    if high < 0:
        counts[UNTIMED] += len(words)
        return 0
    wide, tall = 0, 0
    for i in range(len(words)):  # without a branch: several events at a time
        word = np.int64(words[i])
        column, row = (word >> 11) & 0x7FF, word & 0x7FF
        x[i], y[i], t[i], p[i] = column, row, high | ((word >> 22) & 63), word >> 28
        wide, tall = max(wide, column), max(tall, row)
    n = len(words)
    if wide >= state[WIDTH] or tall >= state[HEIGHT]:
        n = within(n, place, 4, state, counts, columns)
    if n:
        counts[UNSORTED] += backwards(t, n, state[LAST])
        state[LAST] = t[n - 1]
    return n


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
