"""Which synapses does a projection have? The description, expanded: a pure function."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .connectivity.distributions import Distribution
from .connectivity.procedural import Procedural
from .errors import BuildError, ParameterError
from .network import Network, Projection
from .random import key_of


@dataclass(frozen=True, slots=True)
class Synapses:
    """The synapses of one projection; the position in the arrays is the edge id.

    Attributes
    ----------
    pre, post : int32 (k,)          indices within the two populations, sorted by ``pre``
    weight : float64 (k,)
    delay : float64 (k,)            [ms], or [steps]
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    delay: np.ndarray

    def __len__(self) -> int:
        return self.pre.size


def expand(network: Network, projection: Projection | str) -> Synapses:
    """List the synapses of a projection: a pure function of description and seed.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(2), "b")
    >>> p = net.connect(a, b, ns.OneToOne(), weight=[1.0, 2.0], delay=0.5)
    >>> ns.expand(net, p).weight.tolist()
    [1.0, 2.0]
    """
    if isinstance(projection, str):
        if projection not in network.projections:
            raise ParameterError(
                f"expand: projection must be one of {list(network.projections)}, got {projection!r}"
            )
        projection = network.projections[projection]
    if network.projections.get(projection.name) is not projection:
        raise ParameterError(f"expand: {projection!r} belongs to another network")
    return spread(expand_compactly(network, projection))


def spread(compact: Synapses) -> Synapses:
    """One weight and one delay per synapse, where all share one."""
    n = compact.pre.size
    weight, delay = (
        np.full(n, value) if value.ndim == 0 else value for value in (compact.weight, compact.delay)
    )
    return Synapses(compact.pre, compact.post, weight, delay)


def expand_compactly(network: Network, projection: Projection) -> Synapses:
    """The same, but a weight or delay that all synapses share stays one number (0-d array)."""
    p, owner = projection, f"Projection {projection.name!r}"
    key = key_of(network.seed, p.name, "pairs")
    pre, post = p.rule.pairs(owner, p.pre.n, p.post.n, key, p.pre is p.post)
    values = [
        value.draw(key_of(network.seed, p.name, what), pre.size)
        if isinstance(value, Distribution)
        else np.asarray(value)
        for what, value in zip(("weight", "delay"), values_of(p), strict=True)
    ]
    return Synapses(pre, post, *values)


def has_kernel(p: Projection, learning: Collection[str] = ()) -> bool:
    """Does an engine walk through its kernel? Synapses that can change one by one are listed."""
    return isinstance(p.rule, Procedural) and p.name not in learning


def values_of(projection: Projection) -> tuple:
    """Weight and delay: a number, a distribution, or one number for each synapse."""
    p = projection
    if isinstance(p.rule, Procedural):
        return p.rule.spread(p.weight), p.rule.spread(p.delay, of="delay")
    return p.weight, p.delay


def port_of(projection: Projection, weight: np.ndarray) -> int:
    """The target port of a projection, from its weights when it was left open."""
    if projection.port is not None:
        return projection.port
    if weight.size and weight.min() < 0 < weight.max():
        raise BuildError(
            f"Projection {projection.name!r}.port must be given when weights of both signs go "
            f"to a target with ports {projection.post.ports}; pass port='exc' or port='inh', "
            "or make two projections"
        )
    return int(bool(weight.size) and weight.min() < 0)
