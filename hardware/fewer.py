"""What is left of a network with fewer inputs? Cut wirings, for the search for remedies."""

from dataclasses import replace

import numpy as np

from .wiring import Wiring, counting_order


def spread(axons: np.ndarray, post: np.ndarray, seed: int) -> np.ndarray:
    """An order of the axons of each neuron, different from neuron to neuron: uint64[nnz].

    >>> keys = spread(np.array([0, 1, 0, 1]), np.array([5, 5, 6, 6]), 1)
    >>> len(set(keys.tolist()))
    4
    """
    keys = (axons.astype(np.uint64) << np.uint64(32)) ^ post.astype(np.uint64)
    keys += np.uint64((0x9E3779B97F4A7C15 * (seed + 1)) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))


def limit_fan_in(wiring: Wiring, axons: np.ndarray, most: int) -> Wiring:
    """The same network with at most ``most`` distinct axons into each neuron.

    ``axons`` numbers the axon of each synapse, or orders the axons of each neuron (see
    ``limits.axon_keys`` and :func:`spread`): the first ones are kept.
    """
    # By axon, then stably by neuron: much faster than one sort by both.
    order = np.argsort(axons)
    order = order[counting_order(wiring.post[order], wiring.n_neurons)[0]]
    post, axon = wiring.post[order], axons[order]
    new = np.ones(order.size, np.int64)
    new[1:] = (post[1:] != post[:-1]) | (axon[1:] != axon[:-1])
    rank = np.cumsum(new)
    starts = np.flatnonzero(np.r_[True, post[1:] != post[:-1]]) if order.size else order
    base = np.repeat(rank[starts], np.diff(np.r_[starts, order.size]))
    kept = np.zeros(order.size, bool)
    kept[order] = rank - base < most
    return select(wiring, kept)


def share_inputs(wiring: Wiring, axons: np.ndarray, most: int) -> Wiring:
    """The same network with the same ``most`` axons, the busiest, for all neurons."""
    known, number, uses = np.unique(axons, return_inverse=True, return_counts=True)
    chosen = np.zeros(known.size, bool)
    chosen[np.argsort(-uses, kind="stable")[:most]] = True
    return select(wiring, chosen[number])


def select(wiring: Wiring, kept: np.ndarray) -> Wiring:
    """The same network with some of its synapses."""
    pre = wiring.pre[kept]
    return replace(
        wiring,
        pre=pre,
        post=wiring.post[kept],
        delay=wiring.delay[kept],
        projection=wiring.projection[kept],
        weight=wiring.weight[kept],
        indptr=np.searchsorted(pre, np.arange(wiring.n_total + 1)).astype(np.int64),
    )
