"""Does the clock engine do what the naive simulator says, spike for spike?"""

import os
from dataclasses import replace

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import Case, cases, seeded_case

import neurosim as ns
from neurosim.connectivity.delays import to_steps, to_times

JIT_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") == "1"


def engine_run(case, *, dtype="float64", pieces=(), threads=1, record=None):
    """Spikes per population, (times, ids), of a run cut after ``pieces`` steps."""
    simulator = ns.Simulator(case.network(), dt=case.dt, dtype=dtype, threads=threads)
    cuts = [0, *sorted(pieces), case.steps]
    lengths = np.diff(cuts) * case.dt
    results = [simulator.run(length, record=record) for length in lengths if length > 0]
    return results[0] if not pieces else results


def joined(results, name):
    """Spikes of one population over consecutive runs of one simulator."""
    times = np.concatenate([r.spikes[name].times for r in results])
    ids = np.concatenate([r.spikes[name].ids for r in results])
    return times, ids


def on_grid(spikes, dt):
    return list(zip(to_steps(spikes.times, dt).tolist(), spikes.ids.tolist(), strict=True))


def reference_run(case):
    """The naive run: of the engine it shares the random numbers, not what is made of them."""
    return reference.simulate(case.network(), case.duration, case.dt)


def assert_agreement(case, result, expected):
    for name, spikes in expected.spikes.items():
        assert on_grid(result.spikes[name], case.dt) == sorted(spikes), name
        times = result.spikes[name].times
        np.testing.assert_array_equal(times, to_times(to_steps(times, case.dt), case.dt))
        counts = np.bincount([k for _, k in spikes], minlength=result.spikes[name].n)
        assert result.counts[name].tolist() == counts.tolist(), name
    assert result.synaptic_events == expected.synaptic_events


def neuron_spikes(case, result):
    return sum(len(result.spikes[name]) for name in case.populations if name.startswith("pop"))


@pytest.mark.parametrize(
    "n_networks",
    [8, pytest.param(200, marks=pytest.mark.slow)],  # each has kernels to compile
)
def test_engine_and_reference_agree_spike_for_spike_on_random_networks(n_networks):
    activity = []
    for seed in range(n_networks):
        case = seeded_case(seed)
        result = engine_run(case)
        assert_agreement(case, result, reference_run(case))
        activity.append(neuron_spikes(case, result))
        for threads in (1, 2):
            cut = engine_run(case, pieces=[case.steps // 3, case.steps // 2], threads=threads)
            assert_same_bits(result, cut, case.populations)
    silent, median = activity.count(0), float(np.median(activity))
    print(f"{len(activity)} networks agree; {silent} silent, median {median:g} spikes")
    assert silent <= 0.1 * len(activity)
    assert median >= 100


@given(cases())
def test_engine_and_reference_agree_spike_for_spike(case):
    result = engine_run(case)
    assert_agreement(case, result, reference_run(case))


@given(st.booleans().flatmap(lambda exact: cases(exact=exact)))
def test_recorded_states_are_those_of_the_reference(case):
    record = {}
    for name, neurons in case.populations.items():
        currents = {"syn": ["i_syn"], "exc": ["i_exc", "i_inh"]}
        record[name] = ["spikes"]
        if not neurons.is_source:
            record[name] += ["v", *currents.get(neurons.model.ports[0], [])]
    result = engine_run(case, record=record)
    expected = reference_run(case)
    for name, variables in record.items():
        states = [np.array(expected.v.get(name))]
        states += list(np.moveaxis(np.array(expected.i.get(name)), -1, 0)) if variables[2:] else []
        for variable, values in zip(variables[1:], states, strict=False):
            trace = result.traces[name][variable]
            np.testing.assert_array_equal(trace.times, to_times(np.arange(case.steps), case.dt))
            np.testing.assert_allclose(trace.values, values, rtol=1e-12, atol=1e-14)


def assert_same_bits(whole, cut, names):
    for name in names:
        times, ids = joined(cut, name)
        np.testing.assert_array_equal(times, whole.spikes[name].times, err_msg=name)
        np.testing.assert_array_equal(ids, whole.spikes[name].ids, err_msg=name)
        for variable, trace in whole.traces.get(name, {}).items():
            values = np.concatenate([r.traces[name][variable].values for r in cut])
            np.testing.assert_array_equal(values, trace.values, err_msg=f"{name}.{variable}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(case=cases(exact=False), data=st.data())
def test_runs_cut_in_pieces_on_several_threads_give_the_same_bits(dtype, case, data):
    record = {
        name: ["spikes"] if neurons.is_source else ["spikes", "v"]
        for name, neurons in case.populations.items()
    }
    whole = engine_run(case, dtype=dtype, record=record)
    threads = data.draw(st.sampled_from([1, 2, 3]), label="threads")
    pieces = data.draw(st.sets(st.integers(1, case.steps - 1), min_size=1, max_size=4))
    cut = engine_run(case, dtype=dtype, pieces=pieces, threads=threads, record=record)
    assert_same_bits(whole, cut, case.populations)


def balanced_case(scale, steps):
    """A recurrent network large enough for every thread to own neurons."""
    populations = {
        "in": ns.PoissonSource(scale, rate=80.0),
        "exc": ns.LIF(4 * scale, tau_syn=(5.0, 10.0), t_ref=2.0),
        "inh": ns.LIF(scale, tau_syn=(5.0, 10.0), t_ref=1.0),
        "out": ns.IF(2 * scale, v_th=1.3),
    }
    sparse = ns.FixedInDegree(10)
    connections = (
        {"pre": "in", "post": "exc", "weight": ns.Uniform(0.2, 1.3), "delay": 0.0},
        {"pre": "in", "post": "inh", "weight": 0.7, "delay": ns.Uniform(0.1, 2.0)},
        {"pre": "exc", "post": "exc", "weight": ns.LogNormal(-3.0, 0.5), "delay": 1.5},
        {"pre": "exc", "post": "inh", "weight": 0.05, "delay": ns.Uniform(0.5, 3.0)},
        {"pre": "inh", "post": "exc", "weight": ns.Uniform(-0.7, -0.1), "delay": 0.8},
        {"pre": "exc", "post": "out", "weight": ns.Normal(0.1, 0.05), "delay": 0.0},
    )
    connections = tuple(c | {"rule": sparse} for c in connections)
    return Case(
        time="continuous",
        seed=3,
        steps=steps,
        dt=0.1,
        populations=populations,
        connections=connections,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [2, 3])
def test_larger_network_gives_the_same_bits_on_any_threads_however_cut(dtype, threads):
    case = balanced_case(20, 300) if JIT_OFF else balanced_case(150, 1000)
    record = {name: ["spikes"] for name in case.populations} | {"exc": ["spikes", "v"]}
    whole = engine_run(case, dtype=dtype, record=record)
    steps = case.steps
    pieces = [1, 2, 7, steps // 3, steps // 3 + 8, steps // 2, steps - 1]
    cut = engine_run(case, dtype=dtype, threads=threads, pieces=pieces, record=record)
    assert_same_bits(whole, cut, case.populations)
    assert len(whole.spikes["exc"]) > (0 if JIT_OFF else 300)
    assert len(whole.spikes["out"]) > 0


@pytest.mark.parametrize("threads", [1, 2, 3])
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 29))
def test_arrivals_are_summed_in_the_canonical_order(threads, seed, cut):
    # 1e16 + 1 - 1e16 is 0 or 1: any other order of the sum is seen in v
    rng = np.random.default_rng(seed)
    steps, n_pre, n_post, nnz = 30, 12, 7, 300
    connections = []
    for pre, low in (("b", 0), ("a", 0), ("pop", 1), ("b", 1)):
        sizes = (n_post if pre == "pop" else n_pre, n_post)
        rule = ns.FromArrays(*(rng.integers(0, size, nnz) for size in sizes))
        weight = rng.choice([1e16, -1e16, 1.0, 0.7, 3.0], nnz)
        delay = rng.integers(low, 4, nnz).astype(float)
        connections.append(
            {"pre": pre, "post": "pop", "rule": rule, "weight": weight, "delay": delay}
        )
    grid, ids = rng.integers(0, steps, (2, 60)), rng.integers(0, n_pre, (2, 60))
    populations = {
        "pop": ns.IF(n_post, v_th=[1.0, 1e17, 1.0, 1e17, 1.0, 5.0, 5.0], reset="value"),
        "a": ns.SpikeSource(n_pre, times=grid[0], ids=ids[0]),
        "b": ns.SpikeSource(n_pre, times=grid[1], ids=ids[1]),
    }
    case = Case(
        time="steps",
        seed=0,
        steps=steps,
        dt=1.0,
        populations=populations,
        connections=tuple(connections),
    )
    record = {"pop": ["spikes", "v"]}
    results = engine_run(case, threads=threads, pieces=[cut], record=record)
    v = np.concatenate([result.traces["pop"]["v"].values for result in results])
    expected = reference.simulate(case.network(), steps)
    np.testing.assert_array_equal(v, np.array(expected.v["pop"]))
    assert len(expected.spikes["pop"]) > 0


def test_delays_and_runs_much_longer_than_a_chunk_agree_with_the_reference():
    steps = 400 if JIT_OFF else 3500
    ring = {"pre": "pop", "post": "pop", "rule": ns.OneToOne(), "weight": 0.75}
    case = Case(
        time="continuous",
        seed=5,
        steps=steps,
        dt=0.1,
        populations={
            "in": ns.PoissonSource(5, rate=200.0),
            "pop": ns.LIF(5, tau_m=10.0, t_ref=0.3),
        },
        connections=(
            {"pre": "in", "post": "pop", "weight": ns.Uniform(0.1, 0.6), "delay": 0.7},
            ring | {"delay": 0.1 * (steps // 3 + 17)},
            ring | {"delay": np.array([0.1, 30.0, 100.0, 123.4, 2.5]), "weight": -0.25},
        ),
    )
    result = engine_run(case)
    assert_agreement(case, result, reference_run(case))
    assert result.synaptic_events["pop->pop"] > 0
    assert len(result.spikes["pop"]) > (5 if JIT_OFF else 200)


@given(cases(poisson=False), st.data())
def test_spikes_given_at_run_time_are_those_of_the_description(case, data):
    whole = engine_run(case)
    sources = {name: p for name, p in case.populations.items() if p.is_source}
    silent = {name: ns.SpikeSource(p.n) for name, p in sources.items()}
    populations = case.populations | silent
    simulator = ns.Simulator(
        replace(case, populations=populations).network(), dt=case.dt, dtype="float64"
    )
    cut = data.draw(st.integers(1, case.steps - 1), label="cut")
    results = []
    for start, stop in ((0, cut), (cut, case.steps)):
        inputs = {}
        for name, source in sources.items():
            grid = to_steps(source.times, case.dt)
            now = (grid >= start) & (grid < stop)
            inputs[name] = ((grid[now] - start) * case.dt, source.ids[now])
        results.append(simulator.run((stop - start) * case.dt, inputs=inputs))
    assert_same_bits(whole, results, case.populations)
