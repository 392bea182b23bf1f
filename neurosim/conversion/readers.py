"""Which reader takes this model? One for each kind; files by their names."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ParameterError
from .graph import LayerGraph
from .sklearn_mlp import read_sklearn

_KERAS = (
    "export it to ONNX (pip install tf2onnx; `python -m tf2onnx.convert --saved-model FOLDER "
    "--output model.onnx`, or model.export('model.onnx', format='onnx')) and convert that file"
)


def read(
    model: Any,
    shape: Sequence[int] | None = None,
    *,
    classes: np.ndarray | str | None = "auto",
) -> LayerGraph:
    """Read a trained network, whatever it is made with.

    Parameters
    ----------
    model : torch.nn.Module, path of an ONNX file, fitted scikit-learn MLP, LayerGraph
    shape : tuple of int, optional
        of one sample, as ``calibration.shape[1:]``; PyTorch needs it.
    classes : array, None or "auto"
        labels by output unit, of models that do not have them; None: values.

    Returns
    -------
    LayerGraph

    Raises
    ------
    ParameterError
        Another kind of model; the message says which are taken.
    FormatError, UnsupportedOperations, MissingExtraError
        See the readers.
    """
    if isinstance(model, LayerGraph):
        return model
    if isinstance(model, (str, os.PathLike)):
        return _file(Path(model), shape, classes)
    origins = {kind.__module__.split(".")[0] for kind in type(model).__mro__}
    if "torch" in origins:
        from .torch_module import read_torch

        if shape is None:
            raise ParameterError("convert: shape of a sample must be given for a PyTorch module")
        return read_torch(model, shape, classes=classes)
    if origins & {"keras", "tensorflow", "tf_keras"}:
        raise ParameterError(f"convert: a Keras model is read through ONNX: {_KERAS}")
    return read_sklearn(model)


def _file(path: Path, shape: Any, classes: Any) -> LayerGraph:
    """Read a model from a file."""
    if path.suffix == ".onnx":
        from .onnx_file import read_onnx

        return read_onnx(path, shape, classes=classes)
    if path.suffix in (".pt", ".pth", ".pt2"):
        from .torch_file import refuse_structureless

        refuse_structureless(path)
    if path.suffix in (".keras", ".h5", ".hdf5", ".pb"):
        raise ParameterError(f"convert: {path.name} is read through ONNX: {_KERAS}")
    raise ParameterError(
        f"convert: model must be a file that ends in .onnx, got {path.name!r}; pickled models run "
        "code when they are opened and are not read"
    )
