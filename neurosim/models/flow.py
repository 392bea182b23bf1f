"""How do membrane and synapses flow between events? Exact propagators, shared by models.

All are exact for a step of any length: the equations are linear, so the solution over
``dt`` is a fixed combination of the state (Rotter and Diesmann 1999,
doi 10.1007/s004220050570). On a grid its coefficients are computed once; in continuous time
:func:`through_synapse` and :func:`through_alpha` compute them for every ``dt``.
"""

import math
from typing import Any

import numpy as np

from .._jit import shared

Value = float | np.ndarray
_WHOLE = (2.0, 3.0, 4.0, 5.0)  # ratios of time constants that spare an exponential
HALF = 0.5  # below this x, e^{-x} loses digits against 1
# (e^{-x} - 1 + x) / x^2, highest power first, to 1e-16 where |x| < HALF
_SERIES = tuple((-1.0) ** k / math.factorial(k + 2) for k in range(13, -1, -1))


def decay(dt: float, tau: Value) -> Value:
    """exp(-dt / tau)."""
    return np.exp(-dt / tau)


def synapse_to_leaky(dt: float, tau_m: Value, tau_syn: Value, r_m: Value) -> Value:
    """Gain from a synaptic current to a leaky membrane over ``dt``.

    r_m tau_syn / (tau_m - tau_syn) (e^{-dt/tau_m} - e^{-dt/tau_syn}), written with
    expm1 so that it stays exact where the two time constants (nearly) agree.
    """
    x = dt * (1.0 / np.asarray(tau_syn) - 1.0 / np.asarray(tau_m))
    safe = np.where(x == 0.0, 1.0, x)
    ratio = np.where(x == 0.0, 1.0, np.expm1(safe) / safe)
    gain = r_m * (dt / tau_m) * np.exp(-dt / tau_syn) * ratio
    return gain if np.ndim(gain) else float(gain)


def synapse_to_integrator(dt: float, tau_syn: Value, c_m: Value) -> Value:
    """Gain from a synaptic current to a perfect integrator over ``dt``:
    tau_syn / c_m (1 - e^{-dt/tau_syn}).
    """
    return -(tau_syn / c_m) * np.expm1(-dt / tau_syn)


def time_constants(tau_syn: Any) -> tuple[Any, ...]:
    """``None`` -> (), a number or array -> one port, a tuple or list of two -> two ports."""
    if tau_syn is None:
        return ()
    return tuple(tau_syn) if isinstance(tau_syn, (tuple, list)) else (tau_syn,)


def leap_through_synapse(gain: Value, dt: float, tau_m: Value, tau_syn: Value) -> tuple:
    """What a leap needs to sum the gains of many steps: (slow, gap, gain_leap).

    sum_{k<f} leak^(f-1-k) leak_syn^k gain = gain_leap e^{-slow (f-1)} expm1(-gap f), with
    slow the smaller of the two rates dt/tau and gap their distance: nothing cancels and
    nothing overflows. Where the rates agree gap is 0 and the sum gain f e^{-slow (f-1)}.
    """
    rates = np.asarray(dt / tau_m, np.float64), np.asarray(dt / tau_syn, np.float64)
    slow, gap = np.minimum(*rates), np.abs(rates[0] - rates[1])
    safe = np.where(gap == 0.0, 1.0, gap)
    gain_leap = np.where(gap == 0.0, gain, gain / np.expm1(-safe))
    return tuple(v if np.ndim(v) else float(v) for v in (slow, gap, gain_leap))


def synaptic_peak(tau_m: Value, tau_syn: Value, r_m: Value) -> Value:
    """Highest potential that a current of 1 leads to.

    r_m (tau_syn/tau_m)^{tau_m/(tau_m-tau_syn)}
    """
    x = np.log(np.asarray(tau_syn, np.float64) / tau_m)
    safe = np.where(np.abs(x) < 1e-9, 1.0, x)
    power = np.where(np.abs(x) < 1e-9, -1.0, safe / -np.expm1(safe))
    peak = r_m * np.exp(power)
    return peak if np.ndim(peak) else float(peak)


def leaky_synapse(port: str, tau_syn: Value, tau_m: Value, r_m: Value) -> dict[str, Value]:
    """What :func:`through_synapse` needs to know of a port, with names that end in ``port``."""
    tau, tau_m = np.asarray(tau_syn, np.float64), np.asarray(tau_m, np.float64)
    gap = (tau_m - tau) / (tau_m * tau)  # 1/tau - 1/tau_m would lose digits
    apart = np.where(gap == 0.0, 1.0, gap)
    near = np.where(gap == 0.0, np.inf, HALF / np.abs(apart))
    near = np.where(2.0 * np.abs(tau_m - tau) >= tau, 0.0, near)  # a gain that magnifies no error
    whole = np.where(np.isin(tau_m / tau, _WHOLE), tau_m / tau, 0.0)
    gain = r_m / tau_m / apart
    values = {"rate": 1.0 / tau, "gap": gap, "near": near, "whole": whole, "gain": gain}
    return {f"{name}_{port}": v if np.ndim(v) else float(v) for name, v in values.items()}


def perfect_synapse(port: str, tau_syn: Value, c_m: Value) -> dict[str, Value]:
    """The same for a perfect integrator, where gap = rate."""
    values = {"rate": 1.0 / tau_syn, "near": HALF * tau_syn, "gain": tau_syn / c_m}
    return {f"{name}_{port}": value for name, value in values.items()}


@shared
def through_synapse(dt, leak, rate, gap, near, whole):
    """What ``dt`` leaves of a current, and how much of it the membrane holds, over ``gain``.

    (e^{-rate dt}, leak - e^{-rate dt}) with leak = e^{-rate_m dt} and gap = rate - rate_m. Where
    rate is a small ``whole`` multiple of rate_m, it is a power of leak. Up to ``near``, where the
    two are so close that digits would be lost, expm1 gives their difference; with gap 0 it is
    dt leak, the limit of the difference over gap.
    """
    if whole > 0.0:
        left = leak * leak
        if whole > 3.0:
            left = left * left
        if whole == 3.0 or whole == 5.0:
            left = left * leak
        return left, leak - left
    if dt >= near:
        left = math.exp(-rate * dt)
        return left, leak - left
    if gap == 0.0:
        return leak, dt * leak
    held = -leak * math.expm1(-gap * dt)
    return leak - held, held


@shared
def through_alpha(dt, leak, rate, gap):
    """The same for an alpha current (i + x t) e^{-rate t}: what is left, and held of i and x.

    With s = e^{-rate dt}: (s, (leak - s) / gap, ((leak - s) / gap - dt s) / gap), by their
    power series where gap dt is small.
    """
    x = gap * dt
    if abs(x) >= HALF:
        left = math.exp(-rate * dt)
        direct = (leak - left) / gap
        return left, direct, (direct - dt * left) / gap
    rest = 0.0
    for coefficient in _SERIES:
        rest = rest * x + coefficient
    share = 1.0 - x * rest
    return leak * (1.0 - x * share), leak * dt * share, leak * dt * dt * (share - rest)


def alpha_gains(dt: float, tau_m: Value, tau_syn: Value, lift: Value) -> tuple[Value, Value]:
    """Gains of i and x of an alpha current over a step; ``tau_m = inf``: no leak."""
    rate, rate_m = 1.0 / np.asarray(tau_syn), 1.0 / np.asarray(tau_m)
    through = np.vectorize(through_alpha, otypes=[np.float64] * 3)
    _, of_i, of_x = through(dt, np.exp(-dt * rate_m), rate, rate - rate_m)
    gain_i, gain_x = lift * of_i, lift * of_x
    return (gain_i, gain_x) if np.ndim(gain_i) else (float(gain_i), float(gain_x))
