"""What do the spiking layers compute, step by step? The same arithmetic in plain numpy.

All samples at once, one matrix product per layer and step. The report uses it, and
tests hold the simulated network against it.
"""

import numpy as np

from .chain import Dense


def spike_counts(
    layers: tuple[Dense, ...], inputs: np.ndarray, *, hold: float = 0.0
) -> tuple[list[np.ndarray], np.ndarray]:
    """Run IF layers with threshold 1 and reset by subtraction.

        v(0) = 1/2 - hold T
        v <- v + b + hold + s W;   s' = [v >= 1];   v <- v - s'

    Parameters
    ----------
    layers : tuple of Dense
        normalised; the last one is the read-out, which only adds up.
    inputs : float64[steps, samples, n_in]
        input spikes of each step.
    hold : float
        see :func:`neurosim.convert`.

    Returns
    -------
    (list of float64[samples, n], float64[samples, n_out])
        spike counts per spiking layer, and the read-out's potential at the end.
    """
    hidden, read_out = layers[:-1], layers[-1]
    steps, samples = len(inputs), inputs.shape[1]
    v = [np.full((samples, len(layer.bias)), 0.5 - hold * steps) for layer in hidden]
    counts = [np.zeros_like(potential) for potential in v]
    total = np.zeros((samples, len(read_out.bias)))
    for spikes in inputs:
        for k, layer in enumerate(hidden):
            v[k] += spikes @ layer.weight + (layer.bias + hold)
            spikes = (v[k] >= 1.0).astype(np.float64)
            v[k] -= spikes
            counts[k] += spikes
        total += spikes @ read_out.weight + read_out.bias
    return counts, total


def quantised(activation: np.ndarray, steps: int, highest: float = 1.0) -> np.ndarray:
    """Return ReLU activations, in thresholds, as the best count of ``steps`` can say them.

        floor(a T + 1/2) / T, between 0 and ``highest``

    >>> quantised(np.array([-0.2, 0.1, 0.4, 3.0]), 4)
    array([0. , 0. , 0.5, 1. ])
    """
    return np.clip(np.floor(activation * steps + 0.5) / steps, 0.0, highest)
