"""Does the specification of the event engine do what pencil and paper say?"""

from math import exp, log

import mpmath
import numpy as np
import pytest
from exact_curve import Curve, Digits, Float64
from exact_networks import driven
from exact_reference import simulate, trusted_until

import neurosim as ns


def alone(neurons):
    net = ns.Network()
    net.add(neurons, "pop")
    return net


def test_leaky_neuron_under_a_constant_current_fires_with_its_period():
    net = alone(ns.LIF(1, tau_m=10.0, i_ext=1.5, t_ref=2.0))
    period = 10.0 * log(3.0)  # from 0 to 1 under 1.5
    expected = [period + k * (period + 2.0) for k in range(7)]
    for digits in (None, 50):
        run = simulate(net, 90.0, digits=digits)
        assert run.train("pop", 0) == pytest.approx(expected, abs=1e-12)


def test_many_digits_are_right_to_forty():
    (t, _), *_ = simulate(alone(ns.LIF(1, tau_m=10.0, i_ext=1.5)), 20.0, digits=50).spikes["pop"]
    with mpmath.workdps(60):
        assert abs(t - 10 * mpmath.log(3)) < mpmath.mpf(10) ** -44


@pytest.mark.parametrize("digits", [None, 50])
def test_perfect_integrator_reaches_the_threshold_when_the_charge_does(digits):
    net = driven(ns.IF(1, tau_syn=2.0, v_th=1.0), [0.5], 1.0, delay=0.25)
    # charge 2 (1 - e^{-s/2}) = 1 at s = 2 log 2
    run = simulate(net, 20.0, digits=digits)
    assert run.train("pop", 0) == pytest.approx([0.75 + 2.0 * log(2.0)], abs=1e-14)


@pytest.mark.parametrize("digits", [None, 50])
def test_synapse_half_as_slow_as_the_membrane_crosses_where_the_quadratic_says(digits):
    w, tau = 6.0, 10.0
    net = driven(ns.LIF(1, tau_m=tau, tau_syn=tau / 2.0, t_ref=100.0), [0.0], w)
    # v = w (y - y^2) with y = e^{-t/tau_m}, as w tau_syn / (tau_m - tau_syn) = w
    y = (w + (w * w - 4.0 * w) ** 0.5) / (2.0 * w)
    assert simulate(net, 50.0, digits=digits).train("pop", 0) == pytest.approx(
        [-tau * log(y)], abs=1e-14
    )


@pytest.mark.parametrize("digits", [None, 50])
def test_equal_time_constants_cross_where_lambert_says(digits):
    w, tau = 4.0, 8.0
    net = driven(ns.LIF(1, tau_m=tau, tau_syn=tau, t_ref=100.0), [1.0], w)
    t = float(-tau * mpmath.lambertw(-1.0 / w))  # w (t / tau) e^{-t/tau} = 1
    assert simulate(net, 50.0, digits=digits).train("pop", 0) == pytest.approx([1.0 + t], abs=1e-13)


def test_nearly_equal_time_constants_are_as_good_as_equal_ones_with_many_digits():
    near = ns.LIF(1, tau_m=8.0, tau_syn=8.0 * (1.0 + 1e-12), t_ref=100.0)
    equal = ns.LIF(1, tau_m=8.0, tau_syn=8.0, t_ref=100.0)
    runs = [simulate(driven(n, [1.0], 4.0), 50.0, digits=50) for n in (near, equal)]
    assert runs[0].train("pop", 0) == pytest.approx(runs[1].train("pop", 0), abs=1e-10)


def test_two_sign_changes_on_a_hair_are_both_found():
    # 1e-9 above zero between two zeros, far from both ends
    a, b = 1.0, 2.0
    y0, h = 0.3, 1e-9  # -(y - y0)^2 + h with y = e^{-t}
    for numbers, digits in ((Digits(50), 1e-30), (Float64, 1e-9)):
        n = numbers.number
        curve = Curve({0: [n(h) - n(y0) ** 2], n(a): [2 * n(y0)], n(b): [n(-1.0)]}, numbers)
        root = n(h) ** 0.5
        expected = [-mpmath.log(y0 + root), -mpmath.log(y0 - root)]
        found = curve.sign_changes(n(50.0))
        assert [float(t) for t in found] == pytest.approx([float(t) for t in expected], abs=1e-9)
        assert all(abs(curve(t)) < digits for t in found)


def test_inhibition_that_ends_sooner_than_excitation_lets_the_neuron_rebound():
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=(20.0, 3.0), t_ref=100.0), [0.0], 4.0, port="exc")
    net.connect("in", "pop", ns.AllToAll(), weight=-9.0, port="inh", name="inhibition")
    (t,) = simulate(net, 100.0).train("pop", 0)

    def v(s):
        exc = 4.0 * 20.0 / (20.0 - 10.0) * (exp(-s / 20.0) - exp(-s / 10.0))
        return exc - 9.0 * 3.0 / (3.0 - 10.0) * (exp(-s / 3.0) - exp(-s / 10.0))

    grid = np.linspace(0.0, 100.0, 1_000_001)
    assert v(t) == pytest.approx(1.0, abs=1e-14)
    assert t == pytest.approx(grid[np.argmax(np.vectorize(v)(grid) >= 1.0)], abs=2e-4)


def test_delta_arrival_at_the_threshold_fires_at_the_arrival():
    run = simulate(driven(ns.LIF(1), [0.3], 1.0, delay=0.1), 2.0)
    assert run.spikes == {"in": [(0.3, 0)], "pop": [(0.3 + 0.1, 0)]}


def test_large_delta_arrival_fires_several_times_at_one_instant_by_subtraction():
    net = driven(ns.IF(1, v_th=1.0, t_ref=0.0), [1.0], 3.25)
    assert simulate(net, 2.0).train("pop", 0) == [1.0, 1.0, 1.0]
    held = driven(ns.IF(1, v_th=1.0, t_ref=0.5), [1.0], 3.25)
    assert simulate(held, 4.0).train("pop", 0) == [1.0, 1.5, 2.0]


def test_neuron_that_begins_above_the_threshold_fires_at_zero_before_arrivals():
    net = driven(ns.IF(1, v_th=1.0, v0=2.5), [0.0], -1.0)
    run = simulate(net, 1.0, times=[0.0])
    assert run.train("pop", 0) == [0.0, 0.0]
    assert run.v["pop"] == [[-0.5]]


def test_delta_arrivals_are_lost_until_exactly_the_end_of_refractoriness():
    net = driven(ns.IF(1, v_th=1.0, t_ref=2.0, reset="value"), [0.0, 1.0, 1.875, 2.0, 3.0], 1.0)
    assert simulate(net, 5.0).train("pop", 0) == [0.0, 2.0]
    early = [0.0, 2.0 - 1e-8, 2.0 - 1e-12]
    net = driven(ns.IF(1, v_th=1.0, t_ref=2.0, reset="value"), early, 1.0)
    assert simulate(net, 5.0).train("pop", 0) == [0.0, early[2]]


def test_currents_go_on_while_v_is_held():
    net = driven(ns.IF(1, tau_syn=2.0, v_th=0.5, t_ref=3.0, reset="value"), [0.0], 1.0)
    run = simulate(net, 6.0, times=[2.0, 5.0])
    first = -2.0 * log(0.75)
    assert run.train("pop", 0) == pytest.approx([first], abs=1e-15)
    begin = first + 3.0
    assert [row[0] for row in run.v["pop"]] == pytest.approx(
        [0.0, 2.0 * (exp(-begin / 2.0) - exp(-2.5))], abs=1e-15
    )
    assert [row[0][0] for row in run.i["pop"]] == pytest.approx([exp(-1.0), exp(-2.5)], rel=1e-15)


def test_zero_delays_pass_a_whole_chain_in_one_instant_whatever_the_order_of_adding():
    net = ns.Network()
    net.add(ns.LIF(1), "last")
    net.add(ns.LIF(1), "first")
    net.add(ns.SpikeSource(1, times=[1.0], ids=[0]), "in")
    net.connect("first", "last", ns.OneToOne(), weight=1.0, delay=0.0)
    net.connect("in", "first", ns.OneToOne(), weight=1.0, delay=0.0)
    assert simulate(net, 2.0).spikes == {"last": [(1.0, 0)], "first": [(1.0, 0)], "in": [(1.0, 0)]}


def test_arrivals_at_one_instant_are_one_sum_and_those_an_ulp_apart_are_two():
    net = driven(ns.LIF(1), [1.0, 1.0], 0.75)
    net.connect("in", "pop", ns.OneToOne(), weight=-0.5, delay=0.0, name="veto")
    assert simulate(net, 2.0).train("pop", 0) == []
    later = driven(ns.LIF(1), [1.0, 1.0], 0.75)
    later.connect("in", "pop", ns.OneToOne(), weight=-0.5, delay=2.0**-52, name="veto")
    assert simulate(later, 2.0).train("pop", 0) == [1.0]


def test_weights_of_one_instant_are_summed_in_ascending_order():
    net = driven(ns.IF(1, v_th=1e17), [0.0, 0.0], 1.0)
    net.connect("in", "pop", weight=-5e15, name="least")
    net.connect("in", "pop", weight=5e15, name="greatest")
    # floats near 1e16 are 2 apart: ((-1e16 + 1) + 1) + 1e16 = 0, but ((1 + 1) - 1e16) + 1e16 = 2
    assert simulate(net, 1.0, times=[0.5]).v["pop"] == [[0.0]]


def test_a_grazing_crossing_ends_the_trust():
    w = 4.0 * (1.0 + 1e-11)  # its peak exceeds the threshold by a part in 1e11
    net = driven(ns.LIF(1, tau_m=10.0, tau_syn=5.0, t_ref=100.0), [3.0], w)
    run = simulate(net, 50.0)
    assert run.train("pop", 0) == pytest.approx([3.0 + 10.0 * log(2.0)], abs=1e-4)
    assert trusted_until(net, 50.0, run) == pytest.approx(run.train("pop", 0)[0], abs=1e-4)
    clear = driven(ns.LIF(1, tau_m=10.0, tau_syn=5.0, t_ref=100.0), [3.0], 5.0)
    assert trusted_until(clear, 50.0, simulate(clear, 50.0)) == 50.0


def test_poisson_sources_spike_when_those_of_the_clock_engine_do():
    net = ns.Network(seed=4)
    net.add(ns.PoissonSource(3, rate=[0.0, 50.0, 200.0]), "in")
    run = simulate(net, 1000.0)
    grid = ns.simulate(net, 1000.0, dt=0.01).spikes["in"]
    found = sorted((round(t / 0.01), k) for t, k in run.spikes["in"])
    assert found == sorted(
        zip(np.rint(grid.times / 0.01).astype(int).tolist(), grid.ids.tolist(), strict=True)
    )
