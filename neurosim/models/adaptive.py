"""When does a leaky neuron reach a threshold that moves? A threshold that spikes raise.

Let u = v - v_th - adapt. While it is below zero u lies under a parabola that touches it now:

    u(s) <= u + u' s + b s^2   for all s >= 0,

where b collects only what bends u upwards: an inhibitory current, which decays, a potential
that falls towards its steady state, a threshold below ``v_th``, which recovers. Everything
else bends down and is left out: without it the parabola is Newton's tangent. Its first root
can lie before the crossing, never behind it, and it touches u, so steps from root to root
come to the crossing from the left, doubling the digits each time, and pass no crossing.
"""

import math
from typing import Any

import numpy as np

from ..errors import ParameterError
from .base import NeuronModel, Neurons, Value
from .flow import decay, synapse_to_leaky
from .lif import check_reset, reset_mode
from .spike import left_of, reset_params


def _advance(v, adapt, refractory, leak, v_inf, leak_adapt):
    if refractory > 0.0:
        return v, adapt * leak_adapt, refractory - 1.0
    return v_inf + (v - v_inf) * leak, adapt * leak_adapt, refractory


def _advance_1(v, i_syn, adapt, refractory, leak, v_inf, leak_syn, gain, leak_adapt):
    if refractory > 0.0:
        return v, i_syn * leak_syn, adapt * leak_adapt, refractory - 1.0
    v = v_inf + (v - v_inf) * leak + i_syn * gain
    return v, i_syn * leak_syn, adapt * leak_adapt, refractory


def _receive(v, adapt, refractory, weight):
    if refractory > 0.0:
        return v, adapt, refractory
    return v + weight, adapt, refractory


def _receive_1(v, i_syn, adapt, refractory, weight):
    return v, i_syn + weight, adapt, refractory


def _fires(v, adapt, refractory, v_th):
    return refractory <= 0.0 and v >= v_th + adapt


def _fire(v, adapt, v_th, v_reset, soft_reset, adapt_step, dead_time):
    return v_reset + soft_reset * (v - v_th - adapt), adapt + adapt_step, dead_time


def _fire_1(v, i_syn, adapt, v_th, v_reset, soft_reset, adapt_step, dead_time):
    return v_reset + soft_reset * (v - v_th - adapt), i_syn, adapt + adapt_step, dead_time


def _flow(v, adapt, refractory, tau_m, v_inf, tau_adapt, dt):
    held = min(refractory, dt)
    v = v - (v_inf - v) * math.expm1(-(dt - held) / tau_m)
    return v, adapt * math.exp(-dt / tau_adapt), left_of(refractory, held)


def _flow_1(
    v, i_syn, adapt, refractory, tau_m, tau_syn, r_m, v_inf, tau_adapt, slow_syn, gap_syn, dt
):  # fmt: skip
    held = min(refractory, dt)
    free = dt - held
    apart = gap_syn * free
    ratio = -math.expm1(-apart) / apart if apart > 0.0 else 1.0
    gain = r_m * (free * math.exp(-slow_syn * free) * ratio / tau_m)
    v = v - (v_inf - v) * math.expm1(-free / tau_m) + i_syn * math.exp(-held / tau_syn) * gain
    i_syn, adapt = i_syn * math.exp(-dt / tau_syn), adapt * math.exp(-dt / tau_adapt)
    return v, i_syn, adapt, left_of(refractory, held)


def _crossing(
    v, i_syn, adapt, refractory, v_th, tau_m, tau_syn, r_m, v_inf, tau_adapt, slow_syn, gap_syn,
    lag_syn, horizon,
):  # fmt: skip
    # v stays below the larger of itself and the highest steady state to come
    lowest = v_th + min(adapt, 0.0)
    if v < lowest and v_inf + r_m * max(i_syn, 0.0) <= lowest:
        return math.inf
    wait = max(refractory, 0.0)
    if wait > horizon:
        return wait
    if wait > 0.0:
        i_syn, adapt = i_syn * math.exp(-wait / tau_syn), adapt * math.exp(-wait / tau_adapt)
    missing, current, high, t = v_th + adapt - v, r_m * i_syn, adapt, 0.0  # -u ... after `t`
    pull = v_inf - v + current  # steady state minus v
    for _ in range(2000):  # four are usual, twenty rare
        if missing <= 0.0:
            break
        below = missing - max(high, 0.0)
        if below > 0.0 and pull + max(-current, 0.0) <= below:  # as above
            return math.inf
        slope = pull / tau_m + high / tau_adapt
        bend = (max(-current, 0.0) / tau_syn + max(-pull, 0.0) / tau_m) / tau_m
        fast, slow = -pull - current * lag_syn, current + current * lag_syn
        split = max(fast, 0.0) / (tau_m * tau_m) + max(slow, 0.0) / (tau_syn * tau_syn)
        bend = 0.5 * (min(bend, split) + max(-high, 0.0) / (tau_adapt * tau_adapt))
        root = abs(slope)
        if bend > 0.0:
            root = max(root, math.sqrt(slope * slope + 4.0 * bend * missing))
        if slope > 0.0:
            step = 2.0 * missing / (slope + root)
        else:
            step = (root - slope) / (2.0 * bend) if bend > 0.0 else math.inf
        t = t + step
        if step <= 4e-16 * (t + tau_m) or wait + t > horizon or t == math.inf:
            break
        apart = gap_syn * t
        ratio = -math.expm1(-apart) / apart if apart > 0.0 else 1.0
        gain = r_m * (t * math.exp(-slow_syn * t) * ratio / tau_m)
        current, high = r_m * i_syn * math.exp(-t / tau_syn), adapt * math.exp(-t / tau_adapt)
        pull = (v_inf - v) * math.exp(-t / tau_m) - i_syn * gain
        missing = v_th - v_inf + pull + high
        pull = pull + current
    return wait + t


def _at_rest(params: dict[str, Value]) -> Value:
    return params["v_rest"] + params["r_m"] * params["i_ext"]


def _derive(params: dict[str, Value], dt: float) -> dict[str, Value]:
    derived = reset_params(params, dt)
    derived["leak"] = decay(dt, params["tau_m"])
    derived["leak_adapt"] = decay(dt, params["tau_adapt"])
    derived["v_inf"] = _at_rest(params)
    if "tau_syn" in params:
        tau_m, tau_syn = params["tau_m"], params["tau_syn"]
        derived["leak_syn"] = decay(dt, tau_syn)
        derived["gain"] = synapse_to_leaky(dt, tau_m, tau_syn, params["r_m"])
    return derived


def _constants(params: dict[str, Value]) -> dict[str, Value]:
    exact = {"dead_time": params["t_ref"], "v_inf": _at_rest(params)}
    if "tau_syn" not in params:  # a current that is never there
        return exact | dict(i_syn=0.0, tau_syn=1.0, slow_syn=1.0, gap_syn=0.0, lag_syn=0.0)
    tau_m, tau_syn = params["tau_m"], params["tau_syn"]
    apart = np.asarray(tau_syn - tau_m)
    rates = {
        "slow_syn": 1.0 / np.maximum(tau_m, tau_syn),
        "gap_syn": np.abs(apart) / (tau_m * tau_syn),
        "lag_syn": np.where(apart == 0.0, 1e300, tau_m / np.where(apart == 0.0, 1.0, apart)),
    }
    return exact | {name: v if np.ndim(v) else float(v) for name, v in rates.items()}


_PARAMS = {
    "tau_m": 20.0, "v_rest": 0.0, "v_reset": 0.0, "v_th": 1.0, "t_ref": 0.0, "r_m": 1.0,
    "i_ext": 0.0, "soft_reset": 0.0, "tau_adapt": 100.0, "adapt_step": 0.5,
}  # fmt: skip
_RULES: dict[str, dict[str, Any]] = {
    "tau_m": {"above": 0, "unit": "ms"},
    "tau_syn": {"above": 0, "unit": "ms"},
    "tau_adapt": {"above": 0, "unit": "ms"},
    "adapt_step": {"low": 0, "unit": "mV"},
    "t_ref": {"low": 0, "unit": "ms"},
    "r_m": {"above": 0, "unit": "MOhm"},
}
_UNITS = {"v": "mV", "adapt": "mV", "i_syn": "nA", "refractory": "steps"}

ADAPTIVE_DELTA = NeuronModel(
    name="AdaptiveLIF", state={"v": 0.0, "adapt": 0.0, "refractory": 0.0},
    params=_PARAMS, units=_UNITS, rules=_RULES, ports=("delta",), derive=_derive,
    advance=_advance, receive=_receive, fires=_fires, fire=_fire,
    flow=_flow, crossing=_crossing, constants=_constants,
)  # fmt: skip
ADAPTIVE_EXP = NeuronModel(
    name="AdaptiveLIF", state={"v": 0.0, "i_syn": 0.0, "adapt": 0.0, "refractory": 0.0},
    params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS, rules=_RULES, ports=("syn",),
    derive=_derive, advance=_advance_1, receive=_receive_1, fires=_fires, fire=_fire_1,
    flow=_flow_1, crossing=_crossing, constants=_constants,
)  # fmt: skip


def AdaptiveLIF(
    n: int | tuple[int, ...],
    *,
    tau_m: Any = 20.0,
    tau_syn: Any = None,
    tau_adapt: Any = 100.0,
    adapt_step: Any = 0.5,
    v_th: Any = 1.0,
    v_reset: Any = 0.0,
    v_rest: Any = 0.0,
    t_ref: Any = 0.0,
    r_m: Any = 1.0,
    i_ext: Any = 0.0,
    reset: str = "value",
    v0: Any = None,
) -> Neurons:
    """Leaky integrate-and-fire neurons whose threshold rises with each spike, and decays back.

    tau_m dv/dt = v_rest - v + r_m (i + i_ext),   tau_syn di/dt = -i

    tau_adapt d(adapt)/dt = -adapt,   threshold = v_th + adapt

    At a spike ``adapt`` grows by ``adapt_step``; it decays during the refractory period too.
    Arrivals, reset and refractoriness are those of :func:`LIF`. Between events the solution
    is exact, and so is the spike time in the event engine, where the falling threshold may
    meet v without any input.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    tau_m : float or array (n,)
        Membrane time constant [ms].
    tau_syn : None, float or array (n,)
        Synaptic time constant [ms] of the port ``"syn"``; None for delta synapses.
    tau_adapt : float or array (n,)
        Time constant of the threshold [ms].
    adapt_step : float or array (n,)
        What a spike adds to the threshold, >= 0 [mV].
    v_th, v_reset, v_rest : float or array (n,)
        Threshold at rest, reset and resting potential [mV] (or dimensionless).
    t_ref : float or array (n,)
        Refractory period [ms], rounded to the grid by the clock engine.
    r_m : float or array (n,)
        Membrane resistance [MOhm]; with the default 1 currents read as mV.
    i_ext : float or array (n,)
        Constant current [nA].
    reset : {"value", "subtract"}
        v = v_reset, or v = v - (v_th + adapt - v_reset), with ``adapt`` before its step.
    v0 : float, array or distribution, optional
        Initial potential [mV]; default v_rest.

    Raises
    ------
    ParameterError
        A time constant or resistance <= 0, adapt_step < 0, v_reset >= v_th, more than one
        tau_syn, a wrong shape, NaN.

    Notes
    -----
    G. Bellec et al., Long short-term memory and learning-to-learn in networks of spiking
    neurons, arXiv 1803.09574; R. Kobayashi et al. (2009), doi 10.3389/neuro.10.009.2009.

    Examples
    --------
    >>> AdaptiveLIF(100, tau_syn=5.0, tau_adapt=200.0, adapt_step=0.2)
    Neurons(AdaptiveLIF, 100)
    """
    if isinstance(tau_syn, (tuple, list)):
        raise ParameterError(
            "AdaptiveLIF.tau_syn must be None (delta synapses), a number or an array of one value "
            f"per neuron, got {tau_syn!r}; it has one port"
        )
    params = {
        "tau_m": tau_m, "tau_adapt": tau_adapt, "adapt_step": adapt_step, "v_th": v_th,
        "v_reset": v_reset, "v_rest": v_rest, "t_ref": t_ref, "r_m": r_m, "i_ext": i_ext,
        "soft_reset": reset_mode("AdaptiveLIF", reset),
    }  # fmt: skip
    model = ADAPTIVE_DELTA
    if tau_syn is not None:
        model, params = ADAPTIVE_EXP, {**params, "tau_syn": tau_syn}
    neurons = model.neurons(n, initial={"v": v_rest if v0 is None else v0}, **params)
    check_reset(neurons)
    return neurons
