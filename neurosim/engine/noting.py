"""Who fired? Spikes of one step, appended to a history in the order of the neurons."""

from .._jit import INT32, INT64, UINT8, UINT64, kernel, view
from ..connectivity.deliver import CAPACITY, IDS, STARTS
from .tables import COUNTS, SPIKED, N


@kernel
def note_few(row, history, length, place, fired):
    """Append neurons, sorted, to the history."""
    starts = view(history[STARTS], length, INT64)
    ids = view(history[IDS], history[CAPACITY], INT32)
    counts = view(row[COUNTS], row[N], INT64)
    k = starts[place]
    for i in fired:
        ids[k] = i
        counts[i] += 1
        k += 1
    starts[place + 1] = k


@kernel
def _any_of_64(words, block):
    """Is a flag set in a block of 64? ``words`` holds eight flags each."""
    w = words[8 * block :]
    return (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) != 0


@kernel
def note_spikes(row, history, length, place, lo, hi, any_fired):
    """Append the fired neurons of ``lo..hi`` to the history, in order of their index."""
    starts = view(history[STARTS], length, INT64)
    k = starts[place]
    if any_fired:
        ids = view(history[IDS], history[CAPACITY], INT32)
        spiked = view(row[SPIKED], row[N], UINT8)
        counts = view(row[COUNTS], row[N], INT64)
        words = view(row[SPIKED], row[N] // 8, UINT64)
        i = lo
        while i < hi:
            # Spikes are rare: skip 64 neurons at a time, eight words of eight flags.
            stop = min(i // 64 * 64 + 64, hi)
            if stop - i == 64 and not _any_of_64(words, i // 64):
                i = stop
                continue
            while i < stop:
                if spiked[i]:
                    spiked[i] = 0
                    ids[k] = i
                    counts[i] += 1
                    k += 1
                i += 1
    starts[place + 1] = k
