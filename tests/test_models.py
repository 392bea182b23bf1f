"""Do the neuron models follow their closed forms?"""

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import ParameterError


def driven(neurons, times=(), weight=1.0, *, delay=0.0):
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=list(times), ids=[0] * len(times)), "in")
    net.add(neurons, "pop")
    net.connect("in", "pop", ns.AllToAll(), weight=weight, delay=delay)
    return net


def run(net, duration, dt=0.1, dtype="float64"):
    record = {"pop": ["spikes", "v"]}
    return ns.simulate(net, duration, dt=dt, dtype=dtype, record=record, progress=False)


def trace(result):
    recorded = result.traces["pop"]["v"]
    return recorded.times, recorded.values[:, 0]


def psp(s, tau_m, tau_syn):
    """Response of v to a unit current jump at s = 0, r_m = 1; the limit at tau_m = tau_syn."""
    s = np.maximum(s, 0.0)
    if tau_m == tau_syn:
        return s / tau_m * np.exp(-s / tau_m)
    return tau_syn / (tau_syn - tau_m) * (np.exp(-s / tau_syn) - np.exp(-s / tau_m))


@pytest.mark.parametrize("dtype, rel", [("float64", 1e-12), ("float32", 1e-4)])
def test_lif_decays_to_rest_with_tau_m(dtype, rel):
    net = driven(ns.LIF(1, tau_m=20.0, v_rest=-65.0, v_th=-50.0, v_reset=-65.0, v0=-55.0))
    t, v = trace(run(net, 50.0, dtype=dtype))
    np.testing.assert_allclose(v + 65.0, 10.0 * np.exp(-t / 20.0), rtol=rel, atol=65 * rel)


@pytest.mark.parametrize("t_ref", [0.0, 2.0])
@pytest.mark.parametrize("drive", [1.2, 2.0, 5.0])
def test_lif_rate_under_constant_current_is_the_analytic_one(t_ref, drive):
    tau_m, dt = 20.0, 0.05
    net = driven(ns.LIF(1, tau_m=tau_m, t_ref=t_ref, i_ext=drive))
    intervals = np.diff(run(net, 200.0, dt=dt).spikes["pop"].times)
    exact = t_ref + tau_m * np.log(drive / (drive - 1.0))
    # a crossing between grid points is seen at the later one
    assert len(intervals) > 3
    np.testing.assert_allclose(intervals, np.ceil(exact / dt - 1e-6) * dt, rtol=1e-9)


def test_lif_below_rheobase_never_fires_and_reaches_its_steady_state():
    result = run(driven(ns.LIF(1, tau_m=10.0, r_m=2.0, i_ext=0.499)), 300.0)
    assert result.counts["pop"].tolist() == [0]
    assert trace(result)[1][-1] == pytest.approx(0.998, rel=1e-9)


@pytest.mark.parametrize("tau_syn", [5.0, 10.0, 10.0 * (1 + 1e-9), 10.0 * (1 + 1e-5), 25.0])
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_lif_psp_is_the_difference_of_exponentials(tau_syn, dt):
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=tau_syn), [3.0], 0.5, delay=2.0)
    t, v = trace(run(net, 60.0, dt=dt))
    # the closed form itself cancels for nearly equal time constants; its limit does not
    form = 10.0 if abs(tau_syn - 10.0) < 1e-6 else tau_syn
    np.testing.assert_allclose(v, 0.5 * psp(t - 5.0, 10.0, form), rtol=1e-8, atol=1e-11)


def test_float32_psp_with_equal_time_constants_is_finite_and_close():
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=10.0), [0.0], 0.5)
    t, v = trace(run(net, 60.0, dtype="float32"))
    np.testing.assert_allclose(v, 0.5 * psp(t, 10.0, 10.0), atol=1e-5)


def test_two_ports_superpose_with_their_own_time_constants():
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=(2.0, 8.0)), [1.0], 0.5)
    net.connect("in", "pop", ns.AllToAll(), weight=-0.25, delay=3.0, name="inhibition")
    t, v = trace(run(net, 50.0))
    expected = 0.5 * psp(t - 1.0, 10.0, 2.0) - 0.25 * psp(t - 4.0, 10.0, 8.0)
    np.testing.assert_allclose(v, expected, rtol=1e-9, atol=1e-12)


def test_if_integrates_its_bias_exactly():
    t, v = trace(run(driven(ns.IF(1, c_m=4.0, i_ext=0.125)), 20.0, dt=0.5))
    np.testing.assert_array_equal(v, t * 0.125 / 4.0)


def test_if_takes_up_the_whole_charge_of_an_exponential_current():
    net = driven(ns.IF(1, tau_syn=3.0, c_m=2.0), [1.0], 0.5)
    t, v = trace(run(net, 100.0))
    expected = 0.5 * 3.0 / 2.0 * -np.expm1(-np.maximum(t - 1.0, 0.0) / 3.0)
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=1e-14)


def test_if_counts_weighted_inputs_exactly():
    net = driven(ns.IF(1, v_th=1.0, reset="subtract"), np.arange(64) * 0.5, 0.375)
    result = run(net, 32.0, dt=0.5)
    assert result.counts["pop"].tolist() == [24]  # 64 x 0.375
    assert trace(result)[1][-1] == 0.0


@pytest.mark.parametrize("model", [ns.LIF, ns.IF])
@pytest.mark.parametrize("tau_syn", [None, 5.0])
def test_no_two_spikes_of_a_neuron_are_closer_than_t_ref(model, tau_syn):
    neurons = model(4, t_ref=1.5, tau_syn=tau_syn, i_ext=np.array([0.1, 1.5, 10.0, 1e3]))
    spikes = run(driven(neurons, np.arange(0.0, 50.0, 0.3), 2.0), 50.0).spikes["pop"]
    for neuron in range(4):
        gaps = np.diff(spikes.times[spikes.ids == neuron])
        assert gaps.size and gaps.min() >= 1.5 - 1e-9
    if model is ns.IF:  # its surplus survives the reset, so it fires as soon as it may
        np.testing.assert_allclose(np.diff(spikes.times[spikes.ids == 3]), 1.5, rtol=1e-9)


def test_reset_by_value_and_by_subtraction_differ_by_the_surplus():
    by_value = driven(ns.LIF(1, tau_syn=None, v_reset=-0.5, reset="value"), [1.0], 1.75)
    by_subtraction = driven(ns.LIF(1, tau_syn=None, v_reset=-0.5, reset="subtract"), [1.0], 1.75)
    assert trace(run(by_value, 1.1))[1][-1] == -0.5
    assert trace(run(by_subtraction, 1.1))[1][-1] == 0.25  # 1.75 - (1 + 0.5)


@pytest.mark.parametrize("model", [ns.LIF, ns.IF])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_delta_jump_to_the_threshold_fires_at_the_arrival_grid_point(model, dtype):
    net = driven(model(3, tau_syn=None, v_th=[1.0, 1.0625, 0.75]), [0.3], 1.0, delay=0.5)
    spikes = run(net, 2.0, dtype=dtype).spikes["pop"]
    np.testing.assert_allclose(spikes.times, [0.8, 0.8], rtol=1e-12)
    assert spikes.ids.tolist() == [0, 2]


def test_delta_jump_while_refractory_is_lost():
    neurons = ns.LIF(1, tau_syn=None, t_ref=1.0)
    spikes = run(driven(neurons, [0.0, 0.5, 0.9, 1.0], 1.0), 3.0).spikes["pop"]
    np.testing.assert_allclose(spikes.times, [0.0, 1.0])


def test_neuron_that_starts_above_threshold_fires_at_the_first_grid_point():
    result = run(driven(ns.IF(2, v0=[1.0, 0.5])), 1.0)
    assert result.spikes["pop"].times.tolist() == [0.0]
    assert result.spikes["pop"].ids.tolist() == [0]


@pytest.mark.parametrize("make", [ns.LIF, ns.IF])
@pytest.mark.parametrize("tau_syn", [None, 5.0, (3.0, 6.0)])
def test_cells_without_dead_time_are_those_whose_dead_time_is_of_one_of_them(make, tau_syn):
    """A kernel that leaves out what stays 0 computes what the whole one does."""

    def spikes(t_ref):
        net = ns.Network(seed=3)
        noise = net.add(ns.PoissonSource(40, rate=300.0), "noise")
        cells = net.add(make(40, tau_syn=tau_syn, v_th=1.0, t_ref=t_ref), "cells")
        net.connect(noise, cells, ns.FixedProbability(0.4), weight=0.3, delay=0.5)
        found = ns.simulate(net, 100.0, engine="clock", progress=False).spikes["cells"]
        own = found.ids < 39  # the last one may be refractory
        return found.times[own], found.ids[own]

    plain = spikes(0.0)
    mixed = spikes(np.where(np.arange(40) < 39, 0.0, 2.0))  # an array: nothing is left out
    np.testing.assert_array_equal(plain, mixed)
    assert plain[0].size > 50


def test_state_that_stays_0_has_to_be_state_and_its_parameter_a_parameter():
    with pytest.raises(ParameterError, match="still"):
        ns.NeuronModel(
            name="m", state={"v": 0.0}, still={"w": "p"}, advance=lambda v: v,
            receive=lambda v, weight: v + weight,
        )  # fmt: skip
