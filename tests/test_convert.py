"""Conversion of scikit-learn MLPs: accuracy near the ANN's, inputs, the report, and refusals.

What each method sends is tested in test_conversion_methods.py.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neurosim._jit import JIT
from neurosim.conversion import NothingConverted, convert, evaluate
from neurosim.conversion.inputs import EventInput, RateInput
from neurosim.conversion.planning import make_plan
from neurosim.conversion.sklearn_mlp import read_sklearn
from neurosim.errors import ParameterError


def mlp(weights, biases, *, activation="relu", classes=(0, 1), read_out="softmax"):
    """A fitted scikit-learn MLP in all that a reader sees of it."""
    model = SimpleNamespace(
        activation=activation,
        hidden_layer_sizes=tuple(np.shape(w)[1] for w in weights[:-1]),
        predict=None,
        coefs_=[np.asarray(w, float) for w in weights],
        intercepts_=[np.asarray(b, float) for b in biases],
        out_activation_=read_out,
        n_outputs_=np.shape(weights[-1])[1],
    )
    if classes is not None:
        model.classes_ = np.array(classes)
    return model


def random_mlp(rng, sizes=(6, 8, 5, 3), **options):
    pairs = list(zip(sizes, sizes[1:], strict=False))
    weights = [rng.normal(0, 1 / np.sqrt(a), (a, b)) for a, b in pairs]
    biases = [rng.normal(0, 0.2, b) for _, b in pairs]
    return mlp(weights, biases, **{"classes": range(sizes[-1]), **options})


@pytest.fixture(scope="module")
def digits():
    """A small ANN trained on scikit-learn's digits, its training data and a test set."""
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.neural_network import MLPClassifier

    x, y = datasets.load_digits(return_X_y=True)
    x = x / 16
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1347], order[1347:]
    ann = MLPClassifier((64,), alpha=1e-3, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        ann.fit(x[train], y[train])
    return ann, x[train], x[test], y[test]


def exact(snn, x):
    """The ANN's outputs."""
    return snn.plan.activations(x)["output"]


# ------------------------------------------------------------------ inputs


def inputs_of(n):
    """The plan of a network of n inputs, which says how samples are arranged."""
    return make_plan(read_sklearn(random_mlp(np.random.default_rng(0), sizes=(n, 4, 2))))


def test_rate_input_spikes_are_evenly_spaced_and_count_the_value():
    how = RateInput(plan=inputs_of(5), steps=32, unit=16.0, signed=False)
    x = np.array([0.0, 1.0, 4.0, 8.0, 16.0])
    times, ids = how.encode(x)
    assert np.bincount(ids, minlength=5).tolist() == [0, 2, 8, 16, 32]
    assert times.min() >= 1 and times.max() <= 32
    assert set(np.diff(times[ids == 2])) == {4.0}


def test_rate_input_gives_spikes_of_negative_values_a_sign_and_clips_large_ones():
    how = RateInput(plan=inputs_of(2), steps=8, unit=1.0, signed=True)
    _, ids, payloads = how.encode(np.array([-0.5, 3.0]))
    assert np.bincount(ids).tolist() == [4, 8]
    assert set(payloads[ids == 0]) == {-1.0} and set(payloads[ids == 1]) == {1.0}


def test_event_input_keeps_every_event_inside_the_steps():
    how = EventInput(plan=inputs_of(3), steps=10, window=300.0)
    times, ids = how.encode((np.array([300.0, 0.0, 29.9, 0.0]), np.array([2, 0, 1, 0])))
    assert times.tolist() == [1.0, 1.0, 1.0, 10.0]
    assert sorted(ids[:3].tolist()) == [0, 0, 1] and ids[3] == 2


def test_hold_keeps_early_input_that_is_taken_back_from_making_spikes():
    """+1 early, -1 late: the ANN says 0, and only a held neuron does too."""
    model = mlp([[[1.0], [-1.0]], [[1.0, -1.0]]], [[0.0], [0.0, 0.0]])
    calibration = np.array([[30.0, 0.0], [0.0, 30.0]])
    times = np.arange(0.0, 30.0, 2.0)  # half as many events as calibration had
    sample = (np.r_[times, 30 + times], np.repeat([0, 1], 15))
    spikes = {}
    for hold in (0.0, 0.5):
        snn = convert(model, calibration, input="events", steps=60, window=60.0, hold=hold)
        spikes[hold] = evaluate(snn, [sample], [0], progress=False).spikes["hidden1"]
    assert spikes[0.0] > 10 and spikes[0.5] == 0


@pytest.mark.parametrize("hold", [0.0, 0.25, 0.5])
def test_hold_does_not_change_what_steady_input_says(hold):
    rng = np.random.default_rng(11)
    model, x = random_mlp(rng, sizes=(6, 12, 4)), rng.uniform(0, 1, (30, 6))
    snn = convert(model, x, method="max", steps=400, hold=hold, input="rate")
    score = evaluate(snn, x, np.zeros(30), progress=False)
    outputs = exact(snn, x)
    assert np.abs(score.outputs - outputs).mean() / np.abs(outputs).mean() < 0.02
    assert snn.report.layers[0].clipped == 0.0


@pytest.mark.parametrize("scale", [1 / 20, np.linspace(0.02, 0.1, 6)])
def test_events_spread_evenly_give_the_outputs_of_the_ann_up_to_the_rounding_of_counts(scale):
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 20, (30, 6))
    model = random_mlp(rng, sizes=(6, 12, 4))
    steps = 400
    snn = convert(
        model, counts * scale, input="events", input_scale=scale, steps=steps, window=100.0
    )
    samples = []
    for row in counts:
        ids = np.repeat(np.arange(6), row)
        times = np.concatenate([(np.arange(k) + 0.5) * 100.0 / max(k, 1) for k in row])
        samples.append((times, ids))
    score = evaluate(snn, samples, np.zeros(30), progress=False)
    outputs = exact(snn, counts * scale)
    assert np.abs(score.outputs - outputs).mean() / np.abs(outputs).mean() < 0.05
    assert score.spikes["input"] == counts.sum(axis=1).mean()


# ------------------------------------------------------------------ accuracy


def test_the_package_can_be_called_like_the_function():
    import neurosim as ns

    rng = np.random.default_rng(9)
    snn = ns.convert(random_mlp(rng), calibration=rng.uniform(0, 1, (20, 6)), steps=8)
    assert snn.duration == 9


@pytest.mark.skipif(not JIT, reason="450 digits take minutes without the compiler")
def test_digits_stay_within_half_a_point_of_the_ann_at_32_steps(digits):
    ann, train, test, labels = digits
    snn = convert(ann, train, steps=32)
    score = evaluate(snn, test, labels, progress=False)
    assert ann.score(test, labels) > 0.95
    assert abs(score.accuracy - ann.score(test, labels)) <= 0.005
    assert len(score.results) == len(test)
    np.testing.assert_array_equal(snn.predict(test[:20]), score.predicted[:20])
    assert repr(snn) == "Converted(MLPClassifier, 64-64-10, T=32, direct input)"


def test_more_steps_bring_the_outputs_closer(digits):
    ann, train, test, labels = digits
    errors = [convert(ann, train, steps=steps).report.output_error for steps in (4, 16, 64)]
    assert errors[0] > errors[1] > errors[2]


def test_regression_reaches_the_anns_values():
    rng = np.random.default_rng(6)
    model = random_mlp(rng, sizes=(4, 20, 1), classes=None, read_out="identity")
    x = rng.uniform(-1, 1, (60, 4))
    snn = convert(model, x, method="max", steps=500)
    values = exact(snn, x)[:, 0]
    score = evaluate(snn, x, values, progress=False)
    assert score.metric == "r2" and score.score > 0.99
    with pytest.raises(ParameterError, match="accuracy"):
        _ = score.accuracy


def test_a_single_output_decides_between_two_classes():
    rng = np.random.default_rng(7)
    model = random_mlp(rng, sizes=(4, 20, 1), classes=["no", "yes"], read_out="logistic")
    x = rng.uniform(0, 1, (80, 4))
    snn = convert(model, x, steps=200)
    labels = np.where(exact(snn, x)[:, 0] > 0, "yes", "no")
    assert set(labels) == {"no", "yes"}
    assert evaluate(snn, x, labels, progress=False).accuracy > 0.95


# ------------------------------------------------------------------ report


def test_report_counts_clipped_dead_and_saturated_units():
    weight = np.array([[1.0, 2.0, 0.0]])
    model = mlp([weight, np.ones((3, 2))], [[0.0, 0.0, -1.0], [0.0, 0.0]])
    x = np.linspace(0.1, 1.0, 10)[:, np.newaxis]
    report = convert(model, x, percentile=50.0, steps=64).report
    layer = report.layers[0]
    activation = np.maximum(x @ weight + [0.0, 0.0, -1.0], 0)
    threshold = np.percentile(activation[activation > 0], 50)
    assert layer.threshold == pytest.approx(threshold)
    assert layer.clipped == pytest.approx((activation > threshold).mean())
    assert (layer.dead, layer.saturated) == (1, 2)
    assert layer.clipping_error > 0.1 > layer.quantisation_error


def test_report_prints_a_table_with_a_row_per_layer():
    rng = np.random.default_rng(8)
    text = str(convert(random_mlp(rng), rng.uniform(0, 1, (20, 6))).report)
    assert "unevenness" in text and "hidden1" in text and "hidden2" in text
    assert len({len(line) for line in text.splitlines()[1:4]}) == 1


# ------------------------------------------------------------------ refusals


X = np.ones((4, 6))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (object(), "must be a fitted MLPClassifier or MLPRegressor"),
        (random_mlp(np.random.default_rng(0), activation="tanh"), "activation='relu'"),
        (random_mlp(np.random.default_rng(0), read_out="logistic"), "multi-label"),
        (
            random_mlp(np.random.default_rng(0), classes=None, read_out="exp"),
            "read-out .* must be 'identity'",
        ),
    ],
)
def test_models_that_cannot_be_converted_are_refused_with_a_remedy(model, message):
    with pytest.raises(ParameterError, match=message):
        convert(model, X)


def test_an_unfitted_model_is_refused():
    network = pytest.importorskip("sklearn.neural_network")
    with pytest.raises(ParameterError, match="not fitted yet; call its fit"):
        convert(network.MLPClassifier(), X)


def test_scalers_of_a_pipeline_are_folded_without_changing_the_function():
    pipeline = pytest.importorskip("sklearn.pipeline")
    from sklearn import preprocessing
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(10)
    x, y = rng.uniform(-2, 5, (50, 4)), np.arange(50) % 3
    for scalers in (
        [preprocessing.StandardScaler()],
        [preprocessing.StandardScaler(with_std=False), preprocessing.MaxAbsScaler()],
        [preprocessing.StandardScaler(with_mean=False), preprocessing.MinMaxScaler((-1, 2))],
    ):
        model = pipeline.make_pipeline(*scalers, MLPClassifier((6,), max_iter=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, y)
        outputs = make_plan(read_sklearn(model)).activations(x)["output"]
        odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        expected = odds / odds.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict_proba(x), expected, atol=1e-9)


def test_pipelines_in_pipelines_and_steps_that_pass_through_are_read():
    pytest.importorskip("sklearn")
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    x = np.random.default_rng(2).uniform(-1, 3, (30, 4))
    ann = MLPClassifier((4,), solver="lbfgs", max_iter=20, random_state=0)
    inner = Pipeline([("none", "passthrough"), ("ann", ann)])
    pipeline = make_pipeline(MinMaxScaler(), None, inner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        pipeline.fit(x, x[:, 0] > x[:, 1])
    plan = make_plan(read_sklearn(pipeline))
    assert (plan.decide(plan.activations(x)["output"]) == pipeline.predict(x)).all()


def test_activations_whose_squares_overflow_have_a_threshold_of_least_error():
    x = 1e300 * X
    found = [convert(random_mlp(np.random.default_rng(0)), c, method="mse") for c in (x, X * 1e100)]
    theta = [snn.thresholds["hidden1"] for snn in found]
    assert theta[0] / theta[1] == pytest.approx(1e200)


def test_the_score_of_several_targets_is_the_mean_of_each():
    model = random_mlp(np.random.default_rng(0), classes=None, read_out="identity")
    x = np.random.default_rng(1).uniform(0, 1, (20, 6))
    snn = convert(model, x, steps=64)
    targets = snn.plan.activations(x)["output"] * [1.0, 100.0, 0.1] + [[0.0, 0.5, 0.0]]
    found = evaluate(snn, x, targets, keep=False, progress=False)
    each = 1 - ((found.outputs - targets) ** 2).sum(0) / ((targets - targets.mean(0)) ** 2).sum(0)
    assert found.score == pytest.approx(each.mean())


def test_a_pipeline_with_other_steps_is_refused_and_names_them():
    pipeline = pytest.importorskip("sklearn.pipeline")
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPClassifier

    model = pipeline.make_pipeline(PCA(), MLPClassifier())
    with pytest.raises(ParameterError, match=r"'pca' \(PCA\).*pipeline\[-1\]"):
        convert(model, X)


def test_a_model_without_relu_converts_to_nothing_and_says_so():
    rng = np.random.default_rng(0)
    with pytest.raises(NothingConverted, match="no spiking neuron"):
        convert(random_mlp(rng, activation="identity"), X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": np.ones((4, 5))}, r"shape \(samples, 6\)"),
        ({"calibration": np.full((4, 6), np.nan)}, "calibration must be finite"),
        ({"method": "best"}, "method must be one of"),
        ({"percentile": 0.0}, "percentile must be > 0"),
        ({"steps": 0}, "steps must be >= 1"),
        ({"input": "current"}, "input must be one of"),
        ({"steps": 3.5}, "steps must be an integer"),
        ({"steps": 10**9}, "steps must be .* <= 65536"),
        ({"calibration": np.ones((4, 6)) * 1j}, "calibration must be an array of real numbers"),
        ({"hold": 1.0}, "hold must be >= 0 and < 1"),
        ({"input": "events", "window": 0.0}, "window must be > 0"),
        ({"input": "events", "input_scale": -1.0}, "input_scale must be > 0"),
        ({"calibration": (X, X[:, 0])}, "calibration must be an array of real numbers, got tuple"),
        ({"percentile": -3.0, "per_channel": True}, "percentile must be > 0"),
        ({"percentile": "many", "method": "first-spike"}, "percentile must be a number"),
        ({"input_scale": 2.0}, "input_scale must be left out unless input='events'"),
        ({"window": 9.0}, "window must be left out unless input='events'"),
        ({"burst": 3, "method": "signed"}, "burst must be left out unless method='burst'"),
        ({"v0": 0.0, "method": "first-spike"}, "v0 must be left out for method='first-spike'"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    arguments = {"calibration": X, **options}
    with pytest.raises(ParameterError, match=message):
        convert(random_mlp(np.random.default_rng(0)), **arguments)


def test_a_silent_layer_is_named():
    model = mlp([np.ones((6, 3)), np.ones((3, 2))], [[-9.0, -9.0, -9.0], [0.0, 0.0]])
    with pytest.raises(ParameterError, match="'hidden1' is silent"):
        convert(model, X)


def test_samples_of_another_shape_sign_or_range_are_refused():
    snn = convert(random_mlp(np.random.default_rng(0)), X, input="rate")
    with pytest.raises(ParameterError, match="shape"):
        snn.encode(np.ones(5))
    with pytest.raises(ParameterError, match="must be >= 0"):
        snn.encode(-np.ones(6))
    with pytest.raises(ParameterError, match="same length"):
        evaluate(snn, X, [0], progress=False)
    how = EventInput(plan=inputs_of(3), steps=10, window=300.0)
    with pytest.raises(ParameterError, match="pool the events"):
        how.encode(([1.0], [3]))
    with pytest.raises(ParameterError, match="ids must be whole numbers"):
        how.encode(([1.0], [0.5]))
    with pytest.raises(ParameterError, match="must be .times, ids., or have"):
        how.encode(([1.0], [2], [0.5]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((4, 1)), r"must have shape \(4,\), one class"),
        (np.eye(4), "argmax"),
        ([0, 1, 2, 9], "classes of the network .* got 9"),
        (["0", "1", "0", "1"], "classes of the network"),
        ([0, 1, None, 1], "classes of the network .* got None"),
    ],
)
def test_labels_that_are_not_one_class_for_each_sample_are_refused(labels, message):
    snn = convert(random_mlp(np.random.default_rng(0)), X, steps=2)
    with pytest.raises(ParameterError, match=message):
        evaluate(snn, X[:4], labels, progress=False)


@pytest.mark.parametrize("steps", [3, None, [1.0], ["1"]])
def test_steps_that_are_no_numbers_of_steps_are_refused(steps):
    snn = convert(random_mlp(np.random.default_rng(0)), X, steps=2)
    with pytest.raises(ParameterError, match=r"evaluate\.steps must be"):
        evaluate(snn, X[:2], [0, 1], steps=steps, progress=False)
    with pytest.raises(ParameterError, match=r"samples must be a sequence"):
        evaluate(snn, iter(X[:2]), [0, 1], progress=False)


def test_neurons_hold_back_for_events_less_where_others_hear_them():
    def held(depth, **options):
        ann = random_mlp(np.random.default_rng(0), (6, *[5] * depth, 3))
        return convert(ann, X, input="events", steps=4, **options).code.hold

    assert (held(1), held(2), held(3)) == (0.5, 0.2, 0.2)
    assert held(2, method="signed") == 0.0
    assert held(2, hold=0.7) == 0.7


def test_scalers_that_clip_are_refused():
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler

    x = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
    clipping = [MinMaxScaler(clip=True)]
    if "clip" in MaxAbsScaler().get_params():
        clipping.append(MaxAbsScaler(clip=True))
    for scaler in clipping:
        model = make_pipeline(scaler, MLPClassifier((4,), solver="lbfgs", random_state=0))
        with pytest.raises(ParameterError, match="clip=True, which is not linear"):
            convert(model.fit(x, [0, 1, 0, 1]), x)
