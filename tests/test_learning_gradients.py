"""The gradients of learning: against central differences, closed forms, and each other."""

import numpy as np
import pytest
from learning_cases import (
    DURATION,
    Differences,
    loss,
    random_input,
    recurrent_network,
)
from scipy.special import lambertw

import neurosim as ns
from neurosim.errors import BuildError
from neurosim.learning.batch import Batch
from neurosim.learning.forward import given_spikes
from neurosim.learning.gradient import ExactGradient
from neurosim.learning.propagate import gains

KINDS = [
    {"t_ref": 0.0},
    {"t_ref": 1.5},
    {"ports": 2, "t_ref": 1.0},
    {"model": "IF", "t_ref": 1.0},
    {"model": "IF", "ports": 2, "t_ref": 0.5},
]
BOUND = 1e-6


def check(found):
    assert max(found.worst.values()) < BOUND, found.worst
    assert found.skipped <= 0.05 * found.total, f"{found.skipped} of {found.total} skipped"


@pytest.mark.parametrize(
    "kind", [*KINDS[1:4], *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[::4])], ids=str
)
def test_gradients_of_every_class_agree_with_central_differences(kind):
    check(Differences(recurrent_network(2, **kind), random_input(2)).all_classes())


@pytest.mark.slow
def test_gradients_agree_with_central_differences_on_twenty_random_networks():
    worst, skipped, total = {}, 0, 0
    for seed in range(20):
        net = recurrent_network(100 + seed, **KINDS[seed % len(KINDS)])
        found = Differences(net, random_input(100 + seed)).all_classes()
        skipped, total = skipped + found.skipped, total + found.total
        for name, value in found.worst.items():
            worst[name] = max(value, worst.get(name, 0.0))
    print(f"worst relative errors {worst}; {skipped} of {total} entries skipped")
    assert max(worst.values()) < BOUND
    assert skipped <= 0.05 * total


def test_two_cells_that_answer_each_other_have_exact_gradients():
    net = ns.Network(seed=1)
    inp = net.add(ns.SpikeSource(1), "in")
    cell = {"tau_m": 10.0, "tau_syn": 5.0, "t_ref": 1.0}
    a, b = net.add(ns.LIF(1, **cell), "a"), net.add(ns.LIF(1, **cell), "b")
    net.connect(inp, a, weight=6.0, delay=1.0)
    net.connect(a, b, weight=5.0, delay=1.5)
    net.connect(b, a, weight=4.0, delay=2.0)
    given = given_spikes(3, [{0: (np.array([0.5]), np.zeros(1, np.int32))}])
    found = Differences(net, given)
    assert found.record.starts[3] - found.record.starts[1] > 4
    found.of_array("weight", found.machine.graph.weights, found.totals.weights)
    found.of_array("delay", found.machine.graph.delays, found.totals.delays)
    check(found)


# --------------------------------------------------------------- closed forms of one spike


def one_spike(tau_m, tau_syn, weights, times, theta=1.0):
    net = ns.Network()
    inp = net.add(ns.SpikeSource(len(times)), "in")
    out = net.add(ns.LIF(1, tau_m=tau_m, tau_syn=tau_syn, v_th=theta, t_ref=1e3), "out")
    net.connect(inp, out, weight=np.array(weights)[:, None], delay=0.0)
    given = given_spikes(2, [{0: (np.array(times), np.arange(len(times), dtype=np.int32))}])
    machine = ExactGradient(net, 60.0, chunks=1, least_slope=0.0)
    (record,) = machine.forward(given, np.arange(1))
    drive = np.zeros(record.times.size)
    drive[-1] = 1.0
    totals = machine.backward([record], [drive])
    return record.times[-1], totals.weights, drive[:-1]


WEIGHTS, TIMES = np.array([1.7, 0.9, -0.3, 1.4]), np.array([0.5, 1.5, 2.0, 2.8])


def test_one_spike_with_equal_time_constants_has_the_published_derivatives():
    # Göltz et al. 2021: T = tau (b/a - W0(-theta/a e^(b/a))), currents of weight 1/tau
    tau = 10.0
    time, by_weight, by_time = one_spike(tau, tau, WEIGHTS, TIMES)
    e = np.exp(TIMES / tau)
    a, b = (WEIGHTS * e).sum(), (WEIGHTS * TIMES / tau * e).sum()
    w = lambertw(-np.exp(b / a) / a).real
    expected = tau * (b / a - w)
    assert time == pytest.approx(expected, rel=1e-12)
    slope = a * (1 + w)
    np.testing.assert_allclose(by_weight, -(time - TIMES) * e / slope, rtol=1e-8)
    expected = -WEIGHTS / tau * (time - TIMES - tau) * e / slope
    np.testing.assert_allclose(by_time, expected, rtol=1e-8)


def test_one_spike_with_time_constants_2_to_1_has_the_published_derivatives():
    tau_m, tau_s, theta = 20.0, 10.0, 0.5
    time, by_weight, by_time = one_spike(tau_m, tau_s, WEIGHTS, TIMES, theta)
    fast, slow = np.exp(TIMES / tau_s), np.exp(TIMES / tau_m)
    a1, a2 = (WEIGHTS * fast).sum(), (WEIGHTS * slow).sum()
    x = np.sqrt(a2**2 - 4 * a1 * theta)
    assert time == pytest.approx(tau_m * np.log(2 * a1 / (a2 + x)), rel=1e-12)
    y = np.exp(-time / tau_m)
    np.testing.assert_allclose(by_weight, -tau_m / x * (slow - y * fast), rtol=1e-8)
    expected = -tau_m * WEIGHTS / x * (slow / tau_m - y * fast / tau_s)
    np.testing.assert_allclose(by_time, expected, rtol=1e-8)


@pytest.mark.parametrize("rate", [0.1, 0.1 + 1e-12, 0.1001, 0.13, 0.2, 0.5])
def test_gains_depend_on_the_rates_as_their_derivatives_say(rate):
    dt, rate_m, h = 3.0, 0.1, 1e-6
    _, _, gain, slow, fast = gains(dt, rate_m, rate)
    assert gain == pytest.approx(gains(dt, rate_m, rate * (1 + 1e-15))[2], rel=1e-12)
    by_rate_m = (gains(dt, rate_m + h, rate)[2] - gains(dt, rate_m - h, rate)[2]) / (2 * h)
    by_rate = (gains(dt, rate_m, rate + h)[2] - gains(dt, rate_m, rate - h)[2]) / (2 * h)
    assert -slow == pytest.approx(by_rate_m, rel=1e-7)
    assert -fast == pytest.approx(by_rate, rel=1e-7)


# -------------------------------------------------------------------------------- read-outs


def read_out(seed, ports, equal):
    rng = np.random.default_rng(seed)
    net = recurrent_network(seed)
    tau_syn = rng.uniform(3, 6, 2)
    own = {"tau_syn": tau_syn if ports == 1 else (tau_syn, rng.uniform(3, 6, 2))}
    own |= {"tau_m": tau_syn.copy() if equal else rng.uniform(8, 12, 2)}
    own |= {"v0": rng.uniform(-0.2, 0.0, 2), "i_ext": rng.uniform(0, 0.05, 2)}
    net.add(ns.LI(2, **own), "read")
    delay = ns.Uniform(0.0, 3.0)
    if ports == 1:
        net.connect("hidden", "read", weight=ns.Normal(0.0, 0.3), delay=delay)
    else:
        net.connect("hidden", "read", weight=ns.Uniform(0.0, 0.3), delay=delay, port="exc")
        net.connect("hidden", "read", weight=ns.Uniform(-0.3, 0.0), delay=delay, port="inh")
    return net


def scored(machine, given, loss_of, gradient=False):
    batch = Batch(machine, machine.forward(given, np.arange(1)))
    return loss_of.score(batch, np.array([1]), gradient).losses.mean(), batch


LOSSES = [
    ns.PeakCrossEntropy(scale=5.0, population="read"),
    ns.IntegralCrossEntropy(decay=15.0, scale=0.5, population="read"),
    ns.IntegralCrossEntropy(scale=0.5, population="read"),
]


@pytest.mark.parametrize("loss_of", LOSSES, ids=lambda x: f"{type(x).__name__}")
@pytest.mark.parametrize("ports, equal", [(1, False), (1, True), (2, False)])
def test_losses_of_potentials_have_exact_gradients(loss_of, ports, equal):
    net, given = read_out(7, ports, equal), random_input(7, populations=4)
    machine = ExactGradient(net, DURATION, chunks=1, least_slope=0.0)
    _, batch = scored(machine, given, loss_of, gradient=True)
    totals = machine.backward(batch.records, batch.drives, batch.pushes, batch.pulls)
    ids, h = batch.records[0].ids, 1e-6
    for analytic, array in (
        (totals.weights, machine.graph.weights),
        (totals.delays, machine.graph.delays),
    ):
        errors, sizes = [], []
        for k in range(0, array.size, 3):
            values, before = [], array[k]
            for by in (h, -h):
                array[k] = before + by
                machine.changed()
                values.append(scored(machine, given, loss_of))
            array[k] = before
            machine.changed()
            if all(np.array_equal(b.records[0].ids, ids) for _, b in values):
                numeric = (values[0][0] - values[1][0]) / (2 * h)
                errors.append(abs(analytic[k] - numeric))
                sizes.append(abs(numeric))
        assert len(errors) > 5
        assert max(errors) < BOUND * max(sizes)


def test_a_read_out_shows_the_peak_and_the_integral_of_its_potential():
    net, given = read_out(3, 1, False), random_input(3, populations=4)
    machine = ExactGradient(net, DURATION, chunks=1)
    batch = Batch(machine, machine.forward(given, np.arange(1)))
    times = np.arange(0.0, DURATION, 0.002)
    spikes = (given.times, given.ids)
    result = ns.simulate(
        net, DURATION, engine="event", inputs={"in": spikes}, record={"read": ["v"]}, times=times
    )
    v = result.traces["read"]["v"].values
    np.testing.assert_allclose(batch.read("read", 0)[0], v.max(axis=0), atol=5e-5)
    weighted = np.trapezoid(v * np.exp(-times / 15.0)[:, None], times, axis=0)
    np.testing.assert_allclose(batch.read("read", 1, 15.0)[0], weighted, rtol=1e-3)


# ------------------------------------------------------------------------- the whole machine


def test_samples_have_the_spikes_of_the_event_engine_bit_for_bit():
    net, given = recurrent_network(4), random_input(4)
    machine = ExactGradient(net, DURATION, chunks=1)
    (record,) = machine.forward(given, np.zeros(3, np.int64))
    result = ns.simulate(net, DURATION, engine="event", inputs={"in": (given.times, given.ids)})
    for sample in range(3):
        for k, name in enumerate(("in", "hidden", "out")):
            own = slice(record.starts[3 * sample + k], record.starts[3 * sample + k + 1])
            order = np.lexsort((record.ids[own], record.times[own]))
            np.testing.assert_array_equal(record.times[own][order], result.spikes[name].times)
            np.testing.assert_array_equal(record.ids[own][order], result.spikes[name].ids)


def test_gradients_do_not_depend_on_threads():
    net = recurrent_network(5)
    given = given_spikes(3, [{0: (np.sort(np.r_[1.0 + k, 3.0]), [0, 1])} for k in range(7)])
    found = []
    for threads in (1, 2, 3):
        machine = ExactGradient(net, DURATION, threads=threads)
        records = machine.forward(given, np.arange(7))
        found.append(machine.backward(records, [np.ones(r.times.size) for r in records]))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_spikes_that_need_more_room_than_there_is_are_all_kept():
    net = recurrent_network(6)
    machine = ExactGradient(net, DURATION, chunks=1)
    machine._runners[0]._room = 8
    given = random_input(6)
    (record,) = machine.forward(given, np.zeros(5, np.int64))
    value, _, alone = loss(ExactGradient(net, DURATION, chunks=1), given)
    assert record.times.size == 5 * alone.times.size
    np.testing.assert_array_equal(record.times, np.tile(alone.times, 5))
    assert np.isfinite(value)


def test_cells_without_an_adjoint_are_refused_by_name():
    net = ns.Network()
    inp = net.add(ns.SpikeSource(1), "in")
    net.connect(inp, net.add(ns.LIF(1), "plain"))
    with pytest.raises(
        BuildError, match=r"Population 'plain' must be LIF, IF or LI .* exponential"
    ):
        ExactGradient(net, 10.0)
    net = ns.Network()
    noise = net.add(ns.PoissonSource(1, rate=10.0), "noise")
    net.connect(noise, net.add(ns.LIF(1, tau_syn=5.0), "cells"))
    with pytest.raises(BuildError, match="Population 'noise' must be a SpikeSource"):
        ExactGradient(net, 10.0)
