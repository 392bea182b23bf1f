"""The integer neuron of Intel's Loihi: current and voltage in 24 bits, truncated towards zero.

The arithmetic is checked against spikes and voltages measured on a chip (the published
test of SLAYER, github.com/bamsumit/slayerPytorch, `test/test_files/Loihi`).
"""

from typing import Any

import numpy as np

from ..errors import ParameterError
from .base import NeuronModel, Neurons, Value

STATE_MAX = 2**23 - 1  # 23 bits and a sign
V_TH_MAX = 2**17 - 1  # mantissa of the threshold
BIAS_MAX = 2**12 - 1  # mantissa of the bias
DECAY_ONE = 4096  # decays are fractions of 2^12
WEIGHT_EXP_MIN, EXP_MAX = -6, 7


def _advance(u, v, refractory, keep_u, keep_v):
    # x + 4095 for x < 0 makes the shift round towards zero; products need 36 bits
    u = np.int64(u) * keep_u
    v = np.int64(v) * keep_v
    if refractory > 0:
        refractory = refractory - 1
    return (u + ((u >> 63) & 4095)) >> 12, (v + ((v >> 63) & 4095)) >> 12, refractory


def _receive(u, v, refractory, weight, unit, bias):
    u = np.int64(u) + np.int64(weight) * unit
    u = ((u + 8388608) & 16777215) - 8388608
    if refractory <= 0:
        v = min(max(np.int64(v) + u + bias, -8388607), 8388607)
    return u, v, refractory


def _fires(v, refractory, threshold):
    return refractory <= 0 and v > threshold


def _fire(u, t_ref):
    return u, 0, t_ref


def _derive(params: dict[str, Value], dt: float) -> dict[str, Value]:
    return {
        "keep_u": DECAY_ONE - params["decay_u"],
        "keep_v": DECAY_ONE - params["decay_v"],
        "unit": 2.0 ** (6 + params["weight_exp"]),
        "bias": params["bias_mant"] * 2.0 ** params["bias_exp"],
        "threshold": 64 * params["v_th_mant"],
    }


LOIHI_LIF = NeuronModel(
    name="LoihiLIF",
    state={"u": 0, "v": 0, "refractory": 0},
    params={
        "v_th_mant": 80, "decay_u": 1024, "decay_v": 128, "bias_mant": 0, "bias_exp": 0,
        "weight_exp": 0, "t_ref": 1,
    },
    rules={
        "v_th_mant": {"low": 0, "high": V_TH_MAX},
        "decay_u": {"low": 0, "high": DECAY_ONE},
        "decay_v": {"low": 0, "high": DECAY_ONE},
        "bias_mant": {"low": -BIAS_MAX, "high": BIAS_MAX},
        "bias_exp": {"low": 0, "high": EXP_MAX},
        "weight_exp": {"low": WEIGHT_EXP_MIN, "high": EXP_MAX},
        "t_ref": {"low": 1, "unit": "steps"},
    },
    units={"refractory": "steps"},
    dtypes=("int32",),
    derive=_derive, advance=_advance, receive=_receive, fires=_fires, fire=_fire,
)  # fmt: skip


def LoihiLIF(
    n: int | tuple[int, ...],
    *,
    v_th_mant: Any = 80,
    decay_u: Any = 1024,
    decay_v: Any = 128,
    bias_mant: Any = 0,
    bias_exp: Any = 0,
    weight_exp: Any = 0,
    t_ref: Any = 1,
    v0: Any = 0,
) -> Neurons:
    """Leaky integrate-and-fire neurons in the integer arithmetic of Intel's Loihi.

    For networks with ``time="steps"``, whose weights are integers; in each step, with trunc
    rounding towards zero and W the sum of the weights that arrive::

        u = trunc(u (4096 - decay_u) / 4096) + W 2^(6 + weight_exp)
        v = trunc(v (4096 - decay_v) / 4096) + u + bias_mant 2^bias_exp
        spike if v > 64 v_th_mant; then v = 0

    After a spike v stays 0 for ``t_ref - 1`` steps (u goes on), so that ``t_ref`` is the
    smallest interval. At step 0 there is nothing to decay. u and v have 23 bits and a sign:
    v saturates at +-(2^23 - 1), u wraps around modulo 2^24, which is what Intel's
    bit-accurate simulation (Lava) does; no public measurement reaches either. Nor has one
    been seen of ``t_ref > 1``; the rest of the arithmetic is exact on the measured traces
    (SLAYER's published check), in which a spike reaches other cores one step later:
    ``delay=1``.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    v_th_mant : int or array (n,)
        Mantissa of the threshold, 0 .. 2^17 - 1; the exponent is 6.
    decay_u, decay_v : int or array (n,)
        Share of current and voltage lost in a step, in 1/4096. The chip's registers end
        at 4095; 4096 forgets the current at once, as a delta synapse does.
    bias_mant, bias_exp : int or array (n,)
        Bias, added to v in each step: |bias_mant| < 2^12, bias_exp 0 .. 7.
    weight_exp : int or array (n,)
        Exponent of the weights' unit, -6 .. 7 (the chip's -7 would halve u's last bit). On
        the chip it belongs to a projection: where projections differ, set the least one here
        and multiply the weights of the others by powers of two.
    t_ref : int or array (n,)
        Refractory period, >= 1 [steps].
    v0 : int, array or distribution of integers
        Initial voltage.

    Raises
    ------
    ParameterError
        A parameter is out of range or no integer.

    Notes
    -----
    M. Davies et al. (2018), Loihi: a neuromorphic manycore processor with on-chip learning,
    doi 10.1109/MM.2018.112130359.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(time="steps")
    >>> source = net.add(ns.SpikeSource(1, times=[0, 1], ids=[0, 0]), "in")
    >>> cell = net.add(LoihiLIF(1, v_th_mant=80), "cell")
    >>> _ = net.connect(source, cell, weight=40)
    >>> result = ns.simulate(net, 4, record={"cell": ["spikes", "u", "v"]})
    >>> result.traces["cell"]["u"].values[:, 0].tolist()
    [2560, 4480, 3360, 2520]
    >>> result.traces["cell"]["v"].values[:, 0].tolist(), result.spikes["cell"].times.tolist()
    ([2560, 0, 3360, 0], [1.0, 3.0])
    """
    given = {
        "v_th_mant": v_th_mant, "decay_u": decay_u, "decay_v": decay_v, "t_ref": t_ref,
        "bias_mant": bias_mant, "bias_exp": bias_exp, "weight_exp": weight_exp,
    }  # fmt: skip
    neurons = LOIHI_LIF.neurons(n, initial={"v": v0}, **given)
    for name, value in neurons.params.items():
        bad = np.ravel(value)[np.ravel(value) % 1 != 0]
        if bad.size:
            raise ParameterError(f"LoihiLIF.{name} must be an integer, got {bad[0]:g}")
    return neurons
