"""Layers, one behind the other: shapes, branches, summaries, and counts of what happens."""

import json
import zipfile

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import ParameterError

RNG = np.random.default_rng(1)


def small(**options):
    net = ns.Sequential(ns.SpikeSource((8, 8, 2)), **options)
    net.add(ns.Convolution(RNG.normal(size=(4, 2, 3, 3)), padding=1), ns.IF, name="a", tau_syn=None)
    net.add(ns.SumPool((2, 2)), ns.IF, name="pool", tau_syn=None)
    net.add(ns.Convolution(RNG.normal(size=(4, 4, 3, 3)), padding="same"), ns.IF, name="b")
    return net


def test_layers_have_the_shapes_that_their_rules_make():
    net = small()
    shapes = {name: p.shape for name, p in net.network.populations.items()}
    assert shapes == {"input": (8, 8, 2), "a": (8, 8, 4), "pool": (4, 4, 4), "b": (4, 4, 4)}
    assert net.add(ns.Dense(np.ones((64, 10))), ns.IF).shape == (10,)
    assert net.last.name == "dense4"


def test_a_residual_join_goes_past_layers_and_its_shape_is_checked():
    net = small()
    assert net.join("pool", "b", weight=0.5).rule == ns.OneToOne()
    by_one = ns.Convolution(RNG.normal(size=(4, 2, 1, 1)), stride=2)
    net.join("input", "b", by_one)
    assert len(net.network.projections) == 5
    with pytest.raises(ParameterError, match="one tap"):
        net.join("input", "b")


def test_a_branch_begins_where_it_is_said():
    net = small()
    net.add(ns.Convolution(np.ones((3, 2, 2, 2)), stride=2), ns.IF, name="branch", after="input")
    assert net.network.projections["input->branch"].post.shape == (4, 4, 3)


@pytest.mark.parametrize(
    "add, says",
    [
        (lambda net: net.add(ns.Convolution(np.ones((1, 3, 3, 3))), ns.IF, name="x"), "channels"),
        (lambda net: net.add(ns.Convolution(np.ones((1, 4, 9, 9))), ns.IF, name="x"), "fit"),
        (lambda net: net.add(ns.AllToAll(), ns.IF, name="x"), "Network.connect"),
        (lambda net: net.add(ns.OneToOne(), ns.IF, name="a"), "taken"),
        (lambda net: net.add(ns.OneToOne(), ns.IF, name="x", after="nobody"), "nobody"),
        (lambda net: net.add(ns.OneToOne(), ns.IF, name="x", delay=-1.0), "delay"),
        (lambda net: net.add(ns.Dense(np.ones((3, 3))), ns.IF, name="x"), "64"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_added(add, says):
    net = small()
    with pytest.raises(ParameterError, match=says):
        add(net)
    assert list(net.network.populations) == ["input", "a", "pool", "b"]
    assert net.last.name == "b"


def test_a_summary_counts_parameters_of_kernels_and_synapses_of_places():
    lines = {line.split()[0]: line.split() for line in small().summary().splitlines()}
    assert lines["a"][3:6] == ["256", "72", "3,872"]  # places, channels
    assert lines["pool"][3:6] == ["64", "0", "256"]
    assert lines["total"][1] == "512"


def test_dense_weights_behind_flattened_channels_are_put_in_order():
    x = RNG.normal(size=(3, 4, 5))  # height, width, channels
    weight = RNG.normal(size=(7, 60))
    rule = ns.Dense.flattened(weight, x.shape)
    np.testing.assert_allclose(
        x.reshape(-1) @ rule.kernel, weight @ np.moveaxis(x, -1, 0).reshape(-1), atol=1e-12
    )


def test_a_residual_network_runs_as_what_it_is_made_of():
    net = small(time="continuous")
    net.join("pool", "b", weight=0.5)
    times, ids = np.sort(RNG.uniform(0, 20, 300)), RNG.integers(0, 128, 300)
    inputs = {"input": (times, ids)}
    plain = ns.EventSimulator(net.network).run(30.0, inputs=inputs, progress=False)
    twin = ns.Network()
    for name, p in net.network.populations.items():
        twin.add(p.neurons, name)
    for name, p in net.network.projections.items():
        s = ns.expand(net.network, p)
        pairs = ns.FromArrays(s.pre, s.post)
        twin.connect(p.pre.name, p.post.name, pairs, weight=s.weight, name=name)
    listed = ns.EventSimulator(twin).run(30.0, inputs=inputs, progress=False)
    for name, counts in plain.counts.items():
        np.testing.assert_array_equal(counts, listed.counts[name])
    assert plain.counts["b"].sum() > 0


def test_activity_is_what_a_recount_of_the_spikes_gives():
    net = small()
    times, ids = np.sort(RNG.integers(0, 20, 200)), RNG.integers(0, 128, 200)
    result = ns.simulate(net.network, 25, inputs={"input": (times, ids)}, progress=False)
    found = ns.activity(result)
    for name, p in net.network.projections.items():
        s = ns.expand(net.network, name)
        degree = np.bincount(s.pre, minlength=p.pre.n)
        assert found[p.post.name].operations == degree[result.spikes[p.pre.name].ids].sum()
    for name, layer in found.layers.items():
        train = result.spikes[name]
        assert layer.spikes == train.ids.size
        assert layer.silent == 1 - np.unique(train.ids).size / layer.neurons
        assert layer.quiet == pytest.approx(1 - train.ids.size / (25 * layer.neurons))
    assert found.operations == sum(result.synaptic_events.values())


def test_operations_of_convolutions_are_those_of_another_tool(test_data):
    folder = test_data / "sinabs-synops"
    expected = json.loads((folder / "expected.json").read_text())
    cases = next(v for k, v in expected.items() if k.startswith("conv_layer"))
    x = np.load(folder / "model_and_input.npz")["conv_input"].transpose(0, 2, 3, 1).astype(int)
    steps, ids = np.nonzero(x.reshape(20, -1))
    n = x.reshape(20, -1)[steps, ids]
    train = np.repeat(steps, n), np.repeat(ids, n)
    assert len(cases) == 18
    for key, operations in cases.items():
        k, stride, padding = map(int, key.split(","))
        net = ns.Sequential(ns.SpikeSource((9, 9, 3)))
        rule = ns.Convolution(np.ones((5, 3, k, k)), stride=stride, padding=padding)
        net.add(rule, ns.IF, name="conv")
        result = ns.simulate(net.network, 20, inputs={"input": train}, progress=False)
        assert ns.activity(result)["conv"].operations / 20 == operations


def test_a_model_of_sinabs_has_its_rates_and_operations_layer_by_layer(test_data):
    """Cells that fire several times in a step, a layer without spikes between two with."""
    folder = test_data / "sinabs-synops"
    expected = json.loads((folder / "expected.json").read_text())
    operations = next(v for k, v in expected.items() if k.startswith("model_synops"))
    rates = next(v for k, v in expected.items() if k.startswith("firing_rate"))
    data = np.load(folder / "model_and_input.npz")
    x = data["conv_input"].transpose(0, 2, 3, 1).reshape(4, 5, -1)  # samples of 5 steps
    one, out = _potentials(folder / "synop_hook_model.pth", (4, 6, 9, 9), (4, 3))
    runs = []
    for sample, v_one, v_out in zip(x, one, out, strict=True):
        net = ns.Sequential(ns.SpikeSource((9, 9, 3), graded=True))
        first = ns.Convolution(data["param_0.weight"], padding=1)
        net.add(first, ns.IntegerLIF, name="one", v0=v_one.transpose(1, 2, 0))
        mean = ns.Convolution(data["param_3.weight"] / 4.0, stride=2, pool=2)
        net.add(mean, ns.GradedUnit, name="two", threshold=2.0**-30, relu=False)
        dense, bias = ns.Dense.flattened(data["param_5.weight"], (2, 2, 4)), data["param_5.bias"]
        net.add(dense, ns.IntegerLIF, name="out", bias=bias, v0=v_out)
        step, ids = np.nonzero(sample)
        spikes = step + 1, ids, sample[step, ids]  # biases act from grid point 1 on
        inputs = {"input": spikes}
        runs.append(ns.simulate(net.network, 6, dtype="float64", inputs=inputs, progress=False))
    found = {name: np.array([_sums(r)[name] for r in runs]) for name in net.network.populations}
    for name, layer in (("one", "1"), ("out", "6")):
        assert found[name].mean() / 5 == pytest.approx(rates[layer], abs=1e-7)
        at = data[f"firing_rate_per_neuron_layer{layer}"]
        at = at.transpose(1, 2, 0).ravel() if at.ndim == 3 else at
        np.testing.assert_allclose(found[name].mean(axis=0) / 5, at, atol=1e-6)
    degrees = [
        np.bincount(ns.expand(net.network, p).pre, minlength=p.pre.n)
        for p in net.network.projections.values()
    ]
    layers = (("input", "0", 1.0), ("one", "3", 1.0), ("two", "5", 1.0))
    for (name, layer, share), degree in zip(layers, degrees, strict=True):
        counted = share * (found[name] @ degree).mean() / 5
        assert counted == pytest.approx(operations[layer], rel=1e-6)


def _sums(result: ns.Result) -> dict[str, np.ndarray]:
    """What the spikes of each neuron carry together."""
    return {
        name: np.bincount(spikes.ids, spikes.payload, minlength=spikes.n)
        for name, spikes in result.spikes.items()
    }


def _potentials(path, *shapes) -> list[np.ndarray]:
    """The potentials that the module had when it was saved: the storages of their sizes."""
    with zipfile.ZipFile(path) as file:
        sizes = {4 * int(np.prod(shape)): shape for shape in shapes}
        found = {e.file_size: file.read(e) for e in file.infolist() if e.file_size in sizes}
    return [np.frombuffer(found[size], "<f4").reshape(shape) for size, shape in sizes.items()]
