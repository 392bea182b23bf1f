"""Synapses that change: the store against a dictionary, the engine against new networks."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim._jit import JIT
from neurosim.connectivity.delays import to_steps
from neurosim.connectivity.deliver import LEARNING, PACKED
from neurosim.connectivity.learning import LearningStore
from neurosim.engine.build import build as build_network
from neurosim.errors import BuildError, FormatError, ParameterError, SimulationError

# --------------------------------------------------------------------------- the store

N_PRE = 5
synapse = st.tuples(
    st.integers(0, N_PRE - 1), st.integers(0, 20), st.integers(0, 6), st.integers(-8, 8)
)
operation = st.one_of(
    st.tuples(st.just("add"), st.lists(synapse, max_size=6)),
    st.tuples(
        st.sampled_from(["weights", "delays", "remove"]),
        st.lists(st.tuples(st.integers(0, 99), st.integers(0, 6)), max_size=6),
    ),
    st.tuples(st.just("freeze"), st.just([])),
)


def columns(synapses):
    """(pre, target, steps, weight) arrays."""
    pre, target, steps, weight = np.array(synapses, np.int64).reshape(-1, 4).T
    return pre, target.astype(np.uint32), steps, weight.astype(np.float32)


def apply(store, model, kind, given):
    """Do the same to a store and to a dictionary of edge id to synapse."""
    if kind == "add":
        ids = store.add(*columns(given)).tolist()
        assert not set(ids) & set(model) and ids == sorted(ids)
        model |= dict(zip(ids, given, strict=True))
        return
    known = sorted(model)
    chosen = {known[k % len(known)]: value for k, value in given} if known else {}
    edges, values = list(chosen), list(chosen.values())
    if kind == "remove":
        store.remove(edges)
        for edge in edges:
            del model[edge]
            with pytest.raises(ParameterError, match="not removed"):
                store.set_weights([edge], 0.0)
    elif kind == "weights":
        store.set_weights(edges, values)
        model |= {e: (*model[e][:3], v) for e, v in chosen.items()}
    elif kind == "delays":
        store.set_delays(edges, values)
        model |= {e: (*model[e][:2], v, model[e][3]) for e, v in chosen.items()}


def check(store, model):
    edges = store.expand()
    assert edges.ids.tolist() == sorted(model)
    found = zip(edges.pre, edges.targets, edges.steps, edges.weights, strict=True)
    assert [tuple(map(int, s)) for s in found] == [model[e] for e in sorted(model)]
    per_source = [sum(s[0] == pre for s in model.values()) for pre in range(N_PRE)]
    assert store.census().tolist() == per_source and len(store) == len(model)
    steps = [s[2] for s in model.values()]
    assert (store.d_min, store.d_max) == ((min(steps), max(steps)) if steps else (1, 0))
    for (begin, end), ahead in zip(store.rows, [*store.rows[1:, 0], store.ids.size], strict=True):
        assert begin <= end <= ahead
        keys = list(zip(store.steps[begin:end], store.ids[begin:end], strict=True))
        assert keys == sorted(keys)


def check_frozen(store, model):
    """The frozen store has the synapses of each (source, delay) in order of their ids."""
    frozen = store.freeze()
    span = frozen.d_max - frozen.d_min + 1
    weights = np.broadcast_to(frozen.weights, frozen.targets.shape)
    for segment, (begin, end) in enumerate(
        zip(frozen.offsets[:-1], frozen.offsets[1:], strict=True)
    ):
        here = (segment // span, segment % span + frozen.d_min)
        wanted = [s[1::2] for _, s in sorted(model.items()) if s[::2] == here]
        found = zip(frozen.targets[begin:end], weights[begin:end], strict=True)
        assert [tuple(map(int, s)) for s in found] == wanted
    assert frozen.offsets.size == N_PRE * span + 1 and frozen.offsets[-1] == len(model)


@given(st.lists(synapse, max_size=12), st.integers(0, 2), st.lists(operation, max_size=12))
def test_the_store_agrees_with_a_dictionary_after_any_changes(first, slack, operations):
    pre, targets, steps, weights = columns(first)
    store = LearningStore(N_PRE, pre, targets, steps, weights, slack=slack)
    model = dict(enumerate(first))
    check(store, model)
    for kind, changes in operations:
        apply(store, model, kind, changes)
        check(store, model)
    check_frozen(store, model)


def test_slack_is_used_before_the_store_grows():
    given = columns([(0, 1, 2, 3), (1, 4, 5, 6)])
    store = LearningStore(2, *given, slack=2)
    arrays = store.targets, store.steps
    assert store.add([0, 0], [8, 9], [1, 9], [1.0, 2.0]).tolist() == [2, 3]
    assert (store.targets, store.steps)[0] is arrays[0]
    store.add([0], [8], [1], [1.0])
    assert store.targets is not arrays[0] and store.targets.size > 7
    assert store.nbytes > 20 * len(store)


def test_a_row_that_was_shuffled_is_sorted_again():
    rng = np.random.default_rng(1)
    n = 3000 if JIT else 200
    store = LearningStore(2, np.zeros(n, int), np.arange(n), rng.integers(0, 9, n), np.ones(n))
    steps = rng.integers(0, 40, n)
    store.set_delays(rng.permutation(n), steps)
    edges = store.expand()
    assert sorted(steps) == sorted(edges.steps) == store.steps.tolist()
    assert edges.targets.tolist() == list(range(n))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda s: s.set_weights([2], 1.0), "below 2"),
        (lambda s: s.set_weights([-1], 1.0), "below 2"),
        (lambda s: s.set_weights([0.5], 1.0), "ids of synapses"),
        (lambda s: s.set_delays([0], [-1]), r"steps must be integers >= 0"),
        (lambda s: s.set_delays([0], [2**31]), r"steps must be integers >= 0"),
        (lambda s: s.add([2], [0], [1], [1.0]), r"pre must be integers >= 0 and < 2"),
    ],
)
def test_what_does_not_exist_is_refused(call, match):
    store = LearningStore(2, *columns([(0, 1, 2, 3), (1, 4, 5, 6)]))
    with pytest.raises(ParameterError, match=match):
        call(store)
    check_store = store.expand()
    assert check_store.steps.tolist() == [2, 5] and check_store.weights.tolist() == [3, 6]


# -------------------------------------------------------------------------- the engine

N = 40 if JIT else 12
DURATION = 60.0 if JIT else 15.0
NAMES = ("e->e", "more", "e->i", "i->e", "in->e")


def drawn(seed):
    """Weights and delays of every projection."""
    rng = np.random.default_rng(seed)
    rows = {}
    for name, mean in zip(NAMES, (0.15, 0.1, 0.15, -0.3, 0.4), strict=True):
        k = 6 * N
        lists = rng.integers(0, N, k), rng.integers(0, N // 2 if name == "e->i" else N, k)
        pre, post = lists if name != "i->e" else (lists[0] % (N // 2), lists[1])
        weight = mean * rng.uniform(0.1, 2.0, k)
        delay = rng.integers(5, 30, k) / 10
        delay[:2] = 0.5, 3.0  # the same window and histories, whatever was drawn
        rows[name] = pre, post, weight, delay
    return rows


def network(pairs, values, constant=False):
    """A recurrent network with the pairs of one draw and the values of another."""
    net = ns.Network(seed=2)
    source = net.add(ns.PoissonSource(N, rate=100.0), "in")
    start = ns.Uniform(0.0, 1.0)
    e = net.add(ns.LIF(N, tau_m=20.0, tau_syn=(5.0, 8.0), i_ext=1.3, v0=start), "e")
    i = net.add(ns.LIF(N // 2, tau_m=10.0, tau_syn=5.0, i_ext=1.4, t_ref=1.0, v0=start), "i")
    ends = {"e->e": (e, e), "more": (e, e), "e->i": (e, i), "i->e": (i, e), "in->e": (source, e)}
    for name, (pre, post) in ends.items():
        order = np.argsort(pairs[name][0], kind="stable")
        rule = ns.FromArrays(*(column[order] for column in pairs[name][:2]))
        weight, delay = values[name][2:]
        if constant:
            weight, delay = (0.25, 1.5) if name != "i->e" else (-0.5, 0.5)
        net.connect(pre, post, rule, weight=weight, delay=delay, name=name)
    return net


def same_run(a, b):
    for name in a.spikes:
        assert np.array_equal(a.spikes[name].times, b.spikes[name].times)
        assert np.array_equal(a.spikes[name].ids, b.spikes[name].ids)
        for variable in a.traces.get(name, ()):
            values = (r.traces[name][variable].values for r in (a, b))
            assert np.array_equal(*values)


RECORD = {"e": ["spikes", "v"], "i": ["spikes", "v"]}


@pytest.mark.parametrize(
    ("threads", "sleep", "constant"), [(1, False, True), (2, False, False), (2, True, False)]
)
def test_learning_stores_deliver_what_frozen_ones_do(threads, sleep, constant):
    net = network(drawn(1), drawn(1), constant)
    sim = ns.Simulator(net, learning=["more", "in->e"], threads=threads, sleep=sleep)
    kinds = [store.kind == LEARNING for store in sim.built.synapses.stores]
    assert sum(kinds) == 2 * threads  # all that e, and "in", have in the recurrent group
    frozen = ns.Simulator(net, sleep=sleep)
    pieces = [sim.run(DURATION / 2, record=RECORD), sim.run(DURATION / 2, record=RECORD)]
    whole = [frozen.run(DURATION / 2, record=RECORD), frozen.run(DURATION / 2, record=RECORD)]
    assert sum(len(r.spikes[name]) for r in whole for name in "ei") > 5
    for a, b in zip(pieces, whole, strict=True):
        same_run(a, b)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_changed_synapses_give_what_a_new_network_gives(threads, real):
    before, after = drawn(1), drawn(2)
    sim = ns.Simulator(network(before, before), learning=NAMES, threads=threads, dtype=real)
    for name in NAMES:
        synapses = sim.synapses(name)
        synapses.set_weights(after[name][2])
        synapses.set_delays(after[name][3])
    new = ns.Simulator(network(before, after), dtype=real)
    changed = sim.run(DURATION, record=RECORD)
    assert min(len(changed.spikes[name]) for name in "ei") > 5
    same_run(changed, new.run(DURATION, record=RECORD))
    sim.freeze()
    same_run(sim.run(DURATION, record=RECORD), new.run(DURATION, record=RECORD))
    sim.reset()  # frozen synapses stay
    same_run(sim.run(DURATION, record=RECORD), changed)


def test_changes_in_the_middle_give_what_a_new_network_gives_from_that_state():
    """The state goes over by hand, with the spikes that are in flight."""
    before, after = drawn(1), drawn(2)
    sim = ns.Simulator(network(before, before), learning=NAMES)
    sim.run(DURATION)
    new = ns.Simulator(network(before, after), learning=NAMES)
    new.run(DURATION)
    for old_p, new_p in zip(sim.built.populations, new.built.populations, strict=True):
        new_p.state[...] = old_p.state
        new_p.counts[:] = old_p.counts
    for old_h, new_h in zip(sim.loop._histories, new.loop._histories, strict=True):
        new_h[0].ids, new_h[0].starts = old_h[0].ids.copy(), old_h[0].starts.copy()
    for name in NAMES:
        sim.synapses(name).set_delays(after[name][3])
        sim.synapses(name).set_weights(after[name][2])
    same_run(sim.run(DURATION, record=RECORD), new.run(DURATION, record=RECORD))


def test_weights_that_learn_stay_exact_where_others_are_packed():
    net = network(drawn(1), drawn(1))
    sim = ns.Simulator(net, learning=["i->e"], weights="packed")
    kinds = [store.kind for store in sim.built.synapses.stores]
    assert sorted(kinds) == [PACKED, PACKED, LEARNING]
    weight = ns.expand(net, "i->e").weight.astype("float32")
    assert np.array_equal(sim.synapses("i->e").weight, weight)
    assert "i->e" not in {told.projection for told in sim.built.synapses.packing}


@pytest.mark.parametrize("threads", [1, 2])
def test_synapses_are_listed_as_expand_lists_them(threads):
    net = network(drawn(1), drawn(1))
    sim = ns.Simulator(net, learning=NAMES, threads=threads)
    rng = np.random.default_rng(0)
    for name in NAMES:
        synapses, wanted = sim.synapses(name), ns.expand(net, name)
        assert len(synapses) == len(wanted) and f"{len(wanted)} synapses" in repr(synapses)
        for key in ("pre", "post", "delay"):
            assert np.array_equal(getattr(synapses, key), getattr(wanted, key))
        assert np.array_equal(synapses.weight, wanted.weight.astype("float32"))
        edges = rng.permutation(len(wanted))[:7]
        synapses.set_delays(np.arange(7) / 10 + 0.5, edges)
        synapses.set_weights(0.0, edges[:3])
        delay, weight = wanted.delay.copy(), wanted.weight.astype("float32")
        delay[edges], weight[edges[:3]] = np.arange(7) / 10 + 0.5, 0.0
        assert np.array_equal(synapses.delay, delay)
        assert np.array_equal(synapses.weight, weight)
        assert np.array_equal(synapses.steps, to_steps(delay, 0.1))


def test_reset_brings_the_built_values_back():
    net = network(drawn(1), drawn(1))
    sim = ns.Simulator(net, learning=["more", "i->e"])
    first = sim.run(DURATION)
    for name in ("more", "i->e"):
        sim.synapses(name).set_weights(0.0)
        sim.synapses(name).set_delays(1.0)
    sim.reset()
    assert np.array_equal(sim.synapses("more").delay, ns.expand(net, "more").delay)
    same_run(sim.run(DURATION), first)


@pytest.mark.parametrize("threads", [(1, 2), (2, 1)])
def test_weights_and_delays_are_part_of_the_saved_state(tmp_path, threads):
    before, after = drawn(1), drawn(2)
    first, second = (
        ns.Simulator(network(before, before), learning=["e->e", "in->e"], threads=n)
        for n in threads
    )
    for name in ("e->e", "in->e"):
        first.synapses(name).set_weights(after[name][2])
        first.synapses(name).set_delays(after[name][3])
    first.run(DURATION)
    path = first.save(tmp_path / "state.h5")
    second.synapses("e->e").set_weights(9.0)
    second.load(path)
    assert np.array_equal(second.synapses("e->e").steps, to_steps(after["e->e"][3], 0.1))
    same_run(first.run(DURATION, record=RECORD), second.run(DURATION, record=RECORD))
    for learning in ([], ["e->e"]):
        other = ns.Simulator(network(before, before), learning=learning)
        with pytest.raises(FormatError, match="learning"):
            other.load(path)
    first.freeze()
    with pytest.raises(SimulationError, match=r"save: .* save before freeze\(\)"):
        first.save(tmp_path / "frozen.h5")
    with pytest.raises(SimulationError, match="load: "):
        first.load(path)


def test_a_run_with_changed_synapses_is_resumed(tmp_path):
    net = network(drawn(1), drawn(1))
    options = {"checkpoint_every": 100.0, "chunk": 10.0}
    sims = [ns.Simulator(net, learning=["more"]) for _ in range(2)]
    for sim in sims:
        sim.synapses("more").set_weights(0.3)
    whole = sims[0].run(30.0)
    cut = sims[1].run(30.0, out=tmp_path / "run", stop=ns.StopAtWall(0.0), **options)
    assert cut.t_stop == 10.0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["learning"] == ["more"]
    same_run(ns.resume(net, tmp_path / "run", stop=[]), whole)


def test_a_damaged_value_in_a_saved_state_is_refused(tmp_path):
    import h5py

    sim = ns.Simulator(network(drawn(1), drawn(1)), learning=["more"])
    for key, value in (("steps", 1000), ("steps", 0), ("weight", np.nan)):
        path = sim.save(tmp_path / "state.h5")
        with h5py.File(path, "r+") as file:
            file[f"synapses/more/{key}"][3] = value
        with pytest.raises(FormatError, match="of Projection 'more' do not fit"):
            sim.load(path)


def line(delay=5.0, times=(0.0,), **options):
    """One source, one neuron that fires at every arrival."""
    net = ns.Network()
    source = net.add(ns.SpikeSource(1, times=times, ids=np.zeros(len(times), int)), "in")
    out = net.add(ns.LIF(1, tau_m=10.0), "out")
    net.connect(source, out, weight=2.0, delay=delay, name="p")
    far = net.add(ns.LIF(1, tau_m=10.0), "far")
    net.connect(source, far, delay=10.0, name="longest")
    return ns.Simulator(net, learning=["p"], **options)


@pytest.mark.parametrize(
    ("delay", "arrivals"), [(5.0, [5.0]), (8.0, [8.0]), (3.0, [3.0]), (2.9, []), (0.0, [])]
)
def test_a_spike_in_flight_arrives_by_the_new_delay_or_is_lost_if_that_has_passed(delay, arrivals):
    sim = line()
    assert len(sim.run(3.0).spikes["out"]) == 0  # steps 0 ... 2.9 are done; 3.0 comes next
    sim.synapses("p").set_delays(delay)
    assert sim.run(10.0).spikes["out"].times.tolist() == arrivals


def test_an_arrival_comes_again_when_its_delay_is_lengthened_after_it():
    sim = line(delay=1.0)
    assert sim.run(3.0).spikes["out"].times.tolist() == [1.0]
    sim.synapses("p").set_delays(6.0)
    assert sim.run(7.0).spikes["out"].times.tolist() == [6.0]


def test_delays_go_to_the_nearest_step_by_the_one_rule():
    sim = line()
    sim.synapses("p").set_delays(3.15)
    assert sim.synapses("p").delay.tolist() == [3.2]
    assert sim.synapses("p").steps.tolist() == to_steps([3.15], 0.1).tolist()


@pytest.fixture(scope="module")
def built_once():
    return ns.Simulator(network(drawn(1), drawn(1)), learning=NAMES)


@pytest.mark.parametrize(
    ("name", "call", "match"),
    [
        ("more", lambda s: s.set_delays(0.4), r"'more'.delay must be >= 0.5 and <= 3, .* got 0.4"),
        ("more", lambda s: s.set_delays(3.1), r"delay must be >= 0.5 and <= 3, .* synapse of that"),
        ("in->e", lambda s: s.set_delays(0.02), r"delay must be 0 or >= dt"),
        ("more", lambda s: s.set_delays(-1.0), r"delay must be >= 0"),
        ("more", lambda s: s.set_delays([1.0]), r"delay must have shape \(\d+,\), got \(1,\)"),
        (
            "more",
            lambda s: s.set_weights(np.nan),
            r"'more'.weight must be a finite number",
        ),
        ("more", lambda s: s.set_weights([1.0, 2.0], [0]), r"weight must have shape \(1,\)"),
        ("more", lambda s: s.set_weights(1.0, [10**6]), r"edges must be integers >= 0 and <"),
        ("more", lambda s: s.set_weights(1.0, [0.5]), r"edges must be integers"),
        ("more", lambda s: s.set_weights(-1.0), r"weight must be >= 0, .* port 'exc'.*connect\(\)"),
        ("i->e", lambda s: s.set_weights(0.5, [3]), r"weight must be <= 0, .* port 'inh'"),
    ],
)
def test_values_outside_what_was_built_are_refused_and_change_nothing(
    built_once, name, call, match
):
    synapses = built_once.synapses(name)
    weight, steps = synapses.weight, synapses.steps
    with pytest.raises(ParameterError, match=match):
        call(synapses)
    assert np.array_equal(synapses.weight, weight) and np.array_equal(synapses.steps, steps)


def test_only_learning_projections_are_handed_out_and_none_after_freeze():
    net = network(drawn(1), drawn(1))
    for learning in ("more", ["nothing"]):
        with pytest.raises(ParameterError, match="learning must be a list of names"):
            ns.Simulator(net, learning=learning)
    sim = ns.Simulator(net, learning=["more"])
    with pytest.raises(ParameterError, match=r"must be one of \['more'\], got 'e->e'"):
        sim.synapses("e->e")
    synapses = sim.synapses("more")
    sim.freeze()
    assert repr(synapses).endswith("frozen)")
    with pytest.raises(ParameterError, match="must not be frozen"):
        synapses.set_weights(1.0)
    with pytest.raises(ParameterError, match=r"freeze\(\) was called"):
        sim.synapses("more")


def test_a_zero_delay_stays_legal_where_the_order_of_computation_allows_it():
    net = ns.Network(seed=1)
    a, b = (net.add(ns.LIF(3, tau_m=10.0), name) for name in "ab")
    source = net.add(ns.SpikeSource(3, times=[1.0], ids=[0]), "in")
    net.connect(source, a, ns.OneToOne(), weight=2.0, delay=1.0, name="in")
    net.connect(a, b, ns.OneToOne(), weight=2.0, delay=0.0, name="there")
    net.connect(b, a, ns.OneToOne(), weight=2.0, delay=3.0, name="back")
    sim = ns.Simulator(net, learning=["in", "there", "back"])
    with pytest.raises(ParameterError, match=r"'back'.delay must be >= 0.1 and <= 3"):
        sim.synapses("back").set_delays(0.0)
    sim.synapses("in").set_delays(0.0)
    sim.synapses("back").set_delays(0.1)
    assert sim.run(1.5).spikes["b"].times.tolist() == [1.0, 1.1, 1.2, 1.3, 1.4]


def test_integer_weights_stay_integers():
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(1, times=[0], ids=[0]), "in")
    out = net.add(ns.LoihiLIF(1), "out")
    net.connect(source, out, weight=5.0, delay=1, name="p")
    synapses = ns.Simulator(net, learning=["p"]).synapses("p")
    synapses.set_weights(7)
    assert synapses.weight.dtype == np.int32 and synapses.weight.tolist() == [7]
    with pytest.raises(ParameterError, match="integers of 32 bits"):
        synapses.set_weights(0.5)


def test_a_projection_without_synapses_can_learn():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2, tau_m=10.0), "b")
    net.connect(a, b, ns.FromArrays([], []), name="none")
    sim = ns.Simulator(net, learning=["none"])
    synapses = sim.synapses("none")
    assert len(synapses) == 0 and synapses.post.size == 0 and synapses.delay.size == 0
    synapses.set_weights([])
    synapses.set_delays([])
    sim.run(1.0)
    sim.freeze()
    sim.run(1.0)


@settings(max_examples=6)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_random_changes_give_what_a_new_network_gives(seed, threads):
    rng = np.random.default_rng(seed)
    before = drawn(1)
    after = {name: [*row[:2], row[2].copy(), row[3].copy()] for name, row in before.items()}
    sim = ns.Simulator(network(before, before), learning=NAMES, threads=threads)
    for _ in range(6):
        name = NAMES[rng.integers(len(NAMES))]
        k = after[name][2].size
        edges = rng.permutation(np.arange(2, k))[: rng.integers(0, k)]
        what, values = (
            (3, rng.integers(5, 31, edges.size) / 10),
            (2, np.sign(before[name][2][0]) * rng.uniform(0, 0.4, edges.size)),
        )[rng.integers(2)]
        after[name][what][edges] = values
        method = sim.synapses(name).set_delays if what == 3 else sim.synapses(name).set_weights
        method(values, edges)
    new = ns.Simulator(network(before, after))
    same_run(sim.run(DURATION / 2, record=RECORD), new.run(DURATION / 2, record=RECORD))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_estimate_counts_learning_stores(threads):
    net = network(drawn(1), drawn(1))
    sim = ns.Simulator(net, learning=["more"], threads=threads)
    estimate = ns.estimate_memory(net, learning=["more"], threads=threads)
    assert estimate.projections["more"][1] == 36 * 6 * N
    assert estimate.projections["in->e"][1] == 8 * 6 * N
    found = sum(s.nbytes for s in sim.built.synapses.stores)
    assert found == estimate.synapses - 8 * 18 * N  # three projections' lists of ids
    with pytest.raises(BuildError, match=r"needs about"):
        ns.Simulator(net, learning=["more"], threads=threads, max_memory=estimate.peak - 1)


@pytest.mark.skipif(not JIT, reason="measures arrays that the compiled code makes")
def test_making_a_learning_store_needs_no_more_than_estimated():
    net = ns.Network(seed=1)
    cells = net.add(ns.LIF(400, tau_m=20.0), "cells")
    values = {"weight": ns.Normal(0.1, 0.02), "delay": ns.Uniform(0.5, 3.0)}
    net.connect(cells, cells, ns.FixedInDegree(200), name="p", **values)
    build = {"dt": 0.1, "real": "float32", "parts": 1, "learning": ("p",)}
    build_network(net, **build)  # compiles
    tracemalloc.start()
    build_network(net, **build)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 < peak / ns.estimate_memory(net, learning=["p"]).peak < 1.05
