"""Claims about mapping: exact use of every resource, true refusals, remedies that fit."""

import math
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chip import write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import MappingError, ParameterError
from neurosim.hardware.chip import frozen
from neurosim.hardware.rules import synlist_words
from neurosim.hardware.wiring import _features


def list_words_by_hand(n: int, entry: int) -> int:
    """Davies 2018 as nengo-loihi packs it: blocks of 64 entries and 10 bits, in 64-bit words."""
    words = 0
    while n > 0:
        words += math.ceil((10 + min(n, 64) * entry) / 64)
        n -= 64
    return words


def usage_by_hand(network, mapping, *, delays: bool) -> dict[str, list[int]]:
    """Every resource of every core, counted with sets and loops."""
    cores = {
        name: mapping.cores(name).tolist()
        for name, p in network.populations.items()
        if not p.is_source
    }
    neurons = [0] * mapping.n_cores
    local = {}
    for name, where in cores.items():
        for index, core in enumerate(where):
            local[name, index] = neurons[core]
            neurons[core] += 1
    lists = defaultdict(list)  # (core, source neuron) -> local targets
    axons, outs, longest = defaultdict(set), set(), 0
    for projection in network.projections.values():
        synapses = ns.expand(network, projection)
        pre_name, post_name = projection.pre.name, projection.post.name
        for pre, post, weight, delay in zip(
            synapses.pre.tolist(),
            synapses.post.tolist(),
            synapses.weight.tolist(),
            synapses.delay.tolist(),
            strict=True,
        ):
            if weight == 0:
                continue
            ticks = math.floor(delay + 0.5)
            longest = max(longest, ticks)
            core = cores[post_name][post]
            lists[core, pre_name, pre].append(local[post_name, post])
            axons[core].add((pre_name, pre, ticks if delays else 0))
            if not projection.pre.is_source:
                outs.add((cores[pre_name][pre], pre_name, pre, core))
    words, entry = [0] * mapping.n_cores, 8 + (6 if longest > 1 else 0)
    for (core, *_), targets in lists.items():
        span = max(targets) - min(targets) + 1
        cost = list_words_by_hand(len(targets), entry + 10)
        if len(targets) <= span:
            cost = min(cost, list_words_by_hand(span, entry))
        words[core] += cost
    return {
        "neurons": neurons,
        "axons_in": [len(axons[core]) for core in range(mapping.n_cores)],
        "axons_out": [sum(out[0] == core for out in outs) for core in range(mapping.n_cores)],
        "synapse_words": words,
    }


@st.composite
def small_networks(draw, longest: float = 3.0) -> ns.Network:
    """A source and two populations, wired at random with some zero weights."""
    net = ns.Network(seed=draw(st.integers(0, 1000)), time=draw(st.sampled_from(["steps"])))
    sizes = [draw(st.integers(1, 7)) for _ in range(3)]
    pops = [net.add(ns.SpikeSource(sizes[0]), "in")]
    pops += [net.add(ns.IF(n), name) for n, name in zip(sizes[1:], ("a", "b"), strict=True)]
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    for pre, post in [(0, 1), (0, 2), (1, 2), (1, 1), (2, 1)]:
        if draw(st.booleans()):
            k = draw(st.integers(0, 12))
            rule = ns.FromArrays(rng.integers(0, sizes[pre], k), rng.integers(0, sizes[post], k))
            weight = rng.integers(-1, 3, k).astype(float)
            delay = rng.integers(0, int(longest) + 1, k).astype(float)
            net.connect(pops[pre], pops[post], rule, weight=weight, delay=delay)
    return net


def load_small(tmp_path_factory, *replacements):
    return hw.load_chip(write_chip(tmp_path_factory.mktemp("chip"), *replacements))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return load_small(tmp_path_factory)


@pytest.fixture(scope="module")
def crossbar(tmp_path_factory):
    """Like TrueNorth, but of 4 by 6."""
    return load_small(
        tmp_path_factory,
        ("axons_in = 12, axons_out = 16, synapse_words = 24", "axons_in = 6"),
        (
            'cost_rules = { synapse_words = { rule = "loihi_synlist" } }',
            'cost_rules = { axons_in = { rule = "crossbar", axon = "source_delay" } }',
        ),
        ('multicast = "per_target_core"', 'multicast = "single_target"'),
    )


@given(n=st.integers(0, 1000), entry=st.integers(1, 40))
def test_synapse_lists_cost_what_their_blocks_cost(n, entry):
    assert synlist_words(n, entry, 10, 64, 64) == list_words_by_hand(n, entry)


def check_against_hand(net, chip, *, delays):
    try:
        mapping = hw.map_network(net, chip)
    except hw.DoesNotFit as error:
        assert error.need > error.limit  # noqa: PT017
        return
    by_hand = usage_by_hand(net, mapping, delays=delays)
    for resource, limit in chip.core.resources.items():
        assert mapping.usage[resource].tolist() == by_hand[resource], resource
        assert max(by_hand[resource], default=0) <= limit
    assert mapping.n_cores == len(by_hand["neurons"])
    assert all(by_hand["neurons"]), "no core is empty"


@given(net=small_networks())
def test_use_of_list_memory_axons_and_slots_agrees_with_counting_by_hand(net, small):
    check_against_hand(net, small, delays=False)


@given(net=small_networks())
def test_use_of_crossbar_rows_agrees_with_counting_by_hand(net, crossbar):
    check_against_hand(net, crossbar, delays=True)


@given(net=small_networks(longest=1.0))
def test_a_mapped_crossbar_network_has_one_target_per_neuron(net, crossbar):
    try:
        mapping = hw.map_network(net, crossbar)
    except hw.DoesNotFit:
        return
    n = mapping.wiring.n_neurons
    assert np.diff(mapping.target_starts)[:n].max(initial=0) <= 1


def test_linear_units_multiply_what_a_neuron_an_axon_and_a_synapse_take(tmp_path_factory):
    rules = "neurons = { rule = 'linear', units = 2 }, axons_in = { rule = 'linear', units = 3 }"
    chip = load_small(
        tmp_path_factory,
        ('{ synapse_words = { rule = "loihi_synlist" } }',
         "{ synapse_words = { rule = 'linear', units = 5 }, " + rules + " }"),
        ("synapse_words = 24", "synapse_words = 30"),
    )  # fmt: skip
    mapping = hw.map_network(dense(3, 4), chip)
    # Two neurons of three synapses of five words fill a core of thirty.
    assert mapping.usage["neurons"].tolist() == [4, 4]
    assert mapping.usage["axons_in"].tolist() == [9, 9]
    assert mapping.usage["synapse_words"].tolist() == [30, 30]


def test_sources_take_axons_but_no_core():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(300), "a"), net.add(ns.LIF(3), "b")
    net.connect(a, b, weight=1.0)
    mapping = hw.map_network(net, "loihi")
    assert mapping.usage["neurons"].tolist() == [3]
    assert mapping.usage["axons_in"].tolist() == [300]
    assert mapping.usage["axons_out"].tolist() == [0]
    assert mapping.cores("a").tolist() == [-1] * 300


def test_zero_weights_take_no_room():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(300), "a"), net.add(ns.LIF(3), "b")
    net.connect(a, b, weight=np.r_[np.zeros(200 * 3), np.ones(100 * 3)].reshape(300, 3))
    assert hw.map_network(net, "odin").usage["axons_in"].tolist() == [100]


def test_a_network_larger_than_a_chip_takes_several_where_they_can_be_joined(small):
    net = ns.Network()
    net.add(ns.LIF(40), "a")
    mapping = hw.map_network(net, small)
    assert (mapping.n_cores, mapping.n_chips) == (10, 2)
    # Two cores per tile, two tiles per row and column; the second chip stands at x = 2.
    expected = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 1]]
    assert mapping.positions()[::2].tolist() == expected


# ------------------------------------------------------------------ every wall, made to bind


def dense(n_in, n_out, *, time="steps", delay=0.0, hidden=None):
    net = ns.Network(time=time)
    layers = [net.add(ns.SpikeSource(n_in), "in")]
    if hidden:
        layers.append(net.add(ns.IF(hidden), "hid"))
    layers.append(net.add(ns.IF(n_out), "out"))
    for pre, post in zip(layers, layers[1:], strict=False):
        net.connect(pre, post, weight=1.0, delay=delay)
    return net


def refusal(net, chip, **options) -> hw.DoesNotFit:
    with pytest.raises(hw.DoesNotFit, match="cannot hold the network") as caught:
        hw.map_network(net, chip, **options)
    error = caught.value
    assert isinstance(error, MappingError)
    assert error.need > error.limit
    assert str(error.need) in str(error)
    assert str(error.limit) in str(error)
    assert error.resource in str(error)
    assert error.remedies, "nothing is offered"
    return error


def only(error, kind):
    return next(remedy for remedy in error.remedies if remedy.kind == kind)


@pytest.mark.parametrize(("chip", "limit"), [("loihi", 4096), ("truenorth", 256), ("odin", 256)])
def test_fan_in_wall_binds_and_its_remedies_fit_exactly(chip, limit):
    error = refusal(dense(limit + 44, 3), chip)
    assert (error.core, error.resource, error.limit) == (0, "axons_in", limit)
    assert error.need == limit + 44
    # Neurons of different cores may have different inputs; a single core has one set of rows.
    assert only(error, "same_inputs" if chip == "odin" else "fan_in").value == limit
    size = only(error, "size")
    assert (size.owner, size.value) == ("in", limit)
    hw.map_network(dense(int(size.value), 3), chip)
    refusal(dense(int(size.value) + 1, 3), chip)


def test_odins_only_core_binds_on_neurons_with_a_remedy_that_fits():
    error = refusal(dense(10, 300), "odin")
    assert (error.core, error.resource, error.need, error.limit) == (0, "neurons", 300, 256)
    size = only(error, "size")
    hw.map_network(dense(10, int(size.value)), "odin")
    assert size.value == 256


def test_odins_crossbar_rows_are_shared_by_inputs_and_neurons():
    error = refusal(dense(200, 10, hidden=100), "odin")
    assert (error.resource, error.need, error.limit) == ("axons_in", 300, 256)
    found = {remedy.owner: remedy.value for remedy in error.remedies if remedy.kind == "size"}
    assert (found["in"], found["hid"]) == (156, 56)
    hw.map_network(dense(156, 10, hidden=100), "odin")
    hw.map_network(dense(200, 10, hidden=56), "odin")


def test_loihis_synaptic_memory_binds_before_its_neurons():
    # 150 axons of one dense list each: words per core, by hand.
    net = dense(150, 1024)
    mapping = hw.map_network(net, "loihi")
    assert mapping.n_cores > 1
    per_core = mapping.usage["neurons"][0]
    assert 150 * list_words_by_hand(int(per_core), 8) <= 16384
    assert 150 * list_words_by_hand(int(per_core) + 1, 8) > 16384


def test_output_slots_bind_and_smaller_cores_are_tried(small, tmp_path_factory):
    chip = load_small(tmp_path_factory, ("axons_out = 16", "axons_out = 2"))
    net = ns.Network()
    a, b = net.add(ns.IF(4), "a"), net.add(ns.IF(8), "b")
    net.connect(a, b, weight=1.0)
    # Four neurons to two cores are eight slots: with one neuron per core, b has eight cores.
    error = refusal(net, chip)
    assert error.resource == "axons_out"
    size = only(error, "size")
    smaller = ns.Network()
    a, b = smaller.add(ns.IF(4), "a"), smaller.add(ns.IF(int(size.value)), "b")
    smaller.connect(a, b, weight=1.0)
    hw.map_network(smaller, chip)
    assert hw.map_network(net, small).n_cores == 3


def test_a_single_core_short_of_output_slots_says_so(tmp_path_factory):
    chip = load_small(
        tmp_path_factory,
        ("count = 8", "count = 1"),
        ("max_chips = 2", "max_chips = 1"),
        ("axons_out = 16", "axons_out = 2"),
    )
    net = ns.Network()
    a = net.add(ns.IF(3), "a")
    net.connect(a, a, weight=1.0)
    error = refusal(net, chip)
    assert (error.core, error.resource, error.need, error.limit) == (0, "axons_out", 3, 2)
    assert only(error, "size").value == 2


def test_truenorths_single_target_binds_and_a_smaller_target_fits():
    error = refusal(dense(20, 300, hidden=100), "truenorth")
    assert error.resource.startswith("targets_per_neuron")
    assert (error.need, error.limit) == (2, 1)
    size = only(error, "size")
    assert (size.owner, size.value) == ("out", 256)
    hw.map_network(dense(20, 256, hidden=100), "truenorth")


def test_populations_that_would_straddle_cores_start_on_fresh_ones():
    mapping = hw.map_network(dense(20, 100, hidden=200), "truenorth")
    assert mapping.n_cores == 2
    assert set(mapping.cores("out").tolist()) == {1}


@pytest.mark.parametrize(("chip", "limit"), [("loihi", 62), ("truenorth", 15), ("odin", 1)])
def test_delay_wall_binds_and_both_remedies_fit(chip, limit):
    late = float(limit + 3)
    error = refusal(dense(5, 5, time="continuous", delay=late), chip)
    assert error.resource == "delay ticks"
    assert (error.need, error.limit) == (limit + 3, limit)
    assert only(error, "delay").value == limit
    hw.map_network(dense(5, 5, time="continuous", delay=float(limit)), chip)
    tick = only(error, "tick").value
    hw.map_network(dense(5, 5, time="continuous", delay=late), chip, tick=tick)


def test_different_delays_of_one_neuron_need_one_address_each_on_truenorth():
    def net(delays):
        net = ns.Network(time="steps")
        a, b = net.add(ns.IF(3), "a"), net.add(ns.IF(2), "b")
        net.connect(a, b, ns.AllToAll(), weight=1.0, delay=delays)
        return net

    error = refusal(net([[1, 2], [1, 1], [2, 2]]), "truenorth")
    assert (error.need, error.limit) == (2, 1)
    assert only(error, "one_delay").text == "one delay per source neuron"
    hw.map_network(net([[1, 1], [1, 1], [2, 2]]), "truenorth")


def test_too_many_cores_name_the_wall_that_filled_them(small):
    net = ns.Network()
    net.add(ns.IF(70), "a")
    error = refusal(net, small)
    assert (error.core, error.resource, error.need, error.limit) == (None, "cores", 18, 16)
    assert "filled up by neurons" in str(error)
    assert only(error, "size").value == 64


def test_two_walls_at_once_are_answered_together():
    net = ns.Network(seed=3)
    a = net.add(ns.LIF(600), "a")
    net.connect(a, a, ns.FixedInDegree(20), weight=1.0, delay=ns.Uniform(1.0, 9.0))
    error = refusal(net, "odin")
    remedy = only(error, "all")
    assert [part.kind for part in remedy.parts] == ["delay", "size"]
    n = int(remedy.parts[1].value)
    fitting = ns.Network(seed=3)
    a = fitting.add(ns.LIF(n), "a")
    fitting.connect(a, a, ns.FixedInDegree(20), weight=1.0, delay=1.0)
    hw.map_network(fitting, "odin")


@given(net=small_networks(), rows=st.integers(1, 6), cores=st.integers(1, 3))
def test_every_remedy_offered_fits_when_it_is_applied(net, rows, cores, crossbar):
    resources = frozen({"neurons": 3, "axons_in": rows})
    kind = replace(crossbar.core, resources=resources, count=cores)
    place = replace(crossbar.topology, max_chips=1)
    synapse = replace(crossbar.synapse, delay_max=2)
    chip = replace(crossbar, cores=(kind,), topology=place, synapse=synapse)
    try:
        hw.map_network(net, chip)
    except hw.DoesNotFit as error:
        for remedy in error.remedies:
            hw.map_network(apply(net, remedy), chip)


def apply(net, remedy) -> ns.Network:
    """The network with a remedy applied, rebuilt from its description."""
    for part in remedy.parts or (remedy,):
        net = apply_one(net, part)
    return net


def apply_one(net, remedy) -> ns.Network:
    sizes = {name: p.n for name, p in net.populations.items()}
    if remedy.kind == "size":
        sizes[remedy.owner] = int(remedy.value)
    if remedy.kind == "scale":
        sizes = {name: max(1, math.floor(n * remedy.value)) for name, n in sizes.items()}
    out = ns.Network(time=net.time, seed=net.seed)
    for name, p in net.populations.items():
        out.add((ns.SpikeSource if p.is_source else ns.IF)(sizes[name]), name)
    synapses = {name: ns.expand(net, name) for name in net.projections}
    least = defaultdict(lambda: math.inf)
    inputs = defaultdict(set)
    uses = defaultdict(int)
    for name, s in synapses.items():
        pre_name = net.projections[name].pre.name
        for pre, weight, delay in zip(s.pre, s.weight, s.delay, strict=True):
            if weight:
                least[pre_name, pre] = min(least[pre_name, pre], delay)
                number = (net.populations[pre_name].is_source, list(sizes).index(pre_name))
                uses[*number, pre, delay] += 1
    busiest = sorted(uses, key=lambda key: (-uses[key], key))
    for name, s in synapses.items():
        pre_name, post_name = net.projections[name].pre.name, net.projections[name].post.name
        kept, delays = [], []
        for k, (pre, post, delay) in enumerate(zip(s.pre, s.post, s.delay, strict=True)):
            if pre >= sizes[pre_name] or post >= sizes[post_name] or not s.weight[k]:
                continue
            key = (net.populations[pre_name].is_source, list(sizes).index(pre_name), pre, delay)
            if remedy.kind == "fan_in":
                known = inputs[post_name, post]
                if key not in known and len(known) == remedy.value:
                    continue
                known.add(key)
            if remedy.kind == "same_inputs" and key not in busiest[: int(remedy.value)]:
                continue
            kept.append(k)
            delays.append(min(delay, remedy.value) if remedy.kind == "delay" else delay)
            if remedy.kind == "one_delay":
                delays[-1] = least[pre_name, pre]
        rule = ns.FromArrays(s.pre[kept], s.post[kept])
        out.connect(pre_name, post_name, rule, weight=s.weight[kept], delay=np.array(delays))
    return out


def test_a_tick_is_refused_where_steps_are_ticks():
    with pytest.raises(ParameterError, match="hardware.tick must be left out"):
        hw.map_network(dense(2, 2), "loihi", tick=0.5)


def test_a_network_without_neurons_takes_no_core():
    net = ns.Network()
    net.add(ns.SpikeSource(4), "in")
    assert hw.map_network(net, "loihi").n_cores == 0


def layer(weight, n_in=5, n=20, neurons=None, **options):
    """A network of one projection, whose weights are a number, an array or a distribution."""
    net = ns.Network(time="steps")
    a = net.add(ns.SpikeSource(n_in), "a")
    b = net.add(ns.IF(n, reset="value") if neurons is None else neurons, "b")
    net.connect(a, b, weight=weight, **options)
    return net


def test_weights_that_a_chip_may_not_hold_are_said():
    net = layer(ns.Normal(0.0, 1.0))
    mapping = hw.map_network(net, "odin")
    notes = " / ".join(mapping.notes)
    assert "quantisation to 3 bits" in notes
    assert "5 sources with synapses of both signs: two rows" in notes
    assert mapping.needs_quantisation
    mapping = hw.map_network(net, "truenorth")
    assert "20 neurons of 20 with more than 4 distinct weights" in " / ".join(mapping.notes)
    assert mapping.needs_quantisation


@pytest.mark.parametrize(
    ("weight", "fits"), [(3.0, True), (4.0, True), (7.0, True), (-7.0, True), (0.5, True)]
)
def test_odins_three_bits_are_all_magnitude_the_sign_is_the_sources(weight, fits):
    assert hw.map_network(layer(weight), "odin").needs_quantisation is not fits


def test_magnitudes_above_the_bits_need_quantisation():
    weight = np.tile([1.0, 8.0], (5, 10))
    assert hw.map_network(layer(weight), "odin").needs_quantisation
    assert not hw.map_network(layer(np.tile([1.0, 7.0], (5, 10))), "odin").needs_quantisation
    # Loihi's 8 bits hold the sign too.
    assert not hw.map_network(layer(np.tile([1.0, -127.0], (5, 10))), "loihi").needs_quantisation
    assert hw.map_network(layer(np.tile([1.0, -128.0], (5, 10))), "loihi").needs_quantisation


def test_distinct_weights_are_counted_neuron_by_neuron():
    # Twenty values in all, one per neuron: each neuron can have its own on TrueNorth.
    each = np.repeat(np.arange(1.0, 21.0)[None], 5, axis=0)
    assert not hw.map_network(layer(each), "truenorth").needs_quantisation
    each[:, 7] = [1, 2, 3, 4, 5]
    mapping = hw.map_network(layer(each), "truenorth")
    assert mapping.needs_quantisation
    assert any(note.startswith("1 neuron of 20 with more than 4") for note in mapping.notes)


def test_a_source_of_both_signs_takes_two_of_odins_rows():
    signs = np.where(np.arange(200 * 3).reshape(200, 3) % 2, 1.0, -1.0)
    error = refusal(layer(signs, n_in=200, n=3), "odin")
    assert (error.resource, error.need, error.limit) == ("axons_in", 400, 256)
    mapping = hw.map_network(layer(signs[:128], n_in=128, n=3), "odin")
    assert mapping.usage["axons_in"].tolist() == [256]
    split = ns.Network(time="steps")
    plus, minus = split.add(ns.SpikeSource(128), "plus"), split.add(ns.SpikeSource(128), "minus")
    b = split.add(ns.IF(3), "b")
    split.connect(plus, b, weight=np.maximum(signs[:128], 0))
    split.connect(minus, b, weight=np.minimum(signs[:128], 0))
    assert hw.map_network(split, "odin").usage["axons_in"].tolist() == [256]
    assert hw.map_network(layer(signs, n_in=200, n=3), "loihi").usage["axons_in"][0] == 200


def test_fewer_inputs_are_offered_only_where_any_choice_of_them_fits():
    error = refusal(layer(1.0, n_in=2000, n=10), "odin")
    assert not [remedy for remedy in error.remedies if remedy.kind == "fan_in"]
    assert only(error, "same_inputs").text == "the same 256 inputs for all neurons"
    error = refusal(layer(1.0, n_in=5000, n=10), "loihi")
    most = int(only(error, "fan_in").value)
    spread = ns.Network(time="steps", seed=4)
    a, b = spread.add(ns.SpikeSource(5000), "a"), spread.add(ns.IF(10), "b")
    spread.connect(a, b, ns.FixedInDegree(most, multapses=False), weight=1.0)
    hw.map_network(spread, "loihi")


@pytest.mark.parametrize("seed", range(4))
def test_sizes_offered_for_random_rules_fit_when_their_synapses_are_drawn_again(seed):
    def net(n_in, n):
        net = ns.Network(time="steps", seed=seed)
        a, b = net.add(ns.SpikeSource(n_in), "a"), net.add(ns.IF(n), "b")
        net.connect(a, b, ns.FixedProbability(0.5), weight=1.0)
        return net

    error = refusal(net(700, 40), "truenorth")
    sizes = [remedy for remedy in error.remedies if remedy.kind == "size"]
    assert sizes
    for remedy in sizes:
        changed = {"a": 700, "b": 40} | {remedy.owner: int(remedy.value)}
        hw.map_network(net(changed["a"], changed["b"]), "truenorth")


def fanning(n=2000, delays=1.0):
    net = ns.Network(time="steps")
    source, a = net.add(ns.SpikeSource(3), "in"), net.add(ns.IF(20), "a")
    net.connect(source, a, weight=1.0)
    net.connect(a, net.add(ns.IF(n), "b"), weight=1.0, delay=delays)
    return net


def test_splitter_neurons_are_offered_and_placed():
    error = refusal(fanning(), "truenorth")
    remedy = only(error, "splitters")
    assert remedy.value == 160
    assert "160 splitter neurons" in str(error)
    assert "not tried" not in str(error)
    found = hw.map_network(fanning(), "truenorth", splitters=True)
    assert found.n_cores == 1 + 8 + 1
    # Beside one another on one core, each source with a row of it.
    assert set(found.cores("splitter neurons").tolist()) == {9}
    assert found.usage["neurons"][9] == 160
    assert found.usage["axons_in"][9] == 20
    assert np.diff(found.target_starts)[: found.wiring.n_neurons].max() == 1
    assert "40,000 synapses are a tick late" in found.notes[-1]


def test_splitters_leave_longer_delays_what_they_were():
    found = hw.map_network(fanning(delays=4.0), "truenorth", splitters=True)
    assert "late" not in found.notes[-1]
    w = found.wiring
    behind = w.pre >= w.first["splitter neurons"]
    behind &= w.pre < w.n_neurons
    assert set(w.delay[behind].tolist()) == {3}
    onto = w.post >= w.first["splitter neurons"]
    assert set(w.delay[onto].tolist()) == {1}


def test_a_census_counts_what_splitters_repeat():
    net = fanning(n=600)
    found = hw.map_network(net, "truenorth", splitters=True)
    spikes = {"in": ([1], [0]), "a": ([2, 5, 9], [0, 7, 19]), "b": ([], [])}
    counts = hw.census(net, found, spikes, duration=10)
    # 600 neurons lie on three cores. The spike of the last step is repeated after the run.
    assert counts.populations["splitter neurons"].spikes == 2 * 3
    assert counts.projections["splitter neurons"].synops == 2 * 3
    assert counts.projections["a->b"].synops == 2 * 600
    # One message to the splitters of each of the three spikes, and one from each splitter.
    assert counts.messages == 3 + 2 * 3


def test_no_splitters_are_placed_where_none_are_needed():
    net = dense(20, 100, hidden=200)
    plain, split = (hw.map_network(net, "truenorth", splitters=on) for on in (False, True))
    assert np.array_equal(plain.core_of, split.core_of)
    assert "splitter neurons" not in split.wiring.sizes
    with pytest.raises(ParameterError, match="map_network.splitters"):
        hw.map_network(net, "truenorth", splitters=1)


def test_a_neuron_with_more_targets_than_a_core_has_neurons_is_refused():
    net = ns.Network(time="steps")
    net.add(ns.IF(1), "a")
    net.connect("a", net.add(ns.IF(256 * 257), "b"), weight=1.0)
    with pytest.raises(hw.DoesNotFit, match="not tried: about 257 splitter neurons"):
        hw.map_network(net, "truenorth", splitters=True)


def test_delays_and_models_that_a_chip_has_not_are_said():
    net = layer(1.0, n=5)
    assert "delays below 1 tick last 1 on the chip" in hw.map_network(net, "truenorth").notes
    assert hw.map_network(net, "loihi").notes == ()
    chip = hw.load_chip("loihi")
    other = replace(chip, neuron=replace(chip.neuron, models=("LIF",)))
    assert "neuron model IF assumed to run on the chip" in hw.map_network(net, other).notes


def test_delays_that_cost_compartments_on_loihi_are_said():
    assert not hw.map_network(layer(1.0, n=1024, delay=8.0), "loihi").notes
    notes = " / ".join(hw.map_network(layer(1.0, n=1024, delay=9.0), "loihi").notes)
    assert "above 8 they need compartments that are not in use" in notes
    assert "1024 of 1024 neurons" in notes


def test_features_of_neurons_that_a_chip_has_not_are_said():
    def notes(chip, **parameters):
        net = layer(1.0, neurons=ns.LIF(5, **parameters))
        return " / ".join(hw.map_network(net, chip).notes)

    assert "emulated" not in notes("odin")
    assert "emulated: an exponential synapse" in notes("odin", tau_syn=5.0)
    assert "emulated: a refractory period" in notes("truenorth", t_ref=2.0)
    assert "emulated: a reset by subtraction" in notes("odin", reset="subtract")
    assert "emulated" not in notes("truenorth", reset="subtract")
    assert "emulated" not in notes("loihi", tau_syn=5.0, t_ref=2.0)
    assert "emulated: two exponential synapses" in notes("loihi", tau_syn=(2.0, 5.0))
    assert "emulated" not in notes("snn-45nm-ac", tau_syn=5.0)


@pytest.mark.parametrize("tick", [1e-10, 1e-300])
def test_a_tick_that_makes_delays_too_long_to_count_is_refused(tick):
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(1), "a"), net.add(ns.LIF(1), "b")
    net.connect(a, b, weight=1.0, delay=1.0)
    with pytest.raises(ParameterError, match="hardware.tick must be so long that no delay has"):
        hw.map_network(net, "snn-45nm-ac", tick=tick)


def test_long_delays_in_ticks_do_not_take_memory_for_every_tick(tmp_path_factory):
    chip = load_small(
        tmp_path_factory,
        ("axons_in = 12, axons_out = 16, synapse_words = 24", "axons_in = 6"),
        (
            'cost_rules = { synapse_words = { rule = "loihi_synlist" } }',
            'cost_rules = { axons_in = { rule = "crossbar", axon = "source_delay" } }',
        ),
        ("delay_max = 15\n", ""),
    )
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(3), "a"), net.add(ns.LIF(2), "b")
    net.connect(a, b, weight=1.0, delay=[[1.0, 2.0]] * 3)
    mapping = hw.map_network(net, chip, tick=1e-8)
    assert mapping.usage["axons_in"].tolist() == [6]


@pytest.mark.slow
def test_a_hundred_thousand_neurons_map_in_seconds():
    net = ns.Network(seed=1)
    a = net.add(ns.LIF(100_000), "a")
    net.connect(a, a, ns.FixedInDegree(50), weight=0.05, delay=1.0)
    hw.map_network(dense(2, 2), "loihi")  # compiled
    start = time.perf_counter()
    mapping = hw.map_network(net, "loihi")
    assert time.perf_counter() - start < 60
    assert mapping.usage["neurons"].sum() == 100_000


@pytest.mark.parametrize(
    "cell, feature",
    [
        ({"tau_syn": 5.0, "synapse": "alpha"}, "alpha_synapse"),
        ({"synapse": "step"}, "step_synapse"),
        ({"tau_syn": 5.0}, "exponential_synapse"),
        ({"tau_syn": (5.0, 2.0)}, "two_exponential_synapses"),
    ],
)
def test_each_kind_of_synapse_is_its_own_feature(cell, feature):
    net = ns.Network()
    net.connect(net.add(ns.SpikeSource(1), "in"), net.add(ns.LIF(1, **cell), "cells"))
    assert _features(list(net.populations.values())) == (feature,)


@pytest.mark.parametrize("chip", ["odin", "xylo-imu", "brainscales2"])
def test_populations_share_the_only_core_where_cores_of_their_own_are_too_many(chip):
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(4), "in")
    net.add(ns.IF(5), "a")
    net.add(ns.IF(3), "b")
    net.connect("in", "a", weight=1.0)
    net.connect("a", "b", weight=1.0)
    assert hw.map_network(net, chip, by="layers").core_of.tolist() == [0] * 8


def test_three_axes_of_space_are_refused_where_cores_hold_layers():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource((6, 6, 40, 1)), "in")
    net.add(ns.IF((5, 5, 39, 2)), "a")
    net.connect("in", "a", ns.Convolution(np.ones((2, 1, 2, 2, 2))))
    with pytest.raises(hw.DoesNotFit, match="needs 3 space_axes, limit 2"):
        hw.map_network(net, "speck")
    assert hw.map_network(net, "loihi").n_cores > 0


def test_a_dilated_kernel_takes_the_places_it_spans():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource((20, 20, 1)), "in")
    net.add(ns.IF((6, 6, 2)), "a")
    net.connect("in", "a", ns.Convolution(np.ones((2, 1, 3, 3)), dilation=7))
    kernel = hw.map_network(net, "speck").usage["kernel_words"]
    assert kernel.tolist() == [256 * 2]  # 15 x 15 places, rounded up to a power of two
    with pytest.raises(hw.DoesNotFit, match="needs 15 kernel_side, limit 7"):
        hw.map_network(net, "akida")


def test_delays_and_cycles_that_a_chip_has_not_are_remedied_together():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(4), "in")
    net.add(ns.IF(5), "a")
    net.connect("in", "a", weight=1.0, delay=9.0)
    net.connect("a", "a", weight=1.0, delay=1.0)
    with pytest.raises(hw.DoesNotFit) as refused:
        hw.map_network(net, "akida")
    remedy = refused.value.remedies[0]
    assert str(remedy) == "delays cut to 1 tick or less and the network without 'a->a'"
    less = ns.Network(time="steps")
    less.add(ns.SpikeSource(4), "in")
    less.add(ns.IF(5), "a")
    less.connect("in", "a", weight=1.0, delay=1.0)
    assert hw.map_network(less, "akida").n_cores == 1
