"""The perfect integrate-and-fire neuron, with delta, exponential, alpha or step synapses."""

import math
from typing import Any

from . import currents, exact
from .base import NeuronModel, Neurons, Value
from .flow import decay, synapse_to_integrator
from .lif import check_reset, reset_mode, with_synapses
from .spike import (
    STILL,
    fire,
    fire_1,
    fire_2,
    fires,
    receive_1,
    receive_2,
    receive_delta,
    reset_params,
)


def _advance(v, refractory, drift):
    if refractory > 0.0:
        return v, refractory - 1.0
    return v + drift, refractory


def _advance_1(v, i_syn, refractory, drift, leak_syn, gain):
    if refractory > 0.0:
        return v, i_syn * leak_syn, refractory - 1.0
    return v + drift + i_syn * gain, i_syn * leak_syn, refractory


def _advance_2(v, i_exc, i_inh, refractory, drift, leak_exc, leak_inh, gain_exc, gain_inh):
    if refractory > 0.0:
        return v, i_exc * leak_exc, i_inh * leak_inh, refractory - 1.0
    v = v + drift + i_exc * gain_exc + i_inh * gain_inh
    return v, i_exc * leak_exc, i_inh * leak_inh, refractory


def _rests(v, refractory, drift, v_th):
    return drift == 0.0 and refractory <= 0.0 and v < v_th


def _leap(v, refractory, steps, drift):
    held = min(refractory, steps)
    return v + drift * (steps - held), refractory - held


def _leap_1(v, i_syn, refractory, steps, drift, rate_syn, charge_syn):
    held = min(refractory, steps)
    free = steps - held
    flown = i_syn * math.exp(-rate_syn * held) * charge_syn * -math.expm1(-rate_syn * free)
    return v + drift * free + flown, i_syn * math.exp(-rate_syn * steps), refractory - held


def _leap_2(
    v, i_exc, i_inh, refractory, steps, drift, rate_exc, rate_inh, charge_exc, charge_inh
):  # fmt: skip
    held = min(refractory, steps)
    free = steps - held
    exc = i_exc * math.exp(-rate_exc * held) * charge_exc * -math.expm1(-rate_exc * free)
    inh = i_inh * math.exp(-rate_inh * held) * charge_inh * -math.expm1(-rate_inh * free)
    i_exc, i_inh = i_exc * math.exp(-rate_exc * steps), i_inh * math.exp(-rate_inh * steps)
    return v + drift * free + exc + inh, i_exc, i_inh, refractory - held


def _quiet(v, v_th, drift):
    return drift <= 0.0 and v < v_th


def _quiet_1(v, i_syn, v_th, drift, charge_syn):
    return drift <= 0.0 and v + max(i_syn, 0.0) * charge_syn < v_th


def _quiet_2(v, i_exc, i_inh, v_th, drift, charge_exc, charge_inh):
    rise = max(i_exc, 0.0) * charge_exc + max(i_inh, 0.0) * charge_inh
    return drift <= 0.0 and v + rise < v_th


def _derive(params: dict[str, Value], dt: float) -> dict[str, Value]:
    derived = reset_params(params, dt)
    derived["drift"] = (dt / params["c_m"]) * params["i_ext"]
    for port, name in (("syn", "tau_syn"), ("exc", "tau_syn_exc"), ("inh", "tau_syn_inh")):
        if name in params:
            gain = "gain" if port == "syn" else f"gain_{port}"
            derived[f"leak_{port}"] = decay(dt, params[name])
            derived[gain] = synapse_to_integrator(dt, params[name], params["c_m"])
            derived[f"rate_{port}"] = dt / params[name]
            derived[f"charge_{port}"] = params[name] / params["c_m"]
    return derived


_PARAMS = {
    "v_reset": 0.0, "v_th": 1.0, "t_ref": 0.0, "c_m": 1.0, "i_ext": 0.0, "soft_reset": 1.0,
}  # fmt: skip
_RULES: dict[str, dict[str, Any]] = {
    "tau_syn": {"above": 0, "unit": "ms"},
    "tau_syn_exc": {"above": 0, "unit": "ms"},
    "tau_syn_inh": {"above": 0, "unit": "ms"},
    "t_ref": {"low": 0, "unit": "ms"},
    "c_m": {"above": 0, "unit": "nF"},
}
_UNITS = {
    "v": "mV", "i_syn": "nA", "i_exc": "nA", "i_inh": "nA", "x_syn": "nA/ms",
    "refractory": "steps",
}  # fmt: skip

IF_DELTA = NeuronModel(
    name="IF", state={"v": 0.0, "refractory": 0.0}, params=_PARAMS,
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("delta",), derive=_derive,
    advance=_advance, receive=receive_delta, fires=fires, fire=fire, leap=_leap, quiet=_quiet,
    rests=_rests,
    constants=exact.perfect_constants, flow=exact.perfect_flow, crossing=exact.perfect_crossing,
)  # fmt: skip
IF_EXP = NeuronModel(
    name="IF", state={"v": 0.0, "i_syn": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=_derive,
    advance=_advance_1, receive=receive_1, fires=fires, fire=fire_1,
    leap=_leap_1, quiet=_quiet_1,
    constants=exact.perfect_constants, flow=exact.perfect_flow_1, crossing=exact.perfect_crossing_1,
)  # fmt: skip
IF_EXP2 = NeuronModel(
    name="IF", state={"v": 0.0, "i_exc": 0.0, "i_inh": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn_exc": 5.0, "tau_syn_inh": 5.0},
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("exc", "inh"), derive=_derive,
    advance=_advance_2, receive=receive_2, fires=fires, fire=fire_2,
    leap=_leap_2, quiet=_quiet_2,
    constants=exact.perfect_constants, flow=exact.perfect_flow_2, crossing=exact.perfect_crossing_2,
)  # fmt: skip
IF_ALPHA = NeuronModel(
    name="IF", state={"v": 0.0, "i_syn": 0.0, "x_syn": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=currents.derive_perfect, constants=currents.constants_perfect,
    advance=currents.perfect_alpha, receive=currents.receive_alpha, fires=fires,
    fire=currents.fire_alpha,
    flow=currents.flow_perfect_alpha, crossing=currents.crossing_perfect_alpha,
)  # fmt: skip
IF_STEP = NeuronModel(
    name="IF", state={"v": 0.0, "i_syn": 0.0, "refractory": 0.0}, params=_PARAMS,
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=currents.derive_perfect, constants=currents.constants_perfect,
    advance=currents.perfect_step, receive=receive_1, fires=fires, fire=fire_1,
    flow=currents.flow_perfect_step, crossing=currents.crossing_perfect_step,
)  # fmt: skip


def IF(
    n: int | tuple[int, ...],
    *,
    tau_syn: Any = None,
    v_th: Any = 1.0,
    v_reset: Any = 0.0,
    t_ref: Any = 0.0,
    c_m: Any = 1.0,
    i_ext: Any = 0.0,
    synapse: str = "exp",
    reset: str = "subtract",
    v0: Any = None,
) -> Neurons:
    """Perfect integrate-and-fire neurons.

    c_m dv/dt = i + i_ext,   tau_syn di/dt = -i

    Arrivals, synapses, ports, threshold and refractoriness are those of :func:`LIF`. In a
    ``time="steps"`` network one step has length 1, so each step adds ``i_ext / c_m``.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    tau_syn : None, float, array or a pair (excitatory, inhibitory)
        Synaptic time constants [ms]; None for delta synapses and step currents.
    v_th, v_reset : float or array (n,)
        Threshold and reset [mV] (or dimensionless).
    t_ref : float or array (n,)
        Refractory period [ms].
    c_m : float or array (n,)
        Membrane capacitance [nF].
    i_ext : float or array (n,)
        Constant current [nA].
    synapse : {"exp", "alpha", "step"}
        Course of the current that an arrival adds.
    reset : {"subtract", "value"}
        v = v - (v_th - v_reset), or v = v_reset.
    v0 : float, array or distribution, optional
        Initial potential [mV]; default v_reset.

    Raises
    ------
    ParameterError
        A time constant or capacitance <= 0, time constants that the synapse has not,
        v_reset >= v_th, a wrong shape, NaN.

    Examples
    --------
    >>> IF((8, 8), v_th=1.0, v0=0.5)
    Neurons(IF, 8x8)
    """
    params = {
        "v_th": v_th, "v_reset": v_reset, "t_ref": t_ref, "c_m": c_m, "i_ext": i_ext,
        "soft_reset": reset_mode("IF", reset),
    }  # fmt: skip
    models = {
        "exp": (IF_DELTA, IF_EXP, IF_EXP2), "alpha": (None, IF_ALPHA), "step": (IF_STEP,),
    }  # fmt: skip
    model, params = with_synapses("IF", models, synapse, tau_syn, params)
    neurons = model.neurons(n, initial={"v": v_reset if v0 is None else v0}, **params)
    check_reset(neurons)
    return neurons
