"""Samples that end when they are decided: calibration, thresholds, bounds, real stops."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import neurosim as ns
from neurosim.errors import ParameterError


def drifting(seed: int, n: int = 400, steps: int = 15, classes: int = 4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    push = 0.6 * np.eye(classes)[labels][:, None] + rng.normal(size=(n, steps, classes))
    return np.cumsum(push, axis=1), labels


def test_the_calibrated_threshold_costs_no_more_than_allowed_and_saves_steps():
    outputs, labels = drifting(1)
    full = np.mean(outputs[:, -1].argmax(1) == labels)
    before = np.inf
    for loss in (0.0, 0.02, 0.1):
        rule = ns.DynamicConfidence.calibrated(outputs, labels, loss=loss)
        decided, steps = rule.apply(outputs)
        accuracy = np.mean(decided == labels)
        assert accuracy >= full - loss and accuracy == pytest.approx(rule.accuracy)
        assert steps.mean() == pytest.approx(rule.steps)
        assert steps.mean() <= before
        before = steps.mean()
    assert before < 12


def test_temperatures_make_confidences_honest():
    outputs, labels = drifting(2, n=4000)
    rule = ns.DynamicConfidence.calibrated(outputs, labels)
    shifted = outputs - outputs.max(axis=2, keepdims=True)
    p = 1.0 / np.exp(shifted / np.array(rule.temperatures)[:, None]).sum(axis=2)
    right = outputs.argmax(axis=2) == labels[:, None]
    for k in (2, 7, 14):
        assert abs(p[:, k].mean() - right[:, k].mean()) < 0.02


def test_the_frontier_has_more_accuracy_for_more_steps():
    rule = ns.DynamicConfidence.calibrated(*drifting(3))
    _, accuracy, steps = np.array(rule.frontier).T
    assert (np.diff(accuracy) > 0).all() and (np.diff(steps) > 0).all() and len(steps) > 5


def test_no_rule_beats_the_oracle():
    outputs, labels = drifting(4)
    oracle = ns.oracle_steps(outputs, labels)
    slow = [
        next((k + 1 for k in range(15) if o[k].argmax() == label), 15)
        for o, label in zip(outputs, labels, strict=True)
    ]
    assert oracle.tolist() == slow
    for loss in (0.0, 0.05, 0.2):
        decided, steps = ns.DynamicConfidence.calibrated(outputs, labels, loss=loss).apply(outputs)
        right = decided == labels
        assert (oracle[right] <= steps[right]).all()


def test_steps_before_the_first_end_nothing():
    outputs, labels = drifting(5)
    rule = ns.DynamicConfidence.calibrated(outputs, labels, loss=1.0, first=6)
    assert rule.apply(outputs)[1].min() == 7 == rule.steps


@pytest.fixture(scope="module")
def digits():
    """A converted classifier, its encoded samples, and their labels."""
    data = load_digits()
    images, labels = data.data / 16.0, data.target
    model = MLPClassifier((48,), max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, and need not
        model.fit(images[:1000], labels[:1000])
    converted = ns.convert(model, images[:500], steps=24)
    return converted, images, labels


@pytest.mark.parametrize("where", ["potentials", "spikes"])
def test_runs_that_stop_early_decide_what_the_rule_says_of_whole_runs(digits, where):
    converted, images, labels = digits
    name = "output" if where == "potentials" else "hidden1"
    variable = "v" if where == "potentials" else None
    if where == "spikes":
        labels = np.arange(len(labels)) % 48  # of any meaning
    options = {"encode": converted.encode, "record": {name: ["spikes", "v"]}}
    measure = ns.RunningOutputs(name, variable)
    whole = ns.Batch(converted.network, converted.duration, measure=measure, **options)
    outputs = whole.run(images[1000:1120], progress=False).values["value"]
    assert outputs.shape == (120, converted.duration, converted.network.populations[name].n)
    rule = ns.DynamicConfidence.calibrated(outputs[:60], labels[1000:1060], loss=0.05)
    decided, steps = rule.apply(outputs[60:])
    early = ns.Batch(
        converted.network, converted.duration, measure=measure, chunk=1,
        stop=rule.stop(name, variable), **options,
    )  # fmt: skip
    found = early.run(images[1060:1120], workers=2, progress=False)
    assert found.durations.tolist() == steps.tolist()
    assert [o[-1].argmax() for o in found.values["value"]] == decided.tolist()
    if where == "potentials":
        assert steps.mean() < 0.8 * converted.duration
        assert any("confidence 0." in reason for reason in found.stop_reasons)


def test_views_show_states_of_both_engines_asleep_or_not():
    net = ns.Network()
    source = net.add(ns.SpikeSource(3, times=[1.0, 2.0, 3.0], ids=[0, 1, 2]), "in")
    cells = net.add(ns.LIF(3, tau_m=10.0, v_th=5.0), "cells")
    net.connect(source, cells, weight=1.0, delay=0.5)
    runs = (("clock", {"sleep": False}), ("clock", {"sleep": True}), ("event", {}))
    for engine, options in runs:
        seen = []

        def look(view, seen=seen):
            seen.append((view.t, view.state("cells", "v")))

        ns.simulate(
            net, 6.0, engine=engine, stop=look, chunk=1.0, progress=False,
            **({"dtype": "float64", "dt": 0.1} | options if engine == "clock" else {}),
        )  # fmt: skip
        for t, v in seen:
            late = 0.1 if engine == "clock" else 0.0  # its last grid point
            exact = sum(np.exp(-(t - late - s) / 10) for s in (1.5, 2.5, 3.5) if s <= t - late)
            np.testing.assert_allclose(v, exact, rtol=1e-9, atol=1e-12)
        with pytest.raises(ParameterError, match=r"must be one of \['v', 'refractory'\]"):
            ns.simulate(net, 6.0, engine=engine, stop=lambda view: view.state("cells", "u"),
                        progress=False)  # fmt: skip


@pytest.mark.parametrize(
    "change, message",
    [
        ({"threshold": 0.0}, "threshold must be > 0"),
        ({"threshold": 1.5}, "threshold must be"),
        ({"temperatures": ()}, "one number for each step"),
        ({"temperatures": (0.0,)}, "temperatures must be > 0"),
        ({"temperatures": 1.0}, "one number for each step"),
        ({"first": -3}, "first must be >= 0"),
        ({"first": 1}, "first must be"),
    ],
)
def test_impossible_rules_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        ns.DynamicConfidence(**({"threshold": 0.9, "temperatures": (1.0,)} | change))


@pytest.mark.parametrize(
    "outputs, labels, message",
    [
        (np.zeros((3, 4)), [0, 0, 0], r"shape \(samples, steps, classes\)"),
        (np.zeros((3, 4, 2)), [0, 2, 0], r"3 classes in 0\.\.1"),
        (np.zeros((3, 4, 2)), [0.0, 1.0, 0.0], "3 classes"),
        (np.full((3, 4, 2), np.nan), [0, 1, 0], "outputs"),
    ],
)
def test_impossible_outputs_are_refused(outputs, labels, message):
    with pytest.raises(ParameterError, match=message):
        ns.DynamicConfidence.calibrated(outputs, labels)


def test_a_measure_of_what_was_not_recorded_says_what_to_record():
    net = ns.Network()
    net.add(ns.LIF(2, tau_m=5.0), "cells")
    batch = ns.Batch(net, 5.0, measure=ns.RunningOutputs("cells", "v"))
    with pytest.raises(ParameterError, match=r"give record=\{'cells': \['v'\]\}"):
        batch.run([0], progress=False)
