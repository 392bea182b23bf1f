"""Claims about quantised networks: grids, levels and decays are the chip's, integers stay whole."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import ParameterError
from neurosim.hardware.chip import Quantise
from neurosim.hardware.decays import rounded_taus
from neurosim.hardware.levels import few_levels, on_grid
from neurosim.hardware.whole import SHIFT_LIF

TRUE_CHIPS = [name for name in hw.list_chips() if hw.load_chip(name).kind == "chip"]


def layered(seed=0, neurons=ns.IF, time="steps", delay=0.0):
    rng = np.random.default_rng(seed)
    net = ns.Network(time=time, seed=seed)
    spikes = np.nonzero(rng.random((50, 12)) < 0.2)
    net.add(ns.SpikeSource(12, times=spikes[0], ids=spikes[1]), "in")
    net.add(neurons(20, v_th=1.0), "hid")
    net.add(neurons(5, v_th=1.0), "out")
    net.connect("in", "hid", weight=rng.normal(0.2, 0.3, (12, 20)), delay=delay)
    net.connect("hid", "out", weight=rng.normal(0.2, 0.3, (20, 5)), delay=delay)
    return net


@pytest.mark.parametrize("name", TRUE_CHIPS)
def test_quantised_layers_run_as_whole_numbers_within_the_chips_bits(name):
    made = hw.quantise_for(layered(), name)
    assert made.arithmetic == "integer"
    chip = hw.load_chip(name)
    for p in made.network.projections.values():
        s = ns.expand(made.network, p)
        assert np.array_equal(s.weight, np.rint(s.weight))
        levels = np.unique(np.abs(s.weight))
        bits = chip.synapse.weight_bits - (chip.synapse.sign != "per_source")
        assert levels.size <= 2**bits
        most = chip.synapse.weight_values_per_neuron
        if most:
            per = max(np.unique(s.weight[s.post == j]).size for j in range(p.post.n))
            assert per <= most
        if chip.synapse.weight_values_per_core:
            assert np.unique(s.weight).size <= chip.synapse.weight_values_per_core
    result = ns.simulate(made.network, 50, progress=False, record={"hid": ["spikes", "v"]})
    v = result.traces["hid"]["v"].values
    assert np.array_equal(v, np.rint(v))
    assert result.counts["hid"].sum() > 0


def test_with_many_bits_nothing_changes():
    net = layered()
    made = hw.quantise_for(net, "speck", weight_bits=20, state_bits=24)
    a, b = (ns.simulate(n, 50, progress=False) for n in (net, made.network))
    for name in ("hid", "out"):
        assert np.array_equal(a.counts[name], b.counts[name])


def test_fewer_bits_are_farther_from_the_network():
    net = layered()
    errors = [
        hw.quantise_for(net, "loihi", weight_bits=bits).weights["in->hid"].mean_error
        for bits in (8, 6, 4, 3, 2)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.1 < errors[-1]


def test_lif_neurons_on_loihi_are_its_integer_neuron():
    net = layered(neurons=lambda n, v_th: ns.LIF(n, tau_m=20.0, tau_syn=5.0, v_th=v_th),
                  time="continuous", delay=1.0)  # fmt: skip
    made = hw.quantise_for(net, "loihi")
    assert made.arithmetic == "integer"
    assert made.network.populations["hid"].neurons.model.name == "LoihiLIF"
    assert ns.simulate(made.network, 50, progress=False).dtype == "int32"


def leaky(tau_syn=5.0, tau_m=20.0, **options):
    neurons = lambda n, v_th: ns.LIF(n, tau_m=tau_m, tau_syn=tau_syn, v_th=v_th, **options)  # noqa: E731
    return layered(neurons=neurons, time="continuous", delay=1.0)


@pytest.mark.parametrize("name", ["dynapse2", "brainscales2"])
def test_analog_neurons_keep_a_potential_in_floating_point_and_that_is_said(name):
    made = hw.quantise_for(leaky(), name)
    assert made.arithmetic == "floating point"
    assert any("analog" in note for note in made.notes)
    assert made.network.populations["hid"].neurons.params["tau_m"] == 20.0
    assert any("analog" in note for note in hw.quantise_for(layered(), name).notes)


DIGITAL = [name for name in TRUE_CHIPS if name not in ("dynapse2", "brainscales2")]


@pytest.mark.parametrize("name", DIGITAL)
@pytest.mark.parametrize("tau_syn", [None, 5.0])
def test_leaky_neurons_of_digital_chips_are_whole_numbers_of_its_bits(name, tau_syn):
    made = hw.quantise_for(leaky(tau_syn), name)
    assert made.arithmetic == "integer"
    result = ns.simulate(made.network, 60, progress=False, record={"hid": ["spikes", "v"]})
    assert result.dtype == "int32"
    v = result.traces["hid"]["v"].values
    rules = hw.load_chip(name).quantise
    bits = min(rules.state_bits, 31) + (0 if rules.negative and name != "loihi" else 1)
    assert v.max() < 2 ** (bits - 1) and v.min() >= -(2 ** (bits - 1))
    assert rules.negative or v.min() >= 0
    assert v.max() > 0


@pytest.mark.parametrize("name", ["xylo-audio2", "spinnaker", "darwin3"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_whole_numbers_of_many_bits_fire_as_the_network_does(name, reset):
    # Time constants that a shift has: 1 - 2^-2 and 1 - 2^-4 of a state are kept in a step.
    net = leaky(tau_syn=-1 / np.log(0.75), tau_m=-1 / np.log(0.9375), reset=reset)
    made = hw.quantise_for(net, name, weight_bits=16, state_bits=31)
    a = ns.simulate(net, 60.0, dt=1.0, progress=False).counts["hid"]
    b = ns.simulate(made.network, 60, progress=False).counts["hid"]
    assert a.sum() > 20
    assert abs(int(a.sum()) - int(b.sum())) <= 0.03 * a.sum()


def shift_steps(inputs, dash_u, dash_v, v_th, low, high):
    """u and v by the definition, one neuron: the reference."""
    u = v = 0
    seen = []
    lost = lambda x, k: max(x >> k, 1) if x > 0 else x >> k  # noqa: E731
    for w in inputs:
        u, v = u - lost(u, dash_u), v - lost(v, dash_v)
        u = min(max(u + w, -high - 1), high)
        v = min(max(v + u, low), high)
        v = 0 if v >= v_th else v
        seen.append((u, v))
    return seen


@given(
    weights=st.lists(st.integers(-3000, 3000), min_size=5, max_size=30),
    dash=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    bits=st.integers(8, 16),
)
def test_a_neuron_of_shifts_computes_what_its_definition_says(weights, dash, bits):
    high = 2 ** (bits - 1) - 1
    neurons = SHIFT_LIF.neurons(
        1, dash_u=dash[0], dash_v=dash[1], v_th=high // 2 + 1, low=-high - 1, high=high
    )
    net = ns.Network(time="steps")
    n = len(weights)
    net.add(ns.SpikeSource(n, times=np.arange(n), ids=np.arange(n)), "in")
    net.add(neurons, "cell")
    net.connect("in", "cell", weight=np.array(weights, float)[:, None])
    run = ns.simulate(net, n, progress=False, record={"cell": ["u", "v"]})
    seen = [run.traces["cell"][key].values[:, 0].tolist() for key in ("u", "v")]
    wanted = shift_steps(weights, *dash, high // 2 + 1, -high - 1, high)
    assert list(zip(*seen, strict=True)) == wanted


def test_a_potential_that_overflows_saturates_and_odins_never_is_negative():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(2, times=np.arange(40), ids=np.repeat([0, 1], 20)), "in")
    net.add(ns.IF(1, v_th=1.0), "out")
    # Twenty inhibitory spikes, then twenty excitatory ones.
    net.connect("in", "out", weight=[[-0.9], [0.3]])
    free = ns.simulate(net, 40, progress=False).counts["out"][0]
    found = {}
    for name in ("speck", "odin"):
        made = hw.quantise_for(net, name)
        run = ns.simulate(made.network, 40, progress=False, record={"out": ["spikes", "v"]})
        found[name] = run.counts["out"][0], run.traces["out"]["v"].values.min()
        assert any("saturates at" in note for note in made.notes)
    assert free == 0
    # 3 bits make 0.3 of 2/7 of 0.9, and it takes four of that to 1.
    assert found["odin"] == (5, 0)
    # 16 bits hold two to four thresholds below 0, of which 20 spikes of 0.3 make up.
    assert found["speck"][1] == -(2**15)
    assert 2 <= found["speck"][0] <= 4


def test_layers_of_whole_numbers_are_the_same_in_float32_and_int32():
    made = hw.quantise_for(layered(), "odin").network
    a, b = (ns.simulate(made, 50, dtype=kind, progress=False) for kind in ("float32", "int32"))
    assert a.counts["hid"].sum() > 0
    for name in ("hid", "out"):
        assert np.array_equal(a.counts[name], b.counts[name])


@given(tau=st.floats(1.5, 500.0), bits=st.integers(6, 16))
def test_decays_are_the_nearest_that_the_chip_has(tau, bits):
    rules = Quantise(decay="mantissa", decay_bits=bits)
    keep = np.exp(-1.0 / rounded_taus(np.array(tau), 1.0, rules)) * 2**bits
    assert keep == pytest.approx(round(keep), abs=1e-4)
    exact = np.exp(-1.0 / tau) * 2**bits
    assert abs(keep - exact) <= 0.5 + 1e-4 or round(keep) == 2**bits - 1
    k = -np.log2(-np.expm1(-1.0 / rounded_taus(np.array(tau), 1.0, Quantise(decay="shift"))))
    assert k == pytest.approx(max(1, round(np.log2(tau))), abs=1e-6)


def test_delays_lie_on_ticks_and_below_the_longest():
    net = ns.Network(time="continuous")
    net.add(ns.SpikeSource(3), "in")
    net.add(ns.LIF(1), "out")
    net.connect("in", "out", weight=1.0, delay=[[0.4], [3.6], [99.0]])
    made = hw.quantise_for(net, "truenorth")
    assert made.cut_delays["in->out"] == 1
    assert made.delay_error["in->out"] == pytest.approx(84.0)
    few = hw.quantise_for(net, "brainscales2", delay_bits=2)
    assert ns.expand(few.network, "in->out").delay.max() == 0.0


@given(seed=st.integers(0, 1000), most=st.integers(1, 6))
def test_few_levels_are_few_and_near(seed, most):
    values = np.random.default_rng(seed).normal(size=40)
    found = few_levels(values, most)
    assert np.unique(found).size <= most
    # Never worse than one level for all.
    assert np.square(found - values).sum() <= np.square(values - values.mean()).sum() + 1e-9


def test_rounding_to_a_grid_is_to_the_nearest_or_to_zero():
    values = np.array([0.26, -0.26, 0.24])
    assert on_grid(values, 0.5).tolist() == [0.5, -0.5, 0.0]
    assert on_grid(values, 0.5, "zero").tolist() == [0.0, 0.0, 0.0]


def test_baselines_and_bad_requests_are_refused_by_name():
    with pytest.raises(ParameterError, match="has no .quantise. table"):
        hw.quantise_for(layered(), "ann-cpu")
    with pytest.raises(ParameterError, match="quantise_for.weight_bits"):
        hw.quantise_for(layered(), "loihi", weight_bits=99)
    with pytest.raises(ParameterError, match="must be a Network with populations"):
        hw.quantise_for(ns.Network(), "loihi")


def test_the_quantised_network_fits_as_it_is():
    net = layered()
    assert hw.map_network(net, "speck").needs_quantisation
    made = hw.quantise_for(net, "speck")
    assert not hw.map_network(made.network, "speck").needs_quantisation


def test_the_report_prints_weights_numbers_and_notes():
    text = str(hw.quantise_for(layered(), "loihi"))
    for part in ("loihi: integer", "in->hid.weight", "hid.v_th", "in->hid.delay"):
        assert part in text
    chip = replace(hw.load_chip("loihi"), quantise=None)
    with pytest.raises(ParameterError, match="quantise_for.chip must say its numbers"):
        hw.quantise_for(layered(), chip)


@pytest.mark.parametrize("name", [n for n in TRUE_CHIPS if not n.startswith("loihi")])
@pytest.mark.parametrize(
    ("neurons", "time"), [(ns.IF, "steps"), (partial(ns.LIF, tau_syn=None), "continuous")]
)
def test_thresholds_lie_within_the_chips_bits(name, neurons, time):
    bits = hw.load_chip(name).quantise.threshold_bits
    made = hw.quantise_for(layered(neurons=neurons, time=time), name)
    params = made.network.populations["hid"].neurons.params
    if bits is not None and "high" in params:  # whole numbers
        assert 1 <= np.max(params["v_th"]) <= 2**bits - 1


@pytest.mark.parametrize("strongest", [50.0, 5000.0])
def test_weights_far_above_the_threshold_stay_within_32_bits_together(strongest):
    net = ns.Network(seed=1)
    net.add(ns.SpikeSource(4, times=[1.0, 1.0, 1.0, 1.0], ids=[0, 1, 2, 3]), "in")
    net.add(ns.LIF(1, v_th=1.0), "out")
    net.connect("in", "out", weight=strongest, delay=1.0)
    made = hw.quantise_for(net, "spinnaker2")
    assert made.arithmetic == "integer"
    assert ns.simulate(made.network, 5, progress=False).counts["out"].sum() == 1


def convolved(neurons=ns.IF, time="steps", delay=0.0):
    rng = np.random.default_rng(4)
    net = ns.Network(time=time, seed=1)
    at = np.nonzero(rng.random((20, 72)) < 0.2)
    net.add(ns.SpikeSource((6, 6, 2), times=at[0], ids=at[1]), "in")
    net.add(neurons((6, 6, 3)), "a")
    net.add(neurons((2, 2, 2)), "b")
    net.add(neurons(4), "out")
    net.connect(
        "in", "a", ns.Convolution(rng.normal(0.2, 0.4, (3, 2, 3, 3)), padding=1), delay=delay
    )
    net.connect("a", "b", ns.Convolution(rng.normal(0.2, 0.4, (2, 3, 3, 3)), stride=2), delay=delay)
    net.connect("b", "out", weight=rng.normal(0.3, 0.4, (8, 4)), delay=delay)
    return net


@pytest.mark.parametrize("chip", ["speck", "akida"])
def test_quantised_convolutions_remain_layers(chip):
    net = convolved()
    made = hw.quantise_for(net, chip)
    before, after = hw.map_network(net, chip), hw.map_network(made.network, chip)
    assert before.needs_quantisation and not after.needs_quantisation
    assert {k: v.tolist() for k, v in after.usage.items()} == {
        k: v.tolist() for k, v in before.usage.items()
    }
    for name, p in net.projections.items():
        close = ns.expand(made.network, name).weight * made.unit[p.post.name]
        exact = ns.expand(net, p).weight
        bits = hw.load_chip(chip).synapse.weight_bits
        assert np.abs(close - exact).max() <= np.abs(exact).max() / (2**bits - 2) * 1.001


@pytest.mark.parametrize("chip", ["xylo-audio2", "spinnaker2", "loihi", "dynapse2"])
@pytest.mark.parametrize("tau_syn", [None, 5.0])
def test_quantised_convolutions_fire_as_their_listed_synapses_do(chip, tau_syn):
    net = convolved(partial(ns.LIF, v_th=1.0, tau_syn=tau_syn), "continuous", 1.0)
    listed = ns.Network(seed=1)
    for name, population in net.populations.items():
        listed.add(population.neurons, name)
    for name, p in net.projections.items():
        s = ns.expand(net, p)
        rule = ns.FromArrays(s.pre, s.post)
        listed.connect(p.pre.name, p.post.name, rule, weight=s.weight, delay=1.0, name=name)
    a, b = (
        ns.simulate(hw.quantise_for(one, chip).network, 30, dt=1.0, progress=False)
        for one in (net, listed)
    )
    assert a.counts["a"].sum() > 20
    for name in ("a", "b", "out"):
        assert np.array_equal(a.counts[name], b.counts[name])


def test_networks_with_max_pooling_are_whole_numbers_too():
    rng = np.random.default_rng(2)
    at = np.nonzero(rng.random((30, 256)) < 0.1)
    made = ns.Sequential(ns.SpikeSource((8, 8, 4), times=at[0], ids=at[1]))
    made.add(ns.MaxPool((2, 2)), name="pool")
    net = made.network
    net.add(ns.IF((2, 2, 5)), "c")
    net.connect("pool", "c", ns.Convolution(rng.integers(-60, 128, (5, 4, 3, 3)) / 128.0))
    quantised = hw.quantise_for(net, "speck", weight_bits=20, state_bits=24)
    assert quantised.arithmetic == "integer"
    a, b = (ns.simulate(one, 40, progress=False) for one in (net, quantised.network))
    assert a.counts["c"].sum() > 20
    for name in ("pool", "c"):
        assert np.array_equal(a.counts[name], b.counts[name])
    assert hw.map_network(quantised.network, "speck").n_cores > 0
