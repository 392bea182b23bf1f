"""How does the largest of several inputs get through? Spiking max-pooling, as neurons that gate.

Pooling by what inputs have sent so far wants to know which input of a window a spike comes from.
Each place of the window has a port of its own: a pooling neuron has as many as its window has
places.
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from . import checks
from .connectivity.pooling import SumPool, WindowPlace
from .errors import ParameterError
from .models.base import NeuronModel, Neurons
from .network import Network, Population

MOST_PLACES = 64


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Spiking max-pooling over windows, channel by channel.

    ================  ======================================================================
    ``by="count"``    the spikes of that input pass which has spiked most often so far, the
                      present step included; of several, the first in the window
    ``by="largest"``  what the largest count of a window has grown by: after every step as much
                      has been sent as the largest of the inputs has. Behind graded spikes the
                      spikes are graded too, and may take back; counts below 0 are 0
    ``by="any"``      a spike in every step in which an input of the window spikes: the
                      maximum of binary inputs, step by step
    ================  ======================================================================

    Plain spikes are counted one by one, or as their gain says; of graded ones the payloads are
    added up.

    Parameters
    ----------
    window : tuple of int               one number per spatial axis
    stride : int or tuple, optional     default: the window
    padding : int, tuple, or tuple of pairs
    by : {"count", "largest", "any"}

    Raises
    ------
    ParameterError

    Notes
    -----
    ``"count"`` can send more than the largest input, where the lead changes. It is of
    B. Rueckauer et al., Conversion of continuous-valued deep networks to efficient
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
        checks.choice("MaxPool", "by", self.by, ("count", "largest", "any"))
        pool = SumPool(self.window, self.stride, self.padding)  # which checks them
        object.__setattr__(self, "window", pool.window)
        if self.by != "any" and math.prod(pool.window) > MOST_PLACES:
            raise ParameterError(
                f"MaxPool.window must have at most {MOST_PLACES} places for by={self.by!r}, got "
                f"{pool.window}; pool twice, or by='any'"
            )

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        r"""Shape (\*space, channels) that it makes of one."""
        return SumPool(self.window, self.stride, self.padding).output_shape(shape)

    def attach(
        self,
        network: Network,
        before: Population,
        name: str,
        *,
        delay: float = 0.0,
        gain: Any = None,
        period: int | None = None,
    ) -> Population:
        """Add the pooling neurons to a network, and connect them; all or nothing.

        ``gain`` is that of :meth:`Network.connect`, where spikes do not all count as one. With
        ``by="largest"`` and a ``period`` P these are binary fractions, w = 2^-k / (1 - 2^-P) with
        k = 1 + (t - 1) mod P: what the largest has grown by is then sent digit by digit, a spike
        in each step where w or more is left to say.
        """
        shape = self.output_shape(before.shape)
        places = list(product(*map(range, self.window)))
        kept = dict(network.projections)
        layer = network.add(self._neurons(shape, len(places), before.is_graded, period), name)
        try:
            if self.by == "any":
                rule = SumPool(self.window, self.stride, self.padding)
                network.connect(before, layer, rule, delay=delay, gain=gain)
            for k, place in enumerate(places if self.by != "any" else []):
                rule = WindowPlace(self.window, self.stride, self.padding, place)
                network.connect(before, layer, rule, delay=delay, port=k, gain=gain)
        except Exception:
            network.projections = kept
            del network.populations[name]
            raise
        return layer

    def _neurons(self, shape: Any, places: int, graded: bool, period: int | None) -> Neurons:
        if self.by == "any":
            return ANY.neurons(shape)
        if self.by == "count":
            return counting_model(places).neurons(shape)
        if period is None:
            return largest_model(places, graded, False).neurons(shape)
        if graded:
            raise ParameterError("MaxPool.attach: period must be None behind graded spikes")
        first, last = (0.5**k / (1.0 - 0.5**period) for k in (1, period))
        return largest_model(places, False, True).neurons(shape, first=first, last=last)


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


def _reaches(most, sent, w, last):
    return most - sent > w - 0.5 * last  # sums of digits are multiples of the last one


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

def _keep_{n}({counts}, most, sent, w):
    return {counts}, most, sent, w

def _turn_{n}({counts}, most, sent, w, first, last):
    w = first if w < 1.5 * last or w > 1.0 else 0.5 * w
    return {counts}, most, sent, w

def _compare_{n}({counts}, most, sent, w, weight, port):
    if port == 0:
        c0 += weight
{additions}
    most = 0.0
{comparisons}
    return {counts}, most, sent, w

def _changes_{n}(most, sent):
    return most != sent

def _change_{n}(most, sent):
    return most - sent

def _send_{n}({counts}, most, sent, w):
    return {counts}, most, most, w

def _digit_{n}({counts}, most, sent, w):
    return {counts}, most, sent + w, w
"""
_BRANCH = """
    elif port == {k}:
        c{k} += weight
        if c{k} > most:
            most, now = c{k}, weight"""
_ADDITION = """
    elif port == {k}:
        c{k} += weight"""
_COMPARISON = """
    if c{k} > most:
        most = c{k}"""
_COUNTING = ("advance", "receive", "fires", "fire")
_LARGEST = ("keep", "turn", "compare", "changes", "change", "send", "digit")


def _functions(n: int) -> None:
    """Write the functions of a window of ``n`` places, and put them into this module."""
    written = _SOURCE.format(
        n=n,
        counts=", ".join(f"c{k}" for k in range(n)),
        branches="".join(_BRANCH.format(k=k) for k in range(1, n)),
        additions="".join(_ADDITION.format(k=k) for k in range(1, n)),
        comparisons="".join(_COMPARISON.format(k=k) for k in range(n)),
    )
    exec(written, globals())  # the text above


def __getattr__(name: str) -> Any:
    """Functions that another process asks for by name, when it unpickles a network."""
    kind, _, n = name.rpartition("_")
    if kind[1:] in _COUNTING + _LARGEST and n.isdigit() and 1 <= int(n) <= MOST_PLACES:
        _functions(int(n))
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _made(n: int, kind: str) -> Any:
    """A function of a window of ``n`` places."""
    if f"_{kind}_{n}" not in globals():
        _functions(n)
    return globals()[f"_{kind}_{n}"]


@cache
def counting_model(n: int) -> NeuronModel:
    """Neurons with ``n`` ports: a spike passes if it comes from the port with most so far.

    State: how often each port got a spike; ``most``, the largest of these, and ``now``, what came
    in this step from the port that has it. Ports are served in their order in every step.
    """
    made = {kind: _made(n, kind) for kind in _COUNTING}
    state = {f"c{k}": 0.0 for k in range(n)} | {"most": 0.0, "now": 0.0}
    return NeuronModel(name="MaxPool", state=state, ports=_places(n), **made)


@cache
def largest_model(n: int, graded: bool, digits: bool) -> NeuronModel:
    """Neurons with ``n`` ports: they send what the largest sum has changed by.

    State: the sum of each port; ``most``, the largest of these and 0, ``sent``, what was sent so
    far, and ``w``, what a spike weighs in this step where that goes round. Other plain spikes must
    make sums that grow by what a spike counts.
    """
    return NeuronModel(
        name="MaxPool",
        state={f"c{k}": 0.0 for k in range(n)} | {"most": 0.0, "sent": 0.0, "w": 2.0},
        params={"first": 0.5, "last": 0.5} if digits else {},
        ports=_places(n),
        advance=_made(n, "turn" if digits else "keep"),
        receive=_made(n, "compare"),
        fires=_reaches if digits else _made(n, "changes"),
        fire=_made(n, "digit" if digits else "send"),
        payload=_made(n, "change") if graded else None,
    )


def _places(n: int) -> tuple[str, ...]:
    return tuple(f"place{k}" for k in range(n))
