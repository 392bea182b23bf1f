"""Claims about the census: exact integers, equal to counting tick by tick in plain loops."""

import math
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chip import write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import ParameterError
from neurosim.hardware.counts import add
from neurosim.hardware.wiring import wire


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    """A mesh of two chips with three neurons per core and no other wall."""
    path = write_chip(
        tmp_path_factory.mktemp("chip"),
        ("axons_in = 12, axons_out = 16, synapse_words = 24", "axons_in = 10000"),
        ("neurons = 4", "neurons = 3"),
        ('cost_rules = { synapse_words = { rule = "loihi_synlist" } }\n', ""),
        ("delay_max = 15", "delay_max = 15000"),
        ("max_chips = 2", "max_chips = 50"),
    )
    return hw.load_chip(path)


@st.composite
def runs(draw):
    """A random network in continuous time, a tick, a duration and a raster."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    net = ns.Network(seed=draw(st.integers(0, 100)))
    sizes = {"in": draw(st.integers(1, 5)), "a": draw(st.integers(1, 8))}
    sizes["b"] = draw(st.integers(1, 8))
    for name, n in sizes.items():
        net.add(ns.SpikeSource(n) if name == "in" else ns.LIF(n), name)
    for pre, post in [("in", "a"), ("a", "b"), ("a", "a"), ("b", "a"), ("in", "b")]:
        if draw(st.booleans()):
            k = draw(st.integers(0, 20))
            rule = ns.FromArrays(rng.integers(0, sizes[pre], k), rng.integers(0, sizes[post], k))
            weight = rng.integers(-1, 2, k).astype(float)
            net.connect(pre, post, rule, weight=weight, delay=rng.integers(0, 8, k) / 2)
    tick = draw(st.sampled_from([0.5, 1.0, 2.0]))
    duration = draw(st.integers(1, 24)) / 2
    raster = {}
    for name, n in sizes.items():
        k = draw(st.integers(0, 15))
        # Half of the times lie on ticks, where rounding matters.
        times = np.sort(rng.integers(0, int(4 * duration), k) / 4)
        raster[name] = (times, rng.integers(0, n, k))
    return net, tick, duration, raster


def count_by_hand(net, mapping, raster, tick, duration):
    """Tick by tick, synapse by synapse."""
    n_steps = math.ceil(duration / tick)
    core = {
        (name, i): int(where)
        for name, p in net.populations.items()
        if not p.is_source
        for i, where in enumerate(mapping.cores(name))
    }
    place = mapping.positions()
    fired = Counter()
    for name, (times, ids) in raster.items():
        for t, i in zip(times.tolist(), ids.tolist(), strict=True):
            fired[name, i, math.floor(t / tick)] += 1
    wires = []
    for name, projection in net.projections.items():
        s = ns.expand(net, projection)
        for pre, post, weight, delay in zip(s.pre, s.post, s.weight, s.delay, strict=True):
            if weight:
                ticks = math.floor(delay / tick + 0.5)
                pre_post = (projection.pre.name, int(pre)), (projection.post.name, int(post))
                wires.append((name, *pre_post, ticks))
    counts, per_core, per_projection = Counter(), Counter(), Counter()
    for step in range(n_steps):
        touched = set()
        for name, pre, post, delay in wires:
            arrived = fired[(*pre, step - delay)]
            per_projection[name] += arrived
            per_core["synops", core[post]] += arrived
            counts["synops"] += arrived
            if arrived:
                touched.add(post)
        for neuron in core:
            if fired[(*neuron, step)] or neuron in touched:
                counts["active"] += 1
                per_core["active", core[neuron]] += 1
            else:
                counts["idle"] += 1
    targets = {(pre, core[post]) for _, pre, post, _ in wires}
    for (name, i, _), spikes in fired.items():
        pre = (name, i)
        counts["spikes" if pre in core else "source_spikes"] += spikes
        for source, target in targets:
            if source != pre:
                continue
            per_core["axons_in", target] += spikes
            if pre not in core:
                counts["external"] += spikes
                continue
            x, y, chip = abs(place[core[pre]] - place[target]).tolist()
            counts["messages"] += spikes
            counts["hops_x"] += spikes * x
            counts["hops_y"] += spikes * y
            counts["intra_tile"] += spikes * (x == 0 and y == 0)
            counts["chip_crossings"] += spikes * chip
    return n_steps, counts, per_core, per_projection


@given(run=runs())
def test_the_census_equals_counting_tick_by_tick(run, roomy):
    net, tick, duration, raster = run
    mapping = hw.map_network(net, roomy, tick=tick)
    found = hw.census(net, mapping, raster, duration=duration, tick=tick)
    n_steps, counts, per_core, per_projection = count_by_hand(net, mapping, raster, tick, duration)
    assert found.n_steps == n_steps
    names = ["spikes", "source_spikes", "synops", "active", "idle", "messages", "external"]
    for name in [*names, "hops_x", "hops_y", "intra_tile", "chip_crossings"]:
        assert getattr(found, name) == counts[name], name
    for name in ("synops", "active", "axons_in"):
        by_hand = [per_core[name, core] for core in range(mapping.n_cores)]
        assert found.cores[name].tolist() == by_hand, name
    for name, projection in found.projections.items():
        assert projection.synops == per_projection[name]


@given(run=runs())
def test_parts_sum_to_the_whole(run, roomy):
    net, tick, duration, raster = run
    mapping = hw.map_network(net, roomy, tick=tick)
    c = hw.census(net, mapping, raster, duration=duration)
    assert c.active + c.idle == c.n_steps * sum(p.n for p in net.populations.values()) - (
        c.n_steps * net.populations["in"].n
    )
    for name in ("spikes", "synops", "active", "idle"):
        assert c.cores[name].sum() == getattr(c, name)
    assert c.cores["axons_out"].sum() == c.messages
    assert c.cores["axons_in"].sum() == c.messages + c.external
    assert sum(p.synops for p in c.projections.values()) == c.synops
    assert sum(p.active for p in c.populations.values()) == c.active
    assert c.steps.synops.sum() == c.synops
    assert c.steps.active.sum() == c.active
    assert c.steps.spikes.sum() == c.spikes


@given(run=runs(), shift=st.integers(-40, 40))
def test_the_time_origin_does_not_matter(run, shift, roomy):
    net, tick, duration, raster = run
    mapping = hw.map_network(net, roomy, tick=tick)
    moved = {name: (times + shift * tick, ids) for name, (times, ids) in raster.items()}
    one = hw.census(net, mapping, raster, duration=duration)
    two = hw.census(net, mapping, moved, duration=duration, t_start=shift * tick)
    assert (one.synops, one.active, one.messages) == (two.synops, two.active, two.messages)


@given(run=runs(), seed=st.integers(0, 1000))
def test_the_order_of_spikes_in_a_raster_does_not_matter(run, seed, roomy):
    net, tick, duration, raster = run
    mapping = hw.map_network(net, roomy, tick=tick)
    rng = np.random.default_rng(seed)
    mixed = {}
    for name, (times, ids) in raster.items():
        order = rng.permutation(len(times))
        mixed[name] = (times[order], ids[order])
    one = hw.census(net, mapping, raster, duration=duration)
    two = hw.census(net, mapping, mixed, duration=duration)
    assert (one.synops, one.active, one.hops_x) == (two.synops, two.active, two.hops_x)


@given(run=runs())
def test_totals_do_not_depend_on_the_chip_the_network_is_mapped_to(run, roomy):
    net, tick, duration, raster = run
    found = [
        hw.census(net, hw.map_network(net, chip, tick=tick), raster, duration=duration)
        for chip in (roomy, "loihi", "snn-45nm-ac")
    ]
    assert len({(c.spikes, c.synops, c.active, c.idle) for c in found}) == 1


def test_runs_add_up():
    net = ns.Network(time="steps")
    a, b = net.add(ns.SpikeSource(3), "a"), net.add(ns.IF(4), "b")
    net.connect(a, b, weight=1.0)
    mapping = hw.map_network(net, "loihi")
    rasters = [
        {"a": (np.array([0.0, 2.0]), np.array([0, 1])), "b": (np.array([2.0]), np.array([3]))},
        {"a": (np.array([1.0]), np.array([2])), "b": (np.empty(0), np.empty(0, int))},
    ]
    counts = [hw.census(net, mapping, raster, duration=5) for raster in rasters]
    total = add(counts)
    assert (total.n_steps, total.n_inferences) == (10, 2)
    assert (total.spikes, total.synops, total.active) == (1, 12, 12)
    assert total.idle == 10 * 4 - 12
    assert total.steps.synops.shape == (10, 1)
    assert total.cores["neurons"].tolist() == [4]


def test_long_runs_keep_sums_where_they_cannot_keep_ticks(monkeypatch):
    import sys

    module = sys.modules["neurosim.hardware.census"]
    net = ns.Network(time="steps")
    a, b = net.add(ns.SpikeSource(3), "a"), net.add(ns.IF(4), "b")
    net.connect(a, b, weight=1.0, delay=3.0)
    mapping = hw.map_network(net, "loihi")
    rng = np.random.default_rng(0)
    raster = {
        "a": (np.sort(rng.integers(0, 500, 90)), rng.integers(0, 3, 90)),
        "b": (np.sort(rng.integers(0, 500, 50)), rng.integers(0, 4, 50)),
    }
    whole = hw.census(net, mapping, raster, duration=500)
    monkeypatch.setattr(module, "MOST_STEP_COUNTS", 10)
    monkeypatch.setattr(module, "_WINDOW_BYTES", 40)
    pieces = hw.census(net, mapping, raster, duration=500)
    assert pieces.steps is None
    assert (pieces.synops, pieces.active) == (whole.synops, whole.active)
    assert (pieces.cores["active"] == whole.cores["active"]).all()


def test_engine_and_census_count_the_same_synaptic_events():
    net = ns.Network(time="steps", seed=2)
    a, b = net.add(ns.PoissonSource(20, rate=200.0), "a"), net.add(ns.IF(10, v_th=3.0), "b")
    net.connect(a, b, ns.FixedProbability(0.5), weight=1.0)
    result = ns.simulate(net, 200, progress=False)
    mapping = hw.map_network(net, "loihi")
    found = hw.census(net, mapping, result.spikes, duration=result.duration)
    assert found.projections["a->b"].synops == result.synaptic_events["a->b"] > 1000
    assert found.spikes == result.counts["b"].sum()


def test_a_cycle_of_projections_is_recurrent():
    def net(*pairs):
        net = ns.Network(time="steps")
        for name in "abc":
            net.add(ns.IF(1), name)
        for pre, post in pairs:
            net.connect(pre, post, weight=1.0, delay=1.0)
        mapping = hw.map_network(net, "loihi")
        empty = {name: (np.empty(0), np.empty(0, int)) for name in "abc"}
        return hw.census(net, mapping, empty, duration=7)

    assert not net("ab", "bc", "ac").recurrent
    assert net("ab", "bc", "ca").recurrent
    assert net("aa").recurrent
    assert (net("ab", "bc").dense_macs, net("ab", "ba").dense_macs) == (2, 14)


def test_delays_and_times_are_binned_by_the_one_rounding_function():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(1), "a"), net.add(ns.LIF(1), "b")
    net.connect(a, b, weight=1.0, delay=1.5)
    assert wire(net).delay.tolist() == [2]
    assert wire(net, 0.1).delay.tolist() == [15]
    mapping = hw.map_network(net, "loihi", tick=0.1)
    # 0.3 is 3 * 0.1 only up to rounding; it belongs to tick 3.
    raster = {"a": (np.array([0.1 + 0.2]), np.array([0])), "b": (np.empty(0), np.empty(0, int))}
    steps = hw.census(net, mapping, raster, duration=2.0).steps
    assert np.flatnonzero(steps.synops[:, 0]).tolist() == [18]


@pytest.mark.parametrize(
    ("raster", "match"),
    [
        ({"a": ([], [])}, "has no population 'b'; record the spikes of every"),
        ({"a": ([1.0], []), "b": ([], [])}, "as many times as ids, in one dimension, got shapes"),
        ({"a": ([1.0], [5]), "b": ([], [])}, r"ids must lie in 0 <= id < 2"),
        ({"a": ([10.0], [0]), "b": ([], [])}, "must lie in the run of 10 ticks"),
        ({"a": ([-0.5], [0]), "b": ([], [])}, "must lie in the run of 10 ticks"),
        ({"a": ([np.nan], [0]), "b": ([], [])}, "must be finite"),
        ({"a": ([1.0], [0.7]), "b": ([], [])}, "ids must be whole numbers, got 0.7"),
        ({"a": ([[1.0]], [[0]]), "b": ([], [])}, "in one dimension"),
        ({"a": (["soon"], [0]), "b": ([], [])}, "must be a pair of arrays, times and ids"),
        ({"a": 3, "b": ([], [])}, "must be a pair of arrays.*got int"),
        (None, "must be a dictionary of population to times and ids, got NoneType"),
    ],
)
def test_a_raster_that_does_not_belong_to_the_run_is_refused(raster, match):
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2), "b")
    net.connect(a, b, weight=1.0)
    mapping = hw.map_network(net, "loihi")
    with pytest.raises(ParameterError, match=match):
        hw.census(net, mapping, raster, duration=10.0)


def test_another_tick_or_network_than_the_mappings_is_refused():
    net = ns.Network()
    net.connect(net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2), "b"), weight=1.0)
    mapping = hw.map_network(net, "loihi")
    empty = SimpleNamespace(times=np.empty(0), ids=np.empty(0, np.int32))
    raster = {"a": empty, "b": empty}
    with pytest.raises(ParameterError, match="census.tick must be the tick of the mapping, 1"):
        hw.census(net, mapping, raster, duration=10.0, tick=0.5)
    with pytest.raises(ParameterError, match="must be the network of the mapping"):
        hw.census(ns.Network(), mapping, raster, duration=10.0)


def test_a_tick_that_cuts_a_run_into_too_many_is_refused_at_once():
    net = ns.Network()
    net.add(ns.LIF(1), "a")
    mapping = hw.map_network(net, "loihi", tick=1e-9)
    empty = {"a": (np.empty(0), np.empty(0, int))}
    with pytest.raises(ParameterError, match="hardware.tick must cut the run into at most"):
        hw.census(net, mapping, empty, duration=10.0)


def test_many_silent_ticks_take_little_time():
    net = ns.Network()
    net.add(ns.LIF(10), "a")
    mapping = hw.map_network(net, "loihi", tick=1e-6)
    start = time.perf_counter()
    found = hw.census(net, mapping, {"a": ([1.0], [3])}, duration=10.0)
    assert time.perf_counter() - start < 60
    assert (found.n_steps, found.active, found.idle) == (10**7, 1, 10**8 - 1)


def test_spikes_without_a_synapse_are_counted_apart():
    net = ns.Network(time="steps")
    a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.IF(2), "b")
    net.connect(a, b, weight=[[1.0, 1.0], [0.0, 0.0]])
    raster = {"a": ([0.0, 1.0, 1.0], [0, 1, 1]), "b": ([2.0], [0])}
    c = hw.census(net, hw.map_network(net, "odin"), raster, duration=4)
    assert (c.external, c.messages, c.without_target, c.events) == (1, 0, 3, 4)
    assert c.steps.events.tolist() == [1, 2, 1, 0]


def grid_network():
    """Events on whole ms alone, so that both engines have the same spikes; some of it sleeps."""
    rng = np.random.default_rng(5)
    net = ns.Network(seed=5)
    times = rng.integers(1, 90, 300).astype(float)
    net.add(ns.SpikeSource(20, times=np.sort(times), ids=rng.integers(0, 20, 300)), "in")
    net.add(ns.IF(40, v_th=1.0, reset="value"), "a")
    net.add(ns.IF(200, v_th=1.0, reset="value"), "b")
    for pre, post, k in (("in", "a", 200), ("a", "b", 300), ("a", "a", 60)):
        n_pre, n_post = net.populations[pre].n, net.populations[post].n
        rule = ns.FromArrays(rng.integers(0, n_pre, k), rng.integers(0, n_post, k))
        # Multiples of 1/8 add up without rounding, in whatever order.
        weight = rng.integers(-2, 8, k) / 8
        net.connect(pre, post, rule, weight=weight, delay=rng.integers(1, 6, k).astype(float))
    return net


def equal_counts(a, b):
    assert (a.spikes, a.synops, a.active, a.idle) == (b.spikes, b.synops, b.active, b.idle)
    assert (a.messages, a.external, a.hops_x, a.hops_y) == (
        b.messages, b.external, b.hops_x, b.hops_y,
    )  # fmt: skip
    assert a.populations == b.populations
    assert a.projections == b.projections
    for name, values in a.cores.items():
        assert np.array_equal(values, b.cores[name])
    for name in ("synops", "active", "spikes", "events", "links"):
        assert np.array_equal(getattr(a.steps, name), getattr(b.steps, name))


def test_the_census_is_the_same_from_both_engines_asleep_or_not_on_threads_and_from_files(tmp_path):
    net = grid_network()
    mapping = hw.map_network(net, "loihi")
    runs = {
        "clock": {"engine": "clock", "dt": 1.0, "sleep": False},
        "asleep": {"engine": "clock", "dt": 1.0, "sleep": True},
        "two threads": {"engine": "clock", "dt": 1.0, "threads": 2},
        "event": {"engine": "event"},
    }
    results = {name: ns.simulate(net, 100.0, progress=False, **o) for name, o in runs.items()}
    found = {
        name: hw.census(net, mapping, result.spikes, duration=100.0)
        for name, result in results.items()
    }
    ns.write_spikes(tmp_path / "spikes.h5", results["clock"])
    read = ns.read_spikes(tmp_path / "spikes.h5")
    found["file"] = hw.census(net, mapping, read, duration=100.0)
    assert found["clock"].spikes > 50
    assert found["clock"].synops > 500
    for counts in found.values():
        equal_counts(counts, found["clock"])
