"""Does what a file of a converted network says hang together? Checked before anything is built.

Files come from strangers: what is not refused here would hang, or fail later in some foreign way.
"""

import math
from dataclasses import fields
from typing import Any

import numpy as np

from .. import checks
from ..maxpool import MaxPool
from .codes import BurstCode, FewSpikeCode, PhaseCode, RateCode
from .first_spike import FirstSpikeCode, FirstSpikeInput
from .inputs import DirectInput, EventInput, RateInput
from .methods import MOST_STEPS
from .operators import Full, Kernel, Listed
from .plan import ACTIVATIONS, READ_OUT, Plan, PlanLayer, Term
from .rates import deepest
from .report import ConversionReport, LayerReport

_OWNER = "Converted"
_INPUTS = {"direct": DirectInput, "rate": RateInput, "events": EventInput}


def check_parts(plan: Plan, parts: dict[str, Any]) -> None:
    """Refuse a code, an input, thresholds, biases or a report that do not fit the plan.

    Raises
    ------
    ParameterError, ValueError, TypeError
    """
    for layer in plan.layers:
        checks.array(_OWNER, "biases", parts["biases"][layer.name], shape=layer.shape)
        if layer.spiking:
            checks.number(_OWNER, "threshold", parts["thresholds"][layer.name], above=0.0)
    _check_code(plan, parts["code"])
    _check_input(plan, parts["code"], parts["input"])
    _check_report(parts["report"])


def _check_code(plan: Plan, code: Any) -> None:
    if isinstance(code, FirstSpikeCode):
        checks.integer(_OWNER, "depth", code.depth, low=deepest(plan), high=deepest(plan))
        return
    _must(isinstance(code, RateCode), "code", code)
    most = 20 if isinstance(code, FewSpikeCode) else MOST_STEPS
    checks.integer(_OWNER, "steps", code.steps, low=1, high=most)
    checks.number(_OWNER, "v0", code.v0, low=0.0, high=1.0)
    checks.choice(_OWNER, "reset", code.reset, ("subtract", "zero"))
    _must(checks.number(_OWNER, "hold", code.hold, low=0.0) < 1.0, "hold", code.hold)
    if isinstance(code, BurstCode):
        checks.integer(_OWNER, "most", code.most, low=1, high=100)
    if isinstance(code, PhaseCode):
        period = checks.integer(_OWNER, "period", code.period, low=1, high=20)
        _must(code.steps % period == 0, "period", period)


def _check_input(plan: Plan, code: Any, how: Any) -> None:
    if isinstance(code, FirstSpikeCode):
        _must(isinstance(how, FirstSpikeInput), "input", how)
    else:
        _must(isinstance(how, tuple(_INPUTS[kind] for kind in code.inputs)), "input", how)
    if isinstance(how, (RateInput, EventInput)):
        checks.integer(_OWNER, "steps", how.steps, low=code.steps, high=code.steps)
    if isinstance(how, (RateInput, FirstSpikeInput)):
        checks.number(_OWNER, "unit", how.unit, above=0.0)
        _must(isinstance(how.signed, bool), "signed", how.signed)
    if isinstance(how, EventInput):
        checks.number(_OWNER, "window", how.window, above=0.0)
        shape = (plan.n_in,) if np.ndim(how.scale) else ()
        checks.array(_OWNER, "scale", how.scale, shape=shape, above=0.0)


def _check_report(report: Any) -> None:
    _must(isinstance(report, ConversionReport), "report", report)
    for part in (report, *report.layers):
        _must(part is report or isinstance(part, LayerReport), "report", part)
        for one in fields(part):
            value = getattr(part, one.name)
            kind = (int, float) if one.type in (float, float | None) else one.type
            none = one.type == float | None and value is None
            _must(one.name == "layers" or none or isinstance(value, kind), one.name, value)


def check_plan(plan: Any) -> None:
    """Refuse layers that do not follow from one another.

    Raises
    ------
    ParameterError, ValueError, TypeError
    """
    _must(isinstance(plan, Plan) and isinstance(plan.source, str), "plan", plan)
    n = plan.n_in
    sizes = {n, math.prod(plan.input_shape), plan.order.size}
    whole = plan.order.dtype.kind in "iu" and _sizes(plan.shape) and _sizes(plan.input_shape)
    if len(sizes) > 1 or not whole or not np.array_equal(np.sort(plan.order), np.arange(n)):
        raise ValueError(f"the input must have {plan.n_in} places in some order")
    known = {plan.input: plan.shape}
    for layer in plan.layers:
        _check_layer(layer, known, last=layer is plan.layers[-1])
        known[layer.name] = layer.shape
    if plan.classes is not None:
        wanted = (max(plan.n_out, 2),)
        _must(isinstance(plan.classes, np.ndarray) and plan.classes.shape == wanted, "classes",
              plan.classes)  # fmt: skip


def _check_layer(layer: Any, known: dict[str, Any], *, last: bool) -> None:
    _must(isinstance(layer, PlanLayer) and isinstance(layer.name, str), "layer", layer)
    _must(layer.name not in known, "layer", layer.name)
    if not _sizes(layer.shape) or layer.bias.shape != layer.shape or not layer.terms:
        raise ValueError(f"layer {layer.name!r} must have a bias of shape {layer.shape}")
    reads_out, pools = layer.activation == "read-out", layer.activation == "max-pool"
    _must(layer.activation in ACTIVATIONS, "activation", layer.activation)
    _must(reads_out == last and (layer.name == READ_OUT) == last, "last layer", layer.name)
    _must(isinstance(layer.pool, MaxPool) == pools, "pool", layer.pool)
    if layer.ceiling is not None:
        checks.number(_OWNER, "ceiling", layer.ceiling, above=0.0)
    if layer.levels is not None or layer.activation == "quantised":
        checks.integer(_OWNER, "levels", layer.levels, low=1)
    for term in layer.terms:
        _must(isinstance(term, Term), "term", term)
        pre, post = term.operator.pre, term.operator.post
        if pre != known[term.source] or (not pools and post != layer.shape):
            raise ValueError(f"layer {layer.name!r} has a term from {pre} to {post}")
        _check_operator(term.operator)
    if pools:
        pre = known[layer.terms[0].source]
        _must(layer.pool.output_shape(pre) == layer.shape, "pool", layer.pool)


def _check_operator(operator: Any) -> None:
    n_pre, n_post = math.prod(operator.pre), math.prod(operator.post)
    if isinstance(operator, Kernel):
        _must(operator.values.dtype.kind == "f", "kernel", operator.kernel)
        fits = math.prod(operator.space) * operator.kernel.shape[0] == n_post
    elif isinstance(operator, Full):
        fits = operator.weight.shape == (n_pre, n_post)
    else:
        fits = isinstance(operator, Listed) and operator.links.shape == (n_post, n_pre)
    if not fits:
        raise ValueError(f"a {type(operator).__name__} does not lead to {operator.post}")


def _sizes(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(n) is int and n > 0 for n in shape) and bool(shape)


def _must(true: bool, name: str, value: Any) -> None:
    if not true:
        shown = value if isinstance(value, (str, int, float, bool)) else type(value).__name__
        raise ValueError(f"{_OWNER}.{name} must fit the network, got {str(shown)[:80]!r}")
