"""How does the largest of several inputs get through? Spiking max-pooling, as neurons that gate.

Pooling by counts wants to know which input of a window a spike comes from. Each place of the
window has a port of its own: a pooling neuron has as many as its window has places.
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from . import checks
from .connectivity.pooling import SumPool, WindowPlace
from .errors import ParameterError
from .models.base import NeuronModel
from .network import Network, Population

_MOST_PLACES = 64


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Spiking max-pooling over windows, channel by channel.

    ==============  ======================================================================
    ``by="count"``  the spikes of that input pass which has spiked most often so far, the
                    present step included; of several, the first in the window
    ``by="any"``    a spike in every step in which an input of the window spikes: the
                    maximum of binary inputs, step by step
    ==============  ======================================================================

    Plain spikes are counted one by one; of graded ones the payloads are added up.

    Parameters
    ----------
    window : tuple of int               one number per spatial axis
    stride : int or tuple, optional     default: the window
    padding : int, tuple, or tuple of pairs
    by : {"count", "any"}

    Raises
    ------
    ParameterError

    Notes
    -----
    By count: B. Rueckauer et al., Conversion of continuous-valued deep networks to efficient
    event-driven networks for image classification, Front. Neurosci. 11:682 (2017).
    The clock engine only.

    Examples
    --------
    >>> import numpy as np, neurosim as ns
    >>> net = ns.Sequential(ns.SpikeSource((2, 2, 1), times=[0, 1, 1, 2], ids=[3, 3, 0, 0]))
    >>> net.add(ns.MaxPool((2, 2)), name="pool")
    Population('pool', MaxPool, 1x1x1)
    >>> ns.simulate(net.network, 4, progress=False).spikes["pool"].times.tolist()
    [0.0, 1.0, 2.0]
    """

    window: tuple[int, ...]
    stride: Any = None
    padding: Any = 0
    by: str = "count"

    def __post_init__(self) -> None:
        checks.choice("MaxPool", "by", self.by, ("count", "any"))
        pool = SumPool(self.window, self.stride, self.padding)  # which checks them
        object.__setattr__(self, "window", pool.window)
        if self.by == "count" and math.prod(pool.window) > _MOST_PLACES:
            raise ParameterError(
                f"MaxPool.window must have at most {_MOST_PLACES} places for by='count', got "
                f"{pool.window}; pool twice, or by='any'"
            )

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        r"""Shape (\*space, channels) that it makes of one."""
        return SumPool(self.window, self.stride, self.padding).output_shape(shape)

    def attach(
        self, network: Network, before: Population, name: str, *, delay: float = 0.0
    ) -> Population:
        """Add the pooling neurons to a network, and connect them; all or nothing."""
        shape = self.output_shape(before.shape)
        places = list(product(*map(range, self.window)))
        model = ANY if self.by == "any" else counting_model(len(places))
        kept = dict(network.projections)
        layer = network.add(model.neurons(shape), name)
        try:
            if self.by == "any":
                rule = SumPool(self.window, self.stride, self.padding)
                network.connect(before, layer, rule, delay=delay)
            for k, place in enumerate(places if self.by == "count" else []):
                rule = WindowPlace(self.window, self.stride, self.padding, place)
                network.connect(before, layer, rule, delay=delay, port=k)
        except Exception:
            network.projections = kept
            del network.populations[name]
            raise
        return layer


def _forget(x):
    return x * 0.0


def _sum(x, weight):
    return x + weight


def _above(x):
    return x > 0.0


def _stay(x):
    return x


def _empty(x):
    return x == 0.0


ANY = NeuronModel(
    name="MaxPool",
    state={"x": 0.0},
    advance=_forget,
    receive=_sum,
    fires=_above,
    fire=_stay,
    rests=_empty,
)

_SOURCE = """
def _advance_{n}({counts}, most, now):
    return {counts}, most, now

def _receive_{n}({counts}, most, now, weight, port):
    if port == 0:
        c0 += weight
        most, now = c0, weight
{branches}
    return {counts}, most, now

def _fires_{n}(now):
    return now > 0.0

def _fire_{n}({counts}, most, now):
    return {counts}, most, now
"""
_BRANCH = """
    elif port == {k}:
        c{k} += weight
        if c{k} > most:
            most, now = c{k}, weight"""


def _functions(n: int) -> None:
    """Write the functions of a window of ``n`` places, and put them into this module."""
    counts = ", ".join(f"c{k}" for k in range(n))
    branches = "".join(_BRANCH.format(k=k) for k in range(1, n))
    exec(_SOURCE.format(n=n, counts=counts, branches=branches), globals())  # the text above


def __getattr__(name: str) -> Any:
    """Functions that another process asks for by name, when it unpickles a network."""
    kind, _, n = name.rpartition("_")
    known = kind in ("_advance", "_receive", "_fires", "_fire") and n.isdigit()
    if known and 1 <= int(n) <= _MOST_PLACES:
        _functions(int(n))
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def counting_model(n: int) -> NeuronModel:
    """Neurons with ``n`` ports: a spike passes if it comes from the port with most so far.

    State: how often each port got a spike; ``most``, the largest of these, and ``now``, what came
    in this step from the port that has it. Ports are served in their order in every step.
    """
    if f"_receive_{n}" not in globals():
        _functions(n)
    made = {kind: globals()[f"_{kind}_{n}"] for kind in ("advance", "receive", "fires", "fire")}
    state = {f"c{k}": 0.0 for k in range(n)} | {"most": 0.0, "now": 0.0}
    ports = tuple(f"place{k}" for k in range(n))
    return NeuronModel(name="MaxPool", state=state, ports=ports, **made)
