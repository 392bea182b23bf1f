"""What numbers does a tensor of an ONNX file hold? Sizes are compared before anything is made."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError

MOST_NUMBERS = 2**27  # of one tensor: 1 GiB in float64
_HALF = "<f2"
# data_type of ONNX -> (form in raw_data, field of single numbers)
_KINDS = {
    1: ("<f4", "float_data"),
    2: ("u1", "int32_data"),
    3: ("i1", "int32_data"),
    4: ("<u2", "int32_data"),
    5: ("<i2", "int32_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("?", "int32_data"),
    10: (_HALF, "int32_data"),
    11: ("<f8", "double_data"),
    12: ("<u4", "uint64_data"),
    13: ("<u8", "uint64_data"),
    16: ("bfloat16", "int32_data"),
}


def array_of(tensor: Any, source: str, folder: Path | None) -> np.ndarray:
    """Return the numbers: float64 of any float, int64 of the others.

    Parameters
    ----------
    tensor : onnx.TensorProto
    source : str
        for messages.
    folder : Path, optional
        where data may lie that the file leaves outside; None refuses such data.

    Raises
    ------
    FormatError
    """
    owner = f"{source}: tensor {tensor.name!r}"
    shape = tuple(tensor.dims)
    if tensor.data_type not in _KINDS:
        raise FormatError(f"{owner} has numbers of kind {tensor.data_type}, which is not supported")
    form, field = _KINDS[tensor.data_type]
    if min(shape, default=1) < 0 or len(shape) > 8 or math.prod(shape) > MOST_NUMBERS:
        raise FormatError(
            f"{owner} must have at most {MOST_NUMBERS:,} numbers on 8 axes, got shape {shape}"
        )
    size, width = math.prod(shape), 2 if form == "bfloat16" else np.dtype(form).itemsize
    if tensor.data_location == 1:
        raw = _outside(tensor, owner, folder, size * width)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        return _single(getattr(tensor, field), form, shape, owner)
    if len(raw) != size * width:
        raise FormatError(
            f"{owner} of shape {shape} must have {size * width} bytes, got {len(raw)}"
        )
    return _numbers(np.frombuffer(raw, "<u2" if form == "bfloat16" else form), form, shape)


def _single(values: Any, form: str, shape: tuple[int, ...], owner: str) -> np.ndarray:
    """Return numbers that are listed one by one."""
    if len(values) != math.prod(shape):
        raise FormatError(
            f"{owner} of shape {shape} must have {math.prod(shape)} numbers, got {len(values)}"
        )
    values = np.asarray(values)
    if form in (_HALF, "bfloat16"):  # their bits are listed
        values = values.astype("<u2")
        values = values.view(_HALF) if form == _HALF else values
    return _numbers(values, form, shape)


def _numbers(values: np.ndarray, form: str, shape: tuple[int, ...]) -> np.ndarray:
    if form == "bfloat16":  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    kind = np.float64 if values.dtype.kind == "f" else np.int64
    return values.astype(kind).reshape(shape)


def _outside(tensor: Any, owner: str, folder: Path | None, size: int) -> bytes:
    """Read data that lie beside the model: in its folder, and nowhere else."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name = entries.get("location", "")
    if folder is None:
        raise FormatError(f"{owner} lies in another file; give the path of the model instead")
    path = folder / name
    inside = name and not Path(name).is_absolute() and ".." not in Path(name).parts
    try:
        beside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
    except (ValueError, OSError):  # names that no file can have
        beside = False
    if not inside or not beside:
        raise FormatError(f"{owner} must lie in a file beside the model, got {name[:200]!r}")
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(size)))
    except ValueError:
        raise FormatError(f"{owner} has an offset or length that is no number") from None
    if length != size or not 0 <= offset <= path.stat().st_size - size:
        raise FormatError(
            f"{owner} needs {size} bytes from byte {offset} of {name!r}, which has "
            f"{path.stat().st_size}, and says that it has {length}"
        )
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
