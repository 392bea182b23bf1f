"""The event engine between runs and inside: streams, batches, switches, changed synapses."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import BuildError, ParameterError


def noisy(seed=1, n=30):
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(n, rate=60.0), "noise")
    net.add(ns.SpikeSource(2), "in")
    cells = net.add(ns.LIF(n, tau_m=10.0, tau_syn=3.0, t_ref=1.0), "cells")
    net.connect(noise, cells, ns.FixedInDegree(8), weight=0.7, delay=ns.Uniform(0.1, 4.0))
    net.connect("in", cells, weight=0.3, delay=0.7)
    net.connect(cells, cells, ns.FixedInDegree(8), weight=0.1, delay=ns.Uniform(0.4, 4.0), name="p")
    return net


def trains(*results):
    both = [(r.spikes["cells"].times, r.spikes["cells"].ids) for r in results]
    return tuple(np.concatenate(arrays).tolist() for arrays in zip(*both, strict=True))


GIVEN = np.sort(np.random.default_rng(1).uniform(0.0, 60.0, 200)), np.arange(200) % 2


def test_pushed_spikes_act_as_those_given_at_the_beginning():
    whole = ns.EventSimulator(noisy()).run(60.0, inputs={"in": GIVEN})
    sim, pulled = ns.EventSimulator(noisy()), []
    for until in (7.5, 20.0, 20.0, 60.0):
        fresh = (GIVEN[0] >= sim.t) & (GIVEN[0] < until)
        sim.push("in", GIVEN[0][fresh], GIVEN[1][fresh])
        pulled.append(sim.pull(until)["cells"])
    times = np.concatenate([s.times for s in pulled])
    np.testing.assert_array_equal(times, whole.spikes["cells"].times)
    assert times.size > 50


def test_what_is_past_cannot_be_pushed_and_streams_do_not_go_back():
    sim = ns.EventSimulator(noisy())
    sim.pull(5.0)
    with pytest.raises(ParameterError, match=r"times must be >= the present time 5 ms, got 4"):
        sim.push("in", [4.0], [0])
    with pytest.raises(ParameterError, match="must name a SpikeSource, one of .'in'., got 'noise'"):
        sim.push("noise", [6.0], [0])
    with pytest.raises(ParameterError, match="go back in time"):
        sim.run(50.0, inputs={"in": iter([([20.0], [0]), ([3.0], [1])])}, chunk=30.0)


@pytest.mark.parametrize("chunk", [3.0, 50.0])
def test_a_stream_gives_the_spikes_of_its_pieces_whatever_the_chunk(chunk):
    whole = ns.EventSimulator(noisy()).run(60.0, inputs={"in": GIVEN})
    pieces = ((GIVEN[0][k : k + 7], GIVEN[1][k : k + 7]) for k in range(0, 200, 7))
    streamed = ns.EventSimulator(noisy()).run(60.0, inputs={"in": pieces}, chunk=chunk)
    assert trains(streamed) == trains(whole)


@pytest.mark.parametrize("size", [7, 11])
def test_a_saved_simulation_goes_on_with_its_stream(tmp_path, size):
    def pieces(size, times=GIVEN[0]):
        return ((times[k : k + size], GIVEN[1][k : k + size]) for k in range(0, 200, size))

    whole = ns.EventSimulator(noisy()).run(60.0, inputs={"in": GIVEN})
    first = ns.EventSimulator(noisy())
    before = first.run(22.0, inputs={"in": pieces(7)})
    path = first.save(tmp_path / "state.h5")
    second = ns.EventSimulator(noisy())
    for inputs, match in (
        (None, r"inputs must have the stream of source 'in'"),
        ({"in": pieces(7, GIVEN[0] + 1.0)}, "must be the stream that the saved simulation was"),
        ({"in": iter(())}, r"got another, of 0 until 0 ms"),
        ({"noise": None}, r"must name a SpikeSource, one of \['in'\], got 'noise'"),
    ):
        with pytest.raises(ParameterError, match=match):
            second.load(path, inputs=inputs)
    second.load(path, inputs={"in": pieces(size)})
    assert trains(before, second.run(38.0)) == trains(whole)
    second.load(path, inputs={"in": None})
    assert second.run(38.0).counts["in"].sum() < before.counts["in"].sum()


def test_a_batch_is_each_sample_alone_for_any_number_of_threads():
    samples = [{"in": ([float(k), 2.0 * k], [0, 1])} for k in range(5)]
    one = ns.EventSimulator(noisy()).batch(40.0, samples)
    three = ns.EventSimulator(noisy(), threads=3).batch(40.0, samples)
    assert [trains(r) for r in one] == [trains(r) for r in three]
    assert trains(one[0]) == trains(ns.EventSimulator(noisy()).run(40.0, inputs=samples[0]))
    assert trains(one[1]) != trains(one[2])
    assert ns.EventSimulator(noisy()).batch(40.0, []) == []


def test_a_switch_changes_the_equations_at_its_time_and_not_before():
    net = ns.Network()
    net.add(ns.LIF(2, tau_m=10.0, v0=[0.0, 0.5]), "cells")
    switch = ns.Switch("cells", 3.0, {"i_ext": 2.0})
    sim = ns.EventSimulator(net, switches=[switch])
    found = sim.run(12.0, record={"cells": ["spikes", "v"]}, times=[3.0])
    v = 0.5 * math.exp(-0.3)
    first = [3.0 + 10.0 * math.log(2.0 / 1.0), 3.0 + 10.0 * math.log((2.0 - v) / 1.0)]
    assert found.spikes["cells"].times == pytest.approx([first[1], first[0]], abs=1e-12)
    assert found.traces["cells"]["v"].values[0] == pytest.approx([0.0, v], abs=1e-15)
    sim.reset()
    cut = [sim.run(d) for d in (1.0, 2.0, 4.0, 5.0)]
    assert trains(*cut) == trains(found)


def test_switches_are_checked_and_survive_a_checkpoint(tmp_path):
    net = noisy()
    switches = [ns.Switch("cells", at, {"v_th": th}) for at, th in ((20.0, 0.5), (30.0, 2.0))]
    whole = ns.EventSimulator(net, switches=switches).run(50.0)
    first = ns.EventSimulator(net, switches=switches)
    before = first.run(20.0)
    second = ns.EventSimulator(net, switches=switches, scheduler="heap")
    second.load(first.save(tmp_path / "state.h5"))
    assert trains(before, second.run(30.0)) == trains(whole)
    with pytest.raises(ParameterError, match=r"v_reset must be < v_th|LIF has no parameter 'gain'"):
        ns.EventSimulator(net, switches=[ns.Switch("cells", 1.0, {"gain": 1.0})])
    with pytest.raises(ParameterError, match="must be a population of neurons, got 'noise'"):
        ns.EventSimulator(net, switches=[ns.Switch("noise", 1.0, {"rate": 1.0})])


def test_state_at_spikes_is_that_just_before_the_reset():
    kept = ns.simulate(noisy(), 60.0, engine="event", at_spikes={"cells": ["v", "i_syn"]})
    assert trains(kept) == trains(ns.simulate(noisy(), 60.0, engine="event"))
    found = kept.at_spikes["cells"]
    assert len(found["v"]) == len(kept.spikes["cells"]) > 50
    np.testing.assert_allclose(found["v"], 1.0, atol=1e-12)
    assert found["i_syn"].min() > 1.0  # v rises through 1 only while the current exceeds it
    with pytest.raises(ParameterError, match="must name state variables .*got 'w'"):
        ns.simulate(noisy(), 1.0, engine="event", at_spikes={"cells": ["w"]})


@pytest.mark.parametrize("threads", [1, 2])
def test_changed_synapses_act_on_later_spikes_as_a_network_built_with_them(threads):
    net = noisy()
    listed = ns.expand(net, "p")
    weight, delay = listed.weight * 3.0, listed.delay * 0.05  # below the old window
    other = ns.Network(seed=1)
    for p in net.populations.values():
        other.add(p.neurons, p.name)
    for p in list(net.projections.values())[:2]:
        other.connect(p.pre.name, p.post.name, p.rule, weight=p.weight, delay=p.delay, name=p.name)
    arrays = ns.FromArrays(listed.pre, listed.post)
    other.connect("cells", "cells", arrays, weight=weight, delay=delay, name="p")
    sim = ns.EventSimulator(net, threads=threads)
    synapses = sim.synapses("p")
    assert synapses.pre.tolist() == listed.pre.tolist()
    assert synapses.post.tolist() == listed.post.tolist()
    synapses.set_weights(weight)
    synapses.set_delays(delay)
    assert trains(sim.run(60.0)) == trains(ns.EventSimulator(other).run(60.0))


def test_wrong_changes_of_synapses_leave_them_as_they_are():
    net = noisy()
    sim = ns.EventSimulator(net)
    synapses = sim.synapses("p")
    before = synapses.delays
    for wrong in (-1.0, math.nan, [1.0, 2.0]):
        with pytest.raises(ParameterError, match="delays"):
            synapses.set_delays(wrong)
    with pytest.raises(BuildError, match="cycle of zero delays"):
        synapses.set_delays(0.0)
    with pytest.raises(ParameterError, match="ids must be edge ids"):
        synapses.set_weights(1.0, ids=[10**6])
    assert synapses.delays.tolist() == before.tolist()
    assert trains(sim.run(30.0)) == trains(ns.EventSimulator(net).run(30.0))


def test_graded_spikes_multiply_weights_in_both_engines():
    net = ns.Network()
    given = net.add(ns.SpikeSource(1, times=[1.0, 2.0], ids=[0, 0]), "given")
    first, second = (net.add(ns.SigmaDelta(1, threshold=0.5), name) for name in ("a", "b"))
    net.connect(given, first, weight=1.3, delay=0.5)
    net.connect(first, second, weight=2.0, delay=0.25)
    for engine in ({"engine": "event"}, {"engine": "clock", "dt": 0.25}):
        result = ns.simulate(net, 10.0, **engine)
        assert result.spikes["a"].payload.tolist() == [1.5, 1.0]  # 1.3 and 2.6 in steps of 0.5
        assert result.spikes["b"].times.tolist() == [1.75, 2.75]
        assert result.spikes["b"].payload.tolist() == [3.0, 2.0]


def test_auto_says_what_it_chose_and_why():
    net = noisy()
    assert "known beforehand" in ns.simulate(net, 1.0).engine_reason
    assert "option times" in ns.simulate(net, 1.0, times=[0.5]).engine_reason
    steps = ns.Network(time="steps")
    steps.add(ns.IF(1), "a")
    assert "Network.time must be 'continuous'" in ns.simulate(steps, 1).engine_reason
    with pytest.raises(ParameterError, match=r"simulate\.dt must be left out for the event engine"):
        ns.simulate(net, 1.0, engine="event", dt=0.1)
