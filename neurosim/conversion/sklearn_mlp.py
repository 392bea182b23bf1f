"""How is a trained scikit-learn MLP read into a layer graph?

The fitted arrays (``coefs_``, ``intercepts_``, a scaler's ``mean_`` ...) are read
directly; scikit-learn itself is not imported.
"""

from typing import Any

import numpy as np

from ..errors import ParameterError
from .graph import LayerGraph
from .nodes import ChannelAffine, Input, Linear, Node, Rectify

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
        return _read_pipeline(_steps(model))
    if not all(hasattr(model, key) for key in ("activation", "hidden_layer_sizes", "predict")):
        raise ParameterError(
            f"convert: model must be a fitted {_SUPPORTED}, a torch.nn.Module or the path of an "
            f"ONNX file, got {kind}"
        )
    if not hasattr(model, "coefs_"):
        raise ParameterError(f"convert: {kind} is not fitted yet; call its fit(x, y) first")
    if model.activation not in ("relu", "identity"):
        raise ParameterError(
            f"convert: {kind}.activation must be 'relu' or 'identity', got "
            f"{model.activation!r}: a spike count is never negative and not bounded by a "
            "smooth curve; train again with activation='relu'"
        )
    return LayerGraph(kind, *_layers(model), _classes(model, kind))


def _layers(model: Any, scalers: tuple[Node, ...] = ()) -> tuple[tuple[Node, ...], str]:
    """Return the nodes of an MLP behind those of its scalers, and the name of the last one."""
    n_in = np.shape(model.coefs_[0])[0]
    nodes: list[Node] = [Input("input", (n_in,)), *scalers]
    last = len(model.coefs_) - 1
    for k, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        name = f"hidden{k + 1}" if k < last else "output"
        nodes.append(Linear(name, (nodes[-1].name,), np.transpose(weight), np.asarray(bias)))
        if k < last and model.activation == "relu":
            nodes.append(Rectify(f"{name}.relu", (name,)))
    return tuple(nodes), nodes[-1].name


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


def _steps(pipeline: Any) -> list[tuple[str, Any]]:
    """Return the steps of a pipeline and of those in it, without what passes through."""
    found: list[tuple[str, Any]] = []
    for name, step in pipeline.steps:
        if type(step).__name__ == "Pipeline":
            found += [(f"{name}.{inner}", one) for inner, one in _steps(step)]
        elif step is not None and step != "passthrough":
            found.append((name, step))
    return found


def _read_pipeline(steps: list[tuple[str, Any]]) -> LayerGraph:
    """Read the MLP at the end; the scalers are operations before it."""
    *scalers, (_, model) = steps or [("", None)]
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
    before, nodes = "input", []
    for name, scaler in scalers:
        node = f"step {name}"
        nodes.append(ChannelAffine(node, (before,), *_scaling(name, scaler, graph.n_in)))
        before = node
    return LayerGraph(graph.source, *_layers(model, tuple(nodes)), graph.classes)


def _scaling(name: str, scaler: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and shift of ``z = x * gain + shift``."""
    if not hasattr(scaler, "n_features_in_"):
        raise ParameterError(f"convert: pipeline step {name!r} is not fitted yet; call fit first")
    kind = type(scaler).__name__
    if getattr(scaler, "clip", False):  # of MinMaxScaler, and of newer MaxAbsScalers
        raise ParameterError(
            f"convert: pipeline step {name!r} ({kind}) has clip=True, which is not "
            "linear; use clip=False"
        )
    if kind == "MinMaxScaler":
        gain, shift = scaler.scale_, scaler.min_
    else:
        scale = np.ones(n) if scaler.scale_ is None else scaler.scale_
        gain, mean = 1.0 / scale, getattr(scaler, "mean_", None)
        shift = np.zeros(n) if mean is None else -mean * gain
        if kind == "StandardScaler" and not scaler.with_mean:
            shift = np.zeros(n)
    return np.asarray(gain), np.asarray(shift)
