"""How does a network become the arrays of learning? Synapses, cells, and the way back."""

import math
from dataclasses import dataclass

import numpy as np

from ..connectivity.distributions import Distribution
from ..engine.components import components
from ..errors import BuildError
from ..models.base import Neurons
from ..network import Network, Population
from ..random import key_of
from ..synapses import expand, port_of
from .tables import PORTS, Cells, Graph

_TAUS = (("tau_syn",), ("tau_syn_exc", "tau_syn_inh"))


def can_learn(population: Population) -> bool:
    """Are these cells of a model with an adjoint?"""
    neurons = population.neurons
    if not isinstance(neurons, Neurons) or neurons.model.name not in ("LIF", "IF", "LI"):
        return False
    taus = tuple(name for name in neurons.params if name.startswith("tau_syn"))
    return taus in _TAUS and "x_syn" not in neurons.model.state


def is_readout(population: Population) -> bool:
    """Are these cells read by their potential, as they never fire?"""
    neurons = population.neurons
    return isinstance(neurons, Neurons) and neurons.model.name == "LI"


def check_plain(network: Network) -> None:
    """Refuse weights that are multiplied by something: payloads of spikes, or gains.

    Raises
    ------
    BuildError
    """
    for p in network.populations.values():
        if p.is_graded:
            raise BuildError(
                f"Population {p.name!r} must fire plain spikes to learn, but those of {p.kind} "
                "carry payloads"
            )
    for p in network.projections.values():
        if p.gain is not None:
            raise BuildError(f"Projection {p.name!r}.gain must be left out to learn, got {p.gain}")


def check(network: Network) -> None:
    """Refuse what has no adjoint.

    Raises
    ------
    BuildError
    """
    check_plain(network)
    for p in network.populations.values():
        if p.is_source:
            if p.kind != "SpikeSource":
                raise BuildError(
                    f"Population {p.name!r} must be a SpikeSource to learn from, got {p.kind}; "
                    "draw its spikes beforehand, and give them as a part of the samples"
                )
        elif not can_learn(p):
            raise BuildError(
                f"Population {p.name!r} must be LIF, IF or LI with one or two exponential synapses "
                f"(tau_syn=...) for exact gradients, got {p.kind} with the state "
                f"{', '.join(p.neurons.model.state)}; with delta synapses a spike comes with its "
                "arrival, whatever the weight, so that no weight has a gradient"
            )


def graph_of(network: Network) -> Graph:
    """All synapses, as `expand` lists them."""
    index = {name: k for k, name in enumerate(network.populations)}
    firsts = np.cumsum([0, *(p.n for p in network.populations.values())]).astype(np.int64)
    columns: dict[str, list] = {name: [] for name in Graph._fields}
    n_rows = n_synapses = 0
    for p in network.projections.values():
        made = expand(network, p)
        pre, post = index[p.pre.name], index[p.post.name]
        counts = np.bincount(made.pre, minlength=p.pre.n)
        found = {
            "pre": [pre], "post": [post], "rows": [n_rows],
            "starts": np.concatenate(([0], np.cumsum(counts))) + n_synapses,
            "targets": made.post + firsts[post],
            "ports": np.full(len(made), port_of(p, made.weight)),
            "weights": made.weight, "delays": made.delay,
        }  # fmt: skip
        for name, values in found.items():
            columns[name].append(np.asarray(values))
        n_rows, n_synapses = n_rows + p.pre.n + 1, n_synapses + len(made)
    kinds = {"targets": np.int32, "ports": np.uint8, "weights": np.float64, "delays": np.float64}
    joined = {
        name: np.concatenate([np.zeros(0), *parts]).astype(kinds.get(name, np.int64))
        for name, parts in columns.items()
        if name != "firsts"
    }
    return Graph(**joined, firsts=firsts)


def cells_of(network: Network) -> Cells:
    """The equations of all neurons; those of sources mean nothing."""
    n = network.n_neurons
    cells = Cells(
        *(np.zeros((n, PORTS) if name in ("rate", "i0") else n) for name in Cells._fields)
    )
    first = 0
    for p in network.populations.values():
        own = slice(first, first + p.n)
        first += p.n
        if not p.is_source:
            _fill(cells, own, p, network.seed)
    return cells


def _fill(cells: Cells, own: slice, p: Population, seed: int) -> None:
    params = p.neurons.params
    if "tau_m" in params:
        cells.rate_m[own] = 1.0 / params["tau_m"]
        cells.lift[own] = params["r_m"] / params["tau_m"]
        cells.v_inf[own] = params["v_rest"] + params["r_m"] * params["i_ext"]
    else:
        cells.lift[own] = 1.0 / params["c_m"]
        cells.drift[own] = params["i_ext"] / params["c_m"]
    if not is_readout(p):
        cells.v_th[own], cells.v_reset[own] = params["v_th"], params["v_reset"]
        cells.dead[own] = params["t_ref"]
    names = [name for name in params if name.startswith("tau_syn")]
    for port, name in enumerate(names):
        cells.rate[own, port] = 1.0 / params[name]
    for k, (name, value) in enumerate(p.neurons.initial.items()):
        if isinstance(value, Distribution):
            value = value.draw(key_of(seed, p.name, "initial", name), p.n)
        if k == 0:
            cells.v0[own] = value
        elif name != "refractory":
            cells.i0[own, k - 1] = value


@dataclass(frozen=True, slots=True)
class Loop:
    """Populations that depend on each other, in the order of the way back.

    Attributes
    ----------
    members : int64 (k,)
    window : float              smallest delay [ms] that leads back; inf: none does
    """

    members: np.ndarray
    window: float


def loops_of(network: Network, graph: Graph) -> list[Loop]:
    """The network in the order of the way back: every population after those that hear it."""
    names = list(network.populations)
    delays = np.split(graph.delays, _ends(graph))[: graph.pre.size]
    edges = [
        (int(pre), int(post), float(d.min()))
        for pre, post, d in zip(graph.pre, graph.post, delays, strict=True)
        if d.size
    ]
    found = []
    for component in components(len(names), edges, names):
        order = {m: k for k, m in enumerate(component.members)}
        back = [
            delay for pre, post, delay in edges
            if pre in order and post in order and order[pre] >= order[post]
        ]  # fmt: skip
        window = min(back, default=math.inf) * (1 - 1e-9)  # rounding may bring arrivals forward
        found.append(Loop(np.array(component.members[::-1], np.int64), window))
    return found[::-1]


def _ends(graph: Graph) -> np.ndarray:
    """Where the synapses of each projection but the last end."""
    return graph.starts[graph.rows[1:] - 1] if graph.pre.size else np.zeros(0, np.int64)
