"""Learning on a grid: the clock engine's spikes, and gradients against slow obvious ones."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import BuildError, ParameterError
from neurosim.learning.batch import Batch
from neurosim.learning.forward import given_spikes
from neurosim.learning.surrogate import machine_of

DT, STEPS = 0.5, 60
TAU_M, TAU_SYN, V_TH, REACH = 8.0, 4.0, 1.0, 0.7


def network(longest: float = 6.0, seed: int = 3, out_delay: float = 0.0) -> ns.Network:
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(6), "in")
    hid = net.add(ns.LIF(8, tau_m=TAU_M, tau_syn=TAU_SYN), "hid")
    out = net.add(ns.LI(3, tau_m=TAU_M, tau_syn=TAU_SYN), "out")
    net.connect(inp, hid, weight=ns.Uniform(0.0, 2.5), delay=ns.Uniform(0.0, longest))
    net.connect(hid, hid, weight=ns.Normal(0.0, 0.5), delay=ns.Uniform(1.0, longest))
    net.connect(hid, out, weight=ns.Normal(0.0, 1.0), delay=out_delay)
    return net


def samples(n: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [
        ((np.sort(rng.integers(0, STEPS // 2, 12)) * DT, rng.integers(0, 6, 12)), k % 3)
        for k in range(n)
    ]


def machine(net: ns.Network, **method):
    method = {"dt": DT, "reach": REACH, **method}
    return machine_of(ns.SurrogateGradient(**method), net, STEPS * DT, chunks=2, threads=1)


def forward(made, data, learning=True):
    given = given_spikes(len(made.names), [{0: x} for x, _ in data])
    return Batch(made, made.forward(given, np.arange(len(data)), learning))


def gradient(made, data, loss):
    batch = forward(made, data)
    labels = np.array([label for _, label in data])
    scored = loss.score(batch, labels, True)
    totals = made.backward(batch.records, batch.drives, batch.pushes, batch.pulls, batch.wishes)
    return float(scored.losses.mean()), totals


def test_scoring_runs_give_the_spikes_of_the_clock_engine():
    net = network()
    made, data = machine(net), samples(4)
    batch = forward(made, data, learning=False)
    rounded = ns.round_delays(net, DT)
    for number, ((times, ids), _) in enumerate(data):
        result = ns.simulate(
            with_spikes(rounded, times, ids), STEPS * DT, dt=DT, dtype="float64", progress=False
        )
        expected = result.spikes["hid"]
        chunk, inside = divmod(number, 2)
        record = batch.records[chunk]
        cell = inside * 3 + 1
        own = slice(record.starts[cell], record.starts[cell + 1])
        assert expected.times.size > 3
        np.testing.assert_array_equal(record.times[own], expected.times)
        np.testing.assert_array_equal(record.ids[own], expected.ids)


def with_spikes(net: ns.Network, times, ids) -> ns.Network:
    made = ns.Network(seed=net.seed)
    for name, p in net.populations.items():
        made.add(ns.SpikeSource(p.n, times=times, ids=ids) if p.is_source else p.neurons, name)
    for name in net.projections:
        p, s = net.projections[name], ns.expand(net, name)
        made.connect(
            p.pre.name, p.post.name, ns.FromArrays(s.pre, s.post), weight=s.weight, delay=s.delay,
            name=name,
        )  # fmt: skip
    return made


def slow_gradient(net: ns.Network, made, data, scale: float):
    """Loss and its derivatives by all weights and delays, by tangents carried forward in time."""
    leak, keep = math.exp(-DT / TAU_M), math.exp(-DT / TAU_SYN)
    gain = (leak - keep) / (1 / TAU_SYN - 1 / TAU_M) / TAU_M
    synapses = [ns.expand(net, name) for name in net.projections]
    sizes = [len(s) for s in synapses]
    n_all = 2 * sum(sizes)
    offsets = np.cumsum([0, *sizes])
    taps, total, mean = made._taps(made.width), np.zeros(n_all), 0.0
    for (times, ids), label in data:
        shape = {"hid": 8, "out": 3}
        v = {k: np.zeros(n) for k, n in shape.items()}
        i = {k: np.zeros(n) for k, n in shape.items()}
        dv = {k: np.zeros((n, n_all)) for k, n in shape.items()}
        di = {k: np.zeros((n, n_all)) for k, n in shape.items()}
        coming = {k: np.zeros((STEPS + 60, n)) for k, n in shape.items()}
        d_coming = {k: np.zeros((STEPS + 60, n, n_all)) for k, n in shape.items()}
        integral, d_integral = np.zeros(3), np.zeros((3, n_all))

        def send(j, step, s, ds, coming=coming, d_coming=d_coming):
            target = list(net.projections.values())[j].post.name
            for q in range(sizes[j]):
                e, pre, post = offsets[j] + q, synapses[j].pre[q], synapses[j].post[q]
                for k in range(taps.share.shape[1]):
                    at, w = step + taps.first[e] + k, synapses[j].weight[q]
                    coming[target][at, post] += w * taps.share[e, k] * s[pre]
                    d_coming[target][at, post] += w * taps.share[e, k] * ds[pre]
                    d_coming[target][at, post, e] += taps.share[e, k] * s[pre]
                    d_coming[target][at, post, n_all // 2 + e] += w * taps.slope[e, k] * s[pre]

        for step in range(STEPS):
            fired = np.bincount(ids[np.round(times / DT).astype(int) == step], minlength=6)
            send(0, step, fired, np.zeros((6, n_all)))
            for name in ("hid", "out"):
                if step:
                    v[name] = v[name] * leak + i[name] * gain
                    dv[name] = dv[name] * leak + di[name] * gain
                    i[name], di[name] = i[name] * keep, di[name] * keep
                i[name] = i[name] + coming[name][step]
                di[name] = di[name] + d_coming[name][step]
                if name == "hid":
                    s = v[name] >= V_TH
                    slope = np.maximum(0.0, 1 - np.abs(v[name] - V_TH) / REACH) / REACH
                    ds = slope[:, None] * dv[name]
                    v[name], dv[name] = np.where(s, 0.0, v[name]), dv[name] * ~s[:, None]
                    send(1, step, s, ds)
                    send(2, step, s, ds)
            integral += v["out"] * DT
            d_integral += dv["out"] * DT
        share = np.exp(scale * integral - (scale * integral).max())
        share /= share.sum()
        mean -= math.log(share[label]) / len(data)
        share[label] -= 1
        total += scale * share @ d_integral / len(data)
    return mean, total[: n_all // 2], total[n_all // 2 :]


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_gradients_are_those_of_tangents_carried_through_every_step(width):
    net = network(out_delay=0.0)
    made, data = machine(net, width=width), samples(2)
    loss, totals = gradient(made, data, ns.IntegralCrossEntropy(scale=0.3))
    expected, weights, delays = slow_gradient(net, made, data, 0.3)
    assert loss == pytest.approx(expected, rel=1e-12)
    assert np.abs(weights).max() > 1e-3 and np.abs(delays).max() > 1e-3
    np.testing.assert_allclose(totals.weights, weights, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(totals.delays, delays, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "loss", [ns.PeakCrossEntropy(scale=3.0), ns.IntegralCrossEntropy(decay=10.0)],
    ids=lambda loss: type(loss).__name__,
)  # fmt: skip
def test_without_hidden_spikes_gradients_are_those_of_finite_differences(loss):
    net = ns.Network(seed=2)
    inp = net.add(ns.SpikeSource(6), "in")
    out = net.add(ns.LI(3, tau_m=9.0, tau_syn=3.0), "out")
    net.connect(inp, out, weight=ns.Normal(0.0, 1.0), delay=ns.Uniform(0.0, 8.0))
    made, data = machine(net, width=1.5), samples(3)
    _, totals = gradient(made, data, loss)
    labels = np.array([label for _, label in data])
    for array, found in ((made.graph.weights, totals.weights), (made.graph.delays, totals.delays)):
        for e in range(0, array.size, 5):
            kept, values = array[e], []
            for shift in (1e-5, -1e-5):
                array[e] = kept + shift
                values.append(loss.score(forward(made, data), labels, False).losses.mean())
            array[e] = kept
            assert found[e] == pytest.approx((values[0] - values[1]) / 2e-5, rel=2e-5, abs=1e-8)


def test_an_adaptive_threshold_passes_its_derivative_on():
    net = ns.Network(seed=2)
    inp = net.add(ns.SpikeSource(6), "in")
    hid = net.add(ns.AdaptiveLIF(5, tau_m=9.0, tau_syn=3.0, adapt_step=0.3, tau_adapt=30.0), "hid")
    out = net.add(ns.LI(3, tau_m=9.0, tau_syn=3.0), "out")
    net.connect(inp, hid, weight=ns.Uniform(0.5, 2.0), delay=1.0)
    net.connect(hid, out, weight=ns.Normal(0.0, 1.0))
    made = machine(net)
    forward(made, samples(2))
    (tape, _) = made._tapes
    k, step = 1, 20
    cells, fired = made.cells[k], np.zeros(5, np.uint8)
    back = cells.back(step, tape.states[k][step], tape.inputs[k][step], fired, 1)
    adapt = list(cells.model.state).index("adapt")
    near = back.leans > 0
    assert near.any()
    np.testing.assert_allclose(back._leans[adapt][near], -back.leans[near], rtol=1e-6)
    distance = np.abs(back.reached[0] - 1.0 - back.reached[adapt])
    np.testing.assert_allclose(
        back.leans, np.maximum(0, 1 - distance / REACH) / REACH, rtol=1e-6, atol=1e-12
    )


def order_data(gap: float = 10.0) -> list:
    """Which of two inputs comes first?"""
    return [(([0.0, gap], [0, 1]), 0), (([0.0, gap], [1, 0]), 1)] * 4


def order_network() -> ns.Network:
    net = ns.Network(seed=5)
    inp = net.add(ns.SpikeSource(2), "in")
    hid = net.add(ns.LIF(6, tau_m=5.0, tau_syn=3.0), "hid")
    out = net.add(ns.LI(2, tau_m=10.0, tau_syn=5.0), "out")
    net.connect(inp, hid, weight=ns.Uniform(1.0, 2.0), delay=ns.Uniform(0.0, 4.0), name="first")
    net.connect(hid, out, weight=ns.Normal(0.0, 1.0))
    return net


def order_fit(**options) -> ns.learning.History:
    method = ns.SurrogateGradient(width=4.0, narrowing=ns.StepDecay(0.95, 1))
    options = {"method": method, "epochs": 60, "batch": 4, "seed": 1, **options}
    return ns.fit(
        order_network(), order_data(), loss=ns.IntegralCrossEntropy(scale=0.5), duration=60.0,
        learn={"weight": 0.03, "delay": 0.3}, progress=False, **options,
    )  # fmt: skip


@pytest.mark.slow
def test_the_order_of_two_spikes_is_learnt_and_holds_in_both_engines():
    history = order_fit()
    assert history.rows[-1]["accuracy"] == 1.0
    loss = ns.IntegralCrossEntropy(scale=0.5)
    options = {"loss": loss, "duration": 60.0}
    on_grid = ns.score(history.network, order_data(), method=ns.SurrogateGradient(), **options)
    exact = ns.score(ns.round_delays(history.network, 1.0), order_data(), **options)
    assert on_grid.accuracy == exact.accuracy == 1.0


def test_threads_and_a_kill_change_nothing(tmp_path):
    whole = order_fit(epochs=4)
    threads = order_fit(epochs=4, threads=2)
    order_fit(epochs=2, checkpoint=tmp_path / "a.h5")
    resumed = order_fit(epochs=4, checkpoint=tmp_path / "a.h5")
    expected = ns.expand(whole.network, "first")
    for other in (threads, resumed):
        found = ns.expand(other.network, "first")
        np.testing.assert_array_equal(found.weight, expected.weight)
        np.testing.assert_array_equal(found.delay, expected.delay)


def test_first_spike_losses_learn_on_the_grid_too():
    net = ns.Network(seed=1)
    inp = net.add(ns.SpikeSource(2), "in")
    out = net.add(ns.LIF(2, tau_m=10.0, tau_syn=5.0), "out")
    net.connect(inp, out, weight=ns.Uniform(2.0, 3.0), delay=ns.Uniform(0.0, 3.0))
    history = ns.fit(
        net, order_data(6.0), loss=ns.FirstSpikeCrossEntropy(), duration=40.0, epochs=60,
        learn={"weight": 0.05, "delay": 0.3}, progress=False, batch=8,
        method=ns.SurrogateGradient(dt=0.5, width=2.0),
    )  # fmt: skip
    assert history.rows[-1]["loss"] < 0.5 * history.rows[0]["loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "grid"}, "method must be 'exact', or a SurrogateGradient"),
        (
            {"learn": {"tau_m": 0.1}},
            "tau_m'\\) must be 'weight' or 'delay' with a SurrogateGradient",
        ),
    ],
)
def test_what_cannot_be_learnt_on_a_grid_is_said(options, message):
    options = {"learn": {"weight": 0.1}, "method": ns.SurrogateGradient(), **options}
    with pytest.raises((ParameterError, BuildError), match=message):
        ns.fit(
            order_network(), order_data(), loss=ns.IntegralCrossEntropy(), duration=30.0, epochs=1,
            progress=False, **options,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dt": 0.0}, r"SurrogateGradient\.dt must be > 0"),
        ({"width": -1.0}, r"SurrogateGradient\.width must be >= 0"),
        ({"reach": 0.0}, r"SurrogateGradient\.reach must be > 0"),
        ({"narrowing": 0.5}, r"SurrogateGradient\.narrowing must be a function"),
    ],
)
def test_wrong_settings_are_refused_by_name(given, message):
    with pytest.raises(ParameterError, match=message):
        ns.SurrogateGradient(**given)


def counting(**changed):
    """A cell that counts its refractory steps down, and does not say so in units."""
    functions = {
        "advance": lambda v, i, ref, keep, leak: (
            (v, i * keep, ref - 1.0) if ref > 0.0 else (v * leak + i * 0.1, i * keep, ref)
        ),
        "receive": lambda v, i, ref, weight: (v, i + weight, ref),
        "fires": lambda v, ref, v_th: ref <= 0.0 and v >= v_th,
        "fire": lambda v, i, ref, v_reset: (v_reset, i, 3.0),
    }
    return ns.NeuronModel(
        name="counting", state={"v": 0.0, "i": 0.0, "ref": 0.0},
        params={"keep": 0.8, "leak": 0.9, "v_th": 1.0, "v_reset": 0.0}, **(functions | changed),
    )  # fmt: skip


def of_model(model, **params):
    net = ns.Network(seed=2)
    inp = net.add(ns.SpikeSource(6), "in")
    hid = net.add(model.neurons(5, **params), "hid")
    out = net.add(ns.LI(3, tau_m=9.0, tau_syn=3.0), "out")
    net.connect(inp, hid, weight=ns.Uniform(0.5, 2.0), delay=1.0)
    net.connect(hid, out, weight=ns.Normal(0.0, 1.0))
    return net


def test_counters_of_steps_do_not_spoil_gradients():
    loss, found = ns.IntegralCrossEntropy(scale=0.3), []
    for units in ({}, {"ref": "steps"}):
        made = machine(of_model(counting(units=units)))
        found.append(gradient(made, samples(3), loss)[1].weights)
    assert np.abs(found[0]).max() > 1e-3
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("net", "method", "message"),
    [
        (lambda: of_model(counting(fires=lambda i, v_th: i >= v_th)), {}, "must fire where its"),
        (lambda: of_model(counting(), v_reset=1.5), {}, "v_th must be above v_reset"),
        (lambda: network(), {"dt": 2.0}, r"'hid->hid'\.delay must be >= dt = 2 ms"),
        (lambda: network(), {"dt": 1e-9}, "dt must be >= 3e-05"),
        (lambda: network(), {"narrowing": lambda epoch: None}, "narrowing must return a number"),
    ],
    ids=["potential", "reset", "loop", "steps", "narrowing"],
)  # fmt: skip
def test_what_has_no_gradient_on_the_grid_is_refused(net, method, message):
    with pytest.raises((ParameterError, BuildError), match=message):
        machine_of(ns.SurrogateGradient(**method), net(), 30.0, chunks=2, threads=1)


def test_a_model_whose_threshold_is_nowhere_near_is_refused():
    net = ns.Network(seed=1)
    inp, out = net.add(ns.SpikeSource(1), "in"), net.add(ns.QIF(2), "out")
    net.connect(inp, out, weight=1.0, delay=1.0)
    with pytest.raises(BuildError, match="must fire where its first state variable"):
        machine_of(ns.SurrogateGradient(reach=1.0), net, 30.0, chunks=2, threads=1)


def test_many_spikes_of_an_input_in_one_step_and_delays_without_end_count_right():
    net = ns.Network(seed=1)
    inp, out = net.add(ns.SpikeSource(1), "in"), net.add(ns.LI(2, tau_m=9.0, tau_syn=3.0), "out")
    net.connect(inp, out, weight=[[1.0, 0.0]])
    net.connect(inp, out, weight=[[50.0, 0.0]], delay=1e300, name="never")
    data = [((np.full(300, 1.0), np.zeros(300, int)), 0)]
    options = {"loss": ns.PeakCrossEntropy(scale=0.01), "duration": 30.0}
    on_grid = ns.score(net, data, method=ns.SurrogateGradient(dt=0.1), **options)
    exact = ns.score(net, data, **options)
    assert on_grid.loss == pytest.approx(exact.loss, rel=1e-3)
    assert on_grid.spikes == exact.spikes == 300
