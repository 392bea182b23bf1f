"""What do the engine's parts cost, one at a time? Cases for pytest-benchmark.

Each network has one part that matters. Rates are in the column "OPS" times the "work" that
stands in the extra information. Needs the extra ``bench``; the usual test run does not come
here. Usage::

    pytest benchmarks/ --benchmark-only [--benchmark-autosave] [--benchmark-compare]
"""

import numpy as np
import pytest
from block_kernels import CASES, built, many_steps
from csr_probe import deliver
from csr_probe import network as rows

import neurosim as ns
from neurosim.connectivity import FixedTotalNumber

pytest.importorskip("pytest_benchmark", reason="pip install neurosim[bench]")

ROUNDS = {"rounds": 5, "warmup_rounds": 1}
STEPS = 1000  # of 0.1 ms


def run(benchmark, net, work: str, amount: float, record=None, **options) -> None:
    """Time pieces of 1000 steps of one simulation; ``amount`` is the work in one of them."""
    sim = ns.Simulator(net, **{"sleep": False} | options)
    benchmark.extra_info |= {"work": work, "amount": amount}
    piece = {"record": record or {}, "progress": False}
    benchmark.pedantic(lambda: sim.run(STEPS * sim.dt, **piece), **ROUNDS)


@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_block_kernel(benchmark, name, real):
    arguments, _alive = built(CASES[name](4000), real)
    benchmark.extra_info |= {"work": "neuron steps", "amount": 4000 * STEPS}
    benchmark.pedantic(lambda: many_steps(*arguments, STEPS, 0.1), **ROUNDS)


@pytest.mark.parametrize("sleep", [False, True], ids=["awake", "asleep"])
def test_silent_neurons_in_the_engine(benchmark, sleep):
    net = ns.Network()
    net.add(ns.LIF(10_000, tau_m=20.0, tau_syn=5.0, t_ref=2.0), "cells")
    run(benchmark, net, "neuron steps", 10_000 * STEPS, sleep=sleep)


@pytest.mark.parametrize("kind", ["one weight and delay", "own weights", "own delays", "both"])
@pytest.mark.parametrize("weights", ["exact", "packed"])
def test_delivery(benchmark, kind, weights):
    """2000 sources of 50 Hz, 1000 targets each: 10 million arrivals in 100 ms."""
    weight = 1e-6 if kind in ("one weight and delay", "own delays") else ns.Uniform(0.0, 1e-6)
    delay = 1.5 if kind in ("one weight and delay", "own weights") else ns.Uniform(0.5, 3.0)
    net = ns.Network()
    source = net.add(ns.PoissonSource(2000, rate=50.0), "in")
    cells = net.add(ns.LIF(10_000, tau_m=20.0), "cells")
    net.connect(source, cells, ns.FixedProbability(0.1), weight=weight, delay=delay)
    run(benchmark, net, "arrivals", 2000 * 50.0 * 0.1 * 1000, weights=weights)


def test_csr_probe(benchmark):
    """The limit of delivery: the same rows without delays, neurons and steps."""
    indptr, indices = rows(2000, 1000, 1)
    spikes = np.random.default_rng(2).integers(0, 2000, 10_000)
    buffer = np.zeros(10_000, np.float32)
    benchmark.extra_info |= {"work": "arrivals", "amount": 1e7}
    benchmark.pedantic(lambda: deliver(spikes, indptr, indices, np.float32(1e-6), buffer), **ROUNDS)


@pytest.mark.parametrize("rate", [100.0, 20_000.0])
def test_noise(benchmark, rate):
    """A Poisson input for each neuron; 20 kHz is two arrivals per step."""
    net = ns.Network()
    cells = net.add(ns.LIF(5000, tau_m=20.0), "cells")
    net.stimulate(cells, ns.PoissonInput(rate=rate, weight=1e-7))
    run(benchmark, net, "neuron steps", 5000 * STEPS)


@pytest.mark.parametrize("record", ["counted", "kept"])
def test_noting_spikes(benchmark, record):
    """10 000 neurons at 100 Hz without synapses; spikes counted only, or kept in memory."""
    net = ns.Network()
    cell = {"tau_m": 20.0, "t_ref": 0.0, "i_ext": 2.541, "v0": ns.Uniform(0.0, 1.0)}
    net.add(ns.LIF(10_000, **cell), "cells")
    kept = {"cells": ["spikes"]} if record == "kept" else None
    run(benchmark, net, "spikes", 10_000 * 100 * 0.1, kept)


def test_poisson_source(benchmark):
    net = ns.Network()
    net.add(ns.PoissonSource(10_000, rate=100.0), "in")
    run(benchmark, net, "spikes", 10_000 * 100 * 0.1)


RULES = {
    "probability": ns.FixedProbability(0.1),
    "in-degree": ns.FixedInDegree(500),
    "in-degree, distinct": ns.FixedInDegree(500, multapses=False),
    "total": FixedTotalNumber(2_500_000),
}


@pytest.mark.parametrize("drawn", ["constant", "drawn"])
@pytest.mark.parametrize("rule", RULES)
def test_building(benchmark, rule, drawn):
    """2.5 million synapses between 5000 neurons, weights and delays constant or drawn."""
    weight, delay = (0.1, 1.5) if drawn == "constant" else (ns.Normal(0.1, 0.01), ns.Uniform(1, 3))
    net = ns.Network()
    cells = net.add(ns.LIF(5000, tau_m=20.0), "cells")
    net.connect(cells, cells, RULES[rule], weight=weight, delay=delay)
    benchmark.extra_info |= {"work": "synapses", "amount": 2.5e6}
    benchmark.pedantic(lambda: ns.Simulator(net), **ROUNDS)
