"""What does the event engine do at one instant, at the ends of runs, and what does it refuse?"""

from math import log, nextafter

import exact_reference
import numpy as np
import pytest
from exact_networks import driven

import neurosim as ns
from neurosim.errors import NeurosimError


def train(net, duration, *, neuron=0, **options):
    """Spike times of one neuron of "pop"."""
    spikes = ns.EventSimulator(net, **options).run(duration, chunk=1e9).spikes["pop"]
    return spikes.times[spikes.ids == neuron].tolist()


def test_leaky_neuron_under_a_constant_current_fires_with_its_period():
    net = ns.Network()
    net.add(ns.LIF(1, tau_m=10.0, i_ext=1.5, t_ref=2.0), "pop")
    period = 10.0 * log(3.0)
    expected = [period + k * (period + 2.0) for k in range(77)]
    assert train(net, 1000.0) == pytest.approx(expected, rel=1e-14)


def test_arrival_is_the_float_sum_of_emission_and_delay():
    net = driven(ns.LIF(1), [0.1, 0.3], 1.0, delay=0.2)
    assert train(net, 2.0) == [0.1 + 0.2, 0.3 + 0.2]
    assert 0.1 + 0.2 != 0.3
    # 0.1 + 0.2 comes an ulp after 0.3: two arrivals of 0.75 and then a veto come too late
    late = driven(ns.LIF(1), [0.3, 0.3], 0.75)
    late.add(ns.SpikeSource(1, times=[0.1], ids=[0]), "veto")
    late.connect("veto", "pop", weight=-0.75, delay=0.2)
    assert train(late, 2.0) == [0.3]


def test_simultaneous_arrivals_are_one_sum():
    net = driven(ns.LIF(1), [1.0, 1.0], 0.75)
    net.connect("in", "pop", ns.OneToOne(), weight=-0.5, delay=0.0, name="veto")
    assert train(net, 2.0) == []


def test_weights_of_one_instant_are_summed_in_ascending_order():
    net = driven(ns.IF(1, v_th=1e17), [0.0, 0.0], 1.0)
    net.connect("in", "pop", weight=-5e15, name="least")
    net.connect("in", "pop", weight=5e15, name="greatest")
    result = ns.EventSimulator(net).run(1.0, record={"pop": ["v"]}, times=[0.5])
    assert result.traces["pop"]["v"].values.tolist() == [[0.0]]


def test_neuron_above_the_threshold_after_its_reset_fires_again_at_the_same_instant():
    net = driven(ns.IF(1, v_th=1.0, t_ref=0.0), [1.0], 3.25)
    assert train(net, 2.0) == [1.0, 1.0, 1.0]
    held = driven(ns.IF(1, v_th=1.0, t_ref=0.5), [1.0], 3.25)
    assert train(held, 4.0) == [1.0, 1.5, 2.0]


def test_neuron_that_begins_above_the_threshold_fires_at_zero_before_arrivals():
    net = driven(ns.IF(1, v_th=1.0, v0=2.5), [0.0], -1.0)
    result = ns.EventSimulator(net).run(1.0, record={"pop": ["spikes", "v"]}, times=[0.0])
    assert result.spikes["pop"].times.tolist() == [0.0, 0.0]
    assert result.traces["pop"]["v"].values.tolist() == [[-0.5]]


def test_crossing_at_the_time_of_an_arrival_comes_first():
    # v reaches 1 at t = 4 exactly; the arrival then finds a refractory neuron, or a reset one
    common = {"c_m": 1.0, "i_ext": 0.25, "reset": "value"}
    held = driven(ns.IF(1, t_ref=1.0, **common), [4.0], 1.0)
    assert train(held, 8.0) == [4.0]
    free = driven(ns.IF(1, **common), [4.0], 1.0)
    assert train(free, 8.0) == [4.0, 4.0]
    below = driven(ns.IF(1, **common), [4.0], 0.5)
    assert train(below, 8.0) == [4.0, 6.0]


def test_delta_arrivals_are_lost_until_the_end_of_refractoriness():
    neurons = ns.IF(1, v_th=1.0, t_ref=2.0, reset="value")
    times = [0.0, 1.0, 2.0 - 1e-8, 2.0, 3.0]
    assert train(driven(neurons, times, 1.0), 5.0) == [0.0, 2.0]


@pytest.mark.parametrize("begin", [0.3, 1000.3, 1e6 + 0.1])
@pytest.mark.parametrize("between", [(), (0.4,), (0.15, 0.4, 0.8, 0.9, 1.7)])
def test_arrival_at_the_end_of_refractoriness_is_heard_whatever_its_rounding(begin, between):
    # arrivals in between commit the state; its end must not drift by their roundings
    neurons = ns.IF(1, v_th=1.0, t_ref=2.1, reset="value")
    before = [begin, *[begin + s for s in between]]
    for end in (begin + 2.1, nextafter(begin + 2.1, 0.0), begin + 2.1 - 0.9e-9):
        assert train(driven(neurons, [*before, end], 1.0), begin + 5.0) == [begin, end]
    early = driven(neurons, [*before, begin + 2.1 - 1e-8], 1.0)
    assert train(early, begin + 5.0) == [begin]


def test_currents_go_on_while_v_is_held():
    neurons = ns.IF(1, tau_syn=2.0, v_th=0.5, t_ref=3.0, reset="value")
    net = driven(neurons, [0.0, 1.0], 1.0)
    times = [0.25, 1.5, 2.0, 3.5, 5.0]
    record = {"pop": ["spikes", "v", "i_syn"]}
    result = ns.EventSimulator(net).run(6.0, record=record, times=times)
    run = exact_reference.simulate(net, 6.0, times=times)
    traces = result.traces["pop"]
    np.testing.assert_allclose(traces["v"].values, run.v["pop"], atol=1e-14)
    np.testing.assert_allclose(traces["i_syn"].values, np.array(run.i["pop"])[..., 0], atol=1e-14)
    assert result.spikes["pop"].times[0] == pytest.approx(-2.0 * log(0.75), abs=1e-15)


@pytest.mark.parametrize("scheduler", ["windows", "heap"])
def test_zero_delays_pass_a_whole_chain_in_one_instant_whatever_the_order(scheduler):
    net = ns.Network()
    net.add(ns.LIF(1), "last")
    net.add(ns.LIF(1), "first")
    net.add(ns.SpikeSource(1, times=[1.0], ids=[0]), "in")
    net.connect("first", "last", ns.OneToOne(), weight=0.75, delay=0.0)
    net.connect("in", "last", ns.OneToOne(), weight=0.75, delay=0.0)
    net.connect("in", "first", ns.OneToOne(), weight=1.0, delay=0.0)
    spikes = ns.EventSimulator(net, scheduler=scheduler).run(2.0).spikes
    # one sum: 1.5 fires once, and is not 0.75 and then 0.75 after a reset
    assert {name: s.times.tolist() for name, s in spikes.items()} == dict.fromkeys(spikes, [1.0])


@pytest.mark.parametrize("delay", [1e-17, 1e-14, 1e-12, 1e-6])
def test_delays_that_rounding_swallows_keep_their_order(delay):
    # at t = 1000 the first two vanish in the sum of emission and delay
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=[1000.0], ids=[0]), "in")
    net.add(ns.IF(1, t_ref=1.0), "a")
    net.add(ns.IF(1, t_ref=1.0), "b")
    net.connect("in", "a", weight=1.0)
    net.connect("a", "b", weight=1.0, delay=delay)
    net.connect("b", "a", weight=1.0, delay=delay)
    spikes = ns.EventSimulator(net).run(1001.0).spikes
    assert spikes["a"].times.tolist() == [1000.0]
    assert spikes["b"].times.tolist() == [1000.0 + delay]


def test_events_at_the_end_of_a_run_belong_to_the_next():
    sim = ns.EventSimulator(driven(ns.LIF(1), [1.0, 2.0], 1.0, delay=0.5))
    first, second = sim.run(1.5), sim.run(1.5)
    assert (first.t_start, first.t_stop, second.t_stop) == (0.0, 1.5, 3.0)
    assert [r.spikes["pop"].times.tolist() for r in (first, second)] == [[], [1.5, 2.5]]
    assert [r.counts["pop"].tolist() for r in (first, second)] == [[0], [2]]


def test_traces_are_taken_every_millisecond_or_interval_from_the_start_of_the_piece():
    net = driven(ns.LIF(2, tau_m=10.0), [1.0], 0.5)
    sim = ns.EventSimulator(net)
    first = sim.run(2.5, record={"pop": ["v[:1]"]}).traces["pop"]["v"]
    assert first.times.tolist() == [0.0, 1.0, 2.0]
    assert first.values.shape == (3, 1)
    # the state at 1 is the one after the arrival at 1
    np.testing.assert_allclose(first.values[:, 0], [0.0, 0.5, 0.5 * np.exp(-0.1)], rtol=1e-15)
    second = sim.run(1.0, record={"pop": ["v"]}, interval=0.5).traces["pop"]["v"]
    assert second.times.tolist() == [2.5, 3.0]
    np.testing.assert_allclose(second.values[:, 1], 0.5 * np.exp([-0.15, -0.2]), rtol=1e-15)


def test_poisson_sources_spike_when_those_of_the_clock_engine_do():
    net = ns.Network(seed=4)
    rate = ns.Schedule(times=[0.0, 30.0, 60.0], values=[50.0, 400.0, 20.0])
    net.add(ns.PoissonSource(3, rate=[0.0, 50.0, 200.0]), "constant")
    net.add(ns.PoissonSource(5, rate=rate), "changing")
    found = ns.EventSimulator(net).run(200.0).spikes
    run = exact_reference.simulate(net, 200.0)
    for name, spikes in run.spikes.items():
        assert found[name].ids.tolist() == [k for _, k in spikes]
        np.testing.assert_allclose(found[name].times, [t for t, _ in spikes], rtol=1e-14)
    assert len(found["changing"]) > 20


def test_inputs_of_a_later_piece_count_from_its_beginning():
    net = driven(ns.LIF(1), [], 1.5, delay=0.25)
    sim = ns.EventSimulator(net)
    results = [sim.run(8.0, inputs={"in": ([1.0, 9.5], [0, 0])})]
    results.append(sim.run(8.0, inputs={"in": ([0.5, 4.0], [0, 0])}))
    times = {k: [t for r in results for t in r.spikes[k].times.tolist()] for k in ("in", "pop")}
    assert times == {"in": [1.0, 8.5, 9.5, 12.0], "pop": [1.25, 8.75, 9.75, 12.25]}


# ---------------------------------------------------------------------------- cost, options


@pytest.mark.parametrize("scheduler", ["windows", "heap"])
def test_windows_visited_do_not_grow_with_silence(scheduler):
    source = ns.SpikeSource(3, times=[1.0, 1.5, 2.0, 7.25], ids=[0, 1, 2, 0])
    net = ns.Network()
    net.add(source, "in")
    net.add(ns.LIF(20, tau_m=10.0, tau_syn=2.0), "exp")
    net.add(ns.IF(20), "delta")
    net.connect("in", "exp", weight=ns.Uniform(2.0, 12.0), delay=ns.Uniform(0.0, 3.0))
    net.connect("exp", "delta", ns.FixedInDegree(3), weight=0.75, delay=0.125)
    net.connect("delta", "exp", ns.FixedInDegree(3), weight=0.5, delay=ns.Uniform(0.1, 9.0))
    visited = []
    for duration in (100.0, 10_000.0):
        sim = ns.EventSimulator(net, scheduler=scheduler)
        result = sim.run(duration)
        assert result.t_stop == duration
        visited.append((sim.n_windows, sum(len(s) for s in result.spikes.values())))
    assert visited[0] == visited[1]
    assert visited[0][0] > 0
    assert visited[0][1] > 10


def clocked(time="continuous", neurons=None):
    net = ns.Network(time=time)
    net.add(ns.LIF(1) if neurons is None else neurons, "pop")
    return net


def test_networks_in_steps_are_refused_by_name_with_the_remedy():
    with pytest.raises(NeurosimError, match=r"time.*'steps'.*engine='clock'"):
        ns.EventSimulator(clocked("steps"))
    with pytest.raises(NeurosimError, match=r"time.*'steps'.*engine='clock'"):
        ns.simulate(clocked("steps"), 5, engine="event")


def test_models_without_crossing_are_refused_by_name_with_the_remedy():
    with pytest.raises(NeurosimError, match=r"'pop'.*crossing.*LoihiLIF.*engine='clock'"):
        ns.EventSimulator(clocked(neurons=ns.LoihiLIF(1)))

    def advance(v, tau, dt):
        return v - v * dt / tau

    def receive(v, weight):
        return v + weight

    model = ns.NeuronModel(
        name="mine", state={"v": 0.0}, params={"tau": 10.0}, advance=advance, receive=receive
    )
    with pytest.raises(NeurosimError, match=r"'pop'.*crossing.*mine"):
        ns.EventSimulator(clocked(neurons=model.neurons(2)))


@pytest.mark.parametrize(
    ("stimulus", "remedy"),
    [
        (ns.PoissonInput(rate=100.0, weight=0.1), "PoissonSource"),
        (ns.NoiseCurrent(mean=0.1, std=0.1), "engine='clock'"),
    ],
)
def test_stimuli_are_refused_by_name_with_the_remedy(stimulus, remedy):
    net = clocked()
    net.stimulate("pop", stimulus, name="noise")
    with pytest.raises(NeurosimError, match=rf"'noise'.*{type(stimulus).__name__}.*{remedy}"):
        ns.EventSimulator(net)


def test_a_cycle_of_zero_delays_is_refused_by_name():
    net = ns.Network()
    net.add(ns.LIF(2), "a")
    net.add(ns.LIF(2), "b")
    net.connect("a", "b", weight=1.0, delay=0.0)
    net.connect("b", "a", weight=1.0, delay=0.0)
    with pytest.raises(NeurosimError, match=r"zero|delay.*(a|b)"):
        ns.EventSimulator(net)


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -1.0, "long"])
def test_durations_that_are_none_are_refused(duration):
    with pytest.raises(NeurosimError, match="duration"):
        ns.EventSimulator(clocked()).run(duration)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"record": {"nobody": ["v"]}}, "nobody"),
        ({"record": {"pop": ["w"]}}, "w"),
        ({"interval": 0.0, "record": {"pop": ["v"]}}, "interval"),
        ({"times": [2.0, 1.0], "record": {"pop": ["v"]}}, "times"),
        ({"times": [11.0], "record": {"pop": ["v"]}}, "times"),
        ({"times": [1.0], "interval": 1.0, "record": {"pop": ["v"]}}, "times"),
        ({"inputs": {"pop": ([1.0], [0])}}, "pop"),
        ({"inputs": {"in": ([-1.0], [0])}}, "times"),
        ({"inputs": {"in": ([1.0], [9])}}, "ids"),
        ({"chunk": -1.0}, "chunk"),
    ],
)
def test_wrong_options_are_refused_by_name_and_leave_the_simulation_as_it_is(options, match):
    sim = ns.EventSimulator(driven(ns.LIF(1), [1.0], 1.0))
    with pytest.raises(NeurosimError, match=match):
        sim.run(10.0, **options)
    assert sim.t == 0.0
    assert sim.run(10.0).spikes["pop"].times.tolist() == [1.0]


def test_options_of_the_simulator_are_checked_by_name():
    for options, match in (
        ({"threads": 0}, "threads"),
        ({"scheduler": "fast"}, "scheduler"),
        ({"max_rate": -1.0}, "max_rate"),
    ):
        with pytest.raises(NeurosimError, match=match):
            ns.EventSimulator(clocked(), **options)


def test_run_away_activity_ends_in_an_error_that_names_the_population():
    net = driven(ns.IF(5, v_th=1.0, reset="value"), [0.0], 1.0)
    net.connect("pop", "pop", ns.AllToAll(), weight=0.5, delay=0.25)
    with pytest.raises(NeurosimError, match=r"'pop'.*rate"):
        ns.EventSimulator(net, max_rate=1000.0).run(1000.0)
