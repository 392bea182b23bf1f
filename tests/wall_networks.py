"""Networks that grow in one direction until they meet a wall of a chip."""

import numpy as np

import neurosim as ns


def layered(sizes, delay=0.0, neurons=ns.IF):
    """Layers of these names and sizes, each fully connected to the next; the first is a source."""
    net = ns.Network(time="steps")
    names = [name for name in sizes if name != "delay"]
    net.add(ns.SpikeSource(sizes[names[0]]), names[0])
    for before, name in zip(names, names[1:], strict=False):
        net.add(neurons(sizes[name]), name)
        net.connect(before, name, weight=1.0, delay=sizes.get("delay", delay))
    return net


def looped(sizes, fan_out=None):
    """in -> hid -> out, and hid onto itself by ``fan_out`` synapses of each neuron, or all."""
    net = layered({name: n for name, n in sizes.items() if name != "feed_forward"})
    if "feed_forward" in sizes and not sizes["feed_forward"]:
        return net
    n = sizes["hid"]
    k = n if fan_out is None else min(fan_out, n)
    pre = np.repeat(np.arange(n), k)
    post = (pre + np.tile(np.arange(k), n)) % n
    net.connect("hid", "hid", ns.FromArrays(pre, post), weight=1.0, delay=1.0)
    return net


def lone(sizes):
    """Neurons without a synapse."""
    net = ns.Network(time="steps")
    net.add(ns.IF(sizes["a"]), "a")
    return net


def each_its_own(parameter):
    """LIF neurons without a synapse, every one with another value of a parameter."""

    def build(sizes):
        net = ns.Network()
        values = 1.0 + np.arange(sizes["a"]) / 8
        net.add(ns.LIF(sizes["a"], **{parameter: values}), "a")
        return net

    return build


def ranges(sizes):
    """A neuron with projections whose weights are of ever other magnitudes, or of one."""
    net = ns.Network(time="steps")
    net.add(ns.IF(1), "a")
    for k in range(17):
        net.add(ns.SpikeSource(1), f"in{k}")
        net.connect(f"in{k}", "a", weight=1.0 if "one_range" in sizes else 2.0**k)
    return net


def one_each(sizes):
    """Sources that reach one of 40 neurons each."""
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(sizes["in"]), "in")
    net.add(ns.IF(40), "a")
    pre = np.arange(sizes["in"])
    net.connect("in", "a", ns.FromArrays(pre, pre % 40), weight=1.0)
    return net


def hub(sizes):
    """A neuron that reaches all the others."""
    net = ns.Network(time="steps")
    net.add(ns.IF(1), "hub")
    net.connect("hub", net.add(ns.IF(sizes["a"]), "a"), weight=1.0, delay=1.0)
    return net


def onto_one(sizes, n_sources=210):
    """Every 256th neuron and small sources, all of which reach the same neuron."""
    net = ns.Network(time="steps")
    net.add(ns.IF(sizes["a"]), "a")
    net.add(ns.IF(1), "b")
    pre = np.arange(0, sizes["a"], 256)
    net.connect("a", "b", ns.FromArrays(pre, np.zeros_like(pre)), weight=1.0, delay=1.0)
    for k in range(n_sources):
        net.connect(net.add(ns.SpikeSource(1), f"in{k}"), "b", weight=1.0, delay=1.0)
    return net


def fan(sizes, k=600):
    """Hidden neurons of Xylo IMU, the first of which reaches ``k`` others (some twice)."""
    net = layered({"in": 1, "few": 1, "out": 2})
    net.add(ns.IF(sizes["hid"]), "hid")
    post = np.arange(k) % 300
    post = post[post < sizes["hid"]]
    net.connect("few", "hid", ns.FromArrays(np.zeros(post.size, int), post), weight=1.0)
    net.connect("hid", "out", ns.FromArrays([0], [0]), weight=1.0)
    return net


def read(sizes):
    """Neurons of ``b``, all of which are read."""
    net = layered({"in": 2, "a": 100, "b": sizes["b"]})
    net.connect("b", net.add(ns.IF(3), "out"), weight=1.0)
    return net


def convolutional(channels, kernel=3, side=16, n_out=None):
    """A camera of 2 channels and convolutions of these channels, all of one kernel."""
    net = ns.Sequential(ns.SpikeSource((side, side, 2)))
    before = 2
    for k, n in enumerate(channels):
        weight = np.ones((n, before, kernel, kernel))
        net.add(ns.Convolution(weight, padding=kernel // 2), ns.IF, name=f"c{k}")
        before = n
    if n_out:
        net.add(ns.Dense(np.ones((before * side * side, n_out))), ns.IF, name="out")
    return net.network


def shaped(sizes):
    """A camera and a convolution ``c``, of which every number of its shape may be given."""
    side = sizes.get("input_side", sizes.get("output_side", 16))
    wide = sizes.get("kernel_side", 3)
    wide = sizes.get("strided_kernel_side", wide)
    tall = wide + sizes.get("kernel_asymmetry", 0)
    stride = sizes.get("stride", 1)
    net = ns.Sequential(ns.SpikeSource((side, side, sizes.get("c_in", 1))))
    kernel = np.ones((sizes.get("c", 1), sizes.get("c_in", 1), tall, wide))
    rule = ns.Convolution(
        kernel, stride=stride, padding=sizes.get("padding", 0), pool=sizes.get("pool", 1)
    )
    net.add(rule, ns.IF, name="c")
    return net.network


def deep(sizes, side=4):
    """A chain of ``layers`` convolutions of 1 x 1."""
    return convolutional([1] * sizes["layers"], kernel=1, side=side)


def dense_chain(sizes):
    """A chain of ``layers`` dense layers of a neuron each."""
    return layered({"in": 1} | {f"d{k}": 1 for k in range(sizes["layers"])})


def branches(sizes):
    """A layer that ``destinations`` others read."""
    net = layered({"in": 4, "a": 5})
    for k in range(sizes["destinations"]):
        net.connect("a", net.add(ns.IF(3), f"b{k}"), weight=1.0)
    return net
