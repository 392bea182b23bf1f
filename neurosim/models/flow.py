"""How do membrane and synapses flow between events? Exact propagators, shared by models.

All are exact for a step of any length: the equations are linear, so the solution over
``dt`` is a fixed combination of the state (Rotter and Diesmann 1999,
doi 10.1007/s004220050570), whose coefficients are computed once.
"""

from typing import Any

import numpy as np

Value = float | np.ndarray


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
