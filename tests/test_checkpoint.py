"""A saved simulation goes on bit for bit, on any number of threads, or says why not."""

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import FormatError, ParameterError, SimulationError


def network(seed=3, rate=150.0):
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(20, rate=rate), "noise")
    given = net.add(ns.SpikeSource(4, times=[5.0, 60.0, 120.0], ids=[0, 1, 2]), "given")
    exc = net.add(ns.LIF(30, tau_m=10.0, tau_syn=3.0, t_ref=2.0, v0=ns.Uniform(0, 0.9)), "exc")
    inh = net.add(ns.LIF(9, tau_m=10.0, tau_syn=(2.0, 5.0)), "inh")
    net.connect([noise, given], [exc, inh], ns.FixedProbability(0.4), weight=0.31, delay=1.2)
    net.connect(exc, [exc, inh], ns.FixedInDegree(6), weight=0.17, delay=ns.Uniform(0.3, 20.0))
    net.connect(inh, [exc, inh], ns.FixedInDegree(3), weight=-0.23, delay=0.7)
    return net


def assert_same(a, b):
    for name in a.spikes:
        assert np.array_equal(a.spikes[name].times, b.spikes[name].times), name
        assert np.array_equal(a.spikes[name].ids, b.spikes[name].ids), name
    assert np.array_equal(a.traces["exc"]["v"].values, b.traces["exc"]["v"].values)


RECORD = {name: "spikes" for name in ("noise", "given", "inh")} | {"exc": ["spikes", "v"]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [(1, 1), (1, 2), (3, 1), (2, 3)])
def test_a_resumed_run_equals_one_that_never_stopped(tmp_path, dtype, threads):
    before, after = threads
    whole = ns.Simulator(network(), dtype=dtype)
    whole.run(77.7)
    expected = whole.run(100.0, record=RECORD)
    saving = ns.Simulator(network(), dtype=dtype, threads=before)
    saving.run(77.7)
    path = saving.save(tmp_path / "state.h5")
    resumed = ns.Simulator(network(), dtype=dtype, threads=after)
    resumed.run(13.0)  # whatever it did before is replaced
    resumed.load(path)
    assert resumed.t == 77.7
    found = resumed.run(100.0, record=RECORD)
    assert len(found.spikes["exc"]) > 100
    assert_same(expected, found)
    assert_same(expected, saving.run(100.0, record=RECORD))  # saving disturbed nothing


def test_inputs_given_at_run_time_and_not_yet_consumed_are_saved(tmp_path):
    first = ns.Simulator(network())
    first.run(10.0, inputs={"given": ([3.0, 25.0], [3, 3])})
    second = ns.Simulator(network())
    second.load(first.save(tmp_path / "state.h5"))
    assert 25.0 in second.run(30.0).spikes["given"].times


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path):
    sim = ns.Simulator(network())
    sim.run(50.0)
    path = sim.save(tmp_path / "state.h5")
    for other in (
        ns.Simulator(network(seed=4)),
        ns.Simulator(network(rate=151.0)),
        ns.Simulator(network(), dtype="float64"),
        ns.Simulator(network(), dt=0.05),
    ):
        other.run(5.0)
        with pytest.raises(FormatError, match="must belong to this network, dt, dtype, sleep"):
            other.load(path)
        assert other.t == 5.0
        other.run(5.0)


def test_damaged_checkpoints_give_one_clear_error(tmp_path):
    sim = ns.Simulator(network())
    whole = sim.save(tmp_path / "state.h5").read_bytes()
    bad = tmp_path / "bad.h5"
    rng = np.random.default_rng(0)
    for k in range(40):
        content = bytearray(whole)
        if k % 2:
            content = content[: int(rng.integers(len(whole)))]
        else:
            content[: 64 * (k + 1)] = rng.bytes(64 * (k + 1))
        bad.write_bytes(content)
        with pytest.raises(FormatError, match="bad.h5"):
            sim.load(bad)
    with pytest.raises(FormatError, match="no such checkpoint"):
        sim.load(tmp_path / "none.h5")
    with pytest.raises(ParameterError, match="file in a writable folder"):
        sim.save(tmp_path / "missing" / "state.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.h5", "state.h5"]


def test_a_state_that_is_not_whole_is_not_saved(tmp_path):
    sim = ns.Simulator(network(), max_rate=1.0)
    with pytest.raises(SimulationError, match="max_rate"):
        sim.run(50.0)
    with pytest.raises(SimulationError, match="broke off"):
        sim.save(tmp_path / "state.h5")
