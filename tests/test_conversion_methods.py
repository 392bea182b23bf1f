"""Methods of conversion: the engines do what plain numpy does, and what closed forms say."""

import numpy as np
import pytest
from conversion_nets import chain, residual
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim._jit import JIT
from neurosim.conversion import convert, evaluate
from neurosim.conversion.balance import balanced
from neurosim.conversion.codes import PhaseCode
from neurosim.conversion.rates import Run, biases_of, pooled
from neurosim.errors import ParameterError

OPTIONS = {
    "percentile": {"steps": 12},
    "max": {"steps": 12, "reset": "zero", "v0": 0.0},
    "mse": {"steps": 7, "v0": 0.25},
    "signed": {"steps": 12},
    "burst": {"steps": 5, "burst": 3},
    "phase": {"steps": 12, "period": 4},
    "few-spike": {"steps": 5},
    "quantised": {"bits": 3},
}
NEEDS_COMPILER = pytest.mark.skipif(not JIT, reason="takes minutes without the compiler")


def run(snn, sample, dtype="float64"):
    """One run with all that is asked below."""
    record = {
        layer.name: ["spikes"] if layer.pool is not None else ["spikes", "v"]
        for layer in snn.plan.layers
    }
    options = {"dtype": dtype} if snn.engine == "clock" else {"times": [snn.code.end]}
    inputs = {"input": snn.encode(sample)}
    return ns.simulate(
        snn.network, snn.duration, engine=snn.engine, inputs=inputs, record=record,
        progress=False, **options,
    )  # fmt: skip


def expected(snn, x, biases=None):
    """The same in plain numpy."""
    how = Run.of(
        snn.plan, snn.code, snn.thresholds, biases or biases_of(snn.plan), snn.input, x
    )  # fmt: skip
    for layer in snn.plan.layers[:-1]:
        how.through(layer)
    return how


def sent_by(spikes, steps):
    """What a population sent in each step."""
    sent = np.zeros((steps, spikes.n))
    carried = spikes.payload if spikes.payload is not None else np.ones(len(spikes.ids))
    sent[spikes.times.astype(int), spikes.ids] = carried
    return sent


# ------------------------------------------------------------------ engine and numpy


@NEEDS_COMPILER
@pytest.mark.parametrize("method", list(OPTIONS))
@pytest.mark.parametrize("kind", ["chain", "residual"])
def test_the_engine_sends_what_plain_numpy_sends_in_every_step(method, kind):
    rng = np.random.default_rng(3)
    plan = chain(rng, (8, 12, 9, 4)) if kind == "chain" else residual(rng)
    x = rng.normal(0.3, 0.6, (20, *plan.input_shape))
    snn = convert(plan, x, method=method, **OPTIONS[method])
    how = expected(snn, x[:3])
    for k in range(3):
        result = run(snn, x[k])
        for layer in snn.plan.spiking:
            wanted = how.sent[layer.name][:, k].reshape(how.last + 1, -1)
            assert np.any(wanted)
            found = sent_by(result.spikes[layer.name], how.last + 1)
            np.testing.assert_array_equal(found, wanted, err_msg=layer.name)
        outputs = how.wanted(snn.plan.layers[-1])[k]
        np.testing.assert_allclose(snn.outputs(result), outputs, atol=1e-9)


@NEEDS_COMPILER
@pytest.mark.parametrize("method", ["percentile", "signed", "burst", "phase", "few-spike"])
def test_max_pooling_sends_what_the_largest_of_a_window_sends(method):
    rng = np.random.default_rng(4)
    plan = residual(rng, pool="max")
    x = rng.normal(0.3, 0.6, (20, *plan.input_shape))
    snn = convert(plan, x, method=method, **OPTIONS[method])
    how = expected(snn, x[:2])
    source = next(layer for layer in plan.layers if layer.pool is not None).terms[0].source
    late = plan_largest(how.said(source)) - how.said("pool")
    most_late = snn.thresholds[source] / snn.code.norm(how.last) if snn.code.repeats else 1e-12
    assert late.min() >= -1e-12 and late.max() <= most_late
    outputs = how.wanted(snn.plan.layers[-1])
    for k in range(2):
        result = run(snn, x[k])
        found = sent_by(result.spikes["pool"], how.last + 1)
        np.testing.assert_allclose(found, how.sent["pool"][:, k].reshape(found.shape), atol=1e-6)
        np.testing.assert_allclose(snn.outputs(result), outputs[k], atol=1e-9)


@pytest.mark.parametrize("steps", [64, 512])
def test_phases_behind_max_pooling_come_as_close_as_more_periods_allow(steps):
    code = PhaseCode(steps=steps)
    values = np.random.default_rng(0).uniform(0.0, 0.9, (200, 4, 1))  # of windows, by place
    cell = code.cell(values, 1)
    sent = np.array([cell(t, np.zeros_like(values)) for t in range(steps + 1)])
    gain = np.array([0.0, *(code.gain(t) for t in range(1, steps + 1))]) / code.norm(steps)
    largest = np.tensordot(gain, sent, 1).max(axis=1)
    late = largest - np.tensordot(gain, pooled(sent, ns.MaxPool((4,), by="largest"), code), 1)[:, 0]
    assert late.min() > -1e-12 and late.max() < 0.25 / code.norm(steps)


def plan_largest(x):
    """The largest of windows of 2 by 2, channels last."""
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


@NEEDS_COMPILER
@pytest.mark.parametrize("how", ["direct", "rate"])
def test_rate_identity_holds_in_every_layer(how):
    """|r_l(T) - (W r_(l-1)(T) + b) + (v(T) - v(0)) / T| < 1e-12: all error is what is left."""
    rng = np.random.default_rng(1)
    plan = residual(rng)
    x = rng.normal(0.2, 0.6, (20, *plan.input_shape))
    snn = convert(plan, x, steps=50, input=how)
    result = run(snn, x[0])
    rates = {"input": plan.arrange(x[:1])}
    if how == "rate":
        rates["input"] = snn.input.counts(x[0])[-1].reshape(1, *plan.shape) * snn.input.unit / 50
    for layer in plan.spiking:
        theta = snn.thresholds[layer.name]
        rates[layer.name] = theta * result.counts[layer.name].reshape(1, *layer.shape) / 50
        left = result.traces[layer.name]["v"].values[-1].reshape(layer.shape) - 0.5
        gap = (rates[layer.name] - layer.drive(rates)) / theta + left / 50
        assert result.counts[layer.name].any()
        assert np.abs(gap).max() < 1e-12


# ------------------------------------------------------------------ closed forms


def one_layer(drive, **options):
    """A spiking layer whose units have constant drives, and its network."""
    from neurosim.conversion import nodes as n
    from neurosim.conversion.graph import LayerGraph
    from neurosim.conversion.planning import make_plan

    size = len(drive)
    nodes = (
        n.Input("x", (1,)),
        n.Linear("fc", ("x",), np.reshape(drive, (-1, 1)), np.zeros(size)),
        n.Rectify("act", ("fc",), **options),
        n.Linear("out", ("act",), np.eye(size), np.zeros(size)),
    )
    return make_plan(LayerGraph("one layer", nodes, "out", None))


@NEEDS_COMPILER
@pytest.mark.parametrize("levels", [4, 7, 16])
def test_qcfs_is_exact_on_a_layer_when_the_steps_are_its_levels(levels):
    ceiling = 1.7
    drive = np.random.default_rng(5).normal(0.5, 1.5, 4000)
    plan = one_layer(drive, kind="quantised", ceiling=ceiling, levels=levels)
    snn = convert(plan, np.ones((2, 1)), method="qcfs", steps=levels)
    result = run(snn, np.ones(1))
    exact = plan.activations(np.ones((1, 1)))[plan.spiking[0].name][0]
    spoken = ceiling * result.counts[plan.spiking[0].name] / levels
    assert (
        np.count_nonzero(np.rint(spoken * levels / ceiling) != np.rint(exact * levels / ceiling))
        == 0
    )
    np.testing.assert_allclose(snn.outputs(result), exact, atol=1e-12)


@NEEDS_COMPILER
@pytest.mark.parametrize(
    ("method", "options", "grain", "highest"),
    [
        ("max", {"steps": 16}, 1 / 16, 1.0),
        ("max", {"steps": 16, "hold": 0.5}, 1 / 16, 0.5),
        ("burst", {"steps": 4, "burst": 3, "threshold": "max"}, 1 / 4, 3.0),
        ("few-spike", {"steps": 6}, 1 / 63, 1.0),
    ],
)
def test_a_layer_with_constant_drive_says_the_nearest_it_can(method, options, grain, highest):
    drive = np.linspace(-0.5, 1.0, 301)
    plan = one_layer(drive)
    snn = convert(plan, np.ones((1, 1)), method=method, **options)
    theta = 1.0 / highest
    levels = np.clip(np.floor(drive / theta / grain + 0.5), 0, round(highest / grain))
    np.testing.assert_allclose(snn.outputs(run(snn, np.ones(1))), levels * grain * theta, atol=1e-9)


@NEEDS_COMPILER
def test_phases_say_a_binary_fraction_after_the_first_periods():
    drive = np.linspace(-0.2, 0.9, 120)
    snn = convert(one_layer(drive), np.ones((1, 1)), method="phase", steps=400, period=5)
    error = snn.outputs(run(snn, np.ones(1))) - np.maximum(drive, 0)
    assert np.abs(error).max() < 1.5 / (400 / 5)  # less than a period's largest


@NEEDS_COMPILER
def test_signed_counts_become_those_of_the_quantised_ann_where_plain_ones_cannot_be_taken_back():
    """+3 early, -2 late: three spikes too many, unless they can be taken back."""
    from neurosim.conversion import nodes as n
    from neurosim.conversion.graph import LayerGraph
    from neurosim.conversion.planning import make_plan

    nodes = (
        n.Input("x", (2,)),
        n.Linear("fc", ("x",), np.array([[1.0, -1.0]]), np.zeros(1)),
        n.Rectify("act", ("fc",)),
        n.Linear("out", ("act",), np.eye(1), np.zeros(1)),
    )
    plan = make_plan(LayerGraph("late", nodes, "out", None))
    sample = (np.r_[np.arange(0, 10.0), np.arange(10, 20.0)], np.repeat([0, 1], 10))
    found = {}
    for method in ("max", "signed"):
        snn = convert(
            plan, np.array([[20.0, 0.0]]), method=method, input="events", steps=40, window=40.0,
            hold=0.0, threshold="max",
        )  # fmt: skip
        found[method] = float(snn.outputs(run(snn, sample))[0])
    assert found["max"] > 4.0 and found["signed"] == pytest.approx(0.0, abs=1e-9)


# ------------------------------------------------------------------ exact first spikes


def exact_in_one_spike(plan, x):
    snn = convert(plan, x, method="first-spike")
    assert snn.engine == "event"
    exact = plan.activations(x)["output"]
    for k in range(min(3, len(x))):
        result = run(snn, x[k])
        np.testing.assert_allclose(snn.outputs(result), exact[k], rtol=0, atol=1e-9)
        for layer in plan.layers[:-1]:
            assert result.counts[layer.name].max() <= 1
        active = plan.activations(x[k : k + 1])
        for layer in plan.spiking:
            assert result.counts[layer.name].sum() == np.count_nonzero(active[layer.name])


@NEEDS_COMPILER
@pytest.mark.parametrize(
    ("pool", "ceiling"),
    [pytest.param("average", None, marks=pytest.mark.slow), ("max", 0.8)],
)
def test_first_spikes_say_what_a_residual_network_says(pool, ceiling):
    rng = np.random.default_rng(6)
    plan = residual(rng, pool=pool, ceiling=ceiling)
    exact_in_one_spike(plan, rng.normal(0.3, 0.6, (4, *plan.input_shape)))


@NEEDS_COMPILER
@settings(max_examples=12)
@given(st.integers(0, 2**20), st.lists(st.integers(1, 9), min_size=3, max_size=5))
def test_first_spikes_say_what_any_chain_says(seed, sizes):
    rng = np.random.default_rng(seed)
    plan = chain(rng, sizes)
    x = rng.normal(0.2, 1.0, (6, sizes[0]))
    active = plan.activations(x)
    if all(np.any(active[layer.name] > 0) for layer in plan.spiking):
        exact_in_one_spike(plan, x)


def test_first_spikes_refuse_inputs_that_have_no_time():
    rng = np.random.default_rng(7)
    snn = convert(chain(rng, (4, 6, 3)), rng.uniform(0, 1, (20, 4)), method="first-spike")
    with pytest.raises(ParameterError, match="1.5 times what calibration data had"):
        snn.encode(np.full(4, 2.0))


# ------------------------------------------------------------------ biases, thresholds, report


def test_corrected_biases_bring_the_outputs_closer():
    rng = np.random.default_rng(8)
    plan = residual(rng)
    x = rng.normal(0.3, 0.6, (64, *plan.input_shape))
    errors = {
        correct: convert(
            plan, x, method="mse", steps=4, v0=0.2, correct=correct
        ).report.output_error
        for correct in (False, True)
    }
    assert errors[True] < 0.8 * errors[False]


def test_corrected_biases_leave_no_mean_error_in_any_channel_of_the_read_out():
    rng = np.random.default_rng(9)
    plan = chain(rng, (8, 16, 5))
    x = rng.normal(0.3, 0.6, (40, 8))
    snn = convert(plan, x, method="calibrated", steps=3)
    outputs = [snn.outputs(run(snn, sample)) for sample in x] if JIT else None
    if outputs is not None:
        gap = np.mean(outputs, axis=0) - plan.activations(x)["output"].mean(axis=0)
        assert np.abs(gap).max() < 1e-9


def test_the_mse_threshold_has_the_least_squared_error_of_all():
    rng = np.random.default_rng(10)
    plan = chain(rng, (8, 40, 5))
    x = rng.normal(0.3, 0.6, (100, 8))
    name = plan.spiking[0].name
    values = plan.activations(x)[name]

    def error(theta, steps=4):
        said = np.clip(np.floor(values / theta * steps + 0.5), 0, steps) / steps * theta
        return np.mean((said - values) ** 2)

    found = convert(plan, x, method="mse", steps=4).thresholds[name]
    others = [convert(plan, x, method=m, steps=4).thresholds[name] for m in ("max", "percentile")]
    tried = np.linspace(0.05, 1.0, 200) * values.max()
    assert error(found) <= min(map(error, others))
    assert error(found) < 1.05 * min(map(error, tried))


@NEEDS_COMPILER
def test_the_report_counts_the_operations_that_the_engine_counts():
    rng = np.random.default_rng(11)
    for plan in (chain(rng, (8, 12, 4)), residual(rng, pool="max")):
        x = rng.normal(0.3, 0.6, (6, *plan.input_shape))
        for method in ("percentile", "first-spike"):
            snn = convert(plan, x, method=method)
            results = [run(snn, sample) for sample in x]
            counted = np.mean([sum(r.synaptic_events.values()) for r in results])
            assert snn.report.operations == pytest.approx(counted)
            for layer in snn.report.layers:
                spikes = np.mean([r.counts[layer.name].sum() for r in results])
                assert layer.spikes == pytest.approx(spikes)


@pytest.mark.parametrize(("pool", "ceiling"), [("average", None), ("max", 0.8)])
def test_channels_with_thresholds_of_their_own_leave_the_outputs(pool, ceiling):
    rng = np.random.default_rng(19)
    plan = residual(rng, pool=pool, ceiling=ceiling)
    x = rng.normal(0.3, 0.6, (30, *plan.input_shape))
    scaled = balanced(plan, x, 100.0)
    found, exact = scaled.activations(x), plan.activations(x)
    np.testing.assert_allclose(found["output"], exact["output"], atol=1e-12)
    for one, other in zip(plan.layers, scaled.layers, strict=True):  # kernels stay kernels
        kinds = [[type(t.operator.rule(1.0)) for t in layer.terms] for layer in (one, other)]
        changed = {a.__name__ for a, b in zip(*kinds, strict=True) if a is not b}
        assert changed <= {"SumPool"}  # the identity, which has no longer one weight for all
    for layer in plan.spiking:
        tops = found[layer.name].reshape(-1, layer.shape[-1]).max(axis=0)
        if layer.ceiling is None:
            np.testing.assert_allclose(tops, 1.0)
        else:
            np.testing.assert_array_equal(found[layer.name], exact[layer.name])


def test_thresholds_of_channels_bring_the_outputs_closer_where_channels_differ():
    rng = np.random.default_rng(20)
    plan = residual(rng)
    x = rng.normal(0.3, 0.6, (64, *plan.input_shape))
    errors = [
        convert(plan, x, steps=4, per_channel=each).report.output_error for each in (False, True)
    ]
    assert errors[1] < errors[0]


# ------------------------------------------------------------------ evaluation


@NEEDS_COMPILER
def test_the_curve_has_what_runs_of_fewer_steps_would_have():
    rng = np.random.default_rng(12)
    plan = residual(rng)
    x = rng.normal(0.3, 0.6, (10, *plan.input_shape))
    labels = plan.decide(plan.activations(x)["output"])
    curve = evaluate(convert(plan, x, steps=16), x, labels, progress=False).curve
    assert [p.steps for p in curve] == list(range(1, 17))
    for steps in (3, 16):
        alone = evaluate(convert(plan, x, steps=steps), x, labels, steps=[steps], progress=False)
        point = curve[steps - 1]
        assert alone.score == point.score
        assert alone.operations == pytest.approx(point.operations)
        hidden = sum(n for name, n in alone.spikes.items() if name != "input")
        assert hidden == pytest.approx(point.spikes)


@NEEDS_COMPILER
def test_a_curve_is_printed_and_drawn():
    rng = np.random.default_rng(13)
    plan = chain(rng, (6, 8, 3))
    x = rng.normal(0.3, 0.6, (10, 6))
    labels = plan.decide(plan.activations(x)["output"])
    found = evaluate(convert(plan, x, method="phase", steps=16), x, labels, progress=False)
    assert found.table().splitlines()[0].split() == ["steps", "accuracy", "spikes", "operations"]
    assert [line.split()[0] for line in found.table().splitlines()[1:]] == ["8", "16"]
    exact = evaluate(convert(plan, x, method="first-spike"), x, labels, progress=False)
    for along in ("steps", "spikes", "operations"):
        ax = ns.plot.latency({"phase": found, "exact": exact}, along=along, reference=1.0)
        lines = [list(line.get_ydata()) for line in ax.get_lines()]
        assert lines[:2] == [[p.score for p in found.curve], [1.0]]
    with pytest.raises(ParameterError, match="must be one or more, got none"):
        ns.plot.latency({})
    with pytest.raises(ParameterError, match=r"after which the code has an output \(8, 16\)"):
        evaluate(convert(plan, x, method="phase", steps=16), x, labels, steps=[4], progress=False)


# ------------------------------------------------------------------ an ordinary network


@NEEDS_COMPILER
@pytest.mark.parametrize("method", ["percentile", "signed", "first-spike"])
def test_a_batch_gives_the_same_outputs(method):
    rng = np.random.default_rng(14)
    plan = residual(rng)
    x = rng.normal(0.3, 0.6, (6, *plan.input_shape))
    snn = convert(plan, x, method=method)
    options = {"times": [snn.code.end]} if snn.engine == "event" else {}
    batch = ns.Batch(
        snn.network, snn.duration, engine=snn.engine, encode=snn.encode, measure=snn.outputs,
        record={"output": ["v"]}, **options,
    )  # fmt: skip
    values = batch.run(x, workers=2, progress=False).values["value"]
    labels = plan.decide(plan.activations(x)["output"])
    np.testing.assert_array_equal(values, evaluate(snn, x, labels, progress=False).outputs)


@NEEDS_COMPILER
def test_first_spikes_at_the_very_end_of_a_run_are_priced():
    rng = np.random.default_rng(15)
    plan = chain(rng, (4, 6, 5, 3))
    x = rng.uniform(0, 1, (3, 4))
    score = evaluate(convert(plan, x, method="first-spike"), x, [0, 1, 2], progress=False)
    table = ns.compare(list(score.results), chips=["snn-45nm-ac"])
    assert all(row.fits for row in table.rows if row.chip == "snn-45nm-ac")


@NEEDS_COMPILER
def test_runs_of_converted_networks_are_priced_and_saved(tmp_path):
    rng = np.random.default_rng(15)
    plan = residual(rng)
    x = rng.normal(0.3, 0.6, (6, *plan.input_shape))
    snn = convert(plan, x, method="percentile", input="rate", steps=8)
    score = evaluate(snn, x, np.zeros(6, int), progress=False)
    table = ns.compare(list(score.results), chips=["loihi", "snn-45nm-ac"])
    assert {"loihi", "snn-45nm-ac"} <= {row.chip for row in table.rows if row.fits}
    first, second = ns.Simulator(snn.network), ns.Simulator(snn.network)
    first.run(4, inputs={"input": snn.encode(x[0])}, progress=False)
    second.load(first.save(tmp_path / "state.h5"))
    one, other = (sim.run(5, progress=False).counts for sim in (first, second))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "qcfs"}, "has no ceiling, so that no threshold was trained"),
        ({"method": "mse", "threshold": "best"}, "threshold must be one of"),
        ({"method": "burst", "reset": "zero"}, "reset must be 'subtract' for method='burst'"),
        ({"method": "max", "bits": 3}, "bits must be left out unless"),
        ({"method": "first-spike", "steps": 8}, "steps must be left out"),
        ({"method": "first-spike", "per_channel": True}, "per_channel must be left out"),
        ({"method": "first-spike", "input": "rate"}, "input must be one of 'direct'"),
        ({"v0": 1.5}, "v0 must be >= 0 and <= 1"),
        ({"burst": 0, "method": "burst"}, "burst must be >= 1"),
    ],
)
def test_what_a_method_cannot_do_is_refused_by_name_with_what_can(options, message):
    rng = np.random.default_rng(16)
    plan = residual(rng, pool="max")
    with pytest.raises(ParameterError, match=message):
        convert(plan, rng.normal(0.3, 0.6, (6, *plan.input_shape)), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "phase", "steps": 30}, "steps must be a multiple of the period, 8"),
        ({"method": "phase", "input": "rate"}, "input must be one of 'direct' for method='phase'"),
        ({"method": "few-spike", "steps": 33}, "steps must be <= 20"),
        ({"method": "few-spike", "hold": 0.5}, "hold must be 0"),
        ({"method": "quantised", "bits": 3, "steps": 8}, "steps must be left out .* takes 7"),
    ],
)
def test_options_that_do_not_fit_a_method_are_named(options, message):
    rng = np.random.default_rng(17)
    with pytest.raises(ParameterError, match=message):
        convert(chain(rng, (6, 8, 3)), rng.normal(0.3, 0.6, (10, 6)), **options)


def test_levels_have_no_times_and_others_than_trained_are_refused():
    rng = np.random.default_rng(18)
    plan = chain(rng, (6, 8, 3), kind="quantised", ceiling=1.0, levels=4)
    x = rng.normal(0.3, 0.6, (10, 6))
    with pytest.raises(ParameterError, match="has 4 levels, which times of spikes have not"):
        convert(plan, x, method="first-spike")
    with pytest.raises(ParameterError, match="was trained with, got 7 levels"):
        convert(plan, x, method="quantised", bits=3)
    assert convert(plan, x, method="quantised").steps == 4
