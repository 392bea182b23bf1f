"""Kernels that learn: their gradients are sums over the synapses that share a number."""

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import ParameterError
from neurosim.learning import (
    SGD,
    CountCrossEntropy,
    IntegralCrossEntropy,
    Learnable,
    SurrogateGradient,
)


def network(kernel, delay, listed=False):
    net = ns.Network()
    net.add(ns.SpikeSource((5, 5, 2)), "in")
    net.add(ns.LIF((3, 3, 3), tau_m=20.0, tau_syn=5.0, v_th=1.0), "conv")
    net.add(ns.LI(4, tau_m=20.0, tau_syn=5.0), "out")
    rule = ns.Convolution(kernel, stride=2, padding=1)
    p = net.connect("in", "conv", rule, delay=delay, name="k")
    dense = np.linspace(-1, 1, 27 * 4).reshape(27, 4)
    if listed:
        s = ns.expand(net, p)
        del net.projections["k"]
        pairs = ns.FromArrays(s.pre, s.post)
        net.connect("in", "conv", pairs, weight=s.weight, delay=s.delay, name="k")
    net.connect("conv", "out", ns.FromMatrix(dense) if listed else ns.Dense(dense), delay=1.0)
    return net


KERNEL = np.random.default_rng(2).normal(0.9, 0.5, (3, 2, 3, 3))
DELAY = np.random.default_rng(3).uniform(1.0, 4.0, (3, 3))


def samples(n=6):
    rng = np.random.default_rng(4)
    data = []
    for k in range(n):
        times = np.sort(rng.uniform(0, 15, 40))
        data.append(({"in": (times, rng.integers(0, 50, 40))}, k % 4))
    return data


def learnt(net, what, method="exact", **options):
    """The network after one step of plain descent."""
    history = ns.fit(
        net, samples(), duration=25.0, loss=IntegralCrossEntropy(population="out"), method=method,
        learn=[Learnable(what=what, rate=1e-3, of=["k"], **options)], optimizer=SGD(),
        epochs=1, batch=6, silent=False, progress=False,
    )  # fmt: skip
    return history.network


@pytest.mark.parametrize("method", ["exact", "surrogate"])
@pytest.mark.parametrize("delay", [1.5, DELAY], ids=["one delay", "a delay for each tap"])
def test_a_kernel_moves_by_the_sum_of_what_its_synapses_would(method, delay):
    if method == "surrogate":
        method = SurrogateGradient(dt=0.5)
    plain, listed = network(KERNEL, delay), network(KERNEL, delay, listed=True)
    taps = plain.projections["k"].rule.tap_of()
    moved = learnt(plain, "weight", method).projections["k"].rule.kernel - KERNEL
    single = ns.expand(learnt(listed, "weight", method), "k").weight - KERNEL.reshape(-1)[taps]
    summed = np.bincount(taps, single, KERNEL.size).reshape(KERNEL.shape)
    assert np.abs(summed).max() > 1e-6
    np.testing.assert_allclose(moved, summed, rtol=1e-6, atol=1e-12)


def test_delays_of_taps_move_by_the_sum_of_what_their_synapses_would():
    plain, listed = network(KERNEL, DELAY), network(KERNEL, DELAY, listed=True)
    taps = plain.projections["k"].rule.tap_of() % 9
    moved = learnt(plain, "delay").projections["k"].delay - DELAY
    single = ns.expand(learnt(listed, "delay"), "k").delay - DELAY.reshape(-1)[taps]
    summed = np.bincount(taps, single, 9).reshape(3, 3)
    assert np.abs(summed).max() > 1e-6
    np.testing.assert_allclose(moved, summed, rtol=1e-6, atol=1e-12)


def test_a_kernel_stays_a_kernel_when_something_else_learns():
    net = network(KERNEL, 1.5)
    found = ns.fit(
        net, samples(), duration=25.0, loss=IntegralCrossEntropy(population="out"),
        learn=[Learnable(what="weight", rate=1e-3, of=["conv->out"])], epochs=1, progress=False,
    ).network  # fmt: skip
    assert isinstance(found.projections["k"].rule, ns.Convolution)
    np.testing.assert_array_equal(found.projections["k"].rule.kernel, KERNEL)
    assert found.projections["k"].delay == 1.5
    assert isinstance(found.projections["conv->out"].rule, ns.Dense)


def test_synapses_of_a_kernel_cannot_share_by_axon():
    with pytest.raises(ParameterError, match="'projection'"):
        learnt(network(KERNEL, 1.5), "weight", share="axon")


def test_pooling_has_no_weights_to_learn():
    net = ns.Sequential(ns.SpikeSource((4, 4, 1)), time="continuous")
    net.add(ns.SumPool((2, 2)), ns.LIF, name="pool", tau_syn=5.0)
    with pytest.raises(ParameterError, match="of must name"):
        ns.fit(
            net.network, [({"input": ([1.0], [0])}, 0)], duration=5.0, loss=CountCrossEntropy(),
            learn=[Learnable(what="weight", rate=1e-3, of=["input->pool"])], progress=False,
        )  # fmt: skip
