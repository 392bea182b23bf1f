"""Stores hold exactly the synapses of the description; building takes little more memory."""

import tracemalloc

import numpy as np
import pytest
from building import RULES, N, built, expected, network, synapses_of

import neurosim as ns
from neurosim._jit import JIT
from neurosim.connectivity import edges
from neurosim.connectivity.delays import to_steps
from neurosim.connectivity.deliver import CONSTANT, EACH
from neurosim.errors import BuildError

VALUES = {
    "constant": {"weight": 0.1, "delay": 1.5},
    "drawn": {"weight": ns.Normal(0.1, 0.01), "delay": ns.Normal(1.5, 0.75, low=0.1)},
    "drawn weights": {"weight": ns.LogNormal(-2.0, 0.3), "delay": 1.5},
    "drawn delays": {"weight": 0.1, "delay": ns.Uniform(0.5, 3.0)},
}


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("rule", RULES)
def test_stores_hold_exactly_the_synapses_that_expand_lists(rule, values, monkeypatch):
    monkeypatch.setattr(edges, "BLOCK", 40)  # several rows, or a part of one
    net = network(rule, N, 16, **VALUES[values])
    for parts in (1, 3):
        stores = built(net, parts).stores
        for part, store in enumerate(stores):
            found = synapses_of(store, N)
            wanted = expected(net, parts, part)
            for a, b in zip(found[:3], wanted[:3], strict=True):
                assert np.array_equal(a, b)
            assert np.array_equal(found[3], wanted[3].astype(np.float32))
            constant = values in ("constant", "drawn delays") and rule != "matrix"
            assert store.kind == (CONSTANT if constant else EACH)


def test_one_store_serves_all_projections_of_a_source_in_canonical_order():
    net = ns.Network(seed=2)
    source = net.add(ns.SpikeSource(20), "source")
    a = net.add(ns.LIF(30, tau_m=20.0, tau_syn=(5.0, 10.0)), "a")
    b = net.add(ns.LIF(25, tau_m=20.0, tau_syn=5.0), "b")
    for post, weight in ((a, ns.Normal(1.0, 0.1)), (a, -2.0), (b, ns.Uniform(0.5, 1.0)), (a, 0.5)):
        net.connect(source, post, ns.FixedInDegree(9), weight=weight, delay=ns.Uniform(0.1, 0.9))
    net.connect(a, b, ns.FixedInDegree(2), weight=1.0, delay=1.0)
    net.connect(b, a, ns.FixedInDegree(2), weight=1.0, delay=1.0)
    net.connect(source, a, ns.FixedProbability(0.0), weight=1.0, delay=1.0)
    twin = net.copy()
    twin.projections = {k: p for k, p in net.projections.items() if p.pre.name == "source"}
    for parts in (1, 2):
        stores = built(net, parts).stores[:parts]
        for part, store in enumerate(stores):
            for x, y in zip(synapses_of(store, 20), expected(twin, parts, part), strict=True):
                assert np.array_equal(x, y.astype(np.float32) if y.dtype == float else y)


def test_equal_weights_are_stored_once_however_they_are_given():
    for weight in (0.25, np.full(N, 0.25), ns.Uniform(0.25, 0.25), ns.Normal(0.25, 0.0)):
        net = network("one-to-one", N, 1, weight=weight, delay=1.0)
        (store,) = built(net).stores
        assert store.kind == CONSTANT and store.weights.tolist() == [0.25]


def test_what_rounding_changed_is_told_and_short_delays_are_counted():
    net = network("all-to-all", N, 1, weight=1.0, delay=ns.Uniform(0.06, 0.3))
    delays = ns.expand(net, "cells->cells").delay
    (told,) = built(net).rounding
    assert told.max_error == pytest.approx(np.abs(to_steps(delays, 0.1) / 10 - delays).max())
    assert told.n_changed == delays.size
    short = int((delays < 0.1).sum())
    with pytest.raises(BuildError, match=rf"got {delays.min():g} \({short} of {N * N} synapses\)"):
        built(net, round_delays=False)


def test_weights_that_overflow_are_refused_with_their_edge():
    net = network("all-to-all", N, 1, weight=ns.LogNormal(709.0, 1.0), delay=1.0)
    weights = ns.expand(net, "cells->cells").weight
    first = int(np.flatnonzero(~np.isfinite(weights))[0])
    with pytest.raises(BuildError, match=rf"weight must be finite, got inf at {first}$"):
        built(net, real="float64")


@pytest.mark.skipif(not JIT, reason="in plain Python the interpreter's own objects are counted")
@pytest.mark.parametrize("values, parts", [*((v, 1) for v in VALUES), ("drawn", 2)])
@pytest.mark.parametrize("rule", [r for r in RULES if r not in ("one-to-one", "matrix")])
def test_building_needs_at_most_one_and_a_half_times_the_stores(rule, values, parts):
    built(network(rule, N, 16, **VALUES[values]), parts)  # compile first
    net = network(rule, 2048, 1024, **VALUES[values])
    tracemalloc.start()
    stores = built(net, parts).stores
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 1.5 * sum(store.nbytes for store in stores)
