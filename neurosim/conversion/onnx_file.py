"""What does an ONNX file compute? Its graph is walked through once; nothing of it is run.

Files come from strangers: they are measured before they are parsed, and every size is checked
before memory is asked for.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, MissingExtraError
from .graph import LayerGraph
from .onnx_walk import Walk
from .onnx_wire import check_wire

MOST_BYTES = 2**29


def read_onnx(
    model: str | os.PathLike | bytes,
    shape: Sequence[int] | None = None,
    *,
    classes: np.ndarray | str | None = "auto",
) -> LayerGraph:
    """Read an ONNX file.

    Parameters
    ----------
    model : path or bytes
        Weights that lie in other files are read from the folder of the model only.
    shape : tuple of int, optional
        of one sample; needed where the file leaves it open. A sample may also be flat, or
        without axes of length one.
    classes : array, None or "auto"
        labels by output; ``"auto"``: numbers from 0 where there are several outputs.

    Raises
    ------
    FormatError
        The file is damaged, or larger in any way than a model should be.
    UnsupportedOperations
        Operations that cannot become spikes, all of them.
    ParameterError
        The shape does not fit.
    MissingExtraError
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise MissingExtraError.of("onnx", extra="onnx", purpose="reading an ONNX file") from None
    data, source, folder = _content(model)
    check_wire(data, onnx.ModelProto.DESCRIPTOR, source)
    try:
        parsed: Any = onnx.ModelProto.FromString(data)
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            return Walk(parsed, source, folder, shape).graph(classes)
    except (DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{source}: no ONNX file, or damaged: {error}") from None


def _content(model: str | os.PathLike | bytes) -> tuple[bytes, str, Path | None]:
    """Return content, name for messages, and folder."""
    if isinstance(model, bytes):
        data, source, folder = model, "ONNX model", None
    else:
        path = Path(model)
        source, folder = path.name, path.parent
        if not path.is_file():
            raise FormatError(f"{path}: there is no such file")
        if path.stat().st_size > MOST_BYTES:
            raise FormatError(f"{path}: larger than {MOST_BYTES:,} bytes")
        data = path.read_bytes()
    if not data or len(data) > MOST_BYTES:
        raise FormatError(f"{source}: must have 1 to {MOST_BYTES:,} bytes, got {len(data):,}")
    return data, source, folder
