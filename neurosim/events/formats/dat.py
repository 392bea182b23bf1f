"""How is a Prophesee or ATIS .dat file decoded?

The published layout: text lines that begin with '%', a byte of event type (0 or 12: change
events), a byte of event size (8), then little-endian pairs of uint32: the time [us], and
x in bits 0..13, y in bits 14..27, the polarity in bit 28. The time wraps around at 2**32.
"""

import re

from neurosim._jit import kernel
from neurosim.errors import FormatError

from .raw import header
from .runs import backwards, within
from .source import HEIGHT, LAST, OWN, WIDTH, Words
from .stored import Stored
from .tally import UNSORTED, WRAPS

EPOCH = OWN  # wrap-arounds so far [us]
RECENT = OWN + 1  # the last stamp as it was written

_SPAN = 1 << 32
_BLOCK = 2048  # pairs that are decoded before they are looked at
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
    n, size = 0, min(len(words), len(x))
    for start in range(0, size, _BLOCK):
        part = words[start : min(start + _BLOCK, size)]
        n += _block(part, start, state, counts, (x[n:], y[n:], t[n:], p[n:]))
    return n, size


@kernel
def _block(words, place, state, counts, columns):
    """Decode some pairs; how many lie on the sensor."""
    x, y, t, p = columns
    epoch, before = state[EPOCH], state[RECENT]
    wide, tall, drop = 0, 0, 0
    for i in range(len(words)):  # without a branch: several events at a time
        stamp, where = words[i] & 0xFFFFFFFF, words[i] >> 32
        column, row = where & 0x3FFF, (where >> 14) & 0x3FFF
        x[i], y[i], t[i], p[i] = column, row, epoch + stamp, (where >> 28) & 1
        wide, tall = max(wide, column), max(tall, row)
    for i in range(len(words)):
        drop = max(drop, before + epoch - t[i])
        before = t[i] - epoch
    n = len(words)
    if drop > _SPAN // 2:  # the time wraps around somewhere
        before = state[RECENT]
        for i in range(n):
            stamp = t[i] - state[EPOCH]
            if stamp < before - _SPAN // 2:
                counts[WRAPS] += 1
                epoch += _SPAN
            before = stamp
            t[i] = epoch + stamp
    state[EPOCH], state[RECENT] = epoch, before
    if wide >= state[WIDTH] or tall >= state[HEIGHT]:
        n = within(n, place, 8, state, counts, columns)
    if n:
        counts[UNSORTED] += backwards(t, n, state[LAST])
        state[LAST] = t[n - 1]
    return n
