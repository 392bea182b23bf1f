"""Neurons of whole numbers that saturate: what digital chips other than Loihi compute.

``WholeIF`` is :func:`neurosim.IF` with a potential of so many bits; ``WholeDriven`` is that of a
converted network, whose constant input current is rounded in every step. ``ShiftLIF`` and
``MantissaLIF`` are leaky, with a current u and a potential v that lose a share in each step::

    u = keep(u) + W                              W the sum of the weights that arrive
    v = min(max(keep(v) + u + bias, low), high)
    spike if v >= v_th; then v = v_reset, or v = v - (v_th - v_reset)

``ShiftLIF`` keeps x - (x >> k), and loses at least 1 of what is positive; ``MantissaLIF`` keeps
trunc(x m / 2^b). Sums are cut once per step, where a chip may cut them at every event.
"""

import math
from typing import Any

import numpy as np

from neurosim._jit import shared
from neurosim.connectivity.delays import to_steps
from neurosim.models.base import NeuronModel

DRIVEN_PORTS = ("spikes", "current")  # of the neurons of a converted network
_LIMITS = {"low": -(2**15), "high": 2**15 - 1}


@shared
def _shifted(x, dash):
    lost = x >> dash
    if lost == 0 and x > 0:
        lost = 1
    return x - lost


@shared
def _kept(x, mantissa, bits):
    # What is added before the shift makes it round towards zero.
    y = np.int64(x) * mantissa
    return (y + ((y >> 63) & ((1 << bits) - 1))) >> bits


def _advance_shift(u, v, refractory, dash_u, dash_v):
    if refractory > 0:
        refractory = refractory - 1
    return _shifted(np.int64(u), dash_u), _shifted(np.int64(v), dash_v), refractory


def _advance_mantissa(u, v, refractory, keep_u, keep_v, decay_bits):
    if refractory > 0:
        refractory = refractory - 1
    return _kept(u, keep_u, decay_bits), _kept(v, keep_v, decay_bits), refractory


def _receive(u, v, refractory, weight, bias, low, high):
    u = min(max(np.int64(u) + np.int64(weight), -high - 1), high)
    if refractory <= 0:
        v = min(max(np.int64(v) + u + bias, low), high)
    return u, v, refractory


def _fires(v, refractory, v_th):
    return refractory <= 0 and v >= v_th


def _fire(u, v, v_th, v_reset, soft_reset, t_ref):
    return u, v_reset + soft_reset * (v - v_th), t_ref


_STATE = {"u": 0, "v": 0, "refractory": 0}
_PARAMS = {"v_th": 1, "v_reset": 0, "bias": 0, "soft_reset": 0, "t_ref": 1, **_LIMITS}
_COMMON: dict[str, Any] = {
    "state": _STATE, "units": {"refractory": "steps"}, "dtypes": ("int32",),
    "receive": _receive, "fires": _fires, "fire": _fire,
}  # fmt: skip
SHIFT_LIF = NeuronModel(
    name="ShiftLIF", params={**_PARAMS, "dash_u": 0, "dash_v": 4}, advance=_advance_shift,
    rules={"dash_u": {"low": 0, "high": 31}, "dash_v": {"low": 0, "high": 31}}, **_COMMON,
)  # fmt: skip
MANTISSA_LIF = NeuronModel(
    name="MantissaLIF", params={**_PARAMS, "keep_u": 0, "keep_v": 3968, "decay_bits": 12},
    advance=_advance_mantissa, **_COMMON,
)  # fmt: skip


def _add(v, refractory, i_ext, low, high):
    if refractory > 0:
        return v, refractory - 1
    return min(max(v + i_ext, low), high), refractory


def _hear(v, refractory, weight, low, high):
    if refractory > 0:
        return v, refractory
    return min(max(v + weight, low), high), refractory


def _restart(v, v_th, v_reset, soft_reset, dead_time):
    return v_reset + soft_reset * (v - v_th), dead_time


def _dead_time(params: dict[str, Any], dt: float) -> dict[str, Any]:
    steps = to_steps(params["t_ref"], dt).astype(float)
    return {"dead_time": steps if steps.ndim else float(steps)}


WHOLE_IF = NeuronModel(
    name="WholeIF", state={"v": 0, "refractory": 0},
    params={"v_th": 1, "v_reset": 0, "i_ext": 0, "soft_reset": 1, "t_ref": 0, **_LIMITS},
    still={"refractory": "dead_time"}, units={"refractory": "steps"}, derive=_dead_time,
    advance=_add, receive=_hear, fires=_fires, fire=_restart,
    dtypes=("float32", "float64", "int32"),
)  # fmt: skip


def _drive(v, current, bias, low, high):
    return min(max(v + math.floor(bias + current + 0.5), low), high), current


def _hear_driven(v, current, weight, port, low, high):
    if port == 0:
        return min(max(v + weight, low), high), current
    return v, current + weight


def _over(v, v_th):
    return v >= v_th


def _restart_driven(v, current, v_th, v_reset, soft_reset):
    return v_reset + soft_reset * (v - v_th), current


WHOLE_DRIVEN = NeuronModel(
    name="WholeDriven", state={"v": 0.0, "current": 0.0},
    params={"v_th": 1.0, "v_reset": 0.0, "soft_reset": 1.0, "bias": 0.0, **_LIMITS},
    ports=DRIVEN_PORTS, advance=_drive, receive=_hear_driven, fires=_over, fire=_restart_driven,
)  # fmt: skip
