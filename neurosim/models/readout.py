"""The leaky integrator: a membrane that is read, and never fires."""

import math
from typing import Any

import numpy as np

from ..errors import ParameterError
from .base import NeuronModel, Neurons, Value
from .flow import (
    decay,
    leaky_synapse,
    synapse_to_leaky,
    through_synapse,
    time_constants,
)

_PORTS = (("syn", "tau_syn"), ("exc", "tau_syn_exc"), ("inh", "tau_syn_inh"))


def _advance_1(v, i_syn, leak, v_inf, leak_syn, gain):
    return v_inf + (v - v_inf) * leak + i_syn * gain, i_syn * leak_syn


def _advance_2(v, i_exc, i_inh, leak, v_inf, leak_exc, leak_inh, gain_exc, gain_inh):
    v = v_inf + (v - v_inf) * leak + i_exc * gain_exc + i_inh * gain_inh
    return v, i_exc * leak_exc, i_inh * leak_inh


def _receive_1(v, i_syn, weight):
    return v, i_syn + weight


def _receive_2(v, i_exc, i_inh, weight, port):
    if port == 0:
        return v, i_exc + weight, i_inh
    return v, i_exc, i_inh + weight


def _flow_1(v, i_syn, dt, v_inf, rate_m, rate_syn, gain_syn, gap_syn, near_syn, whole_syn):
    leak = math.exp(-rate_m * dt)
    left, held = through_synapse(dt, leak, rate_syn, gap_syn, near_syn, whole_syn)
    return v_inf + (v - v_inf) * leak + i_syn * gain_syn * held, i_syn * left


def _flow_2(
    v, i_exc, i_inh, dt, v_inf, rate_m, rate_exc, rate_inh, gain_exc, gain_inh, gap_exc, gap_inh,
    near_exc, near_inh, whole_exc, whole_inh,
):  # fmt: skip
    leak = math.exp(-rate_m * dt)
    exc, held_exc = through_synapse(dt, leak, rate_exc, gap_exc, near_exc, whole_exc)
    inh, held_inh = through_synapse(dt, leak, rate_inh, gap_inh, near_inh, whole_inh)
    v = v_inf + (v - v_inf) * leak + (i_exc * gain_exc * held_exc + i_inh * gain_inh * held_inh)
    return v, i_exc * exc, i_inh * inh


def _never(v):
    return math.inf


def _derive(params: dict[str, Value], dt: float) -> dict[str, Value]:
    derived = {"leak": decay(dt, params["tau_m"])}
    derived["v_inf"] = params["v_rest"] + params["r_m"] * params["i_ext"]
    for port, name in _PORTS:
        if name in params:
            gain = "gain" if port == "syn" else f"gain_{port}"
            derived[f"leak_{port}"] = decay(dt, params[name])
            derived[gain] = synapse_to_leaky(dt, params["tau_m"], params[name], params["r_m"])
    return derived


def _constants(params: dict[str, Value]) -> dict[str, Value]:
    tau_m, r_m = params["tau_m"], params["r_m"]
    exact = {"v_inf": params["v_rest"] + r_m * params["i_ext"]}
    exact["rate_m"] = 1.0 / np.asarray(tau_m) if np.ndim(tau_m) else 1.0 / tau_m
    for port, name in _PORTS:
        if name in params:
            exact |= leaky_synapse(port, params[name], tau_m, r_m)
    return exact


_PARAMS = {"tau_m": 20.0, "v_rest": 0.0, "r_m": 1.0, "i_ext": 0.0}
_RULES: dict[str, dict[str, Any]] = {
    name: {"above": 0, "unit": unit}
    for name, unit in (
        ("tau_m", "ms"), ("tau_syn", "ms"), ("tau_syn_exc", "ms"), ("tau_syn_inh", "ms"),
        ("r_m", "MOhm"),
    )
}  # fmt: skip
_UNITS = {"v": "mV", "i_syn": "nA", "i_exc": "nA", "i_inh": "nA"}

LI_EXP = NeuronModel(
    name="LI", state={"v": 0.0, "i_syn": 0.0}, params={**_PARAMS, "tau_syn": 5.0}, units=_UNITS,
    rules=_RULES, ports=("syn",), derive=_derive, constants=_constants, advance=_advance_1,
    receive=_receive_1, flow=_flow_1, crossing=_never,
)  # fmt: skip
LI_EXP2 = NeuronModel(
    name="LI", state={"v": 0.0, "i_exc": 0.0, "i_inh": 0.0},
    params={**_PARAMS, "tau_syn_exc": 5.0, "tau_syn_inh": 5.0}, units=_UNITS, rules=_RULES,
    ports=("exc", "inh"), derive=_derive, constants=_constants, advance=_advance_2,
    receive=_receive_2, flow=_flow_2, crossing=_never,
)  # fmt: skip


def LI(
    n: int | tuple[int, ...], *, tau_m: Any = 20.0, tau_syn: Any = 5.0, v_rest: Any = 0.0,
    r_m: Any = 1.0, i_ext: Any = 0.0, v0: Any = None,
) -> Neurons:  # fmt: skip
    """Leaky integrators: read-outs whose potential is the result, and which never fire.

    tau_m dv/dt = v_rest - v + r_m (i + i_ext),   tau_syn di/dt = -i

    Parameters
    ----------
    n : int or tuple of int
    tau_m : float or array (n,)         [ms]
    tau_syn : float, array or a pair    time constants of one port, or of "exc" and "inh" [ms]
    v_rest, r_m, i_ext, v0 : float or array (n,)    see :func:`LIF`

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> LI(10, tau_m=20.0, tau_syn=5.0)
    Neurons(LI, 10)
    """
    taus = time_constants(tau_syn)
    names = ((), ("tau_syn",), ("tau_syn_exc", "tau_syn_inh"))[len(taus)] if len(taus) < 3 else ()
    if not names:
        raise ParameterError(
            f"LI.tau_syn must be one or two time constants, got {len(taus) or None}"
        )
    params = {"tau_m": tau_m, "v_rest": v_rest, "r_m": r_m, "i_ext": i_ext}
    params |= dict(zip(names, taus, strict=True))
    model = LI_EXP if len(names) == 1 else LI_EXP2
    return model.neurons(n, initial={"v": v_rest if v0 is None else v0}, **params)
