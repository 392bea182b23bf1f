"""ONNX files: what is read says what onnxruntime says; files from strangers do no harm."""

import gzip
from pathlib import Path

import numpy as np
import onnx_models
import pytest
from hypothesis import given
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[onnx]'")

from neurosim.conversion import onnx_file, onnx_walk, onnx_wire  # noqa: E402
from neurosim.conversion.graph import UnsupportedOperations  # noqa: E402
from neurosim.conversion.onnx_file import read_onnx  # noqa: E402
from neurosim.conversion.planning import make_plan  # noqa: E402
from neurosim.conversion.readers import read  # noqa: E402
from neurosim.errors import FormatError, NeurosimError, ParameterError  # noqa: E402


def runtime(model, x):
    """What the reference implementation of ONNX makes of samples, one by one."""
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    one = [session.run(None, {name: x[k : k + 1].astype(np.float32)})[0] for k in range(len(x))]
    return np.concatenate(one).astype(float)


def probabilities(outputs):
    odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("writer", onnx_models.WRITERS)
def test_models_of_several_writers_say_what_the_reference_says(writer):
    rng = np.random.default_rng(3)
    model = onnx_models.WRITERS[writer](rng)
    graph = read_onnx(model.SerializeToString())
    x = rng.normal(size=(5, *graph.input.shape))
    if writer == "old":  # the reference does not have this version any more
        model = onnx_models.old(np.random.default_rng(3), opset=13)
    expected, found = runtime(model, x), graph.outputs(x)
    if writer == "keras":
        found = probabilities(found)
    if writer == "branches":
        found = np.log(probabilities(found))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(
        make_plan(graph).activations(x)["output"], graph.outputs(x), atol=1e-10
    )


@given(st.data())
def test_random_convolutions_and_poolings_say_what_the_reference_says(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = data.draw(st.tuples(st.integers(5, 9), st.integers(5, 9)))
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    attributes = {"kernel_shape": kernel}
    attributes["strides"] = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    how = data.draw(st.sampled_from(["pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if how == "pads":
        attributes["pads"] = [data.draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    else:
        attributes["auto_pad"] = how
        shorter = zip(attributes["strides"], kernel, strict=True)  # or the reference fails
        attributes["strides"] = [min(pair) for pair in shorter]
    kind = data.draw(st.sampled_from(["Conv", "MaxPool", "AveragePool"]))
    arrays, inputs = {"weight": onnx_models.floats(rng, 4, 4, *kernel)}, ["x"]
    if kind == "Conv":
        group = data.draw(st.sampled_from([1, 2, 4]))
        arrays["weight"] = arrays["weight"][:, : 4 // group]
        attributes["group"], inputs = group, ["x", "weight"]
        if how == "pads":  # the reference has no dilation with auto_pad
            attributes["dilations"] = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    else:
        arrays = {}
        if kind == "AveragePool":
            attributes["count_include_pad"] = data.draw(st.integers(0, 1))
    nodes = [(kind, inputs, ["z"], attributes), ("Flatten", ["z"], ["y"], {})]
    model = onnx_models.model(nodes, arrays, ["N", 4, *size], ["N", "out"])
    graph = read_onnx(model.SerializeToString())
    x = rng.normal(size=(2, 4, *size))
    np.testing.assert_allclose(graph.outputs(x), runtime(model, x), atol=1e-5)


@given(st.binary(max_size=300))
def test_bytes_that_are_anything_are_refused(content):
    with pytest.raises(NeurosimError):
        read_onnx(content)


KEPT = sorted((Path(__file__).parent / "model_files").glob("*.onnx"))


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_exports_of_pytorch_and_keras_say_what_the_reference_says(path):
    graph = read_onnx(path)
    x = np.random.default_rng(11).normal(size=(4, *graph.input.shape))
    expected, found = runtime(onnx.load(path), x), graph.outputs(x)
    if expected.min() >= 0 and np.allclose(expected.sum(axis=1), 1):  # it ends in a softmax
        found = probabilities(found)
    if expected.max() <= 0 and np.allclose(np.exp(expected).sum(axis=1), 1):  # in a log-softmax
        found = np.log(probabilities(found))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    plan = make_plan(graph)
    np.testing.assert_allclose(plan.activations(x)["output"], graph.outputs(x), atol=1e-9)
    kinds = {type(term.operator).__name__ for layer in plan.layers for term in layer.terms}
    assert kinds <= {"Kernel", "Full"}  # nothing had to be listed synapse by synapse


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_versions_of_operators_are_told_apart(opset):
    rng = np.random.default_rng(4)
    model = onnx_models.keras_like(rng, opset)
    graph = read_onnx(model.SerializeToString())
    x = rng.normal(size=(3, 8, 8, 3))
    np.testing.assert_allclose(probabilities(graph.outputs(x)), runtime(model, x), atol=1e-5)


def test_channels_last_models_keep_their_kernels():
    plan = make_plan(
        read_onnx(onnx_models.keras_like(np.random.default_rng(5)).SerializeToString())
    )
    assert plan.shape == (8, 8, 3) and [layer.name for layer in plan.layers][0] == "conv"
    kinds = [type(term.operator).__name__ for layer in plan.layers for term in layer.terms]
    assert kinds == ["Kernel", "Full", "Kernel"]


def mnist(folder):
    def stored(name, head):
        return np.frombuffer(gzip.decompress((folder / name).read_bytes())[head:], np.uint8)

    images = stored("mnist/t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return images, stored("mnist/t10k-labels-idx1-ubyte.gz", 8)


def test_the_mnist_file_says_what_the_reference_says(test_data):
    path = test_data / "onnx/mnist_cntk.onnx"
    images = mnist(test_data)[0][:40].astype(float)
    found = make_plan(read(path, (28, 28))).activations(images)["output"]
    expected = runtime(onnx.load(path), images[:, np.newaxis])
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.slow
def test_the_mnist_file_classifies_mnist_as_its_readme_says(test_data):
    images, labels = mnist(test_data)
    plan = make_plan(read(test_data / "onnx/mnist_cntk.onnx", (28, 28)))
    right = [
        plan.decide(plan.activations(images[k : k + 500])["output"]) == labels[k : k + 500]
        for k in range(0, 10_000, 500)
    ]
    assert np.mean(right) == 0.9891


# ------------------------------------------------------------------ the same as PyTorch


def exported(module, shape, tmp_path, **options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import warnings

    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.zeros(1, *shape),), str(path), **options)
    return path


@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
def test_a_residual_network_from_pytorch_and_from_its_onnx_export_gives_the_same_plan(
    dynamo, tmp_path
):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    if dynamo:
        pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    from test_torch_reader import Residual, randomised

    from neurosim.conversion.torch_module import read_torch

    module, shape = randomised(Residual()), (2, 16, 16)
    path = exported(module, shape, tmp_path, dynamo=dynamo)
    one, other = make_plan(read_torch(module, shape)), make_plan(read_onnx(path))
    assert [layer.shape for layer in one.layers] == [layer.shape for layer in other.layers]
    for a, b in zip(one.layers, other.layers, strict=True):
        assert (a.activation, len(a.terms)) == (b.activation, len(b.terms))
        np.testing.assert_allclose(a.bias, b.bias, atol=1e-6)
        for p, q in zip(a.terms, b.terms, strict=True):
            p, q = p.operator, q.operator
            assert type(p) is type(q)
            for name in p.__dataclass_fields__:
                if name in ("kernel", "weight"):
                    np.testing.assert_allclose(getattr(p, name), getattr(q, name), atol=1e-6)
                else:
                    assert getattr(p, name) == getattr(q, name)


def test_both_ways_make_the_same_spiking_network(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from test_torch_reader import Residual, randomised

    import neurosim as ns

    module, shape = randomised(Residual()), (2, 16, 16)
    x = np.random.default_rng(12).normal(size=(12, *shape))
    path = exported(module, shape, tmp_path, dynamo=False)
    one, other = ns.convert(module, x, steps=8).network, ns.convert(path, x, steps=8).network
    pairs = zip(one.projections.values(), other.projections.values(), strict=True)
    for a, b in pairs:
        a, b = ns.expand(one, a), ns.expand(other, b)
        np.testing.assert_array_equal(a.pre, b.pre)
        np.testing.assert_array_equal(a.post, b.post)
        np.testing.assert_allclose(a.weight, b.weight, atol=1e-6)
    layers = zip(one.populations.values(), other.populations.values(), strict=True)
    for a, b in layers:
        assert a.shape == b.shape
        for name, value in getattr(a.neurons, "params", {}).items():
            np.testing.assert_allclose(value, b.neurons.params[name], atol=1e-6)


# ------------------------------------------------------------------ shapes of samples


CONVOLUTION = [
    ("Conv", ["x", "w"], ["c"], {}),
    ("Relu", ["c"], ["r"], {}),
    ("Flatten", ["r"], ["y"], {}),
]


def test_samples_may_be_flat_or_without_axes_of_length_one():
    rng = np.random.default_rng(6)
    arrays = {"w": onnx_models.floats(rng, 2, 1, 3, 3)}
    model = onnx_models.model(CONVOLUTION, arrays, ["N", 1, 4, 4], ["N", 8]).SerializeToString()
    x = rng.normal(size=(2, 16))
    outputs = [
        read_onnx(model, shape).outputs(x.reshape(2, *shape))
        for shape in ((16,), (4, 4), (1, 4, 4))
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])
    with pytest.raises(ParameterError, match=r"must have shape \(1, 4, 4\)"):
        read_onnx(model, (4, 5))


def test_a_shape_that_the_file_leaves_open_must_be_given():
    rng = np.random.default_rng(7)
    arrays = {"w": onnx_models.floats(rng, 2, 1, 3)}
    nodes = [
        ("Conv", ["x", "w"], ["c"], {}),
        ("Relu", ["c"], ["r"], {}),
        ("Flatten", ["r"], ["y"], {}),
    ]
    model = onnx_models.model(nodes, arrays, ["N", 1, "length"], ["N", "out"]).SerializeToString()
    with pytest.raises(ParameterError, match="leaves the shape of its samples open"):
        read_onnx(model)
    assert read_onnx(model, (1, 9)).n_out == 14


# ------------------------------------------------------------------ refusals


def test_all_unsupported_nodes_are_listed_at_once_with_rewrites():
    rng = np.random.default_rng(8)
    nodes = [
        ("MatMul", ["x", "w"], ["product"], {}),
        ("LeakyRelu", ["product"], ["leaky"], {}),
        ("Gelu", ["product"], ["gelu"], {}),
        ("Tanh", ["leaky"], ["tanh"], {}),
        ("Mul", ["product", "product"], ["square"], {}),
        ("Add", ["tanh", "gelu"], ["sum"], {}),
        ("Add", ["sum", "square"], ["y"], {}),
    ]
    model = onnx_models.model(nodes, {"w": onnx_models.floats(rng, 5, 5)}, ["N", 5], ["N", 5])
    with pytest.raises(UnsupportedOperations) as caught:
        read_onnx(model.SerializeToString())
    assert {name for name, _, _ in caught.value.found} == {"leaky", "gelu", "tanh", "square"}
    assert "train with ReLU instead" in str(caught.value)


def test_a_softmax_inside_is_refused_and_at_the_end_left_out():
    rng = np.random.default_rng(9)
    nodes = [
        ("Softmax", ["x"], ["attention"], {}),
        ("MatMul", ["attention", "w"], ["y"], {}),
    ]
    model = onnx_models.model(nodes, {"w": onnx_models.floats(rng, 5, 5)}, ["N", 5], ["N", 5])
    with pytest.raises(UnsupportedOperations, match="an operation behind a softmax"):
        read_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (("Cast", ["h"], ["c"], {"to": 7}), "cast of activations to kind 7"),
        (("Softmax", ["h"], ["c"], {"axis": 0}), r"Softmax over axes|softmax over axes \[0\]"),
    ],
)
def test_casts_to_integers_and_softmax_over_samples_are_refused(node, what):
    rng = np.random.default_rng(0)
    weight = {"w": onnx_models.floats(rng, 4, 3)}
    nodes = [("MatMul", ["x", "w"], ["h"], {}), node, ("Identity", ["c"], ["y"], {})]
    model = onnx_models.model(nodes, weight, ["N", 4], ["N", 3])
    with pytest.raises(UnsupportedOperations, match=what):
        read_onnx(model.SerializeToString())


def test_further_outputs_of_a_node_are_refused_where_they_are_used():
    pool = ("MaxPool", ["x"], ["largest", "where"], {"kernel_shape": [2, 2]})
    uses = [("Relu", ["where"], ["r"], {}), ("Flatten", ["r"], ["y"], {})]
    model = onnx_models.model([pool, *uses], {}, ["N", 1, 4, 4], ["N", 9])
    with pytest.raises(UnsupportedOperations, match="r: an operation on a further output"):
        read_onnx(model.SerializeToString())
    model = onnx_models.model([pool], {}, ["N", 1, 4, 4], ["N", 9], output="where")
    with pytest.raises(UnsupportedOperations, match="the output: a further output of a node"):
        read_onnx(model.SerializeToString())


def tampered(change):
    """The perceptron after a change to its parsed form."""
    model = onnx_models.perceptron(np.random.default_rng(0))
    change(model.graph)
    return model.SerializeToString()


def _dims(graph):
    graph.initializer[0].dims[:] = [2**40, 2**40]


def _cut(graph):
    graph.initializer[0].raw_data = graph.initializer[0].raw_data[:-4]


def _cycle(graph):
    graph.node[0].input[0] = graph.node[2].output[0]


def _clash(graph):
    graph.node[1].output[0] = graph.node[0].output[0]


def _negative(graph):
    graph.initializer[0].dims[0] = -5


def _outside(graph):
    graph.initializer[0].data_location = 1
    graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def _two(graph):
    graph.input.add().CopyFrom(graph.input[0])
    graph.input[1].name = "other"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_dims, "at most 134,217,728 numbers"),
        (_cut, r"must have 160 bytes, got 156"),
        (_cycle, "a cycle, or a part is missing"),
        (_clash, "given twice"),
        (_negative, "got shape"),
        (_outside, "lies in another file"),
        (_two, "must have one input, got 2"),
    ],
)
def test_damaged_files_are_refused_by_what_is_wrong(change, message):
    with pytest.raises(FormatError, match=message):
        read_onnx(tampered(change))


def test_shapes_that_do_not_fit_name_the_node():
    def change(graph):
        del graph.initializer[0].dims[:]
        graph.initializer[0].dims.extend([8, 5])

    with pytest.raises(FormatError, match="node 'product'"):
        read_onnx(tampered(change))


def test_kernels_that_are_not_as_large_as_they_say_are_refused():
    kernel = onnx.numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "k")
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ["N", 1, 8, 8]), ("y", None))
    ]
    nodes = [
        onnx.helper.make_node("Conv", ["x", "k"], ["a"], kernel_shape=[9, 9]),
        onnx.helper.make_node("Relu", ["a"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], [kernel])
    with pytest.raises(FormatError, match="kernel_shape"):
        read_onnx(onnx.helper.make_model(graph).SerializeToString())


def test_weights_beside_the_model_are_read_and_nowhere_else(tmp_path):
    model = onnx_models.perceptron(np.random.default_rng(1))
    inline = read_onnx(model.SerializeToString())
    tensor = model.graph.initializer[0]
    raw = tensor.raw_data
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "weights.bin").write_bytes(b"\0" * 8 + raw)
    (tmp_path / "secret.bin").write_bytes(raw)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "secret.bin")
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    path = tmp_path / "in" / "model.onnx"

    def with_entries(**entries):
        del tensor.external_data[:]
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        path.write_bytes(model.SerializeToString())
        return read_onnx(path)

    graph = with_entries(location="weights.bin", offset=8, length=len(raw))
    np.testing.assert_array_equal(graph.nodes[1].weight, inline.nodes[1].weight)
    inside = ("link.bin", "missing.bin", "", "a\0b", "a" * 5000)
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), *inside):
        with pytest.raises(FormatError, match="must lie in a file beside the model"):
            with_entries(location=location)
    with pytest.raises(FormatError, match="needs 160 bytes from byte 9"):
        with_entries(location="weights.bin", offset=9)


def test_files_that_would_unfold_are_refused_before_they_are_parsed(monkeypatch):
    bomb = b"\x3a" + _length(400_000) + b"\x0a\x00" * 200_000  # a graph of empty nodes
    monkeypatch.setattr(onnx_wire, "MOST_FIELDS", 100_000)
    monkeypatch.setattr(onnx.ModelProto, "FromString", None)  # the parser is never reached
    with pytest.raises(FormatError, match="more than 100,000 fields"):
        read_onnx(bomb)


def _length(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def test_many_nodes_and_numbers_are_refused(monkeypatch):
    content = onnx_models.perceptron(np.random.default_rng(0)).SerializeToString()
    with monkeypatch.context() as patched:
        patched.setattr(onnx_walk, "MOST_NODES", 3)
        with pytest.raises(FormatError, match="more than 3 nodes"):
            read_onnx(content)
    monkeypatch.setattr(onnx_walk, "MOST_NUMBERS", 50)
    with pytest.raises(FormatError, match="more than 50 numbers in all"):
        read_onnx(content)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\xff" * 40, b"\x08\x07", b"hello" * 9])
def test_what_is_no_onnx_file_is_refused(content):
    with pytest.raises(NeurosimError):
        read_onnx(content)


def test_a_file_is_named_and_files_of_other_kinds_are_refused_with_a_way_out(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\xff" * 30)
    with pytest.raises(FormatError, match="net.onnx"):
        read(path)
    with pytest.raises(FormatError, match="no such file"):
        read(tmp_path / "absent.onnx")
    for name, advice in (("net.keras", "tf2onnx"), ("net.pkl", "pickled models run code")):
        with pytest.raises(ParameterError, match=advice):
            read(tmp_path / name)
    assert onnx_file.MOST_BYTES == 2**29
