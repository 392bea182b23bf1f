"""When does a quadratic integrate-and-fire neuron spike? Closed forms: it diverges in finite time.

Klos and Memmesheimer, Smooth exact gradient descent learning in spiking neural networks,
arXiv 2309.14523: with tau_syn = tau_m / 2 the equation of :func:`QIF` has a solution, and with
delta synapses and a constant current (:func:`OscillatoryQIF`) a phase grows at rate 1.

With e = exp(-t / tau_m), x = 1 - e and r = sqrt(i) the solution of QIF is one fraction,

    v(t) = e (v C + i S) / (C - v S),   C = cos(r x), S = sin(r x) / r

(both real for i < 0 too: cosh and sinh), so the neuron spikes where C = v S. Floating-point
numbers are as fine near infinity as near zero, so v itself is the state: +-infinity is +-1e30,
from which it takes 1e-30 tau_m to come back.
"""

import math
from typing import Any

import numpy as np

from ..connectivity.distributions import Distribution
from ..errors import ParameterError
from .base import NeuronModel, Neurons, Value


def _flow(v, i_syn, tau_m, dt):
    # beyond 700 tau_m nothing moves any more, and 0 / 0 could come of it
    left = math.exp(-min(dt / tau_m, 700.0))
    gone = -math.expm1(-dt / tau_m)
    cosine, sine, turned = 1.0, gone, 0.0
    if i_syn > 0.0:
        root = math.sqrt(i_syn)
        turned = root * gone
        cosine, sine = math.cos(turned), math.sin(turned) / root
    elif i_syn < 0.0:  # both divided by cosh, which would overflow
        root = math.sqrt(-i_syn)
        sine = math.tanh(root * gone) / root
    # the second form keeps the unstable rest v = 1 where it is
    rest = cosine - v * sine if i_syn != 0.0 else left + (1.0 - v) * gone
    later = i_syn * left * left
    if rest <= 0.0 or turned >= 3.141592653589793:  # past the spike: it waits there for `fire`
        return 1e30, later
    return min(max(left * (v * cosine + i_syn * sine) / rest, -1e30), 1e30), later


def _crossing(v, i_syn, tau_m):
    if v >= 1e30:
        return 0.0
    if i_syn > 0.0:
        # atan z > 3 z / (3 + z^2) for z > 0, and atan2(r, v) >= pi / 2 for v <= 0: no spike
        if i_syn <= 3.0 * v * (1.0 - v) or (v <= 0.0 and i_syn <= 2.4674):
            return math.inf
        root = math.sqrt(i_syn)
        gone = math.atan2(root, v) / root
    elif v <= 1.0:
        return math.inf
    elif i_syn < 0.0:
        root = math.sqrt(-i_syn)
        if v <= root:
            return math.inf
        gone = math.log1p(2.0 * root / (v - root)) / (2.0 * root)  # artanh(root / v) / root
    else:
        gone = 1.0 / v
    return -tau_m * math.log1p(-gone) if gone < 1.0 else math.inf


def _receive(v, i_syn, weight):
    return v, i_syn + weight


def _fires(v):
    return v >= 1e30


def _fire(i_syn):
    return -1e30, i_syn


QIF_EXP = NeuronModel(
    name="QIF", state={"v": 0.0, "i_syn": 0.0}, params={"tau_m": 10.0},
    rules={"tau_m": {"above": 0, "unit": "ms"}}, ports=("syn",),
    advance=_flow, receive=_receive, fires=_fires, fire=_fire, flow=_flow, crossing=_crossing,
)  # fmt: skip


def _flow_phase(phase, dt):
    return phase + dt


def _crossing_phase(phase, period):
    return max(period - phase, 0.0)


def _receive_phase(phase, weight, g, period):
    # the change of the angle itself: exact for small weights, and 0 for weight 0
    angle = phase / period * 3.141592653589793
    sine, cosine = math.sin(angle), math.cos(angle)
    change = math.atan2(weight * sine * sine, g - weight * sine * cosine)
    return phase + change / 3.141592653589793 * period


def _fires_phase(phase, period):
    return phase >= period


def _fire_phase(phase, period):
    return phase - period  # what a grid point came too late is kept


def _constants_phase(params: dict[str, Value]) -> dict[str, Value]:
    g = np.sqrt(params["i_ext"] - 0.25)
    period = math.pi * params["tau_m"] / g
    return {name: v if np.ndim(v) else float(v) for name, v in (("g", g), ("period", period))}


def _derive_phase(params: dict[str, Value], dt: float) -> dict[str, Value]:
    return _constants_phase(params)


OSCILLATORY_QIF = NeuronModel(
    name="OscillatoryQIF", state={"phase": 0.0}, params={"tau_m": 10.0, "i_ext": 1.25},
    rules={"tau_m": {"above": 0, "unit": "ms"}, "i_ext": {"above": 0.25}},
    units={"phase": "ms"}, ports=("delta",), derive=_derive_phase, constants=_constants_phase,
    advance=_flow_phase, receive=_receive_phase, fires=_fires_phase, fire=_fire_phase,
    flow=_flow_phase, crossing=_crossing_phase,
)  # fmt: skip


def QIF(
    n: int | tuple[int, ...], *, tau_m: Any = 10.0, tau_syn: Any = None, v0: Any = 0.0
) -> Neurons:
    """Quadratic integrate-and-fire neurons with an exponential synapse, in closed form.

    tau_m dv/dt = v (v - 1) + i,   tau_syn di/dt = -i,   tau_syn = tau_m / 2

    v and i have no unit: without input v rests at 0, and above 1 it escapes. An arrival of
    weight w adds w to i. The neuron spikes when v reaches +infinity, which it does in finite
    time, and starts again at -infinity; i goes on. (Infinity is 1e30 in ``v``.) Spikes appear
    and vanish only at infinite time: the spike times depend smoothly on weights and arrivals.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    tau_m : float or array (n,)
        Membrane time constant [ms].
    tau_syn : float or array, optional
        Synaptic time constant [ms]: tau_m / 2, the one for which there is a closed form.
    v0 : float, array or distribution
        Initial potential.

    Raises
    ------
    ParameterError
        tau_m <= 0, tau_syn other than tau_m / 2, a wrong shape, NaN.

    Notes
    -----
    C. Klos and R.-M. Memmesheimer, Smooth exact gradient descent learning in spiking neural
    networks, arXiv 2309.14523. Spike times are those of the exact equation for a state moved
    by its last digit; one that comes late, near the edge of not coming at all, magnifies this
    by exp(t / tau_m), t counted from the last arrival.

    Examples
    --------
    >>> QIF(100, tau_m=10.0)
    Neurons(QIF, 100)
    """
    neurons = QIF_EXP.neurons(n, initial={"v": v0}, tau_m=tau_m)
    if tau_syn is None:
        return neurons
    given, half = np.asarray(tau_syn), np.asarray(tau_m) / 2
    if np.shape(np.broadcast(given, half)) != np.shape(half) or (given != half).any():
        raise ParameterError(
            f"QIF.tau_syn must be tau_m / 2, the only ratio with a closed form, got {tau_syn!r} "
            f"for tau_m={tau_m!r}; leave tau_syn out, or use LIF"
        )
    return neurons


def OscillatoryQIF(
    n: int | tuple[int, ...], *, tau_m: Any = 10.0, i_ext: Any = 1.25, phase0: Any = 0.0
) -> Neurons:
    """Quadratic integrate-and-fire neurons that fire by themselves, with delta synapses.

    tau_m dv/dt = v (v - 1) + i_ext,   i_ext > 1/4

    From -infinity to +infinity v takes the period P = pi tau_m / g, g = sqrt(i_ext - 1/4). The
    state is the time since -infinity, ``phase`` [ms] = P / pi (atan((v - 1/2) / g) + pi / 2):
    it grows at rate 1, the neuron spikes at P, and no equation is left to solve. An arrival
    of weight w adds w to v, that is::

        phase += P / pi atan2(w s^2, g - w s c),   s = sin(pi phase / P), c = cos(pi phase / P)

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    tau_m : float or array (n,)
        Membrane time constant [ms].
    i_ext : float or array (n,)
        Constant current, > 1/4; like v and the weights without unit.
    phase0 : float, array or distribution
        Initial phase [ms], from 0, just after a spike, to below the period.

    Raises
    ------
    ParameterError
        tau_m <= 0, i_ext <= 1/4, phase0 outside [0, period), a wrong shape, NaN.

    Notes
    -----
    C. Klos and R.-M. Memmesheimer, arXiv 2309.14523.

    Examples
    --------
    >>> cells = OscillatoryQIF(3, tau_m=10.0, i_ext=1.25, phase0=[0.0, 5.0, 10.0])
    >>> round(cells.model.event_params(cells.params)["period"], 4)
    31.4159
    """
    model = OSCILLATORY_QIF
    neurons = model.neurons(n, initial={"phase": phase0}, tau_m=tau_m, i_ext=i_ext)
    if isinstance(neurons.initial["phase"], Distribution):
        return neurons
    period = model.event_params(dict(neurons.params))["period"]
    phase, period = np.broadcast_arrays(neurons.initial["phase"], period)
    bad = np.flatnonzero((phase < 0.0) | (phase >= period))
    if bad.size:
        k = int(bad[0])
        raise ParameterError(
            f"OscillatoryQIF.phase0 must be >= 0 and below the period of {period.flat[k]:g} ms, "
            f"got {phase.flat[k]:g} (neuron {k})"
        )
    return neurons
