"""The leaky integrate-and-fire neuron, with delta, exponential, alpha or step synapses."""

import math
from typing import Any

import numpy as np

from .. import checks
from .._jit import exponential
from ..errors import ParameterError
from . import currents, exact
from .base import NeuronModel, Neurons, Value
from .flow import (
    decay,
    leap_through_synapse,
    synapse_to_leaky,
    synaptic_peak,
    time_constants,
)
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


def _advance(v, refractory, leak, v_inf):
    if refractory > 0.0:
        return v, refractory - 1.0
    return v_inf + (v - v_inf) * leak, refractory


def _advance_1(v, i_syn, refractory, leak, v_inf, leak_syn, gain):
    if refractory > 0.0:
        return v, i_syn * leak_syn, refractory - 1.0
    return v_inf + (v - v_inf) * leak + i_syn * gain, i_syn * leak_syn, refractory


def _advance_2(v, i_exc, i_inh, refractory, leak, v_inf, leak_exc, leak_inh, gain_exc, gain_inh):
    if refractory > 0.0:
        return v, i_exc * leak_exc, i_inh * leak_inh, refractory - 1.0
    v = v_inf + (v - v_inf) * leak + i_exc * gain_exc + i_inh * gain_inh
    return v, i_exc * leak_exc, i_inh * leak_inh, refractory


def _leap(v, refractory, steps, v_inf, rate):
    held = min(refractory, steps)
    return v_inf + (v - v_inf) * exponential(-rate * (steps - held)), refractory - held


def _leap_1(v, i_syn, refractory, steps, v_inf, rate, rate_syn, slow_syn, gap_syn, leap_syn):
    held = min(refractory, steps)
    free = steps - held
    v = v_inf + (v - v_inf) * exponential(-rate * free)
    factor = free if gap_syn == 0.0 else math.expm1(-gap_syn * free)
    factor = factor * exponential(-slow_syn * max(free - 1.0, 0.0)) * leap_syn
    v = v + i_syn * exponential(-rate_syn * held) * factor
    return v, i_syn * exponential(-rate_syn * steps), refractory - held


def _leap_2(
    v, i_exc, i_inh, refractory, steps, v_inf, rate, rate_exc, rate_inh, slow_exc, slow_inh,
    gap_exc, gap_inh, leap_exc, leap_inh,
):  # fmt: skip
    held = min(refractory, steps)
    free = steps - held
    v = v_inf + (v - v_inf) * exponential(-rate * free)
    exc = free if gap_exc == 0.0 else math.expm1(-gap_exc * free)
    inh = free if gap_inh == 0.0 else math.expm1(-gap_inh * free)
    exc = exc * exponential(-slow_exc * max(free - 1.0, 0.0)) * leap_exc
    inh = inh * exponential(-slow_inh * max(free - 1.0, 0.0)) * leap_inh
    v = (
        v
        + i_exc * exponential(-rate_exc * held) * exc
        + i_inh * exponential(-rate_inh * held) * inh
    )
    i_exc, i_inh = i_exc * exponential(-rate_exc * steps), i_inh * exponential(-rate_inh * steps)
    return v, i_exc, i_inh, refractory - held


def _quiet(v, v_inf, v_th):
    return max(v, v_inf) < v_th


def _quiet_1(v, i_syn, v_inf, v_th, peak_syn):
    return max(v, v_inf) + max(i_syn, 0.0) * peak_syn < v_th


def _quiet_2(v, i_exc, i_inh, v_inf, v_th, peak_exc, peak_inh):
    return max(v, v_inf) + max(i_exc, 0.0) * peak_exc + max(i_inh, 0.0) * peak_inh < v_th


def _derive(params: dict[str, Value], dt: float) -> dict[str, Value]:
    derived = reset_params(params, dt)
    derived["leak"] = decay(dt, params["tau_m"])
    derived["rate"] = dt / params["tau_m"]
    derived["v_inf"] = params["v_rest"] + params["r_m"] * params["i_ext"]
    for port, name in (("syn", "tau_syn"), ("exc", "tau_syn_exc"), ("inh", "tau_syn_inh")):
        if name in params:
            tau, gain = params[name], "gain" if port == "syn" else f"gain_{port}"
            derived[f"leak_{port}"] = decay(dt, tau)
            derived[gain] = synapse_to_leaky(dt, params["tau_m"], tau, params["r_m"])
            sums = leap_through_synapse(derived[gain], dt, params["tau_m"], tau)
            names = (f"slow_{port}", f"gap_{port}", f"leap_{port}")
            derived |= dict(zip(names, sums, strict=True))
            derived[f"rate_{port}"] = dt / tau
            derived[f"peak_{port}"] = synaptic_peak(params["tau_m"], tau, params["r_m"])
    return derived


_PARAMS = {
    "tau_m": 20.0, "v_rest": 0.0, "v_reset": 0.0, "v_th": 1.0, "t_ref": 0.0,
    "r_m": 1.0, "i_ext": 0.0, "soft_reset": 0.0,
}  # fmt: skip
_RULES: dict[str, dict[str, Any]] = {
    "tau_m": {"above": 0, "unit": "ms"},
    "tau_syn": {"above": 0, "unit": "ms"},
    "tau_syn_exc": {"above": 0, "unit": "ms"},
    "tau_syn_inh": {"above": 0, "unit": "ms"},
    "t_ref": {"low": 0, "unit": "ms"},
    "r_m": {"above": 0, "unit": "MOhm"},
}
_UNITS = {
    "v": "mV", "i_syn": "nA", "i_exc": "nA", "i_inh": "nA", "x_syn": "nA/ms",
    "refractory": "steps",
}  # fmt: skip

LIF_DELTA = NeuronModel(
    name="LIF", state={"v": 0.0, "refractory": 0.0}, params=_PARAMS,
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("delta",), derive=_derive,
    advance=_advance, receive=receive_delta, fires=fires, fire=fire, leap=_leap, quiet=_quiet,
    constants=exact.leaky_constants, flow=exact.leaky_flow, crossing=exact.leaky_crossing,
)  # fmt: skip
LIF_EXP = NeuronModel(
    name="LIF", state={"v": 0.0, "i_syn": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=_derive,
    advance=_advance_1, receive=receive_1, fires=fires, fire=fire_1,
    leap=_leap_1, quiet=_quiet_1,
    constants=exact.leaky_constants, flow=exact.leaky_flow_1, crossing=exact.leaky_crossing_1,
)  # fmt: skip
LIF_EXP2 = NeuronModel(
    name="LIF", state={"v": 0.0, "i_exc": 0.0, "i_inh": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn_exc": 5.0, "tau_syn_inh": 5.0},
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("exc", "inh"), derive=_derive,
    advance=_advance_2, receive=receive_2, fires=fires, fire=fire_2,
    leap=_leap_2, quiet=_quiet_2,
    constants=exact.leaky_constants, flow=exact.leaky_flow_2, crossing=exact.leaky_crossing_2,
)  # fmt: skip
LIF_ALPHA = NeuronModel(
    name="LIF", state={"v": 0.0, "i_syn": 0.0, "x_syn": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=currents.derive_leaky, constants=currents.constants_leaky,
    advance=currents.leaky_alpha, receive=currents.receive_alpha, fires=fires,
    fire=currents.fire_alpha,
    flow=currents.flow_leaky_alpha, crossing=currents.crossing_leaky_alpha,
)  # fmt: skip
LIF_STEP = NeuronModel(
    name="LIF", state={"v": 0.0, "i_syn": 0.0, "refractory": 0.0}, params=_PARAMS,
    units=_UNITS, rules=_RULES, still=STILL,
    ports=("syn",), derive=currents.derive_leaky, constants=currents.constants_leaky,
    advance=currents.leaky_step, receive=receive_1, fires=fires, fire=fire_1,
    flow=currents.flow_leaky_step, crossing=currents.crossing_leaky_step,
)  # fmt: skip


def with_synapses(
    owner: str, models: dict[str, tuple], synapse: str, tau_syn: Any, params: dict
) -> tuple:
    """The model for a kind of synapse and its time constants, and its parameters.

    Parameters
    ----------
    models : dict of str to tuple    for each kind the models of no, one and two time constants
    """
    checks.choice(owner, "synapse", synapse, tuple(models))
    taus, known = time_constants(tau_syn), models[synapse]
    if len(taus) >= len(known) or known[len(taus)] is None:
        need = {
            "exp": "None (delta synapses), one or two time constants",
            "alpha": "one time constant for synapse='alpha'",
            "step": "None for synapse='step', as its currents do not decay",
        }[synapse]
        raise ParameterError(f"{owner}.tau_syn must be {need}, got {len(taus) or None}")
    names = ((), ("tau_syn",), ("tau_syn_exc", "tau_syn_inh"))[len(taus)]
    return known[len(taus)], {**params, **dict(zip(names, taus, strict=True))}


def reset_mode(owner: str, reset: str) -> float:
    """1.0 for a reset by subtraction, 0.0 for a reset to a value."""
    if reset not in ("value", "subtract"):
        raise ParameterError(f"{owner}.reset must be 'value' or 'subtract', got {reset!r}")
    return float(reset == "subtract")


def LIF(
    n: int | tuple[int, ...],
    *,
    tau_m: Any = 20.0,
    tau_syn: Any = None,
    v_th: Any = 1.0,
    v_reset: Any = 0.0,
    v_rest: Any = 0.0,
    t_ref: Any = 0.0,
    r_m: Any = 1.0,
    i_ext: Any = 0.0,
    synapse: str = "exp",
    reset: str = "value",
    v0: Any = None,
) -> Neurons:
    """Leaky integrate-and-fire neurons.

    tau_m dv/dt = v_rest - v + r_m (i + i_ext),   tau_syn di/dt = -i

    An arrival of weight w adds w to the current i [nA] of its port, or, with delta
    synapses (``tau_syn=None``), to v itself [mV]. With ``synapse="alpha"`` it adds
    w e (s/tau_syn) e^{-s/tau_syn} after the time s, with ``synapse="step"`` w for ever.

    When v >= v_th the neuron spikes, v is reset, and it stays there for ``t_ref``: during
    [t, t + t_ref) v does not move and delta arrivals are lost, while synaptic currents go on
    decaying. Between events the solution is exact.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    tau_m : float or array (n,)
        Membrane time constant [ms].
    tau_syn : None, float, array or a pair (excitatory, inhibitory)
        Synaptic time constants [ms]: delta synapses, one port ``"syn"``, or the two ports
        ``"exc"`` (weights >= 0) and ``"inh"`` (weights <= 0). Alpha synapses have one port and
        need one time constant, step currents have one port and none.
    v_th, v_reset, v_rest : float or array (n,)
        Threshold, reset and resting potential [mV] (or dimensionless).
    t_ref : float or array (n,)
        Refractory period [ms], rounded to the grid by the clock engine.
    r_m : float or array (n,)
        Membrane resistance [MOhm]; with the default 1 currents read as mV.
    i_ext : float or array (n,)
        Constant current [nA].
    synapse : {"exp", "alpha", "step"}
        Course of the current that an arrival adds.
    reset : {"value", "subtract"}
        v = v_reset, or v = v - (v_th - v_reset).
    v0 : float, array or distribution, optional
        Initial potential [mV]; default v_rest.

    Raises
    ------
    ParameterError
        A time constant or resistance <= 0, time constants that the synapse has not,
        v_reset >= v_th, a wrong shape, NaN.

    Examples
    --------
    >>> LIF(100, tau_m=10.0, tau_syn=(2.0, 8.0), t_ref=2.0)
    Neurons(LIF, 100)
    """
    params = {
        "tau_m": tau_m, "v_th": v_th, "v_reset": v_reset, "v_rest": v_rest,
        "t_ref": t_ref, "r_m": r_m, "i_ext": i_ext, "soft_reset": reset_mode("LIF", reset),
    }  # fmt: skip
    models = {
        "exp": (LIF_DELTA, LIF_EXP, LIF_EXP2), "alpha": (None, LIF_ALPHA), "step": (LIF_STEP,),
    }  # fmt: skip
    model, params = with_synapses("LIF", models, synapse, tau_syn, params)
    neurons = model.neurons(n, initial={"v": v_rest if v0 is None else v0}, **params)
    check_reset(neurons)
    return neurons


def check_reset(neurons: Neurons) -> None:
    """The reset must lie below the threshold, or a neuron would fire for ever."""
    v_th, v_reset = (np.broadcast_to(neurons.params[k], neurons.n) for k in ("v_th", "v_reset"))
    bad = np.flatnonzero(v_reset >= v_th)
    if bad.size:
        i = int(bad[0])
        raise ParameterError(
            f"{neurons.model.name}.v_reset must be < v_th, got v_reset={v_reset[i]:g}, "
            f"v_th={v_th[i]:g} (neuron {i})"
        )
