"""Does the specification itself do what pencil and paper say?"""

from math import exp

import numpy as np
import pytest
import reference

import neurosim as ns


def driven(neurons, times, weight, *, delay=0.0, time="continuous", port=None):
    """One source neuron onto every neuron of one population."""
    net = ns.Network(time=time)
    net.add(ns.SpikeSource(1, times=times, ids=[0] * len(times)), "in")
    net.add(neurons, "pop")
    net.connect("in", "pop", ns.AllToAll(), weight=weight, delay=delay, port=port)
    return net


def test_delta_jump_to_the_threshold_fires_at_the_arrival_grid_point():
    net = driven(ns.LIF(1, tau_syn=None, v_th=1.0), [0.3], 1.0, delay=0.5)
    run = reference.simulate(net, 2.0, dt=0.1)
    assert run.spikes == {"in": [(3, 0)], "pop": [(8, 0)]}


def test_delta_jump_decays_with_tau_m():
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=None, v_th=1.0), [0.0], 0.5)
    run = reference.simulate(net, 3.0, dt=1.0)
    v = [row[0] for row in run.v["pop"]]
    assert v == pytest.approx([0.5, 0.5 * exp(-0.1), 0.5 * exp(-0.2)], rel=1e-15)


def test_exponential_current_moves_v_one_step_after_its_arrival():
    net = driven(ns.LIF(1, tau_m=20.0, tau_syn=5.0, r_m=2.0, v_th=9.0), [1.0], 1.0)
    run = reference.simulate(net, 4.0, dt=1.0)
    # v(s) = r_m w tau_syn / (tau_syn - tau_m) (e^{-s/tau_syn} - e^{-s/tau_m}) after the arrival
    psp = [2.0 * 5.0 / (5.0 - 20.0) * (exp(-s / 5.0) - exp(-s / 20.0)) for s in (1.0, 2.0)]
    assert [row[0] for row in run.v["pop"]] == pytest.approx([0.0, 0.0, *psp], rel=1e-14)
    assert [row[0][0] for row in run.i["pop"]] == pytest.approx(
        [0.0, 1.0, exp(-0.2), exp(-0.4)], rel=1e-14
    )


def test_integrator_counts_to_its_threshold_and_keeps_the_surplus():
    net = driven(ns.IF(1, v_th=1.0, reset="subtract"), [0, 1, 2, 3, 4, 5], 0.375, time="steps")
    run = reference.simulate(net, 6)
    assert [row[0] for row in run.v["pop"]] == [0.375, 0.75, 0.125, 0.5, 0.875, 0.25]
    assert run.spikes["pop"] == [(2, 0), (5, 0)]


def test_reset_to_a_value_forgets_the_surplus():
    net = driven(ns.IF(1, v_th=1.0, reset="value"), [0, 1, 2, 3, 4, 5], 0.375, time="steps")
    run = reference.simulate(net, 6)
    assert [row[0] for row in run.v["pop"]] == [0.375, 0.75, 0.0, 0.375, 0.75, 0.0]


def test_subtraction_removes_the_distance_from_threshold_to_reset():
    neurons = ns.IF(1, v_th=1.0, v_reset=0.25, v0=0.5, reset="subtract")
    run = reference.simulate(driven(neurons, [0], 0.75, time="steps"), 1)
    assert run.v["pop"] == [[0.5]]  # 1.25 - (1 - 0.25)


def test_refractory_neuron_ignores_delta_arrivals_until_t_ref_has_passed():
    neurons = ns.IF(1, v_th=1.0, t_ref=2.0, reset="value")
    net = driven(neurons, [0, 1, 2, 3, 4, 5], 1.0, time="steps")
    run = reference.simulate(net, 6)
    assert run.spikes["pop"] == [(0, 0), (2, 0), (4, 0)]
    assert [row[0] for row in run.v["pop"]] == [0.0] * 6


def test_synaptic_current_decays_while_v_is_held():
    neurons = ns.IF(1, tau_syn=2.0, v_th=0.5, t_ref=3.0, c_m=1.0)
    run = reference.simulate(driven(neurons, [0.0], 1.0), 6.0, dt=1.0)
    step = 2.0 * (1.0 - exp(-0.5))  # charge of the first step: 0.787, above the threshold
    assert run.spikes["pop"][0] == (1, 0)
    surplus = step - 0.5
    v = [row[0] for row in run.v["pop"]]
    assert v[1:5] == pytest.approx([surplus] * 4, rel=1e-14)  # held for 3 advances
    assert v[5] == pytest.approx(surplus + exp(-2.0) * step, rel=1e-14)
    assert run.spikes["pop"] == [(1, 0)]


def test_zero_delays_pass_a_whole_chain_in_one_grid_point_whatever_the_order_of_adding():
    net = ns.Network()
    net.add(ns.LIF(1, tau_syn=None), "last")
    net.add(ns.LIF(1, tau_syn=None), "first")
    net.add(ns.SpikeSource(1, times=[1.0], ids=[0]), "in")
    net.connect("first", "last", ns.OneToOne(), weight=1.0, delay=0.0)
    net.connect("in", "first", ns.OneToOne(), weight=1.0, delay=0.0)
    run = reference.simulate(net, 2.0, dt=0.5)
    assert run.spikes == {"last": [(2, 0)], "first": [(2, 0)], "in": [(2, 0)]}


def test_arrivals_at_one_grid_point_are_one_sum():
    net = driven(ns.LIF(1, tau_syn=None, v_th=1.0), [1.0, 1.0], 0.75)
    net.connect("in", "pop", ns.OneToOne(), weight=-0.5, delay=0.0, name="veto")
    run = reference.simulate(net, 2.0, dt=1.0)
    assert run.spikes["pop"] == []  # 2 x 0.75 - 2 x 0.5 = 0.5, though 1.5 alone would fire
    assert run.v["pop"] == [[0.0], [0.5]]


def test_negative_projection_goes_to_the_second_port_unless_told():
    net = driven(ns.IF(1, tau_syn=(2.0, 8.0), v_th=9.0), [0.0], -1.0)
    assert reference.simulate(net, 1.0, dt=1.0).i["pop"] == [[[0.0, -1.0]]]
    net = driven(ns.IF(1, tau_syn=(2.0, 8.0), v_th=9.0), [0.0], -1.0, port=0)
    assert reference.simulate(net, 1.0, dt=1.0).i["pop"] == [[[-1.0, 0.0]]]


def test_multapses_and_autapses_each_deliver():
    net = ns.Network(time="steps")
    net.add(ns.IF(2, v_th=1.0, v0=[1.0, 0.0], reset="value"), "pop")
    rule = ns.FromArrays(np.array([0, 0, 0]), np.array([1, 1, 0]))
    net.connect("pop", "pop", rule, weight=np.array([0.25, 0.5, 0.125]), delay=2)
    run = reference.simulate(net, 3)
    assert run.spikes["pop"] == [(0, 0)]
    assert run.v["pop"] == [[0.0, 0.0], [0.0, 0.0], [0.125, 0.75]]


def test_given_emissions_replace_a_source():
    net = ns.Network()
    net.add(ns.PoissonSource(2, rate=10.0), "in")
    run = reference.simulate(net, 1.0, dt=0.5, emissions={"in": [(1, 1), (0, 0), (1, 1)]})
    assert run.spikes["in"] == [(0, 0), (1, 1), (1, 1)]
