"""How does the event engine run LIF and IF? Flow over any time, and the next crossing.

A crossing is first tried with one division: the potential above rest, u, cannot rise faster
than the largest push to come allows. Most arrivals end there, as the bound lies beyond the next
arrival; the others go on to the searches of :mod:`neurosim.models.crossing`. While a neuron is
refractory v is held and its currents decay; the search begins where that ends.

Functions of leaky neurons begin with ``leaky``, of perfect integrators with ``perfect``; their
endings are those of `spike.py`: none (delta), 1 and 2 (exponential ports).
"""

import math

import numpy as np

from .crossing import highest_of_two, search_one, search_two, time_to_threshold
from .flow import Value, leaky_synapse, perfect_synapse, synaptic_peak, through_synapse
from .spike import OVER, left_of

PORTS = (("syn", "tau_syn"), ("exc", "tau_syn_exc"), ("inh", "tau_syn_inh"))


def leaky_constants(params: dict[str, Value]) -> dict[str, Value]:
    """Rates [1/ms], gains and bounds of a leaky neuron."""
    tau_m, r_m = params["tau_m"], params["r_m"]
    exact = {"dead_time": params["t_ref"], "v_inf": params["v_rest"] + r_m * params["i_ext"]}
    exact |= {"rate_m": 1.0 / tau_m, "lift": r_m / tau_m}
    for port, name in PORTS:
        if name in params:
            exact |= leaky_synapse(port, params[name], tau_m, r_m)
            exact[f"peak_{port}"] = synaptic_peak(tau_m, params[name], r_m)
    return exact | _spread(exact)


def perfect_constants(params: dict[str, Value]) -> dict[str, Value]:
    """Drift [mV/ms], rates [1/ms] and gains of a perfect integrator."""
    lift = 1.0 / params["c_m"]
    exact = {"dead_time": params["t_ref"], "drift": lift * params["i_ext"], "lift": lift}
    for port, name in PORTS:
        if name in params:
            exact |= perfect_synapse(port, params[name], params["c_m"])
    return exact | _spread(exact)


def _spread(exact: dict[str, Value]) -> dict[str, Value]:
    """How far two decays differ at most: see `highest_of_two`."""
    if "rate_exc" not in exact:
        return {}
    faster = np.maximum(exact["rate_exc"], exact["rate_inh"])
    spread = (faster / np.minimum(exact["rate_exc"], exact["rate_inh"]) - 1.0) / math.e
    return {"spread": spread if np.ndim(spread) else float(spread)}


# ------------------------------------------------------------------------------- flow


def leaky_flow(v, refractory, dt, v_inf, rate_m):
    if refractory > 0.0:
        if refractory - dt > OVER:
            return v, refractory - dt
        dt = max(dt - refractory, 0.0)
    return v_inf + (v - v_inf) * math.exp(-rate_m * dt), 0.0


def leaky_flow_1(
    v, i_syn, refractory, dt, v_inf, rate_m, rate_syn, gain_syn, gap_syn, near_syn, whole_syn
):  # fmt: skip
    if refractory > 0.0:
        i_syn = i_syn * math.exp(-rate_syn * min(refractory, dt))
        if refractory - dt > OVER:
            return v, i_syn, refractory - dt
        dt = max(dt - refractory, 0.0)
    leak = math.exp(-rate_m * dt)
    left, held = through_synapse(dt, leak, rate_syn, gap_syn, near_syn, whole_syn)
    return v_inf + (v - v_inf) * leak + i_syn * gain_syn * held, i_syn * left, 0.0


def leaky_flow_2(
    v, i_exc, i_inh, refractory, dt, v_inf, rate_m, rate_exc, rate_inh, gain_exc, gain_inh,
    gap_exc, gap_inh, near_exc, near_inh, whole_exc, whole_inh,
):  # fmt: skip
    if refractory > 0.0:
        i_exc = i_exc * math.exp(-rate_exc * min(refractory, dt))
        i_inh = i_inh * math.exp(-rate_inh * min(refractory, dt))
        if refractory - dt > OVER:
            return v, i_exc, i_inh, refractory - dt
        dt = max(dt - refractory, 0.0)
    leak = math.exp(-rate_m * dt)
    exc, held_exc = through_synapse(dt, leak, rate_exc, gap_exc, near_exc, whole_exc)
    inh, held_inh = through_synapse(dt, leak, rate_inh, gap_inh, near_inh, whole_inh)
    v = v_inf + (v - v_inf) * leak + (i_exc * gain_exc * held_exc + i_inh * gain_inh * held_inh)
    return v, i_exc * exc, i_inh * inh, 0.0


def perfect_flow(v, refractory, dt, drift):
    held = min(refractory, dt)
    return v + drift * (dt - held), left_of(refractory, held)


def perfect_flow_1(v, i_syn, refractory, dt, drift, rate_syn, gain_syn, near_syn):
    if refractory > 0.0:
        i_syn = i_syn * math.exp(-rate_syn * min(refractory, dt))
        if refractory - dt > OVER:
            return v, i_syn, refractory - dt
        dt = max(dt - refractory, 0.0)
    left, held = through_synapse(dt, 1.0, rate_syn, rate_syn, near_syn, 0.0)
    return v + (drift * dt + i_syn * gain_syn * held), i_syn * left, 0.0


def perfect_flow_2(
    v, i_exc, i_inh, refractory, dt, drift, rate_exc, rate_inh, gain_exc, gain_inh,
    near_exc, near_inh,
):  # fmt: skip
    if refractory > 0.0:
        i_exc = i_exc * math.exp(-rate_exc * min(refractory, dt))
        i_inh = i_inh * math.exp(-rate_inh * min(refractory, dt))
        if refractory - dt > OVER:
            return v, i_exc, i_inh, refractory - dt
        dt = max(dt - refractory, 0.0)
    exc, held_exc = through_synapse(dt, 1.0, rate_exc, rate_exc, near_exc, 0.0)
    inh, held_inh = through_synapse(dt, 1.0, rate_inh, rate_inh, near_inh, 0.0)
    v = v + (drift * dt + i_exc * gain_exc * held_exc + i_inh * gain_inh * held_inh)
    return v, i_exc * exc, i_inh * inh, 0.0


# --------------------------------------------------------------------------- crossing


def leaky_crossing(v, refractory, horizon, v_th, v_inf, tau_m):
    wait = max(refractory, 0.0)
    if v >= v_th or wait > horizon:
        return wait
    return time_to_threshold(v, v_th, v_inf, tau_m, wait, horizon)


def leaky_crossing_1(
    v, i_syn, refractory, horizon, v_th, v_inf, rate_m, lift,
    rate_syn, gain_syn, gap_syn, near_syn, whole_syn, peak_syn,
):  # fmt: skip
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, i_syn = refractory, i_syn * math.exp(-rate_syn * refractory)
    if v >= v_th:
        return wait
    u, th, push = v - v_inf, v_th - v_inf, lift * max(i_syn, 0.0)
    if push <= rate_m * th or (th >= 0.0 and max(u, 0.0) + i_syn * peak_syn <= th):
        return math.inf
    t = (v_th - v) / (push - rate_m * u)
    if wait + t > horizon:
        return wait + t
    return search_one(
        u, i_syn, th, t, wait, horizon, 0.0, rate_m, lift, rate_syn, gain_syn, gap_syn, near_syn,
        whole_syn, th >= 0.0 and gap_syn > 0.0,
    )  # fmt: skip


def leaky_crossing_2(
    v, i_exc, i_inh, refractory, horizon, v_th, v_inf, rate_m, lift, rate_exc, rate_inh,
    gain_exc, gain_inh, gap_exc, gap_inh, near_exc, near_inh,
    whole_exc, whole_inh, peak_exc, peak_inh, spread,
):  # fmt: skip
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, i_exc = refractory, i_exc * math.exp(-rate_exc * refractory)
        i_inh = i_inh * math.exp(-rate_inh * refractory)
    if v >= v_th:
        return wait
    u, th = v - v_inf, v_th - v_inf
    push = lift * highest_of_two(i_exc, i_inh, rate_exc, rate_inh, spread)
    if push <= rate_m * th:
        return math.inf
    rise = max(i_exc, 0.0) * peak_exc + max(i_inh, 0.0) * peak_inh
    if th >= 0.0 and max(u, 0.0) + rise <= th:
        return math.inf
    t = (v_th - v) / (push - rate_m * u)
    if wait + t > horizon:
        return wait + t
    return search_two(
        u, i_exc, i_inh, th, t, wait, horizon, 0.0, rate_m, lift, rate_exc, rate_inh,
        gain_exc, gain_inh, gap_exc, gap_inh, near_exc, near_inh, whole_exc, whole_inh, spread,
        th >= 0.0 and gap_exc > 0.0 and gap_inh > 0.0,
    )  # fmt: skip


def perfect_crossing(v, refractory, horizon, v_th, drift):
    wait = max(refractory, 0.0)
    if v >= v_th or wait > horizon:
        return wait
    return wait + (v_th - v) / drift if drift > 0.0 else math.inf


def perfect_crossing_1(
    v, i_syn, refractory, horizon, v_th, drift, lift, rate_syn, gain_syn, near_syn
):  # fmt: skip
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, i_syn = refractory, i_syn * math.exp(-rate_syn * refractory)
    if v >= v_th:
        return wait
    top, is_capped = max(i_syn, 0.0), drift <= 0.0
    push = drift + lift * top
    if push <= 0.0 or (is_capped and v + gain_syn * top <= v_th):
        return math.inf
    t = (v_th - v) / push
    if wait + t > horizon:
        return wait + t
    return search_one(
        v, i_syn, v_th, t, wait, horizon, drift, 0.0, lift, rate_syn, gain_syn, rate_syn, near_syn,
        0.0, is_capped,
    )  # fmt: skip


def perfect_crossing_2(
    v, i_exc, i_inh, refractory, horizon, v_th, drift, lift, rate_exc, rate_inh,
    gain_exc, gain_inh, near_exc, near_inh, spread,
):  # fmt: skip
    wait = 0.0
    if refractory > 0.0:
        if v >= v_th or refractory > horizon:
            return refractory
        wait, i_exc = refractory, i_exc * math.exp(-rate_exc * refractory)
        i_inh = i_inh * math.exp(-rate_inh * refractory)
    if v >= v_th:
        return wait
    push = drift + lift * highest_of_two(i_exc, i_inh, rate_exc, rate_inh, spread)
    rise = max(i_exc, 0.0) * gain_exc + max(i_inh, 0.0) * gain_inh
    is_capped = drift <= 0.0
    if push <= 0.0 or (is_capped and v + rise <= v_th):
        return math.inf
    t = (v_th - v) / push
    if wait + t > horizon:
        return wait + t
    return search_two(
        v, i_exc, i_inh, v_th, t, wait, horizon, drift, 0.0, lift, rate_exc, rate_inh,
        gain_exc, gain_inh, rate_exc, rate_inh, near_exc, near_inh, 0.0, 0.0, spread, is_capped,
    )  # fmt: skip
