"""Which neurons share a core? Sequential filling under the walls, as kernels.

Neurons are taken in order; a new core is opened when the next neuron would break a wall
of the current one. The counts are exact, not bounds: an axon shared by neurons of a core
is counted once, and a list of synapses costs what its packing costs.
"""

import numpy as np

from neurosim._jit import kernel

from .rules import synlist_words

FITS, NEURONS, AXONS_IN, SYNAPSE_WORDS, FIRST_PROFILE = 0, 1, 2, 3, 4
N_WALLS = 7
NO_RULE, LINEAR, SYNLIST, POOLED = 0, 1, 2, 3

# Columns of the positional arrays of the kernels below.
RULE, WORD_BITS, HEADER_BITS, BLOCK, ENTRY_BITS, INDEX_BITS, AXON = 0, 1, 2, 3, 4, 5, 6  # memory
USED_NEURONS, USED_AXONS, USED_WORDS = 0, 1, 2  # usage and caps
CORE, COUNT, LOW, HIGH = 0, 1, 2, 3  # rows of lists; undo has them after the axon


@kernel
def _list_words(count, low, high, memory):
    """Words of one axon's list: the cheaper of the dense and the sparse format.

    ``memory`` is (rule, word_bits, header_bits, block, entry_bits, index_bits, axon), the
    entry without its index; ``entry_bits`` and ``axon`` are bytes where bytes are pooled.
    """
    if memory[RULE] == LINEAR:
        return count
    if memory[RULE] == POOLED:
        return memory[AXON] + count * memory[ENTRY_BITS]
    if memory[RULE] != SYNLIST:
        return 0
    header, block, word = memory[HEADER_BITS], memory[BLOCK], memory[WORD_BITS]
    entry = memory[ENTRY_BITS]
    words = synlist_words(count, entry + memory[INDEX_BITS], header, block, word)
    span = high - low + 1
    if count <= span:
        dense = synlist_words(span, entry, header, block, word)
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
        if lists[CORE, axon] != core:
            lists[CORE, axon] = core
            lists[COUNT, axon] = 1
            lists[LOW, axon] = local
            lists[HIGH, axon] = local
            new_axons += 1
            new_words += _list_words(1, local, local, memory)
        else:
            low = lists[LOW, axon]
            before = _list_words(lists[COUNT, axon], low, lists[HIGH, axon], memory)
            lists[COUNT, axon] += 1
            lists[HIGH, axon] = local
            new_words += _list_words(lists[COUNT, axon], low, local, memory) - before
    return new_axons, new_words, n_log


@kernel
def _take_back(lists, undo, n_log):
    for i in range(n_log - 1, -1, -1):
        for k in range(4):
            lists[k, undo[i, 0]] = undo[i, k + 1]


@kernel
def _full_profile(neuron, core, shared, seen, used, more):
    """Which kind of profile the neuron would bring too many of to the core; -1 for none.

    ``shared`` is (starts, ids, kind, caps), see ``profiles.Shared``; ``seen`` is the last core
    with each profile, ``used`` how many of each kind this core has; ``more`` is filled.
    """
    starts, ids, kind, caps = shared
    more[:] = 0
    for i in range(starts[neuron], starts[neuron + 1]):
        if seen[ids[i]] != core:
            more[kind[ids[i]]] += 1
    for k in range(more.size):
        if used[k] + more[k] > caps[k]:
            return k
    return -1


@kernel
def _take_profiles(neuron, core, shared, seen, used, more):
    starts, ids = shared[0], shared[1]
    for i in range(starts[neuron], starts[neuron + 1]):
        seen[ids[i]] = core
    used += more


@kernel
def fill_cores(starts, axons, n_axons, order, sizes, caps, memory, shared):
    """Put neurons on cores, in ``order``.

    Parameters
    ----------
    starts : int64[n + 1]           rows of ``axons`` per neuron
    axons : int64[nnz]              axon of each synapse, grouped by target neuron
    n_axons : int                   axons are 0 <= axon < n_axons
    order : int64[n]                neurons as they are taken; ~neuron begins a new core
    sizes : int64[n, 2]             room and words that each neuron takes by itself
    caps : int64[3]                 room for neurons, axons and words of a core
    memory : int64[7]               see ``_list_words``
    shared : tuple of int64         starts, ids, kind and caps of ``profiles.Shared``

    Returns
    -------
    core_of : int32[n]
    usage : int64[n_cores, 3]       room, axons, words used
    closed : int64[7]               how many cores were closed by which wall
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
    closed = np.zeros(N_WALLS, np.int64)
    seen = np.full(shared[2].size, -1, np.int64)
    used = np.zeros(shared[3].size, np.int64)
    more_profiles = np.zeros(shared[3].size, np.int64)
    core = 0
    local = 0
    for place in order:
        neuron = place if place >= 0 else ~place
        if place < 0 and local > 0:
            core += 1
            local = 0
            used[:] = 0
        for _attempt in range(2):
            more, words, n_log = _add(neuron, local, core, starts, axons, lists, undo, memory)
            words += sizes[neuron, 1]
            wall = FITS
            if usage[core, USED_NEURONS] + sizes[neuron, 0] > caps[USED_NEURONS]:
                wall = NEURONS
            elif usage[core, USED_AXONS] + more > caps[USED_AXONS]:
                wall = AXONS_IN
            elif usage[core, USED_WORDS] + words > caps[USED_WORDS]:
                wall = SYNAPSE_WORDS
            else:
                full = _full_profile(neuron, core, shared, seen, used, more_profiles)
                if full >= 0:
                    wall = FIRST_PROFILE + full
            if wall == FITS:
                break
            if local == 0:
                need = more if wall == AXONS_IN else words
                if wall == NEURONS:
                    need = sizes[neuron, 0]
                if wall >= FIRST_PROFILE:
                    need = more_profiles[wall - FIRST_PROFILE]
                return core_of, usage[: core + 1], closed, wall, neuron, need
            _take_back(lists, undo, n_log)
            closed[wall] += 1
            core += 1
            local = 0
            used[:] = 0
        _take_profiles(neuron, core, shared, seen, used, more_profiles)
        local += 1
        usage[core, USED_NEURONS] += sizes[neuron, 0]
        usage[core, USED_AXONS] += more
        usage[core, USED_WORDS] += words
        core_of[neuron] = core
    n_cores = core + 1 if n > 0 else 0
    return core_of, usage[:n_cores], closed, FITS, -1, 0


@kernel
def count_targets(indptr, post, row, core_of, n_cores):
    """Distinct targets, a core and one of its two ``row`` kinds, of every neuron and source.

    Parameters
    ----------
    indptr : int64[n_total + 1]     rows of synapses
    post : int32[nnz]
    row : uint8[nnz]                0 or 1; all 0 where an axon serves both signs
    core_of : int32[n]

    Returns
    -------
    int64[n_total]
    """
    n = indptr.size - 1
    seen = np.full(2 * n_cores, -1, np.int64)
    counts = np.zeros(n, np.int64)
    for pre in range(n):
        for i in range(indptr[pre], indptr[pre + 1]):
            place = 2 * core_of[post[i]] + row[i]
            if seen[place] != pre:
                seen[place] = pre
                counts[pre] += 1
    return counts


@kernel
def list_targets(indptr, post, row, core_of, n_cores, starts, targets):
    """Fill ``targets`` with the cores that :func:`count_targets` counted, a core twice if
    both kinds of its rows are addressed; ``starts`` are the rows of ``targets``."""
    seen = np.full(2 * n_cores, -1, np.int64)
    for pre in range(indptr.size - 1):
        at = starts[pre]
        for i in range(indptr[pre], indptr[pre + 1]):
            core = core_of[post[i]]
            place = 2 * core + row[i]
            if seen[place] != pre:
                seen[place] = pre
                targets[at] = core
                at += 1


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
