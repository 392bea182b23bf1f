"""How does a plan become a spiking network?

One population for each spiking layer, synapses without delay (a spike crosses all layers within
its step), a read-out that adds up and never fires.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models import IF
from ..models.base import Neurons
from ..network import Network, Population
from . import neurons
from .inputs import DirectInput
from .rates import deepest, depths

if TYPE_CHECKING:
    from .codes import RateCode
    from .plan import Plan, PlanLayer

# Far above T times any output: the read-out is an integrator that never fires.
READ_OUT_THRESHOLD = 1e9


def build(
    plan: "Plan",
    code: "RateCode",
    how: Any,
    *,
    thresholds: Mapping[str, float],
    biases: Mapping[str, np.ndarray],
    seed: int,
) -> Network:
    """Return the network that computes what the plan does, in the given code.

    Its populations are ``"input"`` and the layers by their names.

    With theta_l the threshold of layer l, a spike of the layer before adds W theta_(l-1) / theta_l
    to the potential, and a bias b / theta_l per unit of c (see :mod:`.codes`). The read-out
    has the ANN's units: its potential at the end is N times the output.

    Parameters
    ----------
    plan : Plan
    code : RateCode or another
    how : DirectInput, RateInput or EventInput
    thresholds : mapping of layer to float
    biases : mapping of layer to float64[*shape]        in the ANN's units
    seed : int
        of the network; nothing in it is random.
    """
    net = Network(time="steps", seed=seed)
    depth = depths(plan)
    at: dict[str, Population] = {plan.input: net.add(how.source(), plan.input)}
    last = code.last(deepest(plan))
    direct = isinstance(how, DirectInput)
    for layer in plan.layers:
        if layer.pool is not None:
            before = at[layer.terms[0].source]
            again = {"gain": code.schedule, "period": code.repeats}
            at[layer.name] = layer.pool.attach(net, before, layer.name, **again)
            continue
        reads_out = layer.activation == "read-out"
        theta = 1.0 if reads_out else thresholds[layer.name]
        bias = np.ravel(biases[layer.name]) / theta
        driven = direct and code.anytime and any(t.source == plan.input for t in layer.terms)
        share = code.norm(last) / last if code.anytime else 1.0  # of the read-out's, in each step
        if reads_out:
            made = _read_out(layer, bias * share, driven=driven, at_once=not code.anytime)
        else:
            made = code.neurons(_sizes(layer), bias, driven=driven, depth=depth[layer.name])
        here = net.add(made, layer.name)
        ports = len(made.model.ports) > 1
        for term in layer.terms:
            given = term.source == plan.input
            scale = (how.unit if given else thresholds[term.source]) / theta
            scale *= share if given and direct and reads_out else 1.0
            net.connect(
                at[term.source],
                here,
                term.operator.rule(scale),
                port=("current" if given and driven else "spikes") if ports else None,
                gain=None if given else code.schedule,
            )  # fmt: skip
        at[layer.name] = here
    return net


def _sizes(layer: "PlanLayer") -> Any:
    return layer.shape if len(layer.shape) > 1 else layer.shape[0]


def _read_out(layer: "PlanLayer", bias: np.ndarray, *, driven: bool, at_once: bool) -> Neurons:
    """Neurons that add up; the bias comes in each step, or ``at_once`` at the beginning."""
    v0, bias = (bias, 0.0) if at_once else (0.0, bias)
    if driven:
        return neurons.DRIVEN.neurons(
            _sizes(layer), initial={"v": v0}, bias=bias, v_th=READ_OUT_THRESHOLD
        )
    return IF(_sizes(layer), tau_syn=None, v_th=READ_OUT_THRESHOLD, v0=v0, i_ext=bias)
