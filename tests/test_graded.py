"""Spikes that carry numbers, weights that change in time, integers unfolded over steps."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FEW

import neurosim as ns
from neurosim.connectivity.delays import to_steps
from neurosim.encoders import FrameEncoder, IntegerCode
from neurosim.errors import BuildError, FormatError, ParameterError

STEPS = 25


def network(seed: int, time: str = "steps") -> ns.Network:
    """A random network with graded and plain spikes, gains, loops and delays."""
    rng = np.random.default_rng(seed)
    net = ns.Network(time=time, seed=seed)
    k = int(rng.integers(1, 60))
    times, ids = rng.integers(0, STEPS, k), rng.integers(0, 6, k)
    net.add(ns.SpikeSource(6, times=times, ids=ids, payloads=rng.normal(0, 2, k)), "graded")
    net.add(ns.SpikeSource(4, times=rng.integers(0, STEPS, k), ids=rng.integers(0, 4, k)), "plain")
    levels = [None, 3][int(rng.integers(2))]
    net.add(
        ns.IntegerLIF(
            7, v_th=0.5, tau_m=[None, 4.0][int(rng.integers(2))], bias=rng.normal(0, 0.2, 7),
            levels=levels, rounding=["down", "nearest"][int(rng.integers(2))],
            signed=bool(rng.integers(2)),
        ),
        "integer",
    )  # fmt: skip
    relu = bool(rng.integers(2))
    net.add(ns.SigmaDelta(5, threshold=0.25, bias=rng.normal(size=5), relu=relu), "delta")
    net.add(ns.GradedUnit(5, threshold=0.25, bias=rng.normal(size=5)), "unit")
    net.add(ns.LIF(8, tau_m=8.0, v_th=0.6), "cells")
    names = list(net.populations)
    for a, pre in enumerate(names):
        for b, post in enumerate(names[2:], start=2):
            if rng.random() < 0.5:
                continue
            n = net.populations[pre].n * net.populations[post].n
            weight = rng.normal(0, 0.3, (net.populations[pre].n, net.populations[post].n))
            late = rng.integers(int(b <= a), 4, n).reshape(weight.shape)
            if rng.random() < 0.3:
                weight, late = 0.25, max(1, int(rng.integers(4)))
            gain = None
            if rng.random() < 0.4:
                period = float(rng.integers(4, 9)) if rng.random() < 0.7 else None
                gain = ns.Schedule([0, 1, 3], rng.normal(1, 0.5, 3), period=period)
            net.connect(pre, post, weight=weight, delay=late.astype(float) if np.ndim(late) else
                        float(late), gain=gain)  # fmt: skip
    return net


def assert_same(result: ns.Result, run: reference.Run, time: float = 1.0) -> None:
    for name, spikes in run.spikes.items():
        found = result.spikes[name]
        assert to_steps(found.times, time).tolist() == [n for n, _ in spikes], name
        assert found.ids.tolist() == [k for _, k in spikes], name
        if found.payload is not None:
            np.testing.assert_allclose(found.payload, run.payloads[name], rtol=1e-9, atol=1e-12)
    assert result.synaptic_events == run.synaptic_events


@given(st.integers(0, 10_000))
@settings(max_examples=FEW)
def test_graded_networks_agree_with_the_naive_simulator(seed):
    net = network(seed)
    run = reference.simulate(net, STEPS)
    assert_same(ns.simulate(net, STEPS, dtype="float64", progress=False), run)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))]
)
def test_threads_cuts_and_saved_states_change_no_payload(seed, tmp_path):
    net = network(seed)
    whole = ns.simulate(net, STEPS, progress=False)
    for threads in (1, 2, 3):
        sim = ns.Simulator(net, threads=threads)
        first = sim.run(10, progress=False)
        other = ns.Simulator(net, threads=3 - threads % 2)
        other.load(sim.save(tmp_path / f"{threads}.h5"))
        second = other.run(STEPS - 10, progress=False)
        for name, spikes in whole.spikes.items():
            parts = [first.spikes[name], second.spikes[name]]
            assert np.array_equal(spikes.ids, np.concatenate([p.ids for p in parts]))
            if spikes.payload is not None:
                carried = np.concatenate([p.payload for p in parts])
                assert np.array_equal(spikes.payload, carried)


def test_many_payloads_survive_when_histories_grow():
    n, steps = 40, 300
    times, ids = np.repeat(np.arange(steps), n), np.tile(np.arange(n), steps)
    payloads = np.random.default_rng(1).normal(size=times.size)
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(n, times=times, ids=ids, payloads=payloads), "in")
    unit = net.add(ns.GradedUnit(n, threshold=2.0**-20, relu=False), "unit")
    net.connect(source, unit, ns.OneToOne(), delay=1.0)
    result = ns.simulate(net, steps + 1, dtype="float64", progress=False)
    assert np.array_equal(result.spikes["in"].payload, payloads)
    np.testing.assert_allclose(result.spikes["unit"].payload, payloads, atol=2.0**-20)


def test_kernels_multiply_by_payloads_and_gains_too():
    rng = np.random.default_rng(3)
    rule = ns.Convolution(rng.normal(size=(3, 2, 3, 3)), padding=1)
    found = []
    for listed in (False, True):
        net = ns.Network(time="steps")
        k = 60
        source = ns.SpikeSource(
            (6, 6, 2), times=np.arange(k) % 20, ids=np.arange(k) % 72, payloads=np.sin(np.arange(k))
        )
        pre, post = net.add(source, "in"), net.add(ns.SigmaDelta((6, 6, 3), threshold=0.25), "out")
        gain = ns.Schedule(range(4), [1.0, 2.0, 0.5, -1.0], period=4.0)
        p = net.connect(pre, post, rule, delay=1.0, gain=gain)
        if listed:
            s = ns.expand(net, p)
            del net.projections[p.name]
            net.connect(pre, post, ns.FromArrays(s.pre, s.post), weight=s.weight, delay=1.0,
                        gain=gain)  # fmt: skip
        found.append(ns.simulate(net, 22, dtype="float64", progress=False).spikes["out"])
    assert len(found[0]) > 50 and np.array_equal(found[0].ids, found[1].ids)
    np.testing.assert_allclose(found[0].payload, found[1].payload, atol=1e-12)


@pytest.mark.parametrize("weights", ["exact", "packed"])
def test_sleepers_behind_graded_spikes_get_what_the_awake_get(weights):
    rng = np.random.default_rng(4)
    net = ns.Network(seed=1)
    k = 200
    source = net.add(
        ns.SpikeSource(
            20,
            times=rng.uniform(0, 100, k),
            ids=rng.integers(0, 20, k),
            payloads=rng.normal(size=k),
        ),
        "in",
    )
    cells = net.add(ns.LIF(50, tau_m=20.0, v_th=0.5), "cells")
    gain = ns.Schedule([0, 30, 60], [1.0, 3.0, 0.5])
    net.connect(source, cells, ns.FixedProbability(0.4), weight=ns.Uniform(0.1, 0.9), delay=1.0,
                gain=gain)  # fmt: skip
    options = {"dtype": "float64", "weights": weights, "progress": False}
    awake, asleep = (
        ns.simulate(net, 110.0, sleep=sleep, **options).spikes["cells"] for sleep in (False, True)
    )
    assert len(awake) > 20
    assert np.array_equal(awake.times, asleep.times) and np.array_equal(awake.ids, asleep.ids)


def test_both_engines_agree_on_graded_sources_given_in_all_ways(tmp_path):
    rng = np.random.default_rng(5)
    net = ns.Network()
    source = net.add(ns.SpikeSource(5, graded=True), "in")
    cells = net.add(ns.SigmaDelta(4, threshold=0.5), "out")
    net.connect(source, cells, weight=rng.normal(size=(5, 4)), delay=1.0)
    times, ids = np.sort(rng.integers(0, 40, 50)).astype(float), rng.integers(0, 5, 50)
    order = np.lexsort((ids, times))
    spikes = times[order], ids[order], rng.normal(size=50)
    runs = []
    for engine, more in (("clock", {"dt": 0.5, "dtype": "float64"}), ("event", {})):
        pieces = [tuple(a[:20] for a in spikes), tuple(a[20:] for a in spikes)]
        ways = spikes, iter(pieces), ns.Spikes(*spikes[:2], 5, spikes[2])
        options = more | {"engine": engine, "progress": False}
        runs += [ns.simulate(net, 45.0, inputs={"in": given_as}, **options) for given_as in ways]
    sim = ns.EventSimulator(net)
    sim.push("in", *spikes)
    runs.append(sim.run(45.0, progress=False))
    for run in runs:
        assert np.array_equal(run.spikes["out"].times, runs[0].spikes["out"].times)
        np.testing.assert_allclose(run.spikes["out"].payload, runs[0].spikes["out"].payload)
    file = ns.write_spikes(tmp_path / "s.h5", runs[0])
    assert np.array_equal(ns.read_spikes(file)["out"].payload, runs[0].spikes["out"].payload)
    again = ns.simulate(
        net, 45.0, dt=0.5, dtype="float64", inputs={"in": ns.stream_spikes(file, "in", piece=7)},
        out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert np.array_equal(again.spikes["out"].payload, runs[0].spikes["out"].payload)


def test_a_spike_of_a_graded_source_without_a_payload_carries_one():
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(1, graded=True), "in")
    cell = net.add(ns.IntegerLIF(1, v_th=0.5), "cell")
    net.connect(source, cell)
    result = ns.simulate(net, 3, inputs={"in": ([1], [0])}, progress=False)
    assert result.spikes["in"].payload.tolist() == [1.0]
    assert result.spikes["cell"].payload.tolist() == [2.0]


def test_integer_neurons_lose_no_charge():
    rng = np.random.default_rng(6)
    net = ns.Network(time="steps")
    inputs = rng.normal(0.5, 2.0, (50, 3))
    t, i = np.nonzero(np.ones_like(inputs))
    source = net.add(ns.SpikeSource(3, times=t, ids=i, payloads=inputs[t, i]), "in")
    cell = net.add(ns.IntegerLIF(3, v_th=0.75), "cell")
    net.connect(source, cell, ns.OneToOne())
    result = ns.simulate(net, 50, dtype="float64", record={"cell": ["spikes", "v"]}, progress=False)
    sent = np.zeros(3)
    np.add.at(sent, result.spikes["cell"].ids, result.spikes["cell"].payload)
    left = result.traces["cell"]["v"].values[-1]
    np.testing.assert_allclose(inputs.sum(axis=0), 0.75 * sent + left)
    assert (result.spikes["cell"].payload % 1 == 0).all()


# ------------------------------------------------------------------------ delta mode


def test_delta_mode_equals_frame_mode_in_every_frame():
    rng = np.random.default_rng(7)
    frames = np.cumsum(rng.normal(0, 0.1, (30, 12)), axis=0)
    weights = rng.normal(0, 0.5, (12, 8)), rng.normal(0, 0.5, (8, 4))
    bias = rng.normal(0, 0.1, 8)
    threshold, found = 2.0**-5, {}
    for changes in (True, False):
        net = ns.Network(time="steps")
        encode = FrameEncoder(threshold=threshold, changes=changes)
        unit = ns.SigmaDelta if changes else ns.GradedUnit
        pixels = net.add(ns.SpikeSource(12, graded=True), "pixels")
        hidden = net.add(unit(8, threshold=threshold, bias=bias, relu=True), "hidden")
        out = net.add(unit(4, threshold=threshold, relu=False), "out")
        net.connect(pixels, hidden, ns.FromMatrix(weights[0]))
        net.connect(hidden, out, ns.FromMatrix(weights[1]))
        result = ns.simulate(
            net, 30, dtype="float64", inputs={"pixels": encode(frames)},
            record={"out": ["x"]}, progress=False,
        )  # fmt: skip
        found[changes] = result.traces["out"]["x"].values, sum(result.synaptic_events.values())
    levels = threshold * np.rint(frames / threshold)
    hidden = threshold * np.rint(np.maximum(levels @ weights[0] + bias, 0) / threshold)
    np.testing.assert_allclose(found[True][0], hidden @ weights[1], atol=1e-12)
    np.testing.assert_allclose(found[False][0], hidden @ weights[1], atol=1e-12)


@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.25, 0.1, 1.0]), st.integers(0, 99))
def test_changes_of_frames_add_up_to_frames(frames, n, threshold, seed):
    values = np.random.default_rng(seed).normal(size=(frames, n))
    e = FrameEncoder(threshold=threshold)(values)
    sent = np.zeros((frames, n))
    sent[e.times.astype(int), e.ids] = e.payload
    np.testing.assert_allclose(
        np.cumsum(sent, axis=0), threshold * np.rint(values / threshold), atol=1e-12
    )
    assert (e.payload != 0).all()


# ------------------------------------------------------------------------ integers


@given(st.data())
def test_integers_come_back_from_every_code(data):
    kind = data.draw(st.sampled_from(["unary", "ternary", "bitwise", "complement"]))
    code = IntegerCode(kind=kind, steps=data.draw(st.integers(1, 12)))
    low, high = code.range
    shape = data.draw(st.sampled_from([(1, 3), (4, 2), (2, 2, 3)]))
    n = int(np.prod(shape))
    values = np.array(data.draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))
    values = values.reshape(shape)
    e = code.encode_frames(values)
    assert np.array_equal(code.decode_frames(e, len(values)), values)
    assert set(np.unique(e.payload)) <= ({1.0, -1.0} if kind in ("ternary", "bitwise") else {1.0})
    per_step = np.unique(np.stack((e.times, e.ids)), axis=1)
    assert per_step.shape[1] == len(e)  # at most one spike of a neuron in a step
    spikes = {
        "unary": np.abs(values).sum(), "ternary": np.abs(values).sum(),
        "bitwise": sum(int(v).bit_count() for v in np.abs(values).ravel()),
        "complement": sum(int(v % 2**code.steps).bit_count() for v in values.ravel()),
    }  # fmt: skip
    assert len(e) == spikes[kind]


@pytest.mark.parametrize("kind", ["unary", "ternary", "bitwise", "complement"])
def test_a_gain_makes_unfolded_spikes_deliver_what_payloads_do(kind):
    rng = np.random.default_rng(8)
    code = IntegerCode(kind=kind, steps=6)
    low, high = max(code.range[0], -6), min(code.range[1], 6)
    values, weights = rng.integers(low, high + 1, 20), rng.normal(size=(20, 7))
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(20, graded=True), "in")
    out = net.add(ns.IntegerLIF(7, v_th=1e6), "out")
    net.connect(source, out, ns.FromMatrix(weights), gain=code.gain)
    result = ns.simulate(
        net, 6, dtype="float64", inputs={"in": code.encode(values)}, record={"out": ["v"]},
        progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(result.traces["out"]["v"].values[-1], values @ weights, atol=1e-12)


def test_what_a_network_recorded_unfolds_into_the_same_sums():
    net = ns.Network(time="steps")
    source = net.add(
        ns.SpikeSource(3, times=[0, 1, 1], ids=[0, 1, 2], payloads=[3.2, 5.5, 1.0]), "in"
    )
    cell = net.add(ns.IntegerLIF(3, levels=4), "cell")
    net.connect(source, cell, ns.OneToOne())
    spikes = ns.simulate(net, 3, progress=False).spikes["cell"]
    frames = np.zeros((3, 3), int)
    frames[spikes.times.astype(int), spikes.ids] = spikes.payload
    code = IntegerCode(kind="unary", steps=4)
    assert np.array_equal(code.decode_frames(code.encode_frames(frames), 3), frames)
    assert frames.tolist() == [[3, 0, 0], [0, 4, 1], [0, 1, 0]]


# ------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ns.SpikeSource(2, times=[1.0], ids=[0], payloads=[1, 2]), "payloads"),
        (lambda: ns.SpikeSource(2, times=[1.0], ids=[0], payloads=[np.nan]), "payloads"),
        (lambda: ns.SpikeSource(2, times=[1.0], ids=[0], payloads=[1.0], graded=False),
         "SpikeSource.n, graded=True"),
        (lambda: ns.SpikeSource(2, graded=3), "SpikeSource.graded must be True or False"),
        (lambda: ns.IntegerLIF(2, v_th=0.0), "v_th must be > 0"),
        (lambda: ns.IntegerLIF(2, rounding="up"), "IntegerLIF.rounding must be"),
        (lambda: ns.IntegerLIF(2, levels=0), "IntegerLIF.levels must be"),
        (lambda: ns.IntegerLIF(2, tau_m=-1.0), "IntegerLIF.tau_m must be > 0"),
        (lambda: ns.GradedUnit(2, threshold=0.0), "threshold must be > 0"),
        (lambda: IntegerCode(kind="morse"), "IntegerCode.kind must be"),
        (lambda: IntegerCode(kind="bitwise", steps=60), "IntegerCode.steps must be"),
        (lambda: IntegerCode(steps=3).encode([4]), r"integers in 0\.\.3 for 'unary' in 3 steps"),
        (lambda: IntegerCode(steps=3).encode([0.5]), "must be integers"),
        (lambda: FrameEncoder(threshold=0), "FrameEncoder.threshold must be > 0"),
        (lambda: FrameEncoder()([1.0, 2.0]), r"frames must have shape \(frames, \*shape\)"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_payloads_for_plain_sources_and_bad_gains_are_refused():
    net = ns.Network(time="steps")
    a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2, tau_m=5.0), "b")
    with pytest.raises(ParameterError, match="gain must be a Schedule with one number"):
        net.connect(a, b, gain=2.0)
    with pytest.raises(ParameterError, match="gain must be a Schedule with one number"):
        net.connect(a, b, gain=ns.Schedule([0], [[1.0, 2.0]]))
    net.connect(a, b)
    given_spikes = {"a": ([1.0], [0], [2.0])}
    with pytest.raises(ParameterError, match="a plain source must come without payloads"):
        ns.simulate(net, 5, inputs=given_spikes, progress=False)


def test_learning_and_the_event_engine_refuse_gains_by_name():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2, tau_m=5.0, tau_syn=2.0), "b")
    net.connect(a, b, gain=ns.Schedule([0], [2.0]))
    with pytest.raises(BuildError, match="'a->b'.gain must be left out"):
        ns.EventSimulator(net)
    with pytest.raises(BuildError, match="'a->b'.gain must be left out"):
        ns.ExactGradient(net, 10.0)
    assert ns.simulate(net, 5.0, progress=False).engine == "clock"


def test_payloads_of_a_damaged_file_are_refused(tmp_path):
    import h5py

    spikes = ns.Spikes(np.array([1.0, 2.0]), np.array([0, 1]), 2, np.array([1.0, 2.0]))
    file = ns.write_spikes(tmp_path / "s.h5", {"a": spikes})
    with h5py.File(file, "a") as f:
        del f["spikes/a/payloads"]
        f["spikes/a/payloads"] = np.zeros(3)
    with pytest.raises(FormatError, match="one number in payloads per timestamp"):
        ns.read_spikes(file)
    with pytest.raises(FormatError, match="one number in payloads per timestamp"):
        list(ns.stream_spikes(file, "a"))


def test_a_long_run_of_the_event_engine_keeps_payloads_and_goes_on(tmp_path):
    rng = np.random.default_rng(9)
    net = ns.Network()
    k = 300
    source = net.add(
        ns.SpikeSource(
            4, times=rng.uniform(0, 90, k), ids=rng.integers(0, 4, k), payloads=rng.normal(size=k)
        ),
        "in",
    )
    cells = net.add(ns.SigmaDelta(6, threshold=0.5), "out")
    net.connect(source, cells, weight=rng.normal(size=(4, 6)), delay=ns.Uniform(0.5, 3.0))
    net.connect(cells, cells, ns.FixedProbability(0.3), weight=0.1, delay=2.0)
    whole = ns.simulate(net, 100.0, engine="event", progress=False)
    options = {"out": tmp_path / "run", "checkpoint_every": 10.0, "progress": False}
    stopped = ns.EventSimulator(net).run(100.0, stop=ns.StopAtWall(0.0), **options)
    assert stopped.t_stop < 100.0
    found = ns.resume(net, tmp_path / "run", stop=[], progress=False)
    for name in ("in", "out"):
        assert np.array_equal(found.spikes[name].times, whole.spikes[name].times)
        assert np.array_equal(found.spikes[name].payload, whole.spikes[name].payload)


def test_networks_of_integers_refuse_payloads_and_gains():
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(1, times=[1], ids=[0], payloads=[2.7]), "in")
    cell = net.add(ns.LoihiLIF(1, v_th_mant=30000, decay_u=0, decay_v=0), "cell")
    net.connect(source, cell, weight=64)
    with pytest.raises(BuildError, match="'in' must fire plain spikes with dtype 'int32'"):
        ns.Simulator(net)
    other = ns.Network(time="steps")
    source = other.add(ns.SpikeSource(1), "in")
    cell = other.add(ns.LoihiLIF(1, v_th_mant=300, decay_u=0, decay_v=0), "cell")
    other.connect(source, cell, weight=64, gain=ns.Schedule([0], [0.5]))
    with pytest.raises(BuildError, match="gain must be left out with dtype 'int32'"):
        ns.Simulator(other)


def test_payloads_that_are_no_integers_are_not_decoded():
    spikes = ns.Spikes(np.array([0.0]), np.array([0]), 1, np.array([0.5]))
    with pytest.raises(ParameterError, match="payloads must be integers, got 0.5"):
        IntegerCode(steps=2).decode(spikes)
    with pytest.raises(ParameterError, match="must be integers"):
        IntegerCode(steps=2).encode("a")
