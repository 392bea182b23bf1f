"""What is learnt? Weights, delays and cell parameters: shared, bounded, and put back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.pooling import SumPool
from ..connectivity.procedural import Procedural
from ..connectivity.rules import AllToAll, FromArrays
from ..errors import ParameterError
from ..models.base import Neurons
from ..network import Network, Projection
from .gradient import ExactGradient
from .tables import Gradients

OF_SYNAPSES = ("weight", "delay")
OF_FLOW = ("tau_m", "tau_syn", "tau_syn_exc", "tau_syn_inh", "i_ext")
OF_CELLS = ("v_th", *OF_FLOW)
SHARES = ("synapse", "axon", "dendrite", "projection")
FORMS = ("clip", "sigmoid", "softplus")
NEAREST = 0.05  # of the way from the reset to the threshold
_LOW = {"delay": 0.0, "tau_m": 0.1, "tau_syn": 0.1, "tau_syn_exc": 0.1, "tau_syn_inh": 0.1}


@dataclass(frozen=True, kw_only=True)
class Learnable:
    """One kind of parameter that learns.

    Parameters
    ----------
    what : {"weight", "delay", "v_th", "tau_m", "tau_syn", "tau_syn_exc", "tau_syn_inh", "i_ext"}
    rate : float            of the optimizer; with Adam about the change per batch, in the unit
                            of the parameter (with a form other than "clip": of what is formed)
    of : list of str        projections, or populations; default: all that have it
    low, high : float       bounds; delays are never below 0, or, where spikes can come back, below
                            0.1 ms (or the smallest one given); time constants never below 0.1 ms;
                            thresholds stay above the reset
    share : {"synapse", "axon", "dendrite", "projection"}
        Of weights and delays: each its own, or one for all synapses of a source neuron (an axonal
        delay), of a target neuron (a dendritic one), or of the projection. Synapses of a kernel
        share what they have in common: each number of the kernel is one weight, each of its
        spatial taps one delay.
    form : {"clip", "sigmoid", "softplus"}
        How bounds are kept: by clipping after each step, or by learning p in
        low + (high - low) / (1 + e^-p), or in low + log(1 + e^p).
    schedule : function     of the epoch, from 0, to a factor of the rate

    Examples
    --------
    >>> Learnable(what="delay", rate=0.05, high=10.0, share="axon").low
    0.0
    """

    what: str
    rate: float
    of: Any = None
    low: float | None = None
    high: float = math.inf
    share: str = "synapse"
    form: str = "clip"
    schedule: Any = None

    def __post_init__(self) -> None:
        owner = "Learnable"
        checks.choice(owner, "what", self.what, OF_SYNAPSES + OF_CELLS)
        checks.number(owner, "rate", self.rate, low=0)
        checks.choice(owner, "share", self.share, SHARES)
        checks.choice(owner, "form", self.form, FORMS)
        for name in ("low", "high"):
            value = getattr(self, name)
            if not isinstance(value, (int, float, type(None))) or (name, value) == ("high", None):
                raise ParameterError(
                    f"Learnable({self.what!r}).{name} must be a number, got {value!r}"
                )
        if self.schedule is not None and not callable(self.schedule):
            raise ParameterError(
                f"Learnable({self.what!r}).schedule must be a function of the epoch, such as "
                f"CosineDecay(100), got {self.schedule!r}"
            )
        least = _LOW.get(self.what, -math.inf)
        low = least if self.low is None else max(float(self.low), least)
        object.__setattr__(self, "low", low)
        if not self.low < self.high:
            raise ParameterError(
                f"Learnable({self.what!r}): low must be < high, got {self.low:g} and {self.high:g}"
            )
        if self.form != "clip" and not math.isfinite(self.low):
            raise ParameterError(
                f"Learnable({self.what!r}): low must be finite for form={self.form!r}"
            )
        if self.form == "sigmoid" and not math.isfinite(self.high):
            raise ParameterError(
                f"Learnable({self.what!r}): high must be finite for form='sigmoid'"
            )


def learnables(learn: Any) -> list[Learnable]:
    """From a mapping of names to rates, or a list.

    Raises
    ------
    ParameterError
    """
    if isinstance(learn, Mapping) and learn:
        for name, value in learn.items():
            if isinstance(value, Learnable) and value.what != name:
                raise ParameterError(
                    f"fit: learn[{name!r}] must be a Learnable of {name!r}, got one of "
                    f"{value.what!r}; give a list of Learnable to name things freely"
                )
        return [
            value if isinstance(value, Learnable) else Learnable(what=name, rate=value)
            for name, value in learn.items()
        ]
    found = list(learn) if isinstance(learn, (list, tuple)) else [learn]
    if not found or not all(isinstance(one, Learnable) for one in found):
        raise ParameterError(
            "fit: learn must be a mapping such as {'weight': 5e-3, 'delay': 0.05}, or a list of "
            f"Learnable, got {learn!r}"
        )
    return found


class Parameter:
    """One array of numbers that learn, and where they act.

    Attributes
    ----------
    raw : float64 (k,)      what the optimizer sees
    """

    def __init__(self, spec: Learnable, name: str, values: np.ndarray, group: np.ndarray) -> None:
        self.spec, self.name, self.group = spec, name, group
        n = int(group.max(initial=-1)) + 1
        self.each_its_own = bool(n == group.size and (group == np.arange(n)).all())
        self.sizes = np.maximum(np.bincount(group, minlength=n), 1)
        self.raw = self._formed_back(np.clip(self.mean(values), spec.low, spec.high))

    def _formed_back(self, x: np.ndarray) -> np.ndarray:
        spec, eps = self.spec, 1e-6
        if spec.form == "sigmoid":
            share = np.clip((x - spec.low) / (spec.high - spec.low), eps, 1 - eps)
            return np.log(share / (1 - share))
        if spec.form == "softplus":
            return np.log(np.expm1(np.maximum(x - spec.low, eps)))
        return x

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The means of those that share, from one value for each place."""
        if self.each_its_own:
            return values
        return np.bincount(self.group, values, self.sizes.size) / self.sizes

    def shared(self) -> np.ndarray:
        """The numbers themselves."""
        spec = self.spec
        if spec.form == "sigmoid":
            return spec.low + (spec.high - spec.low) / (1 + np.exp(-self.raw))
        if spec.form == "softplus":
            return spec.low + np.logaddexp(0.0, self.raw)
        return self.raw

    def values(self) -> np.ndarray:
        """One for each place."""
        return self.shared().copy() if self.each_its_own else self.shared()[self.group]

    def pulled(self, gradient: np.ndarray) -> np.ndarray:
        """The derivative by ``raw``, from that by the values."""
        total = gradient
        if not self.each_its_own:
            total = np.bincount(self.group, gradient, self.raw.size)
        spec = self.spec
        if spec.form == "sigmoid":
            share = 1 / (1 + np.exp(-self.raw))
            return total * (spec.high - spec.low) * share * (1 - share)
        if spec.form == "softplus":
            return total / (1 + np.exp(-self.raw))
        return total

    def move(self, step: np.ndarray) -> None:
        """Go against the gradient, inside the bounds."""
        self.raw -= step
        if self.spec.form == "clip":
            np.clip(self.raw, self.spec.low, self.spec.high, out=self.raw)


class OfSynapses(Parameter):
    """Weights or delays of one projection; signs of ports "exc" and "inh" are kept."""

    def __init__(self, spec: Learnable, machine: ExactGradient, name: str) -> None:
        graph, network = machine.graph, machine.network
        k = list(network.projections).index(name)
        p = network.projections[name]
        rows = slice(graph.rows[k], graph.rows[k] + p.pre.n + 1)
        self.place = slice(graph.starts[rows][0], graph.starts[rows][-1])
        n = self.place.stop - self.place.start
        pre = np.repeat(np.arange(p.pre.n), np.diff(graph.starts[rows]))
        post = graph.targets[self.place] - graph.firsts[graph.post[k]]
        kinds = {"synapse": np.arange(n), "axon": pre, "dendrite": post, "projection": np.zeros(n)}
        if isinstance(p.rule, Procedural):
            kinds = {"synapse": _taps(p, spec), "projection": np.zeros(n)}
            if spec.share not in kinds:
                raise ParameterError(
                    f"Learnable({spec.what!r}).share must be 'synapse' or 'projection' for "
                    f"{name!r}, whose synapses share a kernel, got {spec.share!r}; connect what "
                    "ns.expand lists with FromArrays"
                )
        group = np.unique(kinds[spec.share], return_inverse=True)[1].reshape(-1)
        if spec.what == "weight" and p.post.ports == ("exc", "inh") and n:
            spec = _of_sign(spec, name, graph.ports[self.place.start] == 0)
        if spec.what == "delay" and machine.leads_back(k) and n:
            least = min(machine.least_back, float(graph.delays[self.place].min()))
            spec = replace(spec, low=max(spec.low, least))
        self.array = graph.weights if spec.what == "weight" else graph.delays
        super().__init__(spec, name, self.array[self.place], group)

    def gradient(self, totals: Gradients) -> np.ndarray:
        """By ``raw``."""
        found = totals.weights if self.spec.what == "weight" else totals.delays
        return self.pulled(found[self.place])

    def put(self) -> None:
        """Let them act."""
        self.array[self.place] = self.values()


def _taps(p: Projection, spec: Learnable) -> np.ndarray:
    """Which number of the kernel, or which spatial tap of it, each synapse has."""
    taps = p.rule.tap_of()
    return taps if spec.what == "weight" else taps % math.prod(p.rule.kernel.shape[2:])


def _of_sign(spec: Learnable, name: str, is_exc: bool) -> Learnable:
    """The bounds of weights of the ports "exc" and "inh"."""
    low, high = (max(spec.low, 0.0), spec.high) if is_exc else (spec.low, min(spec.high, 0.0))
    if not low < high:
        sign = ">= 0 at the port 'exc'" if is_exc else "<= 0 at the port 'inh'"
        raise ParameterError(
            f"Learnable('weight'): the weights of projection {name!r} must be {sign}, which "
            f"low = {spec.low:g} and high = {spec.high:g} leave no room for"
        )
    return replace(spec, low=low, high=high)


class OfCells(Parameter):
    """A parameter of one population: one number, or one for each neuron, as in the description."""

    def __init__(self, spec: Learnable, machine: ExactGradient, name: str) -> None:
        self.machine = machine
        k = list(machine.network.populations).index(name)
        self.place = slice(int(machine.graph.firsts[k]), int(machine.graph.firsts[k + 1]))
        neurons = machine.network.populations[name].neurons
        given = neurons.params[spec.what]
        self.one_each = bool(np.ndim(given))
        n = neurons.n
        group = np.arange(n) if self.one_each else np.zeros(n, np.int64)
        if spec.what == "v_th":  # at the reset or below, a cell would fire without end
            reset = np.broadcast_to(neurons.params["v_reset"], n)
            spec = replace(
                spec, low=max(spec.low, float((reset + NEAREST * (given - reset)).max()))
            )
        super().__init__(spec, name, np.broadcast_to(given, n).astype(float), group)

    def gradient(self, totals: Gradients) -> np.ndarray:
        """By ``raw``."""
        what = self.spec.what
        return self.pulled(self.machine.by_parameter(totals, self.name, what, self.place))

    def put(self) -> None:
        """Let them act."""
        values = self.values() if self.one_each else float(self.shared()[0])
        self.machine.set_params(self.name, {self.spec.what: values})


def _has(p: Projection, spec: Learnable) -> bool:
    """Can it learn that? Pooling has no weights."""
    return spec.what == "delay" or not isinstance(p.rule, SumPool)


def parameters_of(machine: ExactGradient, learn: list[Learnable]) -> list[Parameter]:
    """The parameters that a network has of each kind.

    Raises
    ------
    ParameterError
        Nothing has what is to be learnt.
    """
    found: list[Parameter] = []
    network = machine.network
    for spec in learn:
        if spec.what in OF_SYNAPSES:
            has, kind = [p.name for p in network.projections.values() if _has(p, spec)], OfSynapses
        else:
            has = [
                name for name, p in network.populations.items()
                if isinstance(p.neurons, Neurons) and spec.what in p.neurons.params
            ]  # fmt: skip
            kind = OfCells
            if not machine.learns_cells:
                raise ParameterError(
                    f"Learnable({spec.what!r}) must be 'weight' or 'delay' with a "
                    "SurrogateGradient; cells learn with method='exact'"
                )
        wanted = has if spec.of is None else [spec.of] if isinstance(spec.of, str) else spec.of
        for name in wanted:
            if name not in has:
                raise ParameterError(
                    f"Learnable({spec.what!r}).of must name some of {has}, got {name!r}"
                )
        if not wanted:
            raise ParameterError(f"Learnable({spec.what!r}): the network has nothing of the kind")
        found += [kind(spec, machine, name) for name in wanted]
    named = [(p.spec.what, p.name) for p in found]
    for what, name in named:
        if named.count((what, name)) > 1:
            raise ParameterError(
                f"fit: learn must name {what!r} of {name!r} once, but has it several times; "
                "give each Learnable its own of="
            )
    return found


def learnt_network(network: Network, machine: ExactGradient) -> Network:
    """The description with the weights, delays and cell parameters of the present."""
    graph = machine.graph
    made = Network(time=network.time, seed=network.seed)
    for name, p in machine.network.populations.items():
        made.add(p.neurons, name)
    ends = np.append(graph.starts[graph.rows[1:] - 1], graph.weights.size)
    begin = 0
    for k, (name, p) in enumerate(network.projections.items()):
        own = slice(begin, int(ends[k]))
        begin = own.stop
        rows = graph.starts[graph.rows[k] : graph.rows[k] + p.pre.n + 1]
        pre = np.repeat(np.arange(p.pre.n), np.diff(rows))
        post = graph.targets[own] - graph.firsts[graph.post[k]]
        port = int(graph.ports[own.start]) if own.stop > own.start else p.port
        how = {"port": port, "name": name}
        if isinstance(p.rule, Procedural):
            rule, delay = _kernel_of(p, graph.weights[own], graph.delays[own])
            made.connect(p.pre.name, p.post.name, rule, delay=delay, **how)
            continue
        rule = p.rule if isinstance(p.rule, AllToAll) else FromArrays(pre, post)
        values = {"weight": graph.weights[own].copy(), "delay": graph.delays[own].copy()}
        made.connect(p.pre.name, p.post.name, rule, **values, **how)
    return made


def _kernel_of(p: Projection, weights: np.ndarray, delays: np.ndarray) -> tuple[Procedural, Any]:
    """The rule with the weights of the present, and the delays of its taps."""
    taps, shape = p.rule.tap_of(), p.rule.kernel.shape
    rule, delay = p.rule, p.delay
    if not isinstance(rule, SumPool):
        kernel = rule.kernel.copy()
        kernel.reshape(-1)[taps] = weights
        rule = replace(rule, kernel=kernel)
    if delays.size:
        of_taps = np.broadcast_to(np.asarray(delay, float), shape[2:]).copy()
        of_taps.reshape(-1)[taps % math.prod(shape[2:])] = delays
        delay = of_taps if np.ptp(of_taps) else float(of_taps.flat[0])
    return rule, delay
