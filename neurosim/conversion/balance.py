"""How do the channels of a layer get thresholds of their own? By scaling the plan beforehand.

ReLU(z / c) = ReLU(z) / c for c > 0, so that with a'_l = a_l / c_l in every channel,

    W'_l = diag(1 / c_l) W_l diag(c_(l-1)),      b'_l = b_l / c_l

the outputs stay the same, and one threshold for a layer of a' is one for each channel of a.
"""

import dataclasses

import numpy as np

from .merging import behind
from .operators import Full, Kernel, Operator, factors
from .plan import Plan, PlanLayer, Term
from .threshold import activations_of


def balanced(plan: Plan, x: np.ndarray, percentile: float) -> Plan:
    """Return the plan with that percentile of each channel's positive activations at 1.

    Channels that are silent on all samples, and layers whose activations have a ceiling (which is
    one for all channels), stay as they are.
    """
    scale = _scales(plan, x, percentile)
    shape = {plan.input: plan.shape, **{layer.name: layer.shape for layer in plan.layers}}

    def scaled(layer: PlanLayer) -> PlanLayer:
        if layer.pool is not None:
            return layer
        mine = scale[layer.name]
        terms = tuple(
            Term(t.source, _between(t.operator, shape[t.source], scale[t.source], mine))
            for t in layer.terms
        )
        return dataclasses.replace(layer, terms=terms, bias=layer.bias / mine)

    layers = tuple(scaled(layer) for layer in plan.layers)
    return Plan(plan.source, plan.input_shape, plan.shape, plan.order, layers, plan.classes)


def _scales(plan: Plan, x: np.ndarray, percentile: float) -> dict[str, np.ndarray]:
    """What each channel is divided by."""
    scale = {plan.input: np.ones(plan.shape[-1])}
    for layer in plan.layers:
        scale[layer.name] = np.ones(layer.shape[-1])
        if layer.pool is not None:
            scale[layer.name] = scale[layer.terms[0].source]
    found = activations_of(plan, x)
    for layer in plan.spiking:
        if layer.ceiling is None:
            values = found[layer.name].reshape(-1, layer.shape[-1])
            for c in range(values.shape[1]):
                positive = values[values[:, c] > 0, c]
                if positive.size:
                    scale[layer.name][c] = np.percentile(positive, percentile)
    return scale


def _between(
    operator: Operator, pre: tuple[int, ...], before: np.ndarray, after: np.ndarray
) -> Operator:
    """The same map between scaled channels; a kernel stays one."""
    if (before != 1.0).any():
        if isinstance(operator, Kernel):
            kernel = operator.kernel
            split = kernel.reshape(operator.groups, -1, *kernel.shape[1:])
            each = before.reshape(operator.groups, 1, -1, *[1] * (kernel.ndim - 2))
            operator = dataclasses.replace(operator, kernel=(split * each).reshape(kernel.shape))
        elif isinstance(operator, Full):
            each = np.broadcast_to(before, pre).reshape(-1, 1)
            operator = dataclasses.replace(operator, weight=operator.weight * each)
        else:
            operator = behind(operator, factors(pre, before))
    return operator.times(1.0 / after) if (after != 1.0).any() else operator
