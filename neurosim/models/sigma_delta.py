"""How does a network send changes only? The sigma-delta neuron, whose spikes carry numbers."""

import math
from typing import Any

import numpy as np

from ..errors import ParameterError
from .base import NeuronModel, Neurons


def _flow(x, sent):
    return x, sent


def _receive(x, sent, weight):
    return x + weight, sent


def _payload(x, sent, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return threshold * (np.rint(value / threshold) - np.rint(sent / threshold))


def _fires(x, sent, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return np.rint(value / threshold) != np.rint(sent / threshold)


def _rests(x, sent, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return np.rint(value / threshold) == np.rint(sent / threshold)


def _crossing(x, sent, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    return 0.0 if np.rint(value / threshold) != np.rint(sent / threshold) else math.inf


def _fire(x, threshold, bias, relu):
    value = x + bias
    if relu > 0.0 and value < 0.0:
        value = 0.0
    # a level, not a sum of payloads: nothing drifts
    return x, threshold * np.rint(value / threshold)


SIGMA_DELTA = NeuronModel(
    name="SigmaDelta", state={"x": 0.0, "sent": 0.0},
    params={"threshold": 1.0, "bias": 0.0, "relu": 0.0},
    rules={"threshold": {"above": 0}, "relu": {"low": 0, "high": 1}}, ports=("delta",),
    advance=_flow, receive=_receive, fires=_fires, fire=_fire, rests=_rests,
    flow=_flow, crossing=_crossing, payload=_payload,
)  # fmt: skip


def SigmaDelta(
    n: int | tuple[int, ...],
    *,
    threshold: Any,
    bias: Any = 0.0,
    relu: bool = False,
    x0: Any = 0.0,
) -> Neurons:
    """Sigma-delta neurons: they add up what arrives, and send on what has changed.

    An arrival adds weight x payload to x at once. With a = x + bias (or max(x + bias, 0)) and
    q(a) = threshold round(a / threshold), the neuron spikes if q(a) is not what it has sent::

        spike if q(a) != sent, with payload q(a) - sent;  then sent = q(a)

    that is where abs(a - sent) exceeds threshold / 2. (At exactly half a threshold ``round``
    goes to the even multiple, as ``numpy.round`` does. A neuron that fired at every half would
    send it back and forth for ever.) So the payloads sum to q(a), abs(q(a) - a) <= threshold / 2,
    and with static weights W a layer behind has received W q(a), however it got there: after
    its last event a network of such neurons equals the quantised network frame by frame. It
    never fires by itself, except at the start, to send its bias or ``x0``.

    Both engines run it. In the clock engine a neuron spikes at most once in a step.

    Parameters
    ----------
    n : int or tuple of int
        Number of neurons, or the shape of the population.
    threshold : float or array (n,)
        Quantum of what is sent, > 0, in units of x. Powers of two keep sums free of rounding.
    bias : float or array (n,)
        Added to x.
    relu : bool
        Send max(x + bias, 0).
    x0 : float, array or distribution
        Initial sum of inputs.

    Raises
    ------
    ParameterError
        threshold <= 0, relu no bool, a wrong shape, NaN.

    Notes
    -----
    P. O'Connor and M. Welling, Sigma delta quantized networks, arXiv 1611.02024;
    A. Yousefzadeh and M. Sifalakis, Training for temporal sparsity in deep neural networks,
    arXiv 2107.07305.

    Examples
    --------
    >>> SigmaDelta((28, 28), threshold=0.125, relu=True)
    Neurons(SigmaDelta, 28x28)
    """
    if not isinstance(relu, (bool, np.bool_)):
        raise ParameterError(f"SigmaDelta.relu must be True or False, got {relu!r}")
    given = {"threshold": threshold, "bias": bias, "relu": float(relu)}
    return SIGMA_DELTA.neurons(n, initial={"x": x0}, **given)
