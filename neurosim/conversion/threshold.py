"""How large is one spike? Thresholds from the activations of calibration data.

The activation that a neuron can say at most, the largest rate times the layer's threshold, is
limited. Too low clips, too high wastes resolution.
"""

from typing import TYPE_CHECKING

import numpy as np

from .. import checks
from ..errors import ParameterError

if TYPE_CHECKING:
    from .codes import RateCode
    from .plan import Plan, PlanLayer

RULES = ("percentile", "max", "mse", "trained")
_MOST_VALUES = 20_000_000  # activations that are looked at together
_CANDIDATES = 60  # thresholds that are tried for the least squared error
_SHIFTS = 20_000  # activations that each of them is tried on


def calibration_data(plan: "Plan", x: np.ndarray) -> np.ndarray:
    """Return calibration inputs, float64[samples, *input shape], of at least one sample.

    Samples may be flattened, where the network takes more axes.
    """
    shape = plan.input_shape
    if x.ndim == 2 and len(shape) > 1 and x.shape[1] == np.prod(shape):
        x = x.reshape(-1, *shape)
    if x.shape[1:] != shape or not len(x):
        wanted = ", ".join(map(str, shape))
        raise ParameterError(
            f"convert.calibration must have shape (samples, {wanted}), the inputs of "
            f"{plan.source}, got {x.shape}"
        )
    return x


def choose_thresholds(
    plan: "Plan", x: np.ndarray, *, rule: str, percentile: float, code: "RateCode"
) -> dict[str, float]:
    """Return a threshold for each spiking layer, in the units of the ANN's activations.

    ==============  =========================================================================
    ``percentile``  that percentile of the layer's positive activations on the calibration
                    data (all units and samples pooled) can be said
    ``max``         the largest of them
    ``mse``         that with the least squared error of what `code` can say nearest to them
    ``trained``     the ceiling of the quantised activation that the layer was trained with
    ==============  =========================================================================

    The threshold of a layer whose activations have a ceiling is never so high that more could be
    said.

    Raises
    ------
    ParameterError
        A layer that is silent on all calibration data, or without a ceiling for ``trained``.
    """
    checks.choice("convert", "threshold", rule, RULES)
    if rule == "trained":
        return {layer.name: _trained(layer) / code.highest for layer in plan.spiking}
    found = activations_of(plan, x)
    thresholds = {}
    for layer in plan.spiking:
        values = found[layer.name]
        values = values[values > 0]
        if not values.size:
            raise ParameterError(
                f"convert: layer {layer.name!r} is silent on all {len(x)} calibration samples; "
                "calibrate with samples like those that the network was trained on"
            )
        top = float(np.percentile(values, 100.0 if rule == "max" else percentile))
        if rule == "mse":
            top = _least_error(values, code)
        if layer.ceiling is not None:
            top = min(top, layer.ceiling)
        thresholds[layer.name] = top / code.highest
    return thresholds


def _trained(layer: "PlanLayer") -> float:
    if layer.ceiling is None:
        raise ParameterError(
            f"convert: layer {layer.name!r} has no ceiling, so that no threshold was trained with "
            "it; train with a quantised activation (neurosim.conversion.quantise), or take "
            "method='percentile'"
        )
    return layer.ceiling


def with_pools(plan: "Plan", thresholds: dict[str, float]) -> dict[str, float]:
    """The same with max-pooling layers, whose spikes are those of the layer before."""
    found = dict(thresholds)
    for layer in plan.layers:
        if layer.pool is not None:
            found[layer.name] = found[layer.terms[0].source]
    return found


def activations_of(plan: "Plan", x: np.ndarray) -> dict[str, np.ndarray]:
    """Activations of each spiking layer, of all samples or of as many as are enough."""
    widest = max(layer.n for layer in plan.layers)
    x = x[:: max(1, -(-len(x) * widest // _MOST_VALUES))]
    kept: dict[str, list[np.ndarray]] = {layer.name: [] for layer in plan.spiking}
    for begin in range(0, len(x), 64):
        activations = plan.activations(x[begin : begin + 64])
        for name, values in kept.items():
            values.append(activations[name])
    return {name: np.concatenate(values) for name, values in kept.items()}


def _least_error(values: np.ndarray, code: "RateCode") -> float:
    """The largest activation that can be said, chosen for the least squared error."""
    top = float(values.max())
    some = np.sort(values)[:: max(1, values.size // _SHIFTS)]
    some = some / top  # whose squares are numbers, too
    tried = np.linspace(1.0 / _CANDIDATES, 1.0, _CANDIDATES)

    def error(largest: float) -> float:
        theta = largest / code.highest
        return float(np.mean((code.say(some / theta) * theta - some) ** 2))

    return top * float(min(tried, key=error))
