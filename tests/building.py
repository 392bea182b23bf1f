"""Networks with one projection of every rule, their stores, and what should be in them."""

import numpy as np

import neurosim as ns
from neurosim import connectivity as rules
from neurosim.connectivity.delays import to_steps
from neurosim.engine.stores import build_stores

N = 64
RULES = {
    "all-to-all": lambda n, k: ns.AllToAll(),
    "all-to-others": lambda n, k: ns.AllToAll(autapses=False),
    "one-to-one": lambda n, k: ns.OneToOne(),
    "probability": lambda n, k: ns.FixedProbability(k / n),
    "in-degree": lambda n, k: ns.FixedInDegree(k),
    "in-degree, distinct": lambda n, k: ns.FixedInDegree(k, autapses=False, multapses=False),
    "out-degree": lambda n, k: rules.FixedOutDegree(k),
    "out-degree, distinct": lambda n, k: rules.FixedOutDegree(k, autapses=False, multapses=False),
    "total": lambda n, k: rules.FixedTotalNumber(n * k),
    "total, distinct": lambda n, k: rules.FixedTotalNumber(n * k, autapses=False, multapses=False),
    "fan-in": lambda n, k: rules.ConstantFanIn(k),
    "N of M": lambda n, k: rules.NtoM(k // 8, n // 8),
    "butterfly": lambda n, k: rules.BlockButterfly(k // 4, autapses=False),
    "groups": lambda n, k: rules.GroupToGroup(4, min(1.0, 4 * k / n), autapses=False),
    "distance": lambda n, k: rules.DistanceDependent(scale=k / 2.5, periodic=True),
    "small world": lambda n, k: rules.SmallWorld(k, 0.3),
    "arrays": lambda n, k: ns.FromArrays(
        *(np.random.default_rng(s).integers(0, n, n * k) for s in (1, 2))
    ),
    "matrix": lambda n, k: ns.FromMatrix(np.random.default_rng(3).random((n, n)) * (n <= N)),
}


def network(rule, n, k, **values):
    net = ns.Network(seed=5)
    cells = net.add(ns.LIF(n, tau_m=20.0, tau_syn=5.0), "cells")
    rule = RULES[rule](n, k)
    if isinstance(rule, ns.FromMatrix):
        values = {"delay": values["delay"]}
    net.connect(cells, cells, rule, **values)
    return net


def built(net, parts=1, real="float32", **options):
    """The stores of a network, as the engine builds them."""
    starts, total = [], 0
    for p in net.populations.values():
        starts.append(total)
        total += p.n * len(p.ports)
    given = {"dt": 0.1, "real": real, "parts": parts, "round_delays": True, "input_start": starts}
    return build_stores(net, **given | options)


def synapses_of(store, n_pre):
    """(pre, steps, place, weight) of a store's synapses, in order."""
    span = store.d_max - store.d_min + 1
    segment = np.repeat(np.arange(n_pre * span), np.diff(store.offsets))
    weights = np.broadcast_to(store.weights, store.targets.shape)
    if store.packing:
        low = (1 << store.packing.bits) - 1
        places = (store.targets & low) + store.packing.base
        weights = (store.targets.view(np.int32) >> store.packing.bits) * store.weights[0]
        return segment // span, segment % span + store.d_min, places, weights
    return segment // span, segment % span + store.d_min, store.targets, weights


def expected(net, parts, part, dt=0.1):
    """The same, from `expand`: sorted by source and delay, then projection and edge id."""
    found = []
    for p in net.projections.values():
        s = ns.expand(net, p)
        begin = sum(q.n * len(q.ports) for q in list(net.populations.values())[: _index(net, p)])
        port = p.port if p.port is not None else int(s.weight.min(initial=0) < 0)
        mine = (s.post >= p.post.n * part // parts) & (s.post < p.post.n * (part + 1) // parts)
        columns = (s.pre, to_steps(s.delay, dt), begin + port * p.post.n + s.post, s.weight)
        found.append([column[mine] for column in columns])
    columns = [np.concatenate(c) for c in zip(*found, strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    return [column[order] for column in columns]


def _index(net, projection):
    return list(net.populations).index(projection.post.name)
