"""Whose spikes carry numbers in every step? Integer neurons, and units of an ANN."""

from typing import Any

import numpy as np

from .. import checks
from .base import NeuronModel, Neurons, Value

_MOST = 2.0**20  # integers that float32 adds up without rounding


def _advance(v, keep, bias):
    return v * keep + bias


def _receive(v, weight):
    return v + weight


def _integer(v, v_th, least, most, lift):
    return min(max(np.floor(v / v_th + lift), least), most)


def _integer_fires(v, v_th, least, most, lift):
    return min(max(np.floor(v / v_th + lift), least), most) != 0.0


def _integer_fire(v, v_th, least, most, lift):
    return v - v_th * min(max(np.floor(v / v_th + lift), least), most)


def _integer_rests(v, v_th, least, most, lift, keep, bias):
    k = min(max(np.floor(v / v_th + lift), least), most)
    return keep == 1.0 and bias == 0.0 and k == 0.0


def _integer_derived(params: dict[str, Value], dt: float) -> dict[str, Value]:
    tau = np.asarray(params["tau_m"], np.float64)
    keep = np.where(tau > 0.0, np.exp(-dt / np.where(tau > 0.0, tau, 1.0)), 1.0)
    levels = np.floor(params["levels"])
    return {
        "keep": keep if keep.ndim else float(keep),
        "most": levels,
        "least": -levels * params["signed"],
        "lift": 0.5 * np.asarray(params["nearest"]),
    }


INTEGER_LIF = NeuronModel(
    name="IntegerLIF", state={"v": 0.0},
    params={
        "v_th": 1.0, "tau_m": 0.0, "bias": 0.0, "levels": _MOST, "nearest": 0.0, "signed": 0.0
    },
    rules={
        "v_th": {"above": 0}, "tau_m": {"low": 0}, "levels": {"low": 1, "high": _MOST},
        "nearest": {"low": 0, "high": 1}, "signed": {"low": 0, "high": 1},
    },
    ports=("delta",), derive=_integer_derived,
    advance=_advance, receive=_receive, fires=_integer_fires, fire=_integer_fire, payload=_integer,
    rests=_integer_rests,
)  # fmt: skip


def IntegerLIF(
    n: int | tuple[int, ...],
    *,
    v_th: Any = 1.0,
    tau_m: Any = None,
    bias: Any = 0.0,
    levels: int | None = None,
    rounding: str = "down",
    signed: bool = False,
    v0: Any = 0.0,
) -> Neurons:
    """Integrate-and-fire neurons that may fire several times in one step.

    The spikes of a step are one spike with an integer payload; the clock engine only. In
    each step, with the sum ``I`` of weights x payloads that arrive::

        v <- v exp(-dt / tau_m) + bias + I
        k = clip(floor(v / v_th), 0, levels)          rounding="down"
        k = clip(floor(v / v_th + 1/2), 0, levels)    rounding="nearest"
        spike with payload k if k != 0;  v <- v - k v_th

    Parameters
    ----------
    n : int or tuple of int
    v_th : float or array (n,)          > 0
    tau_m : float or array, optional    [ms] or [steps], > 0; None: no leak
    bias : float or array (n,)          added in each step but the first grid point
    levels : int, optional              the most spikes in a step
    rounding : {"down", "nearest"}
    signed : bool                       may k be negative, down to -levels?
    v0 : float, array or distribution

    Raises
    ------
    ParameterError

    Notes
    -----
    rounding="down" without leak is sinabs' IAF with ``MultiSpike``; "nearest" with ``levels`` is
    the integer LIF neuron of SpikeYOLO (BICLab, ECCV 2024), whose spikes unfold into
    ``levels`` virtual steps (:class:`~neurosim.encoders.IntegerCode`).

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(time="steps")
    >>> source = net.add(ns.SpikeSource(1, times=[1], ids=[0], payloads=[3.7]), "in")
    >>> cell = net.add(ns.IntegerLIF(1), "cell")
    >>> _ = net.connect(source, cell)
    >>> ns.simulate(net, 3, progress=False).spikes["cell"].payload.tolist()
    [3.0]
    """
    checks.choice("IntegerLIF", "rounding", rounding, ("down", "nearest"))
    checks.choice("IntegerLIF", "signed", signed, (True, False))
    if levels is not None:
        levels = checks.integer("IntegerLIF", "levels", levels, low=1, high=int(_MOST))
    if tau_m is not None:
        tau_m = checks.array("IntegerLIF", "tau_m", tau_m, above=0)
        tau_m = tau_m if tau_m.ndim else float(tau_m)
    return INTEGER_LIF.neurons(
        n, initial={"v": v0}, v_th=v_th, tau_m=0.0 if tau_m is None else tau_m, bias=bias,
        levels=_MOST if levels is None else float(levels), nearest=float(rounding == "nearest"),
        signed=float(signed),
    )  # fmt: skip


def _forget(x):
    return x * 0.0


def _receive_x(x, weight):
    return x + weight


def _level(x, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return threshold * np.rint(value / threshold)


def _level_fires(x, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return np.rint(value / threshold) != 0.0


def _level_fire(x):
    return x


def _level_rests(x, threshold, bias, relu):
    value = bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return x == 0.0 and np.rint(value / threshold) == 0.0


GRADED_UNIT = NeuronModel(
    name="GradedUnit", state={"x": 0.0}, params={"threshold": 1.0, "bias": 0.0, "relu": 1.0},
    rules={"threshold": {"above": 0}, "relu": {"low": 0, "high": 1}}, ports=("delta",),
    advance=_forget, receive=_receive_x, fires=_level_fires, fire=_level_fire, payload=_level,
    rests=_level_rests,
)  # fmt: skip


def GradedUnit(
    n: int | tuple[int, ...], *, threshold: Any, bias: Any = 0.0, relu: bool = True
) -> Neurons:
    """Units of an ANN: each step they send what has arrived in it, and forget it.

    With the sum ``x`` of weights x payloads that arrive in a step, and a = max(x + bias, 0)
    (or x + bias)::

        spike if q(a) != 0, with payload q(a) = threshold round(a / threshold)

    A network of them computes frame by frame what the quantised ANN does; `SigmaDelta` neurons
    with the same numbers send changes only. The clock engine only.

    Parameters
    ----------
    n : int or tuple of int
    threshold : float or array (n,)     quantum of what is sent, > 0
    bias : float or array (n,)
    relu : bool

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> GradedUnit((28, 28), threshold=0.125)
    Neurons(GradedUnit, 28x28)
    """
    checks.choice("GradedUnit", "relu", relu, (True, False))
    return GRADED_UNIT.neurons(n, threshold=threshold, bias=bias, relu=float(relu))
