"""Poisson inputs: the exact distribution, the same bits on any number of threads."""

import numpy as np
import pytest
import scipy.stats

import neurosim as ns
from neurosim.engine.noise import count_table
from neurosim.errors import BuildError, ParameterError


def counts(rate, n=2000, steps=50, threads=1, seed=1, weight=1.0, pieces=()):
    """Arrivals per neuron and step, read from integrators that never fire."""
    net = ns.Network(seed=seed)
    cells = net.add(ns.IF(n, v_th=1e9), "cells")
    net.stimulate(cells, ns.PoissonInput(rate=rate, weight=weight))
    sim = ns.Simulator(net, dtype="float64", threads=threads)
    cuts = np.diff([0, *pieces, steps])
    v = [sim.run(c * 0.1, record={"cells": "v"}).traces["cells"]["v"].values for c in cuts]
    return np.diff(np.concatenate([np.zeros((1, n)), *v]), axis=0) / weight


@pytest.mark.parametrize("rate", [3.0, 800.0, 16000.0, 250000.0])
def test_counts_follow_the_poisson_distribution(rate):
    found = counts(rate).ravel().astype(int)
    mean = rate * 1e-4
    assert abs(found.mean() - mean) < 5 * np.sqrt(mean / found.size)
    top = int(scipy.stats.poisson.ppf(0.9999, mean)) + 1
    observed = np.bincount(np.minimum(found, top), minlength=top + 1)
    expected = found.size * np.append(
        scipy.stats.poisson.pmf(range(top), mean), scipy.stats.poisson.sf(top - 1, mean)
    )
    kept = expected > 5
    chi = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert scipy.stats.chi2.sf(chi, max(1, kept.sum() - 1)) > 1e-5


def test_neurons_and_steps_are_uncorrelated():
    found = counts(8000.0, n=4000, steps=60)
    z = (found - 0.8) / np.sqrt(0.8)
    for shift in (1, 2, 3, 4):
        assert abs((z[:, shift:] * z[:, :-shift]).mean()) < 5 / np.sqrt(z.size)
        assert abs((z[shift:] * z[:-shift]).mean()) < 5 / np.sqrt(z.size)


@pytest.mark.parametrize("mean", [1e-4, 0.3, 1.6, 20.0, 99.0])
def test_the_table_is_right_wherever_it_decides(mean):
    table = count_table(mean)
    edges = np.arange(8193) / 8192
    low, high = (scipy.stats.poisson.ppf(e, mean) for e in (edges[:-1] + 1e-12, edges[1:] - 1e-12))
    decided = table != 255
    assert decided.mean() > 0.98
    assert np.array_equal(table[decided], low[decided])
    assert np.array_equal(table[decided], high[decided])


def test_threads_and_cuts_change_no_draw():
    one = counts(5000.0, n=101)
    assert np.array_equal(one, counts(5000.0, n=101, threads=3, pieces=(7, 30)))
    rates = np.linspace(0, 9000, 101)
    each = counts(rates, n=101)
    assert np.array_equal(each, counts(rates, n=101, threads=2, pieces=(1,)))
    assert (each[:, 0] == 0).all() and abs(each[:, -1].mean() - 0.9) < 0.7


def test_names_key_the_draws_and_other_populations_do_not_disturb_them():
    assert not np.array_equal(counts(5000.0), counts(5000.0, seed=2))
    assert np.array_equal(counts(5000.0, n=10), counts(5000.0, n=50)[:, :10])


def test_negative_weights_go_to_the_inhibitory_port():
    net = ns.Network()
    net.add(ns.LIF(3, tau_syn=(2.0, 5.0)), "cells")
    assert net.stimulate("cells", ns.PoissonInput(rate=10.0, weight=-1.0)).port == 1
    assert net.stimulate("cells", ns.PoissonInput(rate=10.0, weight=1.0)).port == 0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda n: ns.PoissonInput(rate=-1.0, weight=1.0), r"PoissonInput\.rate must be >= 0 Hz"),
        (lambda n: ns.PoissonInput(rate=1.0, weight=np.nan), r"PoissonInput\.weight must be"),
        (
            lambda n: ns.PoissonInput(rate=[[1.0]], weight=1.0),
            r"a number, one per neuron, or a Schedule",
        ),
        (
            lambda n: n.stimulate("cells", ns.PoissonInput([1.0], 1.0)),
            r"rate must have shape \(3,\)",
        ),
        (lambda n: n.stimulate("source", ns.PoissonInput(1.0, 1.0)), r"must be neurons"),
        (
            lambda n: n.stimulate("cells", 5.0),
            r"must be a PoissonInput or a NoiseCurrent, got 5\.0",
        ),
        (lambda n: n.stimulate("cell", ns.PoissonInput(1.0, 1.0)), r"no population 'cell'"),
    ],
)
def test_bad_stimuli_are_refused(make, message):
    net = ns.Network()
    net.add(ns.LIF(3), "cells")
    net.add(ns.SpikeSource(3), "source")
    with pytest.raises(ParameterError, match=message):
        make(net)


def test_too_many_arrivals_per_step_are_refused_with_a_remedy():
    net = ns.Network()
    net.add(ns.LIF(3), "cells")
    net.stimulate("cells", ns.PoissonInput(rate=2e6, weight=0.1))
    with pytest.raises(BuildError, match="at most 100 arrivals per step, got 200 at dt = 0.1"):
        ns.simulate(net, 1.0)
