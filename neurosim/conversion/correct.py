"""How are biases corrected for what spikes cannot say? From the means of calibration samples.

Layer by layer, b <- b + mean(a - s) with the ANN's activation a and what the spiking layer says, s,
over samples and places of each channel; the next layer then hears the corrected one. The *light*
pipeline of Y. Li et al., A free lunch from ANN: towards efficient, accurate spiking neural networks
calibration, ICML 2021, arXiv 2106.06984.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .rates import Run, biases_of

if TYPE_CHECKING:
    from .codes import RateCode
    from .plan import Plan


def corrected_biases(
    plan: "Plan", code: "RateCode", thresholds: dict[str, float], how: Any, x: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the bias of each layer, float64[*shape].

    Parameters
    ----------
    plan, code, thresholds, how : of the network
    x : float64[samples, *input shape]      some dozens are enough
    """
    run = Run.of(plan, code, thresholds, biases_of(plan), how, x)
    exact = plan.activations(x)
    for layer in plan.layers:
        reads_out = layer.activation == "read-out"
        if not reads_out:
            run.through(layer)
        if layer.pool is not None:
            continue
        said = run.wanted(layer) if reads_out else run.said(layer.name)
        axes = tuple(range(said.ndim - 1))  # samples and places
        gap = (exact[layer.name] - said).mean(axis=axes)
        run.biases[layer.name] = run.biases[layer.name] + gap
        if not reads_out:
            run.through(layer)
    return run.biases
