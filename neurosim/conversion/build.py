"""How do scaled layers become a spiking network?

One population of IF neurons per ReLU layer, delta synapses without delay (a spike
crosses all layers within its step), a read-out that adds up and never fires.
"""

import numpy as np

from ..connectivity.rules import FromMatrix
from ..models import IF, SpikeSource
from ..network import Network
from .chain import Dense

INPUT = "input"
# Far above T times any output: the read-out is an integrator that never fires.
READ_OUT_THRESHOLD = 1e9


def build(
    layers: tuple[Dense, ...], *, sources: int, steps: int, hold: float, seed: int
) -> Network:
    """Return the network of normalised layers.

    Populations are ``"input"`` (a :class:`~neurosim.SpikeSource` whose spikes are given
    at run time), the hidden layers under their names, and ``"output"``. Hidden neurons
    start at half the threshold, which halves the largest rounding error of a count,
    less what ``hold`` gives back over the steps.

    Parameters
    ----------
    layers : tuple of Dense
        normalised; the first takes ``sources`` inputs, the last is the read-out.
    sources, steps : int
    hold : float
        see :func:`neurosim.convert`.
    seed : int
        of the network; nothing in it is random.
    """
    net = Network(time="steps", seed=seed)
    before = net.add(SpikeSource(sources), INPUT)
    for layer in layers:
        n = layer.weight.shape[1]
        fires = layer.activation == "relu"
        neurons = IF(
            n,
            tau_syn=None,
            v_th=1.0 if fires else READ_OUT_THRESHOLD,
            v0=0.5 - hold * steps if fires else 0.0,
            i_ext=layer.bias + hold if fires else layer.bias,
            reset="subtract",
        )
        here = net.add(neurons, layer.name)
        net.connect(before, here, FromMatrix(layer.weight))
        before = here
    return net


def first_layer(layer: Dense, gain: float | np.ndarray, *, signed: bool) -> Dense:
    """Return the first layer with ``gain`` per input spike folded in.

    ``signed`` adds a second set of sources for negative input values.
    """
    weight = layer.weight * np.reshape(gain, (-1, 1))
    if signed:
        weight = np.concatenate([weight, -weight])
    return Dense(layer.name, weight, layer.bias, layer.activation)
