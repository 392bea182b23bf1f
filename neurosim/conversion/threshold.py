"""How large is one spike? Thresholds from the activations of calibration data.

An IF neuron fires at most once per step, so the activation that one spike per
step stands for, the layer's threshold, is also the largest it can express. Too
low clips, too high wastes resolution.
"""

import numpy as np

from .. import checks
from ..errors import ParameterError
from .chain import Dense, LayerGraph

METHODS = ("percentile", "max")


def calibration_data(graph: LayerGraph, calibration: np.ndarray) -> np.ndarray:
    """Check calibration inputs: float64[samples, n_in], finite, at least one sample."""
    x = checks.array("convert", "calibration", calibration)
    if x.ndim != 2 or x.shape[1] != graph.n_in or not len(x):
        raise ParameterError(
            f"convert.calibration must have shape (samples, {graph.n_in}), the inputs of "
            f"{graph.source}, got {x.shape}"
        )
    return x


def choose_thresholds(
    graph: LayerGraph, x: np.ndarray, *, method: str, percentile: float
) -> tuple[float, ...]:
    """Return one threshold per ReLU layer, in the units of the ANN's activations.

    ``percentile`` takes that percentile of the layer's positive activations on the
    calibration data (all units and samples pooled), ``max`` the largest of them.

    Raises
    ------
    ParameterError
        A layer that is silent on all calibration data.
    """
    checks.choice("convert", "method", method, METHODS)
    percentile = checks.number("convert", "percentile", percentile, above=0.0, high=100.0)
    result = []
    for layer, activation in zip(graph.layers, graph.activations(x), strict=True):
        if layer.activation != "relu":
            continue
        positive = activation[activation > 0]
        if not positive.size:
            raise ParameterError(
                f"convert: layer {layer.name!r} is silent on all {len(x)} calibration samples; "
                "calibrate with samples like those that the network was trained on"
            )
        level = 100.0 if method == "max" else percentile
        result.append(float(np.percentile(positive, level)))
    return tuple(result)


def normalise(
    graph: LayerGraph, thresholds: tuple[float, ...], input_unit: float
) -> tuple[Dense, ...]:
    """Rescale so that every spiking layer has the threshold 1.

    With input spikes worth ``input_unit`` (the ANN's input per spike and step) and
    layer l worth ``theta_l``, one step adds

        W_l theta_{l-1} / theta_l        per spike of the layer before
        b_l / theta_l                    bias

    The read-out keeps the ANN's units: its potential after T steps is T times the output.
    """
    result = []
    before = input_unit
    spiking = iter(thresholds)
    for layer in graph.layers:
        after = next(spiking) if layer.activation == "relu" else 1.0
        weight = layer.weight * (before / after)
        result.append(Dense(layer.name, weight, layer.bias / after, layer.activation))
        before = after
    return tuple(result)
