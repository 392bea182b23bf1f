"""Small ANNs for tests of conversion: chains, residual branches, pooling, ceilings."""

import math

import numpy as np

from neurosim.conversion import nodes as n
from neurosim.conversion.graph import LayerGraph
from neurosim.conversion.planning import make_plan
from neurosim.conversion.pools import AveragePool, MaxPool


def convolve(rng, name, source, c_in, c_out, side=3):
    weight = rng.normal(0, 1 / math.sqrt(c_in * side * side), (c_out, c_in, side, side))
    pad = (side // 2, side // 2)
    bias = rng.normal(0, 0.1, c_out)
    return n.Convolve(name, (source,), weight, bias, (1, 1), (pad, pad), (1, 1), 1)


def linear(rng, name, source, n_in, n_out):
    weight = rng.normal(0, 1 / math.sqrt(n_in), (n_out, n_in))
    return n.Linear(name, (source,), weight, rng.normal(0, 0.1, n_out))


def chain(rng, sizes, *, kind="relu", ceiling=None, levels=None):
    """The plan of fully connected layers."""
    nodes, last = [n.Input("x", (sizes[0],))], len(sizes) - 2
    for k, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        nodes.append(linear(rng, f"fc{k + 1}", nodes[-1].name, n_in, n_out))
        if k < last:
            rectify = n.Rectify(f"act{k + 1}", (nodes[-1].name,), kind, ceiling, levels)
            nodes.append(rectify)
    classes = np.arange(sizes[-1]) if sizes[-1] > 1 else None
    return make_plan(LayerGraph("chain", tuple(nodes), nodes[-1].name, classes))


def residual(rng, *, pool="average", ceiling=None):
    """The plan of two convolutions with a branch past one, pooling, and a read-out."""
    pooling = {
        "average": AveragePool("pool", ("sum.relu",), (2, 2), (2, 2), ((0, 0), (0, 0))),
        "max": MaxPool("pool", ("sum.relu",), (2, 2), (2, 2), ((0, 0), (0, 0))),
    }
    nodes = (
        n.Input("x", (2, 6, 6)),
        convolve(rng, "stem", "x", 2, 4),
        n.Rectify("stem.relu", ("stem",), "relu", ceiling),
        convolve(rng, "one", "stem.relu", 4, 4),
        n.ChannelAffine("one.norm", ("one",), rng.uniform(0.5, 1.5, 4), rng.normal(0, 0.1, 4)),
        n.Rectify("one.relu", ("one.norm",)),
        convolve(rng, "two", "one.relu", 4, 4),
        n.Add("sum", ("two", "stem.relu")),
        n.Rectify("sum.relu", ("sum",)),
        pooling[pool],
        n.Flatten("flat", ("pool",), (36,)),
        linear(rng, "out", "flat", 36, 5),
    )
    return make_plan(LayerGraph("residual", nodes, "out", np.arange(5)))
