"""Small ONNX models as several writers make them, for the tests of the reader and its fuzzing."""

import numpy as np


def _tools():
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    return onnx, helper, numpy_helper, TensorProto


def model(nodes, initializers, shape, out, *, opset=17, name="x", output="y"):
    """A model of (operation, inputs, outputs, attributes) and arrays."""
    onnx, helper, numpy_helper, kinds = _tools()
    made = [
        helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes)
        for kind, inputs, outputs, attributes in nodes
    ]
    arrays = [numpy_helper.from_array(np.asarray(v), k) for k, v in initializers.items()]
    graph = helper.make_graph(
        made,
        "test",
        [helper.make_tensor_value_info(name, kinds.FLOAT, shape)],
        [helper.make_tensor_value_info(output, kinds.FLOAT, out)],
        arrays,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=min(8, 3 + opset // 3)
    )


def floats(rng, *shape, scale=0.5):
    return rng.normal(0, scale, shape).astype(np.float32)


def keras_like(rng, opset=13):
    """As tf2onnx writes Keras: samples with channels last, transposed on the way in and out."""
    arrays = {
        "w1": floats(rng, 4, 3, 3, 3),
        "b1": floats(rng, 4),
        **{k: floats(rng, 4) for k in ("gamma", "beta", "mean")},
        "var": rng.uniform(0.5, 2, 4).astype(np.float32),
        "w2": floats(rng, 4 * 3 * 3, 6),
        "b2": floats(rng, 6),
        "six": np.array(6.0, np.float32),
        "zero": np.array(0.0, np.float32),
        "flat": np.array([-1, 36], np.int64),
    }
    nodes = [
        ("Transpose", ["x"], ["first"], {"perm": [0, 3, 1, 2]}),
        ("Conv", ["first", "w1", "b1"], ["conv"], {
            "auto_pad": "SAME_UPPER", "strides": [2, 2], "kernel_shape": [3, 3]}),
        ("BatchNormalization", ["conv", "gamma", "beta", "mean", "var"], ["bn"], {"epsilon": 1e-3}),
        ("Relu", ["bn"], ["relu"], {}),
        ("AveragePool", ["relu"], ["pool"], {"kernel_shape": [2, 2], "strides": [1, 1]}),
        ("Transpose", ["pool"], ["last"], {"perm": [0, 2, 3, 1]}),
        ("Reshape", ["last", "flat"], ["vector"], {}),
        ("MatMul", ["vector", "w2"], ["product"], {}),
        ("Add", ["product", "b2"], ["sum"], {}),
        ("Clip", ["sum", "zero", "six"], ["clip"], {}),
        ("Softmax", ["clip"], ["y"], {}),
    ]  # fmt: skip
    return model(nodes, arrays, ["batch", 8, 8, 3], ["batch", 6], opset=opset)


def old(rng, opset=6):
    """Version 6: broadcast and the bounds of a clip are attributes; or the same in a later one."""
    now = opset >= 11
    arrays = {
        "w": floats(rng, 3, 2, 3, 3),
        "b": floats(rng, 3),
        "w2": floats(rng, 5, 12),
        "c": floats(rng, 5),
        "flat": np.array([0, -1], np.int64),
        "low": np.array(0.0, np.float32),
        "high": np.array(1.5, np.float32),
    }
    if now:
        arrays["b"] = arrays["b"].reshape(3, 1, 1)
    else:
        del arrays["low"], arrays["high"]
    nodes = [
        ("Conv", ["x", "w"], ["conv"], {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1]}),
        ("Add", ["conv", "b"], ["biased"], {} if now else {"broadcast": 1, "axis": 1}),
        ("Clip", ["biased", "low", "high"], ["clip"], {})
        if now
        else ("Clip", ["biased"], ["clip"], {"min": 0.0, "max": 1.5}),
        ("MaxPool", ["clip"], ["pool"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Dropout", ["pool"], ["drop"], {}),
        ("Reshape", ["drop", "flat"], ["flatten"], {}),
        ("Gemm", ["flatten", "w2", "c"], ["y"], {"transB": 1, "alpha": 0.5}
         | ({} if now else {"broadcast": 1})),
    ]  # fmt: skip
    return model(nodes, arrays, [1, 2, 6, 6], [1, 5], opset=opset)


def branches(rng):
    """Paddings, concatenation, both poolings, a residual sum, means, shapes worked out."""
    arrays = {
        "w1": floats(rng, 4, 2, 3, 3),
        "w2": floats(rng, 2, 2, 1, 1),
        "w3": floats(rng, 6, 1, 3, 3),
        "w4": floats(rng, 6, 3),
        "b4": floats(rng, 3),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "gain": floats(rng, 6, 1, 1),
        "zero": np.array(0, np.int64),
        "minus": np.array([-1], np.int64),
        "axis": np.array([0], np.int64),
        "space": np.array([2, 3], np.int64),
    }
    nodes = [
        ("Pad", ["x", "pads"], ["padded"], {}),
        ("Conv", ["padded", "w1"], ["a"], {}),
        ("Relu", ["a"], ["ra"], {}),
        ("Conv", ["x", "w2"], ["b"], {}),
        ("Concat", ["ra", "b"], ["cat"], {"axis": 1}),
        ("Mul", ["cat", "gain"], ["scaled"], {}),
        ("Relu", ["scaled"], ["rc"], {}),
        ("MaxPool", ["rc"], ["pool"], {"kernel_shape": [3, 3], "strides": [2, 2],
                                       "pads": [1, 1, 0, 0], "ceil_mode": 1}),
        ("Conv", ["pool", "w3"], ["depth"], {"group": 6, "pads": [1, 1, 1, 1]}),
        ("Add", ["depth", "pool"], ["sum"], {}),
        ("Relu", ["sum"], ["rs"], {}),
        ("AveragePool", ["rs"], ["mean"], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0],
                                           "count_include_pad": 0}),
        ("ReduceMean", ["mean", "space"], ["spot"], {"keepdims": 0}),
        ("Shape", ["spot"], ["shape"], {}),
        ("Gather", ["shape", "zero"], ["n"], {"axis": 0}),
        ("Unsqueeze", ["n", "axis"], ["first"], {}),
        ("Concat", ["first", "minus"], ["target"], {"axis": 0}),
        ("Reshape", ["spot", "target"], ["vector"], {}),
        ("Gemm", ["vector", "w4", "b4"], ["logits"], {}),
        ("LogSoftmax", ["logits"], ["y"], {"axis": -1}),
    ]  # fmt: skip
    return model(nodes, arrays, ["N", 2, 7, 7], ["N", 3], opset=18)


def perceptron(rng, classes=3):
    """A plain multilayer perceptron."""
    arrays = {"w": floats(rng, 5, 8), "b": floats(rng, 8), "v": floats(rng, 8, classes)}
    nodes = [
        ("MatMul", ["x", "w"], ["product"], {}),
        ("Add", ["b", "product"], ["sum"], {}),
        ("Relu", ["sum"], ["relu"], {}),
        ("MatMul", ["relu", "v"], ["y"], {}),
    ]
    return model(nodes, arrays, ["N", 5], ["N", classes])


WRITERS = {"keras": keras_like, "old": old, "branches": branches, "perceptron": perceptron}
