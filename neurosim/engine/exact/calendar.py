"""What comes next? A ring of windows for the near future, a heap for the far one.

A window is ``1 / per_ms`` long, a power of two not above the smallest delay that leads back, so
that window numbers are exact, and what a window emits arrives in a later one. The ring holds
the windows from the present one on, each as a chain of blocks of records. With ``per_ms`` 0 a
window is a single instant, the ring holds this instant only, and the heap does the rest.
"""

import numpy as np

from ..._jit import kernel, prefetch
from .tables import BLOCK, LINE, RECORD, Control


@kernel
def window_of(time, per_ms):
    """Number of the window with this time."""
    return np.int64(np.floor(time * per_ms))


@kernel
def is_near(calendar, control, time, now, per_ms):
    """Does this time lie in the ring?"""
    if per_ms == 0.0:
        return time <= now
    ahead = np.floor(time * per_ms) - control[Control.WINDOW]  # may be beyond any integer
    return ahead < calendar.chains.size


@kernel
def push(calendar, control, stage, time, weight, code, now, per_ms):
    """Put a record into the calendar; there must be a free block, and room in the heap."""
    if is_near(calendar, control, time, now, per_ms):
        slot = 0 if per_ms == 0.0 else window_of(time, per_ms) & (calendar.chains.size - 1)
        push_near(calendar, control, stage, slot, time, weight, code)
    else:
        push_far(calendar, control, stage, time, weight, code)


@kernel
def push_near(calendar, control, stage, slot, time, weight, code):
    """Append a record to the chain of a slot."""
    fill = calendar.fills[stage, slot]
    if fill & (BLOCK - 1) == 0:
        lengthen(calendar, control, stage, slot)
    place = (np.int64(calendar.heads[stage, slot]) * BLOCK + (fill & (BLOCK - 1))) * RECORD
    calendar.records[place] = time
    calendar.records[place + 1] = weight
    calendar.records[place + 2] = code
    calendar.fills[stage, slot] = fill + 1


@kernel
def fetch_block(calendar, block):
    """Ask for the records of a block."""
    first = block * BLOCK * RECORD
    for k in range(first, first + BLOCK * RECORD, LINE // 8):
        prefetch(calendar.records, k)


@kernel
def lengthen(calendar, control, stage, slot):
    """A new block for a chain whose blocks are full."""
    if calendar.fills[stage, slot] == 0:
        calendar.chains[slot] += 1
        control[Control.N_CHAINS] += 1
    block = control[Control.FREE]
    control[Control.FREE] = calendar.after[block]
    control[Control.N_FREE] -= 1
    calendar.after[block] = calendar.heads[stage, slot]
    calendar.heads[stage, slot] = block
    if control[Control.N_FREE] > 0:  # whoever comes next finds it near
        fetch_block(calendar, control[Control.FREE])


@kernel
def drop_chain(calendar, control, stage, slot):
    """Give the blocks of a chain back."""
    n_blocks = (calendar.fills[stage, slot] + BLOCK - 1) // BLOCK
    block = np.int64(calendar.heads[stage, slot])
    for _ in range(n_blocks):
        following = calendar.after[block]
        calendar.after[block] = control[Control.FREE]
        control[Control.FREE] = block
        block = following
    control[Control.N_FREE] += n_blocks
    if n_blocks > 0:
        calendar.chains[slot] -= 1
        control[Control.N_CHAINS] -= 1
    calendar.fills[stage, slot], calendar.heads[stage, slot] = 0, -1


@kernel
def _copy(far, source, target):
    for k in range(4):
        far[target, k] = far[source, k]


@kernel
def _set(far, place, stage, time, weight, code):
    far[place, 0], far[place, 1], far[place, 2], far[place, 3] = time, weight, code, stage


@kernel
def push_far(calendar, control, stage, time, weight, code):
    """Put a record into the heap."""
    far, place = calendar.far, control[Control.N_FAR]
    control[Control.N_FAR] += 1
    while place > 0:
        parent = (place - 1) // 2
        if far[parent, 0] <= time:
            break
        _copy(far, parent, place)
        place = parent
    _set(far, place, stage, time, weight, code)


@kernel
def _drop_first(calendar, control):
    """Take the first record out of the heap."""
    control[Control.N_FAR] -= 1
    far, n = calendar.far, control[Control.N_FAR]
    time, weight, code, stage = far[n, 0], far[n, 1], far[n, 2], far[n, 3]
    place = np.int64(0)
    while True:
        child = 2 * place + 1
        if child >= n:
            break
        if child + 1 < n and far[child + 1, 0] < far[child, 0]:
            child += 1
        if far[child, 0] >= time:
            break
        _copy(far, child, place)
        place = child
    _set(far, place, stage, time, weight, code)


@kernel
def bring_near(calendar, control, now, per_ms):
    """Move what has come near from the heap into the ring; False: there are too few blocks."""
    far = calendar.far
    while control[Control.N_FAR] > 0:
        if not is_near(calendar, control, far[0, 0], now, per_ms):
            return True
        if control[Control.N_FREE] == 0:
            return False
        time, weight, code, stage = far[0, 0], far[0, 1], far[0, 2], np.int64(far[0, 3])
        push(calendar, control, stage, time, weight, code, now, per_ms)
        _drop_first(calendar, control)
    return True


@kernel
def next_near(calendar, control):
    """Number of the first window of the ring with a record; -1 where the ring is empty."""
    if control[Control.N_CHAINS] == 0:
        return np.int64(-1)
    window, mask = control[Control.WINDOW], calendar.chains.size - 1
    while calendar.chains[window & mask] == 0:
        window += 1
    return window
