"""Groups of neurons that rest are passed over, and no bit depends on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import ParameterError

FEW = max(4, settings.default.max_examples // 3)  # each has kernels to compile


def network(seed: int, model: str) -> ns.Network:
    """Few spikes onto many neurons, which also reach each other; listed synapses and a kernel."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    net = ns.Network(time="steps", seed=seed)
    k = int(rng.integers(1, 80))
    times, ids = rng.integers(0, 60, k), rng.integers(0, 30, k)
    source = net.add(ns.SpikeSource(30, times=times, ids=ids), "in")
    make = {
        "IF": lambda: ns.IF(n, tau_syn=None, v_th=1.0),
        "refractory": lambda: ns.IF(n, tau_syn=None, v_th=1.0, t_ref=3.0),
        "drifting": lambda: ns.IF(n, tau_syn=None, i_ext=np.where(rng.random(n) < 0.1, 0.2, 0.0)),
        "drawn": lambda: ns.IF(n, tau_syn=None, reset="subtract", v0=ns.Uniform(-1, 3)),
        "delta": lambda: ns.SigmaDelta(n, threshold=0.25, bias=rng.normal(0, 0.1, n)),
        "integer": lambda: ns.IntegerLIF(n, v_th=0.5),
        "leaky": lambda: ns.IntegerLIF(n, v_th=0.5, tau_m=5.0),
        "unit": lambda: ns.GradedUnit(n, threshold=0.25, bias=rng.choice([0.0, 0.3], n)),
    }[model]
    cells = net.add(make(), "cells")
    rule = ns.FixedOutDegree(min(n, 20))
    net.connect(source, cells, rule, weight=ns.Uniform(-0.5, 1.5), delay=1.0)
    if n > 1:
        net.connect(cells, cells, ns.FixedProbability(2.0 / n), weight=0.3, delay=2.0)
    grid = net.add(ns.IF((8, 8, 3), tau_syn=None, v_th=2.0), "grid")
    pixels = net.add(ns.SpikeSource((8, 8, 1), times=times, ids=ids), "pixels")
    kernel = ns.Convolution(rng.normal(0.5, 1.0, (3, 1, 3, 3)), padding=1)
    net.connect(pixels, grid, kernel, delay=1.0)
    return net


MODELS = ("IF", "refractory", "drifting", "drawn", "delta", "integer", "leaky", "unit")


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=FEW)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 69))
def test_one_thread_that_passes_over_equals_two_that_do_not(model, seed, cut):
    net = network(seed, model)
    record = {name: ["spikes"] for name in net.populations}
    state = next(iter(net.populations["cells"].neurons.model.state))
    record["cells"] = ["spikes", state]
    one, two = ns.Simulator(net), ns.Simulator(net, threads=2)
    assert one.built.populations[1].resting and not two.built.populations[1].resting
    pieces = [one.run(cut, record=record, progress=False),
              one.run(70 - cut, record=record, progress=False)]  # fmt: skip
    other = two.run(70, record=record, progress=False)
    for name in net.populations:
        parts = [p.spikes[name] for p in pieces]
        assert np.array_equal(np.concatenate([p.times for p in parts]), other.spikes[name].times)
        assert np.array_equal(np.concatenate([p.ids for p in parts]), other.spikes[name].ids)
    values = np.concatenate([p.traces["cells"][state].values for p in pieces])
    assert np.array_equal(values, other.traces["cells"][state].values)


@pytest.mark.parametrize("weights", ["exact", "packed"])
@pytest.mark.parametrize("learning", [(), ("cells->cells",)])
def test_every_store_marks_whom_it_reaches(weights, learning, tmp_path):
    net = network(3, "IF")
    options = {"weights": weights, "learning": list(learning)}
    one = ns.Simulator(net, **options)
    other = ns.simulate(net, 70, threads=2, progress=False, **options)
    first = one.run(20, progress=False)
    again = ns.Simulator(net, **options)
    again.load(one.save(tmp_path / "state.h5"))
    second = again.run(50, progress=False)
    for name, spikes in other.spikes.items():
        ids = np.concatenate([first.spikes[name].ids, second.spikes[name].ids])
        assert np.array_equal(ids, spikes.ids) and len(ids)


def test_groups_rest_when_nothing_arrives_and_wake_when_something_does():
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(1, times=[5], ids=[0]), "in")
    cells = net.add(ns.IF(1000, tau_syn=None, v_th=1.0), "cells")
    net.connect(source, cells, ns.FromArrays([0, 0], [70, 999]), weight=[1.2, 0.5])
    sim = ns.Simulator(net)
    busy = sim.built.populations[1].busy
    assert busy.all() and busy.size == 16  # nobody has been looked at
    sim.run(5, progress=False)
    assert not busy.any()
    assert sim.run(1, progress=False).spikes["cells"].ids.tolist() == [70]
    assert not busy.any()
    low = sim.run(1, override={"cells": {"v_th": 0.4}}, progress=False)
    assert low.spikes["cells"].ids.tolist() == [999]


def test_stimuli_let_nobody_rest():
    net = ns.Network(time="steps")
    net.add(ns.IF(100, tau_syn=None), "cells")
    net.stimulate("cells", ns.PoissonInput(rate=100.0, weight=0.5))
    sim = ns.Simulator(net)
    assert not sim.built.populations[0].resting
    assert sim.run(50, progress=False).counts["cells"].sum() > 50


def test_one_restless_neuron_keeps_its_own_group_alone():
    current = np.zeros(1000)
    current[[130, 999]] = 0.001
    net = ns.Network(time="steps")
    net.add(ns.IF(1000, tau_syn=None, i_ext=current), "cells")
    sim = ns.Simulator(net)
    sim.run(5, progress=False)
    assert np.flatnonzero(sim.built.populations[0].busy).tolist() == [2, 15]


def test_models_with_two_ports_cannot_rest():
    with pytest.raises(ParameterError, match="rests must be left out with 2 ports"):
        ns.NeuronModel(
            name="two", state={"v": 0.0}, ports=("a", "b"), advance=lambda v: v,
            receive=lambda v, weight, port: v + weight, rests=lambda v: v > 0.0,
        )  # fmt: skip
