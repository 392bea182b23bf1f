"""Plans of spiking layers: each says what the slow layer graph says, and its synapses carry it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.conversion import nodes as n
from neurosim.conversion import pools
from neurosim.conversion.graph import LayerGraph, NothingConverted, UnsupportedOperations
from neurosim.conversion.merging import behind, beside
from neurosim.conversion.operators import Full, Kernel, TooLarge, factors, identity, mixing
from neurosim.conversion.planning import make_plan


def graph_of(*nodes, classes=None):
    return LayerGraph("test", tuple(nodes), nodes[-1].name, classes)


def convolve(rng, name, source, c_in, c_out, taps=(3, 3), padding=1, stride=1, groups=1):
    weight = rng.normal(0, 1 / math.sqrt(c_in * math.prod(taps)), (c_out, c_in // groups, *taps))
    k = len(taps)
    pairs = ((padding, padding),) * k
    return n.Convolve(
        name, (source,), weight, rng.normal(0, 0.3, c_out), (stride,) * k, pairs, (1,) * k, groups
    )


def affine(rng, name, source, channels):
    return n.ChannelAffine(name, (source,), rng.normal(0, 1, channels), rng.normal(0, 1, channels))


def linear(rng, name, source, n_in, n_out):
    weight = rng.normal(0, 1 / math.sqrt(n_in), (n_out, n_in))
    return n.Linear(name, (source,), weight, rng.normal(0, 0.3, n_out))


def agree(graph, x, tolerance=1e-10):
    """The plan's read-out is the graph's output."""
    plan = make_plan(graph)
    np.testing.assert_allclose(
        plan.activations(x)["output"], graph.outputs(x), atol=tolerance, rtol=1e-9
    )
    return plan


def carried(plan, x):
    """Each term's rule, connected in a network, carries what its operator says."""
    values = plan.activations(x)
    shapes = {plan.input: plan.shape, **{layer.name: layer.shape for layer in plan.layers}}
    for layer in plan.layers:
        for term in layer.terms if layer.pool is None else ():
            net = ns.Network()
            pre = net.add(ns.SpikeSource(shapes[term.source]), "pre")
            post = net.add(ns.IF(layer.shape, v_th=1.0), "post")
            made = net.connect(pre, post, term.operator.rule(0.5))
            synapses = ns.expand(net, made)
            matrix = np.zeros((pre.n, post.n))
            np.add.at(matrix, (synapses.pre, synapses.post), synapses.weight)
            flat = values[term.source].reshape(len(x), -1)
            expected = 0.5 * term.operator.apply(values[term.source]).reshape(len(x), -1)
            np.testing.assert_allclose(flat @ matrix, expected, atol=1e-9)


# ------------------------------------------------------------------ the definitions


def test_a_convolution_is_the_sum_that_its_docstring_says():
    rng = np.random.default_rng(0)
    node = n.Convolve(
        "c", ("x",), rng.normal(size=(4, 2, 3, 2)), rng.normal(size=4),
        (2, 1), ((1, 0), (0, 2)), (1, 2), 2,
    )  # fmt: skip
    x = rng.normal(size=(2, 4, 6, 5))
    y = node(x)
    assert y.shape[1:] == node.shape_of(x.shape[1:])
    for s, m, i, j in np.ndindex(*y.shape):
        total = node.bias[m]
        for c, a, b in np.ndindex(2, 3, 2):
            at = (2 * i + a - 1, j + 2 * b - 0)
            if 0 <= at[0] < 6 and 0 <= at[1] < 5:
                total += node.weight[m, c, a, b] * x[(s, 2 * (m // 2) + c, *at)]
        assert y[s, m, i, j] == pytest.approx(total)


def test_pooling_divides_by_the_places_that_count():
    x = np.arange(1.0, 6.0).reshape(1, 1, 5)
    inside = pools.AveragePool("a", ("x",), (3,), (2,), ((1, 1),), count_include_pad=False)
    padded = pools.AveragePool("a", ("x",), (3,), (2,), ((1, 1),), count_include_pad=True)
    assert inside(x)[0, 0].tolist() == [1.5, 3.0, 4.5]
    assert padded(x)[0, 0].tolist() == [1.0, 3.0, 3.0]
    ceil = pools.AveragePool("a", ("x",), (2,), (2,), ((0, 0),), True, True)
    assert ceil(x)[0, 0].tolist() == [1.5, 3.5, 5.0]
    largest = pools.MaxPool("m", ("x",), (2,), (2,), ((1, 1),))
    assert largest(-x)[0, 0].tolist() == [-1.0, -2.0, -4.0]


def test_quantised_rectifiers_have_as_many_levels_and_the_ceiling():
    node = n.Rectify("q", ("x",), "quantised", 2.0, 4)
    values = np.unique(node(np.linspace(-1, 5, 601)))
    np.testing.assert_allclose(values, [0.0, 0.5, 1.0, 1.5, 2.0])
    assert node(np.array([0.2, 0.26])).tolist() == [0.0, 0.5]


# ------------------------------------------------------------------ merging


def kernels(draw, rng, channels, space):
    """A random kernel operator on (*space, channels)."""
    kind = draw(st.sampled_from(["identity", "factors", "mixing", "pool", "convolution"]))
    pre = (*space, channels)
    if kind == "identity":
        return identity(pre)
    if kind == "factors":
        return factors(pre, rng.normal(size=channels))
    if kind == "mixing":
        return mixing(pre, rng.normal(size=(draw(st.integers(1, 3)), channels)))
    taps = tuple(draw(st.integers(1, 3)) for _ in space)
    dilation = tuple(draw(st.integers(1, 2)) for _ in space)
    ones = (1,) * len(space)
    if kind == "pool":
        stride = taps if draw(st.booleans()) else tuple(draw(st.integers(1, 2)) for _ in space)
        kernel, groups, dilation = np.full((channels, 1, *taps), 0.25), channels, ones
        padding = ((0, 0),) * len(space)
    else:
        groups = draw(st.sampled_from([1, channels]))
        kernel = rng.normal(size=(channels * draw(st.integers(1, 2)), channels // groups, *taps))
        stride = tuple(draw(st.integers(1, 2)) for _ in space)
        padding = tuple((draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in space)
    made = Kernel(pre, pre, kernel, stride, padding, dilation, groups, ones)
    if min(made.space, default=1) < 1:
        return identity(pre)
    return Kernel(pre, (*made.space, len(kernel)), *_parts(made))


def _parts(op):
    return (op.kernel, op.stride, op.padding, op.dilation, op.groups, op.pool)


@given(st.data())
def test_two_operators_behind_one_another_are_one(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    space = tuple(data.draw(st.lists(st.integers(3, 8), min_size=1, max_size=2)))
    first = kernels(data.draw, rng, data.draw(st.integers(1, 3)), space)
    second = kernels(data.draw, rng, first.post[-1], first.post[:-1])
    third = kernels(data.draw, rng, second.post[-1], second.post[:-1])
    size = math.prod(third.post)
    last = Full(third.post, (4,), rng.normal(size=(size, 4)))
    x = rng.normal(size=(2, *first.pre))
    merged, expected = first, first.apply(x)
    for op in (second, third, last):
        merged, expected = behind(op, merged), op.apply(expected)
        found = merged.apply(x)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        written = (merged.matrix() @ x.reshape(2, -1).T).T.reshape(expected.shape)
        np.testing.assert_allclose(written, expected, atol=1e-9)
    two = beside(merged, merged)
    if two is not None:
        np.testing.assert_allclose(two.apply(x), 2 * expected, atol=1e-9)


def test_kernels_stay_kernels_where_that_is_exact():
    rng = np.random.default_rng(1)
    pre, ones, none = (8, 8, 3), (1, 1), ((0, 0), (0, 0))
    conv = Kernel(
        pre, (8, 8, 4), rng.normal(size=(4, 3, 3, 3)), ones, ((1, 1), (1, 1)), ones, 1, ones
    )
    mean = Kernel((8, 8, 4), (4, 4, 4), np.full((4, 1, 2, 2), 0.25), (2, 2), none, ones, 4, ones)
    padded = Kernel(
        (4, 4, 4), (4, 4, 5), rng.normal(size=(5, 4, 3, 3)), ones, ((1, 1), (1, 1)), ones, 1, ones
    )
    assert behind(padded, mean).pool == (2, 2)  # a padding hides nothing behind a pooling
    pooled = behind(mean, conv)
    assert pooled.taps == (4, 4) and pooled.stride == (2, 2)
    dense = behind(Full((4, 4, 4), (10,), rng.normal(size=(64, 10))), mean)
    assert dense.kernel.shape == (10, 4, 4, 4) and dense.pool == (2, 2)


def test_maps_that_would_fill_the_memory_are_refused():
    one = Full((2**14,), (1,), np.ones((2**14, 1)))
    other = Full((1,), (2**14,), np.ones((1, 2**14)))
    with pytest.raises(TooLarge, match="268,435,456 numbers"):
        behind(other, one)


# ------------------------------------------------------------------ plans


def residual(rng, *, classes=None):
    """Stem, a residual block with a shortcut by one tap, pooling of both kinds, a read-out."""
    return graph_of(
        n.Input("x", (2, 9, 8)),
        affine(rng, "scaler", "x", 2),
        convolve(rng, "stem", "scaler", 2, 4),
        affine(rng, "bn0", "stem", 4),
        n.Rectify("relu0", ("bn0",)),
        pools.MaxPool("pool", ("relu0",), (3, 3), (2, 2), ((1, 1), (1, 1))),
        convolve(rng, "a", "pool", 4, 6, stride=2),
        affine(rng, "bn1", "a", 6),
        n.Rectify("relu1", ("bn1",)),
        convolve(rng, "b", "relu1", 6, 6, groups=2),
        affine(rng, "bn2", "b", 6),
        convolve(rng, "short", "pool", 4, 6, (1, 1), 0, 2),
        n.Add("sum", ("bn2", "short")),
        n.Rectify("relu2", ("sum",), "relu", 1.5),
        pools.AveragePool("mean", ("relu2",), (3, 2), (3, 2), ((0, 0), (0, 0))),
        n.Flatten("flat", ("mean",), (6,)),
        linear(rng, "last", "flat", 6, 5),
        classes=classes,
    )


def test_a_residual_network_is_planned_exactly_and_its_synapses_carry_it():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 2, 9, 8))
    plan = agree(residual(rng), x)
    assert [layer.name for layer in plan.layers] == ["stem", "pool", "a", "relu2", "output"]
    assert [term.source for term in plan["relu2"].terms] == ["a", "pool"]
    assert plan["relu2"].ceiling == 1.5 and plan["pool"].pool.window == (3, 3)
    assert (
        plan["output"].terms[0].operator.values.size == 30
    )  # the mean is no layer, and not written out
    carried(plan, x)


def test_every_layer_has_the_values_of_its_rectifier():
    rng = np.random.default_rng(3)
    graph, x = residual(rng), rng.normal(size=(3, 2, 9, 8))
    values, found = graph.values(x), make_plan(graph).activations(x)
    for layer, node in (("stem", "relu0"), ("pool", "pool"), ("a", "relu1"), ("relu2", "relu2")):
        np.testing.assert_allclose(found[layer], np.moveaxis(values[node], 1, -1), atol=1e-10)
    drive = make_plan(graph).preactivations(x)["relu2"]
    np.testing.assert_allclose(drive, np.moveaxis(values["sum"], 1, -1), atol=1e-10)


def test_rectifiers_move_before_max_pooling_and_factors_that_are_negative_do_not():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 1, 8, 8))

    def net(scale):
        return graph_of(
            n.Input("x", (1, 8, 8)),
            convolve(rng, "conv", "x", 1, 3),
            pools.MaxPool("pool", ("conv",), (2, 2), (2, 2), ((0, 0), (0, 0))),
            n.ChannelAffine("bn", ("pool",), np.array(scale), rng.normal(size=3)),
            n.Rectify("relu", ("bn",)),
            n.Flatten("flat", ("relu",), (48,)),
            linear(rng, "last", "flat", 48, 2),
        )

    plan = agree(net([1.0, 0.0, 2.0]), x)
    assert [layer.activation for layer in plan.layers] == ["relu", "max-pool", "read-out"]
    with pytest.raises(UnsupportedOperations, match="pool: MaxPool of values without a ReLU"):
        make_plan(net([1.0, -0.1, 2.0]))


@pytest.mark.parametrize(
    ("before", "layers"),
    [
        (n.Concatenate("joined", ("ra", "rb")), ["a", "b", "pool.0", "pool.1"]),
        (n.Add("joined", ("ra", "rb")), ["a", "b", "pool.relu", "pool"]),
        (n.ChannelAffine("joined", ("ra",), np.array([2.0, 0.5]), -np.ones(2)), ["a", "pool.max"]),
        (pools.AveragePool("joined", ("rb",), (2,), (1,), ((0, 0),)), ["b", "pool.relu", "pool"]),
    ],
)
def test_max_pooling_of_what_is_made_of_rectified_values(before, layers):
    rng = np.random.default_rng(14)
    channels = 4 if isinstance(before, n.Concatenate) else 2
    graph = graph_of(
        n.Input("x", (3, 9)),
        convolve(rng, "a", "x", 3, 2, (3,)),
        n.Rectify("ra", ("a",)),
        convolve(rng, "b", "x", 3, 2, (3,)),
        n.Rectify("rb", ("b",)),
        before,
        pools.MaxPool("pool", ("joined",), (3,), (2,), ((1, 1),)),
        pools.MaxPool("again", ("pool",), (2,), (2,), ((0, 0),)),
        n.Flatten("flat", ("again",), (2 * channels,)),
        linear(rng, "last", "flat", 2 * channels, 2),
    )
    plan = agree(graph, rng.normal(size=(4, 3, 9)))
    assert [layer.name for layer in plan.layers if "again" not in layer.name] == [*layers, "output"]


def test_factors_that_are_negative_keep_max_pooling_from_rectified_values():
    rng = np.random.default_rng(15)
    graph = graph_of(
        n.Input("x", (2, 6)),
        n.Rectify("relu", ("x",)),
        n.ChannelAffine("bn", ("relu",), np.array([1.0, -1.0]), np.zeros(2)),
        pools.MaxPool("pool", ("bn",), (2,), (2,), ((0, 0),)),
        n.Flatten("flat", ("pool",), (6,)),
        linear(rng, "last", "flat", 6, 2),
    )
    with pytest.raises(UnsupportedOperations, match="pool: MaxPool of values without a ReLU"):
        make_plan(graph)


def test_concatenation_and_values_used_twice():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, 3, 6))
    graph = graph_of(
        n.Input("x", (3, 6)),
        convolve(rng, "a", "x", 3, 4, (3,)),
        n.Rectify("ra", ("a",)),
        convolve(rng, "b", "x", 3, 2, (1,), 0),
        n.Concatenate("cat", ("ra", "b", "ra")),
        convolve(rng, "c", "cat", 10, 3, (3,)),
        n.Add("twice", ("c", "c")),
        n.Rectify("rc", ("twice",)),
        n.Rectify("again", ("rc",)),
        n.Flatten("flat", ("again",), (18,)),
        linear(rng, "last", "flat", 18, 2),
    )
    plan = agree(graph, x)
    assert [layer.name for layer in plan.layers] == ["a", "rc", "output"]
    assert sorted(term.source for term in plan["rc"].terms) == ["a", "input"]
    carried(plan, x)


def test_padding_is_done_by_what_follows():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(2, 1, 7, 7))
    graph = graph_of(
        n.Input("x", (1, 7, 7)),
        n.Pad("wide", ("x",), ((2, 1), (0, 3))),
        convolve(rng, "a", "wide", 1, 3),
        n.Rectify("ra", ("a",)),
        n.Pad("again", ("ra",), ((1, 1), (1, 1))),
        pools.MaxPool("pool", ("again",), (3, 3), (2, 2), ((0, 0), (0, 0))),
        n.Flatten("flat", ("pool",), (75,)),
        linear(rng, "last", "flat", 75, 2),
    )
    plan = agree(graph, x)
    assert plan["a"].terms[0].operator.padding == ((3, 2), (1, 4))
    assert plan["pool"].pool.padding == ((1, 1), (1, 1))
    carried(plan, x)


def test_channels_last_models_are_read_as_they_are():
    """As Keras exports: transposed on the way in, and before the matrix."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 7, 5, 3))
    graph = graph_of(
        n.Input("x", (7, 5, 3)),
        n.Transpose("to first", ("x",), (2, 0, 1)),
        convolve(rng, "conv", "to first", 3, 4, (2, 2), 0),
        n.Transpose("to last", ("conv",), (1, 2, 0)),
        n.Transpose("turn", ("to last",), (2, 0, 1)),
        affine(rng, "bn", "turn", 4),
        n.Transpose("turn back", ("bn",), (1, 2, 0)),
        n.Rectify("relu", ("turn back",)),
        n.Reshape("flat", ("relu",), (6 * 4 * 4,)),
        linear(rng, "last", "flat", 96, 5),
    )
    plan = agree(graph, x)
    assert plan.shape == (7, 5, 3) and plan["conv"].shape == (6, 4, 4)
    np.testing.assert_array_equal(plan.arrange(x), x)
    np.testing.assert_array_equal(plan["output"].terms[0].operator.weight, graph.nodes[-1].weight.T)
    carried(plan, x)


@given(st.integers(0, 2**32 - 1))
def test_random_graphs_are_planned_exactly(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 4)), int(rng.integers(4, 8)), int(rng.integers(4, 8)))
    nodes = [n.Input("x", shape)]
    shapes = {"x": shape}
    positive, turned = set(), False
    for k in range(int(rng.integers(3, 14))):
        name, source = f"n{k}", str(rng.choice(list(shapes)[-3:]))
        s = shapes[source]
        kind = rng.choice(["conv", "affine", "relu", "relu", "mean", "max", "add", "cat", "turn"])
        if kind == "conv":
            node = convolve(
                rng, name, source, s[0], int(rng.integers(1, 4)), stride=int(rng.integers(1, 3))
            )
        elif kind == "affine":
            node = affine(rng, name, source, s[0])
        elif kind == "mean":
            include = bool(rng.integers(2))
            node = pools.AveragePool(
                name, (source,), (2, 2), (1, 2), ((1, 0), (0, 1)), include, bool(rng.integers(2))
            )
        elif kind == "max" and source in positive and not turned:
            node = pools.MaxPool(
                name, (source,), (2, 2), (2, 1), ((0, 1), (1, 1)), bool(rng.integers(2))
            )
        elif kind in ("add", "cat"):
            rest = [
                other
                for other in shapes
                if (shapes[other] if kind == "add" else shapes[other][1:])
                == (s if kind == "add" else s[1:])
            ]
            other = str(rng.choice(rest))
            node = (n.Add if kind == "add" else n.Concatenate)(name, (source, other))
        elif kind == "turn":
            node = n.Transpose(name, (source,), tuple(int(a) for a in rng.permutation(3)))
        else:
            node = n.Rectify(name, (source,), "relu", 1.0 if rng.random() < 0.3 else None)
        if min(node.shape_of(*(shapes[i] for i in node.inputs))) < 2:
            continue
        shapes[name] = node.shape_of(*(shapes[i] for i in node.inputs))
        if isinstance(node, (n.Rectify, pools.MaxPool)):
            positive.add(name)
        turned = turned or isinstance(node, n.Transpose)  # pooling cannot follow it
        nodes.append(node)
    last = shapes[nodes[-1].name]
    nodes += [
        n.Rectify("end", (nodes[-1].name,)),
        n.Flatten("flat", ("end",), (math.prod(last),)),
        linear(rng, "last", "flat", math.prod(last), 3),
    ]
    x = rng.normal(size=(2, *shape))
    carried(agree(graph_of(*nodes), x, 1e-8), x)


def test_a_linear_model_converts_to_nothing():
    rng = np.random.default_rng(7)
    with pytest.raises(NothingConverted, match="no ReLU"):
        make_plan(graph_of(n.Input("x", (3,)), linear(rng, "a", "x", 3, 2)))
