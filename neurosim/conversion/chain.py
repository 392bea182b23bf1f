"""What is the network to convert? A short chain of dense layers, whatever wrote it.

Readers (:mod:`.sklearn_mlp`) make a :class:`LayerGraph`; thresholds, the report
and the network builder see nothing else.
"""

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..errors import ParameterError
from .graph import NothingConverted as NothingConverted


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dense:
    """One fully connected layer: ``y = f(x @ weight + bias)``.

    Parameters
    ----------
    name : str
    weight : float64[n_in, n_out]
    bias : float64[n_out]
    activation : {"relu", "identity"}
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray
    activation: str

    def __post_init__(self) -> None:
        owner = f"Dense {self.name!r}"
        weight = checks.array(owner, "weight", self.weight)
        if weight.ndim != 2:
            raise ParameterError(f"{owner}.weight must have 2 axes, got shape {weight.shape}")
        bias = checks.array(owner, "bias", self.bias, shape=(weight.shape[1],))
        checks.choice(owner, "activation", self.activation, ("relu", "identity"))
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def __repr__(self) -> str:
        n_in, n_out = self.weight.shape
        return f"Dense({self.name!r}, {n_in} -> {n_out}, {self.activation})"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the activations, float64[samples, n_out]."""
        y = x @ self.weight + self.bias
        return np.maximum(y, 0.0) if self.activation == "relu" else y


@dataclass(frozen=True, slots=True, eq=False)
class LayerGraph:
    """A chain of layers with a linear read-out at its end.

    Parameters
    ----------
    source : str
        what was read, for messages: ``"MLPClassifier"``.
    layers : tuple of Dense
    classes : ndarray or None
        labels by output unit, two labels for a single output unit (the second
        one where the output is positive); None for regression.
    """

    source: str
    layers: tuple[Dense, ...]
    classes: np.ndarray | None

    def __post_init__(self) -> None:
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.weight.shape[1] != after.weight.shape[0]:
                raise ParameterError(
                    f"LayerGraph: layer {after.name!r} takes {after.weight.shape[0]} inputs, "
                    f"but layer {before.name!r} has {before.weight.shape[1]} outputs"
                )

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.layers[0].weight.shape[0]

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.layers[-1].weight.shape[1]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return every layer's activations, each float64[samples, n]."""
        result = []
        for layer in self.layers:
            x = layer(x)
            result.append(x)
        return result

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs float64[samples, n_out] into labels, or values for regression."""
        if self.classes is None:
            return outputs[:, 0] if self.n_out == 1 else outputs
        if self.n_out == 1:
            return self.classes[(outputs[:, 0] > 0).astype(int)]
        return self.classes[np.argmax(outputs, axis=1)]


def fold_linear(graph: LayerGraph) -> LayerGraph:
    """Merge every hidden layer without a non-linearity into the layer after it.

    ``(x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2)``: exact, and such a layer
    has negative values, which spike counts cannot carry.

    Raises
    ------
    NothingConverted
        No ReLU layer is left, so no spiking neuron would be made.
    """
    layers: list[Dense] = []
    for layer in graph.layers:
        if layers and layers[-1].activation == "identity":
            before = layers.pop()
            layer = Dense(
                layer.name,
                before.weight @ layer.weight,
                before.bias @ layer.weight + layer.bias,
                layer.activation,
            )
        layers.append(layer)
    if not any(layer.activation == "relu" for layer in layers):
        raise NothingConverted(
            f"{graph.source} has no ReLU layer, so no spiking neuron would be made: "
            "a linear model needs no spikes; train with activation='relu' and a hidden layer"
        )
    return LayerGraph(graph.source, tuple(layers), graph.classes)
