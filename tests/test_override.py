"""Parameters that hold for one run: as if the network had been built with them, and no longer."""

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import ParameterError


def network(**changed) -> ns.Network:
    rng = np.random.default_rng(1)
    net = ns.Network(seed=3)
    noise = net.add(ns.PoissonSource(30, rate=80.0), "noise")
    cell = {"tau_m": 10.0, "tau_syn": 3.0, "v_th": np.full(20, 1.0), "r_m": 1.0} | changed
    cells = net.add(ns.LIF(20, **cell), "cells")
    net.connect(noise, cells, ns.FromMatrix(rng.uniform(0, 0.8, (30, 20))), delay=1.0)
    net.connect(cells, cells, ns.FixedProbability(0.2), weight=-0.1, delay=2.0)
    return net


def same(a: ns.Result, b: ns.Result) -> bool:
    return all(
        np.array_equal(a.spikes[k].times, b.spikes[k].times)
        and np.array_equal(a.spikes[k].ids, b.spikes[k].ids)
        for k in a.spikes
    )


@pytest.mark.parametrize("sleep", [False, True])
@pytest.mark.parametrize(
    "changed", [{"v_th": 0.8}, {"v_th": np.linspace(0.5, 1.5, 20)}, {"tau_m": 20.0, "r_m": 0.9}]
)
def test_a_run_with_an_override_is_one_of_a_network_built_so(changed, sleep):
    options = {"sleep": sleep, "threads": 2}
    sim = ns.Simulator(network(), **options)
    plain = sim.run(300.0, progress=False)
    sim.reset()
    found = sim.run(300.0, override={"cells": changed}, progress=False)
    values = {k: np.broadcast_to(v, 20) if k == "v_th" else v for k, v in changed.items()}
    built = ns.simulate(network(**values), 300.0, progress=False, **options)
    assert same(found, built) and not same(found, plain)
    sim.reset()
    assert same(sim.run(300.0, progress=False), plain)


@pytest.mark.parametrize("sleep", [False, True])
def test_the_next_run_goes_on_with_the_networks_own_parameters(sleep):
    """A lowered threshold makes sleepers fire that were quiet, though nothing arrives."""
    net = ns.Network()
    source = net.add(ns.SpikeSource(1, times=[1.0], ids=[0]), "in")
    cell = net.add(ns.LIF(1, tau_m=1000.0, v_th=1.0, t_ref=1.0), "cell")
    net.connect(source, cell, weight=0.9)
    sim = ns.Simulator(net, sleep=sleep, dtype="float64")
    assert not len(sim.run(10.0, progress=False).spikes["cell"])
    low = sim.run(10.0, override={"cell": {"v_th": 0.5}}, progress=False)
    assert low.spikes["cell"].times.tolist() == [10.0]
    again = sim.run(10.0, inputs={"in": ([0.0], [0])}, progress=False)
    assert not len(again.spikes["cell"])


def test_simulate_and_batches_take_overrides():
    changed = {"cells": {"v_th": 0.8}}
    one = ns.simulate(network(), 100.0, override=changed, progress=False)
    assert one.engine == "clock"
    found = ns.Batch(network(), 100.0, override=changed).run(range(1), progress=False)
    assert found.spikes["cells"][0] == one.counts["cells"].sum()


@pytest.mark.parametrize(
    "override, message",
    [
        ({"cell": {"v_th": 1.0}}, r"override must name one of \['cells'\], got 'cell'"),
        ({"noise": {"rate": 1.0}}, r"must name one of \['cells'\], got 'noise'"),
        ({"cells": {"v": 1.0}}, "must name parameters of LIF, which are .*, got 'v'"),
        ({"cells": {"n": 3}}, "must name parameters of LIF, which are .*, got 'n'"),
        ({"cells": {"v_reset": 5.0}}, "v_reset must be < v_th"),
        ({"cells": 5}, "must be a mapping of populations to mappings of parameters"),
        (5, "must be a mapping of populations to mappings of parameters"),
        ({"cells": {"tau_m": -1.0}}, "tau_m must be > 0"),
        ({"cells": {"tau_m": np.ones(20)}}, "must keep 'tau_m' one number|one number for all"),
        ({"cells": {"t_ref": 2.0}}, "must leave .* as it was built, 0 for all"),
    ],
)
def test_impossible_overrides_are_refused_and_change_nothing(override, message):
    sim = ns.Simulator(network())
    with pytest.raises(ParameterError, match=message):
        sim.run(50.0, override=override, progress=False)
    assert same(sim.run(50.0, progress=False), ns.simulate(network(), 50.0, progress=False))


def test_overrides_refuse_what_noise_writes_to_and_resumable_runs(tmp_path):
    net = network()
    net.stimulate("cells", ns.NoiseCurrent(mean=0.1, std=0.1))
    sim = ns.Simulator(net)
    with pytest.raises(ParameterError, match="which a noise current changes"):
        sim.run(50.0, override={"cells": {"i_ext": 0.5}}, progress=False)
    sim.run(50.0, override={"cells": {"v_th": 0.5}}, progress=False)
    with pytest.raises(ParameterError, match="override must be left out with checkpoint_every"):
        sim.run(50.0, override={"cells": {"v_th": 0.5}}, out=tmp_path, checkpoint_every=10.0)
