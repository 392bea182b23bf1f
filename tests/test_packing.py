"""A weight beside its target in 32 bits: bounded errors, and otherwise the same simulation."""

import numpy as np
import pytest
from building import RULES, N, built, expected, network, synapses_of
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim._jit import JIT
from neurosim.connectivity.deliver import CONSTANT, EACH, PACKED
from neurosim.connectivity.packing import FEWEST_WEIGHT_BITS, packing
from neurosim.engine import build as engine_build
from neurosim.engine.stores import build_stores
from neurosim.estimate import estimate_memory

VALUES = {"weight": ns.Normal(0.1, 0.04), "delay": ns.Uniform(0.5, 3.0)}


@given(
    st.integers(0, 2**20),
    st.integers(1, 2**22),
    st.floats(1e-30, 1e30),
    st.sampled_from(["float32", "float64"]),
)
def test_the_scale_is_the_smallest_power_of_two_with_which_the_largest_weight_fits(
    low, n, largest, real
):
    p = packing(low, low + n, largest, real)
    assert p is not None and p.base == low
    assert n <= 2**p.bits and 32 - p.bits >= FEWEST_WEIGHT_BITS
    limit = 2 ** (31 - p.bits) - 1
    assert np.log2(p.scale) == round(np.log2(p.scale))
    assert round(largest / p.scale) <= limit
    assert p.scale == 2.0**-126 or round(largest / (p.scale / 2)) > limit
    whole = np.array([-limit, limit])
    assert (whole.astype(real) == whole).all()  # so that nothing rounds on delivery


@given(st.integers(0, 2**32), st.integers(1, 300), st.sampled_from([1e-3, 1.0, 12345.678]))
def test_cells_give_back_places_and_weights_up_to_half_a_scale(seed, n, size):
    rng = np.random.default_rng(seed)
    places = rng.integers(1000, 1000 + n, 50).astype(np.uint32)
    weights = rng.uniform(-size, size, 50)
    p = packing(1000, 1000 + n, np.abs(weights).max(), "float32")
    errors = np.zeros(1)
    cells = p.cells(places, weights, errors)
    assert np.array_equal((cells & ((1 << p.bits) - 1)) + p.base, places)
    found = (cells.view(np.int32) >> p.bits) * p.scale
    assert errors[0] == np.abs(found - weights).max() <= p.scale / 2


@pytest.mark.parametrize("rule", RULES)
def test_packed_stores_hold_the_synapses_with_rounded_weights(rule):
    net = network(rule, N, 16, **VALUES)
    for parts in (1, 3):
        made = built(net, parts, packed=True)
        (told,) = made.packing
        errors = []
        for part, store in enumerate(made.stores):
            assert store.kind == PACKED and store.targets.dtype == np.uint32
            assert store.weights.tolist() == [told.scale]
            found, wanted = synapses_of(store, N), expected(net, parts, part)
            for a, b in zip(found[:3], wanted[:3], strict=True):
                assert np.array_equal(a, b)
            assert np.array_equal(found[3], np.rint(wanted[3] / told.scale) * told.scale)
            errors.append(np.abs(found[3] - wanted[3]).max(initial=0))
        assert told.max_error == max(errors) <= told.scale / 2


def test_integer_weights_are_packed_without_loss():
    weights = np.random.default_rng(0).integers(-1000, 1000, N * N)
    net = ns.Network(time="steps", seed=1)
    cells = net.add(ns.LIF(N, tau_m=20.0), "cells")
    net.connect(cells, cells, weight=weights.astype(float), delay=1.0)
    made = built(net, real="int32", packed=True, dt=1.0)
    assert made.packing[0].scale == 1.0 and made.packing[0].max_error == 0.0
    assert np.array_equal(synapses_of(made.stores[0], N)[3], weights)


def test_one_weight_for_all_stays_one_and_too_many_places_keep_exact_weights():
    same = network("all-to-all", N, 1, weight=0.1, delay=1.0)
    made = built(same, packed=True)
    assert made.stores[0].kind == CONSTANT and made.packing == []
    net = ns.Network(seed=1)
    source = net.add(ns.SpikeSource(2), "source")
    many = net.add(ns.LIF(2**22 + 1, tau_m=20.0), "many")
    net.connect(source, many, ns.FromArrays([0, 1], [5, 2**22]), weight=[0.3, 0.1], delay=1.0)
    made = built(net, packed=True)
    assert made.stores[0].kind == EACH
    (told,) = made.packing
    assert (told.bits, told.scale, told.max_error) == (0, 0.0, 0.0)
    assert estimate_memory(net, packed=True).stores == estimate_memory(net).stores == 16


def balanced(seed=3, n=400, weights=None):
    """A network that fires irregularly; ``weights`` rounds the drawn ones."""
    net = ns.Network(seed=seed)
    exc = net.add(ns.LIF(n, tau_m=20.0, tau_syn=5.0, v_th=1.0, i_ext=1.05), "exc")
    inh = net.add(ns.LIF(n // 4, tau_m=20.0, tau_syn=(3.0, 8.0), i_ext=1.05), "inh")
    for pre, mean in ((exc, 0.05), (inh, -0.2)):
        for post in (exc, inh):
            clip = {"low": 0.0} if mean > 0 else {"high": 0.0}
            p = net.connect(
                pre, post, ns.FixedInDegree(n // 10), weight=ns.Normal(mean, abs(mean) / 5, **clip),
                delay=ns.Uniform(0.5, 3.0),
            )  # fmt: skip
            if weights is not None:
                s = ns.expand(net, p)
                net.projections.pop(p.name)
                net.connect(
                    pre, post, ns.FromArrays(s.pre, s.post), weight=weights(p.name, s.weight),
                    delay=s.delay, name=p.name,
                )  # fmt: skip
    return net


@pytest.mark.parametrize("threads", [1, 2])
def test_a_packed_network_fires_as_an_exact_one_with_rounded_weights(threads, monkeypatch):
    n, duration = (400, 200.0) if JIT else (40, 80.0)
    told = {t.projection: t for t in built(balanced(n=n), packed=True).packing}
    assert len(told) == 4 and all(t.max_error > 0 for t in told.values())
    rounded = balanced(
        n=n, weights=lambda name, w: np.rint(w / told[name].scale) * told[name].scale
    )
    exact = ns.simulate(rounded, duration, threads=threads)
    monkeypatch.setattr(
        engine_build, "build_stores", lambda *a, **k: build_stores(*a, **k | {"packed": True})
    )
    packed = ns.simulate(balanced(n=n), duration, threads=threads)
    assert sum(len(s.times) for s in packed.spikes.values()) > n // 2
    for name, spikes in exact.spikes.items():
        assert np.array_equal(spikes.times, packed.spikes[name].times)
        assert np.array_equal(spikes.ids, packed.spikes[name].ids)


def test_packing_halves_the_memory_of_drawn_weights_as_estimated():
    net = network("in-degree", 500, 100, weight=ns.Normal(0.1, 0.02), delay=1.5)
    exact, packed = built(net), built(net, packed=True)
    sizes = [sum(s.nbytes for s in made.stores) for made in (exact, packed)]
    assert sizes[0] - sizes[1] == 4 * 50_000 - 4
    for size, option in zip(sizes, (False, True), strict=True):
        assert estimate_memory(net, packed=option).synapses == size
