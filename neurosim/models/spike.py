"""What happens at an arrival and at a spike? Functions shared by LIF and IF.

Refractoriness counts down: after a spike ``refractory`` is set to ``dead_time``, in grid
steps by the clock engine, which takes one off at each advance, in ms by the event engine.
``soft_reset`` is 1 for a reset by subtraction and 0 for a reset to ``v_reset``, one formula
for both.
"""

import numpy as np

from .._jit import shared
from ..connectivity.delays import to_steps
from ..errors import ParameterError

Value = float | np.ndarray


STILL = {"refractory": "dead_time"}  # stays 0 where spikes have no dead time
OVER = 1e-9  # ms; less of a refractory period is the rounding of times


@shared
def left_of(refractory, held):
    """What is left of a refractory period after a time in it [ms]."""
    left = refractory - held
    return left if left > OVER else 0.0


def reset_params(params: dict[str, Value], dt: float) -> dict[str, Value]:
    """Derived parameters of the spike: the refractory period in steps."""
    steps = to_steps(params["t_ref"], dt).astype(np.float64)
    if steps.max() >= 2.0**24:
        raise ParameterError(
            f"t_ref must be below 2^24 steps, as far as float32 counts, got {steps.max():g} "
            f"steps of {dt:g}"
        )
    return {"dead_time": steps if steps.ndim else float(steps)}


def receive_delta(v, refractory, weight):
    """A delta synapse moves v itself; a refractory neuron does not hear it."""
    if refractory > 0.0:
        return v, refractory
    return v + weight, refractory


def receive_1(v, i_syn, refractory, weight):
    """One exponential port."""
    return v, i_syn + weight, refractory


def receive_2(v, i_exc, i_inh, refractory, weight, port):
    """Two exponential ports."""
    if port == 0:
        return v, i_exc + weight, i_inh, refractory
    return v, i_exc, i_inh + weight, refractory


def fires(v, refractory, v_th):
    """v >= v_th, outside the refractory period."""
    return refractory <= 0.0 and v >= v_th


def fire(v, v_th, v_reset, soft_reset, dead_time):
    """Reset of (v, refractory)."""
    return v_reset + soft_reset * (v - v_th), dead_time


def fire_1(v, i_syn, v_th, v_reset, soft_reset, dead_time):
    """Reset of (v, i_syn, refractory)."""
    return v_reset + soft_reset * (v - v_th), i_syn, dead_time


def fire_2(v, i_exc, i_inh, v_th, v_reset, soft_reset, dead_time):
    """Reset of (v, i_exc, i_inh, refractory)."""
    return v_reset + soft_reset * (v - v_th), i_exc, i_inh, dead_time
