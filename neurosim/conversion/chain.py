"""What is the network to convert? A short chain of dense layers, whatever wrote it.

Readers (:mod:`.sklearn_mlp`) make a :class:`LayerGraph`; thresholds, the report
and the network builder see nothing else.
"""

from dataclasses import dataclass
from typing import Any

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


_SUPPORTED = "MLPClassifier or MLPRegressor of scikit-learn"
SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler")


def read_sklearn(model: Any) -> LayerGraph:
    """Read a fitted MLP, alone or at the end of a pipeline of scalers.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor or Pipeline
        hidden activation ``relu`` (or ``identity``, folded away later).

    Returns
    -------
    LayerGraph

    Raises
    ------
    ParameterError
        Another kind of model, one not fitted yet, a hidden activation that spike
        counts cannot carry, a multi-label classifier, or a read-out that is not
        linear; each with the nearest remedy.
    """
    kind = type(model).__name__
    if kind == "Pipeline":
        return _read_pipeline(model)
    if not all(hasattr(model, key) for key in ("activation", "hidden_layer_sizes", "predict")):
        raise ParameterError(f"convert: model must be a fitted {_SUPPORTED}, got {kind}")
    if not hasattr(model, "coefs_"):
        raise ParameterError(f"convert: {kind} is not fitted yet; call its fit(x, y) first")
    if model.activation not in ("relu", "identity"):
        raise ParameterError(
            f"convert: {kind}.activation must be 'relu' or 'identity', got "
            f"{model.activation!r}: a spike count is never negative and not bounded by a "
            "smooth curve; train again with activation='relu'"
        )
    last = len(model.coefs_) - 1
    layers = tuple(
        Dense(
            f"hidden{k + 1}" if k < last else "output",
            np.asarray(weight),
            np.asarray(bias),
            model.activation if k < last else "identity",
        )
        for k, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True))
    )
    return LayerGraph(kind, layers, _classes(model, kind))


def _classes(model: Any, kind: str) -> np.ndarray | None:
    """Return labels of a classifier, None of a regressor; refuse what is neither."""
    read_out = getattr(model, "out_activation_", "identity")
    if not hasattr(model, "classes_"):
        if read_out != "identity":
            raise ParameterError(
                f"convert: the read-out of {kind} is {read_out!r}, it must be 'identity'; "
                "train with loss='squared_error', on the logarithm of the target if it "
                "must stay positive"
            )
        return None
    classes = np.asarray(model.classes_)
    if getattr(model, "n_outputs_", 1) > 1 and read_out == "logistic":
        raise ParameterError(
            f"convert: a multi-label {kind} is not supported; train one classifier per label"
        )
    return classes


def _read_pipeline(pipeline: Any) -> LayerGraph:
    """Read the MLP at the end; fold the scalers into its first layer, last one first."""
    *scalers, (_, model) = pipeline.steps
    refused = [
        f"{name!r} ({type(step).__name__})"
        for name, step in scalers
        if type(step).__name__ not in SCALERS
    ]
    if refused:
        raise ParameterError(
            f"convert: pipeline steps {', '.join(refused)} are not supported, only "
            f"{', '.join(SCALERS)} before the MLP; convert pipeline[-1] and give it "
            "pipeline[:-1].transform(x)"
        )
    graph = read_sklearn(model)
    first = graph.layers[0]
    for name, scaler in reversed(scalers):
        first = _fold(first, name, scaler)
    return LayerGraph(graph.source, (first, *graph.layers[1:]), graph.classes)


def _fold(layer: Dense, name: str, scaler: Any) -> Dense:
    """Fold ``z = x * gain + shift``: ``z W + b = x (gain W) + (shift W + b)``."""
    n = layer.weight.shape[0]
    if not hasattr(scaler, "n_features_in_"):
        raise ParameterError(f"convert: pipeline step {name!r} is not fitted yet; call fit first")
    kind = type(scaler).__name__
    if kind == "MinMaxScaler":
        if scaler.clip:
            raise ParameterError(
                f"convert: pipeline step {name!r} (MinMaxScaler) has clip=True, which is not "
                "linear; use clip=False"
            )
        gain, shift = scaler.scale_, scaler.min_
    else:
        scale = np.ones(n) if scaler.scale_ is None else scaler.scale_
        gain, mean = 1.0 / scale, getattr(scaler, "mean_", None)
        shift = np.zeros(n) if mean is None else -mean * gain
        if kind == "StandardScaler" and not scaler.with_mean:
            shift = np.zeros(n)
    weight = layer.weight * np.reshape(gain, (n, 1))
    return Dense(layer.name, weight, shift @ layer.weight + layer.bias, layer.activation)
