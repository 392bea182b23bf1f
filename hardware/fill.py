"""Which neurons share a core? Sequential filling under the walls, as kernels.

Neurons are taken in order; a new core is opened when the next neuron would break a wall
of the current one. The counts are exact, not bounds: an axon shared by neurons of a core
is counted once, and a list of synapses costs what its packing costs.
"""

import numpy as np

from neurosim._jit import kernel

from .rules import synlist_words

FITS, NEURONS, AXONS_IN, SYNAPSE_WORDS = 0, 1, 2, 3
NO_RULE, LINEAR, SYNLIST = 0, 1, 2


@kernel
def _list_words(count, low, high, memory):
    """Words of one axon's list: the cheaper of the dense and the sparse format.

    ``memory`` is (rule, word_bits, header_bits, block, dense_bits, index_bits).
    """
    if memory[0] == LINEAR:
        return count
    if memory[0] != SYNLIST:
        return 0
    words = synlist_words(count, memory[4] + memory[5], memory[2], memory[3], memory[1])
    span = high - low + 1
    if count <= span:
        dense = synlist_words(span, memory[4], memory[2], memory[3], memory[1])
        words = min(words, dense)
    return words


@kernel
def _add(neuron, local, core, starts, axons, lists, undo, memory):
    """Add a neuron's synapses to a core's lists; return new axons, new words and log length.

    ``lists`` rows are (core, count, low, high) per axon, valid where the first is ``core``;
    ``undo`` keeps what a row was, so that :func:`_take_back` can restore it.
    """
    new_axons = 0
    new_words = 0
    n_log = 0
    for i in range(starts[neuron], starts[neuron + 1]):
        axon = axons[i]
        undo[n_log, 0] = axon
        for k in range(4):
            undo[n_log, k + 1] = lists[k, axon]
        n_log += 1
        if lists[0, axon] != core:
            lists[0, axon] = core
            lists[1, axon] = 1
            lists[2, axon] = local
            lists[3, axon] = local
            new_axons += 1
            new_words += _list_words(1, local, local, memory)
        else:
            before = _list_words(lists[1, axon], lists[2, axon], lists[3, axon], memory)
            lists[1, axon] += 1
            lists[3, axon] = local
            new_words += _list_words(lists[1, axon], lists[2, axon], local, memory) - before
    return new_axons, new_words, n_log


@kernel
def _take_back(lists, undo, n_log):
    for i in range(n_log - 1, -1, -1):
        for k in range(4):
            lists[k, undo[i, 0]] = undo[i, k + 1]


@kernel
def fill_cores(starts, axons, n_axons, opens, caps, memory):
    """Put neurons on cores, in order.

    Parameters
    ----------
    starts : int64[n + 1]           rows of ``axons`` per neuron
    axons : int64[nnz]              axon of each synapse, grouped by target neuron
    n_axons : int                   axons are 0 <= axon < n_axons
    opens : bool[n]                 neurons that must begin a new core
    caps : int64[3]                 neurons, axons and words of a core
    memory : int64[6]               see ``_list_words``

    Returns
    -------
    core_of : int32[n]
    usage : int64[n_cores, 3]       neurons, axons, words used
    closed : int64[4]               how many cores were closed by which wall
    status : int                    FITS, or the wall that one neuron alone breaks
    neuron, need : int              which neuron, and what it needs
    """
    n = starts.size - 1
    core_of = np.zeros(n, np.int32)
    usage = np.zeros((n + 1, 3), np.int64)
    lists = np.full((4, n_axons), -1, np.int64)
    widest = 1
    for neuron in range(n):
        widest = max(widest, starts[neuron + 1] - starts[neuron])
    undo = np.empty((widest, 5), np.int64)
    closed = np.zeros(4, np.int64)
    core = 0
    for neuron in range(n):
        if opens[neuron] and usage[core, 0] > 0:
            core += 1
        for _attempt in range(2):
            local = usage[core, 0]
            more, words, n_log = _add(neuron, local, core, starts, axons, lists, undo, memory)
            wall = FITS
            if local + 1 > caps[0]:
                wall = NEURONS
            elif usage[core, 1] + more > caps[1]:
                wall = AXONS_IN
            elif usage[core, 2] + words > caps[2]:
                wall = SYNAPSE_WORDS
            if wall == FITS:
                break
            if local == 0:
                need = 1 if wall == NEURONS else (more if wall == AXONS_IN else words)
                return core_of, usage[: core + 1], closed, wall, neuron, need
            _take_back(lists, undo, n_log)
            closed[wall] += 1
            core += 1
        usage[core, 0] += 1
        usage[core, 1] += more
        usage[core, 2] += words
        core_of[neuron] = core
    n_cores = core + 1 if n > 0 else 0
    return core_of, usage[:n_cores], closed, FITS, -1, 0


@kernel
def count_targets(indptr, post, core_of, n_cores):
    """Distinct target cores of every neuron and source: int64[n_total]."""
    n = indptr.size - 1
    seen = np.full(n_cores, -1, np.int64)
    counts = np.zeros(n, np.int64)
    for pre in range(n):
        for i in range(indptr[pre], indptr[pre + 1]):
            core = core_of[post[i]]
            if seen[core] != pre:
                seen[core] = pre
                counts[pre] += 1
    return counts


@kernel
def list_targets(indptr, post, core_of, n_cores, starts, targets):
    """Fill ``targets`` with the distinct target cores, rows as ``starts`` says."""
    seen = np.full(n_cores, -1, np.int64)
    for pre in range(indptr.size - 1):
        place = starts[pre]
        for i in range(indptr[pre], indptr[pre + 1]):
            core = core_of[post[i]]
            if seen[core] != pre:
                seen[core] = pre
                targets[place] = core
                place += 1


@kernel
def count_axon_targets(indptr, post, delay, core_of, n_cores, n_delays):
    """Distinct (target core, delay) pairs of every neuron and source: int64[n_total]."""
    n = indptr.size - 1
    seen = np.full(n_cores * n_delays, -1, np.int64)
    counts = np.zeros(n, np.int64)
    for pre in range(n):
        for i in range(indptr[pre], indptr[pre + 1]):
            place = core_of[post[i]] * n_delays + delay[i]
            if seen[place] != pre:
                seen[place] = pre
                counts[pre] += 1
    return counts
