"""Claims about quantised networks: grids, levels and decays are the chip's, integers stay whole."""

from dataclasses import replace

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


@pytest.mark.parametrize(("name", "word"), [("xylo-audio2", "floating"), ("dynapse2", "analog")])
def test_what_is_not_in_the_arithmetic_is_said(name, word):
    net = layered(neurons=lambda n, v_th: ns.LIF(n, tau_m=20.0, tau_syn=5.0, v_th=v_th),
                  time="continuous", delay=1.0)  # fmt: skip
    made = hw.quantise_for(net, name)
    assert made.arithmetic == "floating point"
    assert any(word in note for note in made.notes)
    tau = made.network.populations["hid"].neurons.params["tau_m"]
    assert tau == 20.0 if name == "dynapse2" else tau == pytest.approx(-1 / np.log(1 - 2**-4))


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
