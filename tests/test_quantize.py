"""Does a quantised network do what the float network did, and say what it changed?"""

import numpy as np
import pytest

import neurosim as ns
from neurosim import _jit
from neurosim.errors import BuildError, ParameterError
from neurosim.quantization import Fit, quantize
from neurosim.quantization.report import fit

needs_compiler = pytest.mark.skipif(not _jit.JIT, reason="seconds of activity need the compiler")


def counts(net, duration, dt):
    """Spikes per neuron of the float network and of the quantised one."""
    quantized = quantize(net, dt=dt)
    before = ns.simulate(net, duration, dt=dt, dtype="float64", progress=False)
    after = ns.simulate(quantized.network, round(duration / dt), progress=False)
    assert after.dtype == "int32"
    return before.counts, after.counts, quantized.report


def feed_forward(tau_syn, seed):
    net = ns.Network(seed=seed)
    net.add(ns.PoissonSource(200, rate=20.0), "noise")
    one = ns.LIF(50, tau_m=15.0, tau_syn=tau_syn, v_rest=-65.0, v_reset=-67.0, v_th=-50.0,
                 t_ref=2.0, i_ext=4.0, v0=ns.Uniform(-67.0, -50.0))  # fmt: skip
    net.add(one, "first")
    two = ns.LIF(30, tau_m=np.linspace(10.0, 30.0, 30), tau_syn=tau_syn, v_th=np.linspace(1, 2, 30))
    net.add(two, "second")
    scale = 1.0 if tau_syn is None else 15.0 / tau_syn
    net.connect("noise", "first", ns.FixedProbability(0.3), delay=1.5,
                weight=ns.Normal(0.6 * scale, 0.1 * scale, low=0.0))  # fmt: skip
    net.connect("first", "second", ns.FixedProbability(0.4), delay=ns.Uniform(0.5, 4.0),
                weight=ns.Normal(0.16 * scale, 0.1 * scale))  # fmt: skip
    return net


def balanced(tau_syn, seed=3):
    net = ns.Network(seed=seed)
    net.add(ns.PoissonSource(400, rate=15.0), "noise")
    options = {"tau_m": 20.0, "tau_syn": tau_syn, "t_ref": 2.0, "v_th": 20.0, "v_reset": 10.0}
    net.add(ns.LIF(160, **options), "exc")
    net.add(ns.LIF(40, **options), "inh")
    unit = 0.6 if tau_syn is None else 0.6 * 20.0 / tau_syn
    net.connect("noise", ["exc", "inh"], ns.FixedInDegree(150), weight=unit, delay=1.0)
    net.connect("exc", ["exc", "inh"], ns.FixedInDegree(16), weight=unit, delay=1.5)
    net.connect("inh", ["exc", "inh"], ns.FixedInDegree(4), weight=-5 * unit, delay=1.5)
    return net


@needs_compiler
@pytest.mark.parametrize("dt", [0.1, 0.5])
@pytest.mark.parametrize("tau_syn", [None, 5.0])
def test_rates_of_a_random_feed_forward_network_stay_within_ten_percent(tau_syn, dt):
    before, after, report = counts(feed_forward(tau_syn, seed=1), 2000.0, dt)
    assert np.array_equal(before["noise"], after["noise"])  # the same input spikes
    for name in ("first", "second"):
        rate = before[name].mean() / 2.0
        assert 2.0 < rate < 200.0
        assert after[name].mean() / 2.0 == pytest.approx(rate, rel=0.10)
    assert report.n_clipped == 0


@needs_compiler
@pytest.mark.parametrize("tau_syn", [None, 2.0])
def test_rates_of_a_recurrent_network_stay_within_ten_percent(tau_syn):
    before, after, _ = counts(balanced(tau_syn), 3000.0, 0.5)
    for name in ("exc", "inh"):
        rate = before[name].mean() / 3.0
        assert 2.0 < rate < 200.0
        assert after[name].mean() / 3.0 == pytest.approx(rate, rel=0.10)


@pytest.mark.parametrize("tau_syn", [None, 4.0])
@pytest.mark.parametrize("dt", [0.25, 1.0])
def test_the_potential_follows_the_float_potential_step_by_step(tau_syn, dt):
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=[3.0, 7.0, 8.0, 30.0], ids=[0] * 4), "in")
    cell = ns.LIF(1, tau_m=16.0, tau_syn=tau_syn, v_th=50.0, v_rest=1.0, v_reset=-1.0, i_ext=0.5,
                  r_m=2.0, v0=3.0)  # fmt: skip
    net.add(cell, "cell")
    net.connect("in", "cell", weight=6.0, delay=2.0)
    net.connect("in", "cell", weight=-2.5, delay=9.0)
    quantized = quantize(net, dt=dt)
    record = {"cell": "v"}
    exact = ns.simulate(net, 100.0, dt=dt, dtype="float64", record=record).traces["cell"]["v"]
    steps = round(100.0 / dt)
    whole = ns.simulate(quantized.network, steps, record=record).traces["cell"]["v"]
    v = whole.values[:, 0] / quantized.report.populations["cell"].scale - 1.0
    rounding = quantized.report.populations["cell"].fits["tau_m"].max_error
    assert np.abs(v - exact.values[:, 0]).max() < 0.02 + 8.0 * rounding


@pytest.mark.parametrize("tau_syn", [None, 4.0])
@pytest.mark.parametrize("t_ref", [0.0, 1.0, 3.0])
def test_refractory_neurons_fire_at_the_same_steps(tau_syn, t_ref):
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(1, times=np.arange(60), ids=[0] * 60), "in")
    net.add(ns.LIF(1, tau_m=4.0, tau_syn=tau_syn, t_ref=t_ref), "cell")
    net.connect("in", "cell", weight=0.45, delay=1)
    before, after = (
        ns.simulate(n, 60).spikes["cell"].times.tolist() for n in (net, quantize(net).network)
    )
    assert before == after and len(before) > 5


def test_a_delta_arrival_of_exactly_the_threshold_still_fires():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(1, times=[0, 5, 11], ids=[0] * 3), "in")
    net.add(ns.LIF(1, tau_m=20.0), "cell")
    net.connect("in", "cell", weight=1.0, delay=0)
    after = ns.simulate(quantize(net).network, 20)
    assert after.spikes["cell"].times.tolist() == [0, 5, 11]


def test_a_network_of_zero_weights_stays_silent_and_has_no_errors():
    net = ns.Network()
    net.add(ns.SpikeSource(3, times=[1.0], ids=[0]), "in")
    net.add(ns.LIF(2, tau_syn=5.0), "cells")
    net.add(ns.LIF(2), "alone")
    net.connect("in", "cells", weight=0.0, delay=1.0)
    net.connect("in", "cells", ns.FixedProbability(0.0), weight=1.0, delay=1.0, name="none")
    quantized = quantize(net)
    result = ns.simulate(quantized.network, 100)
    assert {name: int(c.sum()) for name, c in result.counts.items() if name != "in"} == {
        "cells": 0, "alone": 0,
    }  # fmt: skip
    assert quantized.report.projections["in->cells"].weight == Fit(0.0, 0.0, 0, 0, 6)
    assert quantized.report.projections["none"].weight.n == 0


def one_projection(weight, **options):
    net = ns.Network(time="steps", seed=5)
    n = len(weight)
    net.add(ns.SpikeSource(n), "in")
    net.add(ns.LIF(1, tau_m=50.0), "cell")
    net.connect("in", "cell", weight=np.reshape(weight, (n, 1)), delay=1)
    return quantize(net, **options)


def test_mantissas_fill_their_bits_and_the_error_is_half_a_unit():
    weight = np.linspace(0.01, 1.0, 200)
    for bits in (2, 4, 8):
        quantized = one_projection(weight, weight_bits=bits)
        mantissas = ns.expand(quantized.network, "in->cell").weight
        assert mantissas.max() == 2**bits - 1 and mantissas.min() >= 0
        error = np.abs(mantissas / mantissas.max() - weight)
        assert error.max() <= 0.5 / (2**bits - 1) + 1e-12
        report = quantized.report.projections["in->cell"].weight
        assert report.max_error == pytest.approx((error / weight).max())
        assert report.mean_error == pytest.approx((error / weight).mean())
        assert report.n_zeroed == (mantissas == 0).sum()


def test_weights_of_both_signs_lose_the_last_bit():
    weight = np.linspace(-1.0, 0.9, 77)
    mantissas = ns.expand(one_projection(weight).network, "in->cell").weight
    assert (mantissas % 2 == 0).all() and np.abs(mantissas).max() == 254


def test_rounding_towards_zero_shrinks_and_stochastic_rounding_keeps_the_mean():
    weight = np.append(np.full(4000, 0.7 / 255), 1.0)
    means = {}
    for rounding in ("nearest", "zero", "stochastic"):
        made = one_projection(weight, rounding=rounding).network
        assert np.array_equal(
            ns.expand(made, "in->cell").weight,
            ns.expand(one_projection(weight, rounding=rounding).network, "in->cell").weight,
        )
        means[rounding] = ns.expand(made, "in->cell").weight[:-1].mean()
    assert means["nearest"] == 1.0 and means["zero"] == 0.0
    assert means["stochastic"] == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / 4000))


def test_projections_of_different_size_have_their_own_exponents():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(1), "in")
    net.add(ns.LIF(1), "cell")
    net.connect("in", "cell", weight=0.9, delay=1, name="strong")
    net.connect("in", "cell", weight=0.01, delay=1, name="weak")
    quantized = quantize(net)
    report = quantized.report.projections
    assert report["strong"].weight_exp == report["weak"].weight_exp + 6
    assert report["weak"].weight.max_error < 0.005
    ratio = [ns.expand(quantized.network, name).weight[0] for name in ("strong", "weak")]
    assert ratio[0] / ratio[1] == pytest.approx(90.0, rel=0.005)


def test_time_constants_beyond_twelve_bits_are_clipped_and_counted():
    net = ns.Network()
    net.add(ns.LIF(3, tau_m=[20.0, 500.0, 5000.0]), "slow")
    quantized = quantize(net, dt=0.1)
    tau = quantized.report.populations["slow"].fits["tau_m"]
    assert tau.n_clipped == quantized.report.n_clipped == 1
    assert tau.max_error == pytest.approx(1 - 409.55 / 5000.0, rel=1e-3)
    assert "slow.tau_m" in str(quantized.report)


def test_delays_and_input_times_fall_on_the_grid():
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=[1.26], ids=[0]), "in")
    net.add(ns.LIF(1), "delta")
    net.add(ns.LIF(1, tau_syn=2.0), "current")
    net.connect("in", ["delta", "current"], weight=0.5, delay=1.6)
    quantized = quantize(net, dt=0.5)
    made = quantized.network
    assert made.populations["in"].neurons.times.tolist() == [3.0]
    assert ns.expand(made, "in->delta").delay.tolist() == [3.0]
    assert ns.expand(made, "in->current").delay.tolist() == [4.0]
    assert quantized.report.projections["in->delta"].max_delay_error == pytest.approx(0.1)


@pytest.mark.parametrize(
    "neurons, message",
    [
        (ns.IF(2), r"population 'cells' must be LIF neurons, got IF"),
        (ns.LIF(2, tau_syn=(2.0, 5.0)), r"'cells' must have one input port, got \('exc', 'inh'\)"),
        (ns.LIF(2, reset="subtract"), r"'cells' must be reset to a value, got reset='subtract'"),
    ],
)
def test_neurons_without_an_integer_counterpart_are_refused_by_name(neurons, message):
    net = ns.Network()
    net.add(neurons, "cells")
    with pytest.raises(ParameterError, match=message):
        quantize(net)


def test_what_else_cannot_be_mapped_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"quantize\.network must be a Network with"):
        quantize(ns.Network())
    net = ns.Network()
    net.add(ns.LIF(2, tau_syn=5.0), "cells")
    for options, message in (
        ({"weight_bits": 9}, r"quantize\.weight_bits must be >= 2 and <= 8, got 9"),
        ({"state_bits": 24}, r"quantize\.state_bits must be >= 14 and <= 23"),
        ({"rounding": "up"}, r"quantize\.rounding must be one of 'nearest', 'zero'"),
        ({"dt": 0.0}, r"quantize\.dt must be > 0"),
    ):
        with pytest.raises(ParameterError, match=message):
            quantize(net, **options)
    net.connect("cells", "cells", weight=0.1, delay=0.05)
    with pytest.raises(BuildError, match=r"'cells->cells'\.delay must be 0 or >= dt"):
        quantize(net)
    driven = ns.Network()
    driven.add(ns.LIF(2), "cells")
    driven.stimulate("cells", ns.PoissonInput(rate=100.0, weight=0.5))
    with pytest.raises(ParameterError, match=r"stimulus .* must be a PoissonSource population"):
        quantize(driven)
    steps = ns.Network(time="steps")
    steps.add(ns.LIF(1), "cell")
    with pytest.raises(ParameterError, match=r"quantize\.dt must be 1 for time='steps'"):
        quantize(steps, dt=0.5)


def test_currents_that_are_not_zero_at_the_start_are_refused():
    from neurosim.models.lif import LIF_EXP

    net = ns.Network()
    net.add(LIF_EXP.neurons(1, initial={"i_syn": 0.5}), "cells")
    with pytest.raises(ParameterError, match=r"'cells' must start with i_syn = 0, got 0\.5"):
        quantize(net)


def test_errors_are_relative_and_over_nonzero_numbers():
    assert fit([0.0, 0.0], [0.0, 0.0]) == Fit(0.0, 0.0, 0, 0, 2)
    assert fit([1.0, -2.0, 0.0], [0.0, -2.0, 0.0], 1) == Fit(1.0, 0.5, 1, 1, 3)
