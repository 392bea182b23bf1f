"""How is a Prophesee or ATIS .dat file decoded?

The published layout: text lines that begin with '%', a byte of event type (0 or 12: change
events), a byte of event size (8), then little-endian pairs of uint32: the time [us], and
x in bits 0..13, y in bits 14..27, the polarity in bit 28. The time wraps around at 2**32.
"""

import re

import numpy as np

from neurosim._jit import kernel
from neurosim.errors import FormatError

from .raw import header
from .source import BASE, HEIGHT, LAST, OWN, WIDTH, Words
from .stored import Stored
from .tally import FAULT, OFF, UNSORTED, WRAPS

EPOCH = OWN  # wrap-arounds so far [us]
RECENT = OWN + 1  # the last stamp as it was written

_SPAN = 1 << 32
_KINDS = (0, 12)


def looks_like_dat(stored: Stored) -> bool:
    """Whether a '%' header ends with a type byte of change events and the size 8."""
    if not stored.starts_with(b"%"):
        return False
    _, start = header(stored)
    pair = stored.head[start : start + 2].tolist()
    return len(pair) == 2 and pair[0] in _KINDS and pair[1] == 8


def open_dat(stored: Stored) -> Words:
    found, start = header(stored)
    size = [found.get(side, "") for side in ("width", "height")]
    known = all(re.fullmatch(r"\d{1,5}", side) and 1 <= int(side) <= 65536 for side in size)
    if not known and any(size):
        raise FormatError(
            f"{stored.name}: Width and Height in the header must be 1 to 65536, got {size}; the "
            "header is damaged"
        )
    return Words(
        stored=stored,
        title="Prophesee DAT",
        sensor_size=(int(size[0]), int(size[1])) if known else None,
        fill=fill_dat,
        start=start + 2,
        word="<i8",
        state=(0, 0),
    )


@kernel
def fill_dat(words, state, counts, x, y, t, p):
    """Decode pairs (int64: the time in the low half); returns (events, pairs used)."""
    epoch, recent, last = state[EPOCH], state[RECENT], state[LAST]
    width, height = state[WIDTH], state[HEIGHT]
    n, size = 0, min(len(words), len(x))
    backwards = 0
    for i in range(size):
        word = words[np.uint64(i)]
        stamp = word & 0xFFFFFFFF
        place = (word >> 32) & 0xFFFFFFFF
        if stamp < recent - _SPAN // 2:
            counts[WRAPS] += 1
            epoch += _SPAN
        recent = stamp
        column, row = place & 0x3FFF, (place >> 14) & 0x3FFF
        now = epoch + stamp
        if (column < width) & (row < height):
            backwards += now < last
            last = now
            k = np.uint64(n)  # an unsigned index needs no check for being negative
            x[k], y[k], t[k], p[k] = column, row, now, (place >> 28) & 1
            n += 1
        else:
            counts[OFF] += 1
            if counts[FAULT] == 0:
                counts[FAULT] = state[BASE] + 8 * i + 1
    counts[UNSORTED] += backwards
    state[EPOCH], state[RECENT], state[LAST] = epoch, recent, last
    return n, size
