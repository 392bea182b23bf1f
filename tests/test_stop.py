"""A run ends where its conditions say, at the end of a chunk, and computes the same until then."""

import time

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine import RunView, StopAtEvents, StopAtRate, StopAtSpikes, StopAtWall
from neurosim.errors import ParameterError


def network(seed=5):
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(20, rate=200.0), "noise")
    cells = net.add(ns.LIF(10, tau_m=10.0, tau_syn=2.0), "cells")
    net.connect(noise, cells, weight=0.3, delay=ns.Uniform(0.1, 15.0))
    net.connect(cells, cells, weight=-0.05, delay=4.0)
    return net


def late():
    """A population that is silent for 200 ms and then fires once per ms."""
    net = ns.Network()
    net.add(ns.SpikeSource(2, times=np.arange(200.0, 1000.0), ids=np.zeros(800, int)), "late")
    return net


RECORD = {"noise": "spikes", "cells": ["spikes", "v"]}


def assert_same(a, b, until=np.inf):
    for name in a.spikes:
        n = np.searchsorted(a.spikes[name].times, until)
        assert np.array_equal(a.spikes[name].times[:n], b.spikes[name].times), name
        assert np.array_equal(a.spikes[name].ids[:n], b.spikes[name].ids), name
    rows = len(b.traces["cells"]["v"].times)
    assert np.array_equal(a.traces["cells"]["v"].values[:rows], b.traces["cells"]["v"].values)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("chunk", [0.1, 0.7, 13.0, 99.9, 100.0])
def test_results_do_not_depend_on_the_chunk(chunk, threads):
    duration = 20.0 if chunk < 0.5 else 250.0
    whole = ns.simulate(network(), duration, record=RECORD)
    assert_same(
        whole, ns.simulate(network(), duration, record=RECORD, chunk=chunk, threads=threads)
    )


@pytest.mark.parametrize("chunk", [5.0, 30.0, 100.0])
def test_a_stopped_run_is_the_beginning_of_the_whole_run(chunk):
    whole = ns.simulate(network(), 400.0, record=RECORD)
    cut = ns.simulate(network(), 400.0, record=RECORD, chunk=chunk, stop=StopAtSpikes("cells", 300))
    assert cut.duration < 400 and cut.duration % chunk == pytest.approx(0)
    assert "spikes of 'cells', at least 300" in cut.stop_reason
    assert cut.counts["cells"].sum() >= 300
    assert (whole.spikes["cells"].times < cut.t_stop - chunk).sum() < 300
    assert_same(whole, cut, until=cut.t_stop - 1e-6)
    assert len(cut.traces["cells"]["v"].times) == round(cut.t_stop / 0.1)
    assert "stopped early" in repr(cut) and "stopped early" not in repr(whole)


@pytest.mark.parametrize("chunk", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("window", [50.0, 70.0])
def test_a_rate_above_its_bound_stops_at_the_first_chunk_that_sees_it(chunk, window):
    # One spike per ms in two neurons: a full window has 500 Hz.
    stop = StopAtRate("late", above=249.0, window=window)
    result = ns.simulate(late(), 1000.0, chunk=chunk, stop=stop)
    first = 200 + 0.498 * window  # spikes in the window exceed 0.498 per ms
    assert first - 1 <= result.t_stop <= first + chunk
    assert "rate of 'late' was" in result.stop_reason and "above 249" in result.stop_reason


@pytest.mark.parametrize("above, stops", [(90.0, True), (91.0, False)])
def test_a_rate_is_exact_over_a_window_that_is_no_multiple_of_the_chunk(above, stops):
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=[86.9, 87.0, 100.0, 119.9, 120.0], ids=[0] * 5), "in")
    stop = StopAtRate("in", above=above, window=33.0)  # 87 <= t < 120: 3 spikes, 90.9 Hz
    result = ns.simulate(net, 180.0, chunk=60.0, stop=stop)
    assert result.t_stop == (120.0 if stops else 180.0)


def test_a_rate_below_its_bound_waits_for_the_first_full_window():
    result = ns.simulate(late(), 1000.0, chunk=10.0, stop=StopAtRate("late", below=1.0, window=150))
    assert result.t_stop == 150.0 and "was 0 Hz over the last 150 ms, below 1" in result.stop_reason
    band = StopAtRate("late", above=400.0, below=0.0, window=50)
    assert ns.simulate(late(), 1000.0, chunk=10.0, stop=band).t_stop == pytest.approx(250, abs=11)


def test_rates_of_networks_in_steps_are_spikes_per_step():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(1, times=range(0, 1000, 2), ids=[0] * 500), "in")
    result = ns.simulate(net, 1000, chunk=10, stop=StopAtRate("in", above=0.4, window=20))
    assert result.t_stop == 20
    assert result.stop_reason == "rate of 'in' was 0.5 per step over the last 20 steps, above 0.4"


def test_synaptic_events_count_fan_out_from_the_start_of_the_run():
    sim = ns.Simulator(network())
    before = sim.run(200.0)
    n = sum(before.synaptic_events.values())
    result = sim.run(1000.0, stop=StopAtEvents(n))
    assert sum(result.synaptic_events.values()) >= n  # of this run, not of both
    assert 0 < result.duration < 1000 and result.t_start == 200.0
    assert "synaptic events, at least" in result.stop_reason


def test_wall_time_stops_a_run_that_would_take_too_long():
    begin = time.perf_counter()
    result = ns.simulate(network(), 1e9, record={}, stop=StopAtWall(0.2))
    assert time.perf_counter() - begin < 60
    assert result.stop_reason == "wall time of 0.2 s used" and result.wall_s >= 0.2


def test_deterministic_conditions_win_over_wall_time():
    stop = [StopAtWall(0.0), StopAtSpikes("noise", 1)]
    assert "spikes of 'noise'" in ns.simulate(network(), 200.0, stop=stop).stop_reason


def test_a_function_sees_the_run_and_cannot_change_it():
    seen = []

    def look(view):
        seen.append((view.t, view.t_start, view.counts["cells"].sum(), len(view.spikes["cells"])))
        for array in (view.counts["cells"], view.spikes["cells"].ids, view.spikes["cells"].times):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0
        assert isinstance(view, RunView) and view.wall_s >= 0

    sim = ns.Simulator(network())
    sim.run(50.0)
    result = sim.run(100.0, chunk=25.0, stop=look)
    assert [s[0] for s in seen] == [75.0, 100.0, 125.0, 150.0] and seen[0][1] == 50.0
    assert [s[2] for s in seen] == np.cumsum([s[3] for s in seen]).tolist()
    assert seen[-1][2] == result.counts["cells"].sum() and result.stop_reason == "duration reached"


@pytest.mark.parametrize(
    "answer, reason",
    [
        (True, "ask asked for it"),
        (np.True_, "ask asked for it"),
        ("enough seen", "enough seen"),
        (False, "duration reached"),
        (None, "duration reached"),
    ],
)
def test_what_a_function_returns_is_the_reason(answer, reason):
    def ask(view):
        return answer

    result = ns.simulate(network(), 30.0, chunk=10.0, stop=ask)
    assert result.stop_reason.endswith(reason)
    assert result.t_stop == (30.0 if reason == "duration reached" else 10.0)


def test_an_error_of_a_function_leaves_a_simulation_that_goes_on():
    def broken(view):
        raise RuntimeError("mine")

    sim = ns.Simulator(network())
    with pytest.raises(RuntimeError, match="mine"):
        sim.run(50.0, chunk=10.0, stop=broken)
    assert sim.t == 10.0
    sim.run(1.0)
    with pytest.raises(ParameterError, match="must return True, False, None or a reason, got 3"):
        sim.run(50.0, chunk=10.0, stop=lambda view: 3)


def test_populations_may_be_given_as_objects():
    net = network()
    stop = StopAtSpikes(net.populations["cells"], 10)
    assert stop == StopAtSpikes("cells", 10)
    assert ns.simulate(net, 1000.0, stop=stop).t_stop < 1000


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: StopAtRate("a"), "must have a bound"),
        (lambda: StopAtRate("a", above=-1), "above must be >= 0"),
        (lambda: StopAtRate("a", above=float("nan")), "above must be >= 0"),
        (lambda: StopAtRate("a", above=1, window=0), "window must be > 0"),
        (lambda: StopAtRate(3, above=1), "population must be a name or a Population, got 3"),
        (lambda: StopAtSpikes("a", 0), "n must be >= 1"),
        (lambda: StopAtSpikes("a", 1.5), "n must be an integer"),
        (lambda: StopAtEvents(0), "n must be >= 1"),
        (lambda: StopAtWall(-1), "seconds must be >= 0"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stop": 3}, "stop must be StopAtRate, .* a function, or a list of these, got 3"),
        ({"stop": [StopAtRate]}, "stop must be"),
        ({"stop": StopAtSpikes("nobody", 1)}, "population must be one of .*got 'nobody'"),
        ({"chunk": 0.0}, "chunk must be >= dt"),
        ({"chunk": 100.1}, "chunk must be <= 1000 steps = 100, got 100.1"),
        ({"chunk": "x"}, "chunk must be a number"),
        ({"checkpoint_every": 10.0}, "checkpoint_every must come with out="),
    ],
)
def test_bad_options_are_refused_before_anything_runs(options, message):
    sim = ns.Simulator(network())
    with pytest.raises(ParameterError, match=message):
        sim.run(10.0, **options)
    assert sim.t == 0
