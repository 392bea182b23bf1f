"""Does the event engine do what the naive simulator in continuous time says, to 1e-9 ms?

And do schedulers, threads, cuts, saving, recording and bystanders leave every bit as it is?
What happens at one instant, and what is refused, is in test_event_semantics.py.
"""

import os
from importlib import import_module
from pathlib import Path

import exact_reference
import numpy as np
import pytest
from exact_networks import exact_case

import neurosim as ns

JIT_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") == "1"
CLOSE = 1e-9  # ms, and of potentials and currents
FEW = 2 if JIT_OFF else 3  # networks, each with kernels to compile; slow tests take more


def seeds(first):
    """Seeds of a few networks, and of some more where time is no matter."""
    more = [pytest.param(s, marks=pytest.mark.slow) for s in range(first + FEW, first + 8)]
    return [*range(first, first + FEW), *more]


SMALL = {"largest": 4, "durations": (10.0, 20.0)} if JIT_OFF else {"largest": 8}


def small_case(seed, **options):
    return exact_case(seed, **({"largest": 10, "durations": (40.0, 90.0)} | SMALL | options))


def event_run(net, duration, **options):
    """The spikes of an uncut run, {name: (times, ids)}."""
    run = {k: options.pop(k) for k in ("record", "times", "inputs") if k in options}
    return pairs(ns.EventSimulator(net, **options).run(duration, **run))


def pairs(*results):
    """Spikes of consecutive runs, {name: (times, ids)}."""
    return {
        name: tuple(
            np.concatenate([getattr(r.spikes[name], what) for r in results])
            for what in ("times", "ids")
        )
        for name in results[0].spikes
    }


def assert_same_bits(a, b):
    assert a.keys() <= b.keys()
    for name in a:
        for ours, theirs in zip(a[name], b[name], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def record_of(net):
    """Record everything: spikes, potentials and currents."""
    return {
        name: ["spikes"] if p.is_source else ["spikes", *list(p.neurons.model.state)[:-1]]
        for name, p in net.populations.items()
    }


# -------------------------------------------------------------- against the naive simulator


def assert_agreement(net, duration, found, digits=None):
    """Compare while the reference can be trusted; (spikes compared, whether to the end)."""
    plain = exact_reference.simulate(net, duration)
    until = exact_reference.trusted_until(net, duration, plain)
    run = exact_reference.simulate(net, duration, digits=digits) if digits else plain
    n = 0
    for name, population in net.populations.items():
        times, ids = found[name]
        assert np.all(np.diff(times) >= 0) and np.all(np.diff(ids)[np.diff(times) == 0] >= 0)
        for k in range(population.n):
            expected = np.array(run.train(name, k))
            ours = times[ids == k]
            expected, ours = (x[x < until - 1e-6] for x in (expected, ours))
            assert ours.shape == expected.shape, (name, k, until)
            np.testing.assert_allclose(ours, expected, rtol=0.0, atol=CLOSE, err_msg=name)
            n += 0 if population.is_source else expected.size
    return n, until == duration


@pytest.mark.parametrize(
    ("n_networks", "options"),
    [(FEW, SMALL), pytest.param(20, {}, marks=pytest.mark.slow)],
)
def test_spikes_are_those_of_the_reference_on_random_networks(n_networks, options):
    counts, whole = [], 0
    for seed in range(n_networks):
        case = exact_case(seed, **({"durations": (40.0, 90.0)} | options))
        net = case.network()
        n, to_the_end = assert_agreement(net, case.duration, event_run(net, case.duration))
        counts.append(n)
        whole += to_the_end
    print(f"{n_networks} networks agree on {sum(counts)} spikes, {whole} of them to the end")
    assert whole >= 0.9 * n_networks
    assert sum(counts) >= (5 if JIT_OFF else 15) * n_networks


@pytest.mark.parametrize(
    "seeds", [range(3 if JIT_OFF else 5), pytest.param(range(15), marks=pytest.mark.slow)]
)
def test_spikes_are_within_a_billionth_of_a_reference_with_fifty_digits(seeds):
    counts = []
    for seed in seeds:
        case = exact_case(seed, largest=4, durations=(20.0, 50.0))
        net = case.network()
        found = event_run(net, case.duration)
        counts.append(assert_agreement(net, case.duration, found, digits=50)[0])
    print(f"{len(counts)} networks, {sum(counts)} spikes")
    assert sum(counts) >= 5 * len(counts)


@pytest.mark.parametrize("seed", seeds(100))
def test_states_at_any_times_are_those_of_the_reference(seed):
    case = small_case(seed)
    net, rng = case.network(), np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, case.duration, 12))
    times[:3] = 0.0, times[3] / 4.0, times[3] / 2.0
    result = ns.EventSimulator(net).run(case.duration, record=record_of(net), times=times)
    run = exact_reference.simulate(net, case.duration, times=times)
    until = exact_reference.trusted_until(net, case.duration, run)
    seen = times < until - 1e-6
    for name, traces in result.traces.items():
        states = [np.array(run.v[name]), *np.moveaxis(np.array(run.i[name]), -1, 0)]
        for (variable, trace), values in zip(traces.items(), states, strict=True):
            np.testing.assert_array_equal(trace.times, times)
            np.testing.assert_allclose(
                trace.values[seen], values[seen], rtol=0.0, atol=CLOSE, err_msg=f"{name}.{variable}"
            )


@pytest.mark.slow
def test_clock_engine_converges_to_the_event_engine_with_order_one(monkeypatch):
    folder = Path(__file__).resolve().parent.parent / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    convergence = import_module("convergence")
    for name, make in convergence.NETWORKS.items():
        rows, until = convergence.measure(make(40.0), 40.0, 8)
        assert rows[0]["n"] > 100, name
        assert until > 15.0, name
        assert convergence.slope(rows, "mean") == pytest.approx(1.0, abs=0.1), name


# --------------------------------------------------------------------- bit for bit the same


def pieces_of(case, whole, rng):
    """Random ends of runs; some on the grid of the inputs, some at a spike."""
    times = np.concatenate([t for t, _ in whole.values()])
    cuts = [*rng.uniform(0.0, case.duration, 3), 0.5 * rng.integers(1, int(2 * case.duration))]
    cuts += rng.choice(times, 2).tolist() if times.size else []
    return np.unique([c for c in cuts if 0.0 < c < case.duration])


def cut_run(net, duration, pieces, **options):
    sim = ns.EventSimulator(net, **options)
    return pairs(*[sim.run(end - sim.t) for end in (*pieces, duration)])


@pytest.mark.parametrize("seed", seeds(200))
def test_schedulers_cuts_and_threads_change_no_bit(seed):
    case = small_case(seed)
    net = case.network()
    whole = event_run(net, case.duration, scheduler="windows")
    assert_same_bits(whole, event_run(net, case.duration, scheduler="heap"))
    assert_same_bits(whole, event_run(net, case.duration, scheduler="auto"))
    assert_same_bits(whole, event_run(net, case.duration, scheduler="windows", threads=2))
    pieces = pieces_of(case, whole, np.random.default_rng(seed))
    for options in ({"scheduler": "windows"}, {"scheduler": "heap"}, {"threads": 2}):
        assert_same_bits(whole, cut_run(net, case.duration, pieces, **options))


@pytest.mark.parametrize("seed", seeds(300))
def test_saved_and_resumed_runs_change_no_bit(tmp_path, seed):
    case = small_case(seed)
    net = case.network()
    whole = event_run(net, case.duration)
    parts, sim = [], ns.EventSimulator(net)
    for k, end in enumerate((*pieces_of(case, whole, np.random.default_rng(seed)), case.duration)):
        if k:
            path = sim.save(tmp_path / f"{k}.h5")
            sim = ns.EventSimulator(net, scheduler=("windows", "heap")[k % 2], threads=1 + k % 2)
            sim.load(path)
        parts.append(sim.run(end - sim.t))
    assert_same_bits(whole, pairs(*parts))


@pytest.mark.parametrize("seed", seeds(400))
def test_recording_changes_no_bit(seed):
    case = small_case(seed)
    net = case.network()
    whole = event_run(net, case.duration)
    assert_same_bits(whole, event_run(net, case.duration, record=record_of(net)))
    times = np.sort(np.concatenate([t for t, _ in whole.values()]))
    at_spikes = np.unique(times)[::3]
    assert_same_bits(whole, event_run(net, case.duration, record=record_of(net), times=at_spikes))


@pytest.mark.parametrize("seed", seeds(500))
def test_a_silent_population_changes_nothing(seed):
    case = small_case(seed)
    whole = event_run(case.network(), case.duration)
    for bystander in (ns.LIF(7, tau_syn=3.0), ns.SpikeSource(3)):
        more = event_run(case.network(bystander=bystander), case.duration)
        assert_same_bits(whole, more)
        assert more["a bystander"][0].size == 0


@pytest.mark.parametrize("seed", seeds(600))
def test_the_order_in_which_edges_are_listed_changes_no_bit(seed):
    case = small_case(seed)
    whole = event_run(case.network(), case.duration)
    assert_same_bits(whole, event_run(case.listed(), case.duration))
    shuffled = case.listed(np.random.default_rng(seed))
    for scheduler in ("windows", "heap"):
        assert_same_bits(whole, event_run(shuffled, case.duration, scheduler=scheduler))


@pytest.mark.parametrize("seed", seeds(700))
def test_spikes_given_at_run_time_are_those_of_the_description(seed):
    case = small_case(seed)
    whole = event_run(case.network(), case.duration)
    sim = ns.EventSimulator(case.network(silent=True))
    at_once = sim.run(case.duration, inputs=case.given())
    assert_same_bits(whole, pairs(at_once))


@pytest.mark.parametrize("seed", seeds(800))
def test_spikes_of_a_stream_are_those_of_the_description_however_the_run_is_cut(seed):
    case = small_case(seed)
    whole = event_run(case.network(), case.duration)

    def stream(times, ids):
        for k in range(0, len(times), 5):
            yield times[k : k + 5], ids[k : k + 5]

    streams = {name: stream(*given) for name, given in case.given().items()}
    sim = ns.EventSimulator(case.network(silent=True))
    parts = []
    for end in (*pieces_of(case, whole, np.random.default_rng(seed)), case.duration):
        parts.append(sim.run(end - sim.t, inputs={} if parts else streams))
    assert_same_bits(whole, pairs(*parts))


def test_a_run_that_a_condition_stops_goes_on_as_if_nothing_had_been():
    case = small_case(4)
    whole = event_run(case.network(), case.duration)
    sim = ns.EventSimulator(case.network())
    parts = [sim.run(case.duration, stop=lambda view: view.t > case.duration / 2, chunk=1.0)]
    assert parts[0].t_stop == sim.t < case.duration / 2 + 2.0
    assert parts[0].stop_reason != "duration reached"
    parts.append(sim.run(case.duration - sim.t))
    assert_same_bits(whole, pairs(*parts))


@pytest.mark.parametrize("delay", [1e-9, 1e-5, 1e-3, 30.0])
def test_schedulers_agree_on_loops_of_any_delay(delay):
    net = ns.Network(seed=2)
    net.add(ns.PoissonSource(5, rate=100.0), "in")
    net.add(ns.LIF(6, tau_m=10.0, tau_syn=3.0), "exp")
    net.add(ns.IF(4), "delta")
    net.connect("in", "exp", weight=ns.Uniform(0.5, 2.0), delay=ns.Uniform(0.0, 2.0))
    net.connect("exp", "delta", weight=0.3, delay=delay)
    net.connect("delta", "exp", weight=-0.2, delay=ns.Uniform(delay, 2.0 * delay))
    net.connect("delta", "delta", ns.AllToAll(autapses=False), weight=0.15, delay=delay)
    duration = 30.0 if JIT_OFF else 100.0
    found = event_run(net, duration, scheduler="windows")
    assert_same_bits(found, event_run(net, duration, scheduler="heap"))
    assert assert_agreement(net, duration, found)[0] > (5 if JIT_OFF else 10)


def test_reset_repeats_a_run():
    case = small_case(3)
    sim = ns.EventSimulator(case.network())
    first = pairs(sim.run(case.duration))
    sim.reset()
    assert sim.t == 0.0
    assert_same_bits(first, pairs(sim.run(case.duration)))


def test_engine_event_of_simulate_is_the_event_simulator():
    case = small_case(5)
    net = case.network()
    result = ns.simulate(net, case.duration, engine="event")
    assert result.engine == "event"
    assert_same_bits(pairs(result), event_run(net, case.duration))
    options = {"record": record_of(net), "interval": 7.5}
    given = {"threads": 2, "inputs": case.given()}
    silent = case.network(silent=True)
    result = ns.simulate(silent, case.duration, engine="event", **options, **given)
    assert_same_bits(pairs(result), event_run(net, case.duration))
    expected = ns.EventSimulator(net).run(case.duration, **options).traces
    for name, traces in expected.items():
        for variable, trace in traces.items():
            found = result.traces[name][variable]
            np.testing.assert_array_equal(found.values, trace.values)
            assert found.times.tolist() == [7.5 * k for k in range(100) if 7.5 * k < case.duration]


def test_room_for_what_is_to_come_does_not_double_with_every_population():
    net = ns.Network(time="continuous", seed=0)
    for k in range(12):
        net.add(ns.IF(3, tau_syn=None), f"p{k}")
    simulator = ns.EventSimulator(net, scheduler="heap")
    (part,) = simulator.loop.parts
    assert len(part.calendar.far) < 100_000 and part.calendar.after.size < 100_000
