"""Do neurons that sleep give what neurons that are stepped give, on any threads, however cut?"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeded_case

import neurosim as ns
from neurosim.errors import ParameterError

SYNAPSES = (None, 5.0, (3.0, 8.0))


def quiet_network(*, seed=1, n=400, rate=4.0, kind=ns.LIF, tau_syn=None, weight=0.3, **options):
    """Sparse input and recurrence; some spikes in most runs, most neurons at rest."""
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(n, rate=rate), "noise")
    if kind is ns.LIF:
        options = {"tau_m": 20.0, **options}
    cells = net.add(kind(n, tau_syn=tau_syn, t_ref=2.0, **options), "cells")
    port = {"port": "exc"} if isinstance(tau_syn, tuple) else {}
    scale = 1.0 if tau_syn is None else (0.3 if kind is ns.IF else 10.0)
    net.connect(noise, cells, ns.OneToOne(), weight=1.2 * scale, delay=0.5, **port)
    net.connect(
        cells,
        cells,
        ns.FixedInDegree(10),
        weight=weight * scale,
        delay=ns.Uniform(0.5, 4.0),
        **port,
    )
    if isinstance(tau_syn, tuple):
        net.connect(cells, cells, ns.FixedInDegree(3), weight=-0.2 * scale, delay=1.0, port="inh")
    return net


def spikes_of(results):
    return [
        (name, np.concatenate([r.spikes[name].times for r in results]).tolist(),
         np.concatenate([r.spikes[name].ids for r in results]).tolist())
        for name in results[0].spikes
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [ns.LIF, ns.IF])
@pytest.mark.parametrize("tau_syn", SYNAPSES)
def test_sleep_changes_no_spike_of_the_first_100_ms_in_float64(kind, tau_syn):
    net = quiet_network(kind=kind, tau_syn=tau_syn)
    on, off = (ns.simulate(net, 100.0, dtype="float64", sleep=sleep) for sleep in (True, False))
    assert spikes_of([on]) == spikes_of([off])
    assert on.counts["cells"].sum() > 20
    assert (on.asleep, off.asleep) == (["cells"], [])


@pytest.mark.slow  # each network has kernels of its own to compile
def test_sleep_changes_no_spike_of_random_networks_in_float64():
    fired = 0
    for seed in range(20):
        case = seeded_case(seed, exact=False, poisson=True)
        on, off = (
            ns.simulate(case.network(), case.duration, dt=case.dt, dtype="float64", sleep=sleep)
            for sleep in (True, False)
        )
        assert spikes_of([on]) == spikes_of([off]), seed
        fired += sum(int(c.sum()) for c in on.counts.values())
    assert fired > 500


@pytest.mark.parametrize("tau_syn", SYNAPSES)
def test_recording_sees_the_state_of_sleepers_and_wakes_nobody(tau_syn):
    net = quiet_network(tau_syn=tau_syn, n=60)
    record = {"cells": ["spikes", *net.populations["cells"].neurons.model.state]}
    on, off = (
        ns.simulate(net, 80.0, dtype="float64", sleep=sleep, record=record, interval=0.7)
        for sleep in (True, False)
    )
    for variable, trace in on.traces["cells"].items():
        expected = off.traces["cells"][variable].values
        np.testing.assert_allclose(trace.values, expected, rtol=1e-9, atol=1e-12)
    blind = ns.simulate(net, 80.0, dtype="float64", sleep=True)
    assert spikes_of([blind])[1] == spikes_of([on])[0]


def test_rates_agree_in_float32_over_a_long_run():
    net = quiet_network(n=2000, rate=5.0, weight=0.15)
    on, off = (ns.simulate(net, 2000.0, sleep=sleep).counts["cells"] for sleep in (True, False))
    assert on.sum() == pytest.approx(off.sum(), rel=0.01)
    assert np.corrcoef(on, off)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("tau_syn", "sleep"), [(None, True), (None, "auto"), (5.0, True), (5.0, "auto")]
)
def test_threads_and_cuts_and_resume_change_no_bit_of_a_sleeping_network(tau_syn, sleep, tmp_path):
    net = quiet_network(tau_syn=tau_syn, n=1100, rate=3.0)
    record = {"noise": ["spikes"], "cells": ["spikes", "v[::50]"]}
    whole = ns.Simulator(net, sleep=sleep).run(330.0, record=record)
    assert tau_syn or whole.asleep == ["cells"]
    for threads in (1, 2, 4):
        sim = ns.Simulator(net, sleep=sleep, threads=threads)
        parts = [sim.run(piece, record=record) for piece in (0.1, 62.3, 100.0)]
        saved = sim.save(tmp_path / f"{threads}.h5")
        sim = ns.Simulator(net, sleep=sleep, threads=5 - threads)
        sim.load(saved)
        parts += [sim.run(piece, record=record) for piece in (37.6, 130.0)]
        assert spikes_of(parts) == spikes_of([whole])
        values = np.concatenate([r.traces["cells"]["v"].values for r in parts])
        np.testing.assert_array_equal(values, whole.traces["cells"]["v"].values)


def test_auto_follows_activity_and_cuts_do_not_matter():
    def network():
        net = ns.Network(seed=3)
        times = np.repeat(np.arange(300.0, 700.0, 1.0), 2000)
        ids = np.random.default_rng(1).integers(0, 1000, times.size)
        given = net.add(ns.SpikeSource(1000, times=times, ids=ids), "given")
        cells = net.add(ns.LIF(1000, tau_m=20.0), "cells")
        net.connect(given, cells, ns.OneToOne(), weight=0.1, delay=0.1)
        return net

    sim = ns.Simulator(network())
    asleep, parts = [], []
    for _ in range(12):
        parts.append(sim.run(100.0))
        asleep.append(parts[-1].asleep == ["cells"])
    assert asleep[:4] == [False, True, True, True]  # decided at 100 ms, on the first 100 ms
    assert not any(asleep[5:8])
    assert asleep[-1]
    whole = ns.Simulator(network()).run(1200.0)
    assert spikes_of([whole]) == spikes_of(parts)
    off = ns.simulate(network(), 1200.0, sleep=False)
    assert whole.counts["cells"].sum() == pytest.approx(off.counts["cells"].sum(), rel=0.01)


def test_sleepers_that_fire_together_are_noted_in_order():
    net = ns.Network()
    given = net.add(ns.SpikeSource(1, times=[5.0], ids=[0]), "given")
    cells = net.add(ns.LIF(500, tau_m=20.0), "cells")
    net.connect(given, cells, ns.FromArrays([0] * 500, np.arange(500)[::-1]), weight=2.0, delay=1.0)
    result = ns.simulate(net, 20.0, sleep=True)
    assert result.spikes["cells"].ids.tolist() == list(range(500))
    assert set(result.spikes["cells"].times.tolist()) == {6.0}


def test_neurons_that_fire_by_themselves_stay_awake():
    net = ns.Network()
    net.add(ns.LIF(5, tau_m=20.0, i_ext=1.5), "cells")
    on, off = (ns.simulate(net, 500.0, dtype="float64", sleep=s) for s in (True, False))
    assert spikes_of([on]) == spikes_of([off])
    assert on.counts["cells"].min() > 10


def test_populations_with_stimuli_and_models_without_leap_are_stepped():
    net = ns.Network()
    net.add(ns.LIF(2000, tau_m=20.0), "driven")
    net.stimulate("driven", ns.PoissonInput(rate=100.0, weight=0.1))
    net.add(own_model(False).neurons(2000), "own")
    net.add(own_model(True).neurons(2000), "sleepy")
    assert ns.simulate(net, 10.0, sleep=True).asleep == ["sleepy"]


def own_model(can_sleep):
    def advance(v, rate):
        return v * math.exp(-rate)

    def receive(v, weight):
        return v + weight

    def leap(v, rate, steps):
        return v * math.exp(-rate * steps)

    def quiet(v):
        return True

    members = {"leap": leap, "quiet": quiet} if can_sleep else {}
    return ns.NeuronModel(
        name="leaky", state={"v": 1.0}, params={"rate": 0.1}, advance=advance, receive=receive,
        **members,
    )  # fmt: skip


def test_a_model_must_have_both_leap_and_quiet():
    with pytest.raises(ParameterError, match="both leap and quiet"):
        ns.NeuronModel(
            name="half", state={"v": 0.0}, advance=lambda v: v, receive=lambda v, weight: v,
            leap=lambda v, steps: v,
        )  # fmt: skip


@pytest.mark.parametrize("sleep", ["yes", 2, None])
def test_sleep_must_be_known(sleep):
    net = ns.Network()
    net.add(ns.LIF(1, tau_m=20.0), "cell")
    with pytest.raises(ParameterError, match="sleep"):
        ns.Simulator(net, sleep=sleep)


@given(st.integers(0, 10**6), st.sampled_from(SYNAPSES), st.booleans(), st.booleans())
def test_a_quiet_neuron_does_not_fire_without_input(seed, tau_syn, perfect, soft):
    rng = np.random.default_rng(seed)
    options = {"reset": "subtract" if soft else "value", "tau_syn": tau_syn, "t_ref": 1.0}
    options |= {"i_ext": rng.normal(-0.2, 0.5)}
    neurons = ns.IF(1, **options) if perfect else ns.LIF(1, tau_m=rng.uniform(1, 50), **options)
    model = neurons.model
    params = model.kernel_params(dict(neurons.params), 0.1)
    state = dict(zip(model.state, rng.normal(0, 0.7, len(model.state)), strict=True))
    state["refractory"] = float(rng.integers(0, 5))

    def call(member, **more):
        values = {**params, **state, "dt": 0.1, "t": 0.0, **more}
        return getattr(model, member)(**{k: values[k] for k in model.arguments(member)})

    if not call("quiet"):
        return
    leapt = call("leap", steps=700.0)
    for _ in range(700):
        state = dict(zip(model.state, call("advance"), strict=True))
        assert not call("fires")
    np.testing.assert_allclose(leapt, list(state.values()), rtol=1e-9, atol=1e-12)


def test_sleepers_and_stepped_populations_may_be_connected():
    net = ns.Network(seed=2)
    driven = net.add(ns.LIF(40, tau_m=20.0), "driven")
    net.stimulate(driven, ns.PoissonInput(rate=500.0, weight=0.2))
    sleepy = net.add(ns.LIF(40, tau_m=20.0), "sleepy")
    for pre, post in ((driven, sleepy), (sleepy, driven), (driven, driven)):
        net.connect(pre, post, ns.FixedInDegree(5), weight=0.3, delay=1.0)
    on, off = (ns.simulate(net, 100.0, dtype="float64", sleep=sleep) for sleep in (True, False))
    assert spikes_of([on]) == spikes_of([off])
    assert on.counts["sleepy"].sum() > 20


@pytest.mark.parametrize("tau_syn", [1e-3, (1e-3, 1e-3)])
def test_time_constants_far_below_dt_give_no_nan(tau_syn):
    net = ns.Network()
    net.add(ns.LIF(1, tau_m=1e-3, tau_syn=tau_syn, t_ref=1.0, i_ext=2.0), "cell")
    on, off = (ns.simulate(net, 50.0, sleep=sleep) for sleep in (True, False))
    assert spikes_of([on]) == spikes_of([off])
    assert on.counts["cell"][0] > 10


def test_idle_neurons_are_brought_up_to_date_before_their_anchor_wraps(monkeypatch):
    net = quiet_network(n=30)
    expected = ns.simulate(net, 90.0, dtype="float64", sleep=True)
    monkeypatch.setattr("neurosim.engine.sleeping._COMMIT", 100)
    committed = ns.simulate(net, 90.0, dtype="float64", sleep=True)
    assert spikes_of([committed]) == spikes_of([expected])


def test_sleep_does_not_move_the_looks_of_stop_conditions():
    net = quiet_network(n=1200, rate=20.0)
    stops = {
        ns.simulate(
            net, 300.0, chunk=30.0, stop=ns.engine.StopAtSpikes("cells", 2000), sleep=sleep
        ).t_stop
        for sleep in (True, False, "auto")
    }
    assert len(stops) == 1
    assert stops.pop() % 30.0 == 0.0
