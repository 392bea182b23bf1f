"""How do LIF and IF integrate alpha currents, and currents that stay?

An arrival of weight w at t = 0 adds to the current i

    alpha:  w e (t/tau_syn) e^{-t/tau_syn},  of height w at t = tau_syn:
            i' = x - i/tau_syn,   x' = -x/tau_syn,   x jumps by w e/tau_syn
    step:   w, from then on

Functions for both engines: those of the clock engine end in the synapse (``leaky_alpha``), those
of the event engine begin with what they compute (``flow_leaky_alpha``).
"""

import math

import numpy as np

from .crossing import highest_alpha, search_alpha, time_to_threshold
from .exact import leaky_constants, perfect_constants
from .flow import Value, alpha_gains, decay, through_alpha
from .spike import OVER, left_of, reset_params

# ------------------------------------------------------------------ arrivals and spikes


def receive_alpha(v, i_syn, x_syn, refractory, weight, kick):
    return v, i_syn, x_syn + weight * kick, refractory


def fire_alpha(v, i_syn, x_syn, v_th, v_reset, soft_reset, dead_time):
    return v_reset + soft_reset * (v - v_th), i_syn, x_syn, dead_time


# ------------------------------------------------------------------------ clock engine


def leaky_alpha(
    v, i_syn, x_syn, refractory, dt, leak, v_inf, leak_syn, gain_i, gain_x
):  # fmt: skip
    current, slope = (i_syn + x_syn * dt) * leak_syn, x_syn * leak_syn
    if refractory > 0.0:
        return v, current, slope, refractory - 1.0
    v = v_inf + (v - v_inf) * leak + (i_syn * gain_i + x_syn * gain_x)
    return v, current, slope, refractory


def perfect_alpha(v, i_syn, x_syn, refractory, dt, drift, leak_syn, gain_i, gain_x):
    current, slope = (i_syn + x_syn * dt) * leak_syn, x_syn * leak_syn
    if refractory > 0.0:
        return v, current, slope, refractory - 1.0
    return v + (drift + i_syn * gain_i + x_syn * gain_x), current, slope, refractory


def leaky_step(v, i_syn, refractory, leak, v_inf, r_m):
    if refractory > 0.0:
        return v, i_syn, refractory - 1.0
    target = v_inf + r_m * i_syn
    return target + (v - target) * leak, i_syn, refractory


def perfect_step(v, i_syn, refractory, drift, gain):
    if refractory > 0.0:
        return v, i_syn, refractory - 1.0
    return v + (drift + i_syn * gain), i_syn, refractory


def derive_leaky(params: dict[str, Value], dt: float) -> dict[str, Value]:
    """Per step: decays, gains, refractory steps."""
    tau_m, r_m = params["tau_m"], params["r_m"]
    derived = reset_params(params, dt) | {"leak": decay(dt, tau_m)}
    derived["v_inf"] = params["v_rest"] + r_m * params["i_ext"]
    return derived | _derive_alpha(params, dt, tau_m, r_m / tau_m)


def derive_perfect(params: dict[str, Value], dt: float) -> dict[str, Value]:
    """Per step: drift, decays, gains, refractory steps."""
    gain = dt / params["c_m"]
    derived = reset_params(params, dt) | {"drift": gain * params["i_ext"], "gain": gain}
    return derived | _derive_alpha(params, dt, np.inf, 1.0 / params["c_m"])


def _derive_alpha(
    params: dict[str, Value], dt: float, tau_m: Value, lift: Value
) -> dict[str, Value]:
    if "tau_syn" not in params:
        return {}
    tau = params["tau_syn"]
    gain_i, gain_x = alpha_gains(dt, tau_m, tau, lift)
    leak = decay(dt, tau)
    return {"leak_syn": leak, "gain_i": gain_i, "gain_x": gain_x, "kick": math.e / tau}


# ------------------------------------------------------------------------ event engine


def constants_leaky(params: dict[str, Value]) -> dict[str, Value]:
    """Those of the exponential synapse, and the jump of an alpha current's slope."""
    return leaky_constants(params) | _kick(params)


def constants_perfect(params: dict[str, Value]) -> dict[str, Value]:
    """Those of the exponential synapse, and the jump of an alpha current's slope."""
    return perfect_constants(params) | _kick(params)


def _kick(params: dict[str, Value]) -> dict[str, Value]:
    return {"kick": math.e / params["tau_syn"]} if "tau_syn" in params else {}


def flow_leaky_alpha(v, i_syn, x_syn, refractory, dt, v_inf, rate_m, lift, rate_syn, gap_syn):
    if refractory > 0.0:
        held = min(refractory, dt)
        left = math.exp(-rate_syn * held)
        i_syn, x_syn = (i_syn + x_syn * held) * left, x_syn * left
        if refractory - dt > OVER:
            return v, i_syn, x_syn, refractory - dt
        dt = max(dt - refractory, 0.0)
    leak = math.exp(-rate_m * dt)
    left, of_i, of_x = through_alpha(dt, leak, rate_syn, gap_syn)
    v = v_inf + (v - v_inf) * leak + lift * (i_syn * of_i + x_syn * of_x)
    return v, (i_syn + x_syn * dt) * left, x_syn * left, 0.0


def flow_perfect_alpha(v, i_syn, x_syn, refractory, dt, drift, lift, rate_syn):
    if refractory > 0.0:
        held = min(refractory, dt)
        left = math.exp(-rate_syn * held)
        i_syn, x_syn = (i_syn + x_syn * held) * left, x_syn * left
        if refractory - dt > OVER:
            return v, i_syn, x_syn, refractory - dt
        dt = max(dt - refractory, 0.0)
    left, of_i, of_x = through_alpha(dt, 1.0, rate_syn, rate_syn)
    v = v + (drift * dt + lift * (i_syn * of_i + x_syn * of_x))
    return v, (i_syn + x_syn * dt) * left, x_syn * left, 0.0


def crossing_leaky_alpha(
    v, i_syn, x_syn, refractory, horizon, v_th, v_inf, rate_m, lift, rate_syn, gap_syn
):  # fmt: skip
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, left = refractory, math.exp(-rate_syn * refractory)
        i_syn, x_syn = (i_syn + x_syn * wait) * left, x_syn * left
    if v >= v_th:
        return wait
    u, th, push = v - v_inf, v_th - v_inf, lift * highest_alpha(i_syn, x_syn, rate_syn)
    if push <= rate_m * th:
        return math.inf
    t = (v_th - v) / (push - rate_m * u)
    if wait + t > horizon:
        return wait + t
    return search_alpha(
        u, i_syn, x_syn, th, t, wait, horizon, 0.0, rate_m, lift, rate_syn, gap_syn,
        th >= 0.0 and gap_syn > 0.0,
    )  # fmt: skip


def crossing_perfect_alpha(v, i_syn, x_syn, refractory, horizon, v_th, drift, lift, rate_syn):
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, left = refractory, math.exp(-rate_syn * refractory)
        i_syn, x_syn = (i_syn + x_syn * wait) * left, x_syn * left
    if v >= v_th:
        return wait
    push = drift + lift * highest_alpha(i_syn, x_syn, rate_syn)
    if push <= 0.0:
        return math.inf
    t = (v_th - v) / push
    if wait + t > horizon:
        return wait + t
    return search_alpha(
        v, i_syn, x_syn, v_th, t, wait, horizon, drift, 0.0, lift, rate_syn, rate_syn,
        drift <= 0.0,
    )  # fmt: skip


def flow_leaky_step(v, i_syn, refractory, dt, v_inf, r_m, rate_m):
    if refractory > 0.0:
        if refractory - dt > OVER:
            return v, i_syn, refractory - dt
        dt = max(dt - refractory, 0.0)
    target = v_inf + r_m * i_syn
    return target + (v - target) * math.exp(-rate_m * dt), i_syn, 0.0


def flow_perfect_step(v, i_syn, refractory, dt, drift, lift):
    held = min(refractory, dt)
    return v + (drift + lift * i_syn) * (dt - held), i_syn, left_of(refractory, held)


def crossing_leaky_step(v, i_syn, refractory, horizon, v_th, v_inf, r_m, tau_m):
    wait = max(refractory, 0.0)
    if v >= v_th or wait > horizon:
        return wait
    return time_to_threshold(v, v_th, v_inf + r_m * i_syn, tau_m, wait, horizon)


def crossing_perfect_step(v, i_syn, refractory, v_th, drift, lift):
    wait, slope = max(refractory, 0.0), drift + lift * i_syn
    if v >= v_th:
        return wait
    return wait + (v_th - v) / slope if slope > 0.0 else math.inf
