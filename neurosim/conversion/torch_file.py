"""Which arrays does a file of PyTorch weights hold? Opened without running anything in it.

``torch.load(weights_only=True)`` is the only way in, and the archive is looked at first: no
compressed parts, and none that claims more than the file has.
"""

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

from ..errors import FormatError, MissingExtraError, ParameterError

MOST_BYTES = 2**31
MOST_PICKLE = 2**24  # bytes of the part that says which arrays there are
MOST_PARTS = 100_000
_NESTED = ("state_dict", "model_state_dict", "model")


def load_weights(module: Any, path: str | os.PathLike) -> Any:
    """Give a module the weights of a file, and return it.

    Parameters
    ----------
    module : torch.nn.Module
        of the structure that was saved.
    path : path
        of ``torch.save(module.state_dict(), path)``; also inside a checkpoint, under
        ``"state_dict"``, ``"model_state_dict"`` or ``"model"``.

    Raises
    ------
    FormatError
        A damaged file, or one that would have to run code to be opened.
    ParameterError
        Names or shapes that do not fit the module.
    """
    state = read_state(path)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ParameterError(
            f"load_weights: {Path(path).name} does not fit {type(module).__name__}: {error}"
        ) from None
    return module


def read_state(path: str | os.PathLike) -> dict[str, Any]:
    """Return the arrays of a file by name, as tensors on the CPU.

    Raises
    ------
    FormatError
    MissingExtraError
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError.of("torch", extra="torch", purpose="reading a .pt file") from None
    path = Path(path)
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler, the archive, and tensors raise what they like
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise FormatError(
            f"{path.name}: cannot be opened without running code in it, or is damaged ({reason}); "
            "save weights with torch.save(module.state_dict(), path)"
        ) from None
    for key in _NESTED:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    tensors = isinstance(found, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items()
    )
    if not tensors or not found:
        raise FormatError(f"{path.name}: holds no state dict: names and their arrays")
    return dict(found)


def refuse_structureless(path: str | os.PathLike) -> None:
    """Say what a file of weights lacks to be converted.

    Raises
    ------
    ParameterError
    FormatError
    """
    path = Path(path)
    if path.suffix == ".pt2":
        raise ParameterError(
            f"convert: {path.name} is an exported program, which cannot be opened without running "
            "code in it; give the module itself, or export it with torch.onnx.export"
        )
    state = read_state(path)
    names = ", ".join(list(state)[:4]) + (" ..." if len(state) > 4 else "")
    raise ParameterError(
        f"convert: {path.name} holds {len(state)} arrays ({names}) and not how they are connected; "
        "make the module and give it to convert, neurosim.conversion.load_weights(module, path), "
        "or export it with torch.onnx.export"
    )


def _check_archive(path: Path) -> None:
    """Refuse what is no plain archive: old pickles, compressed parts, sizes that are made up."""
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            made = any(_makes_bytes(archive, part) for part in parts)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise FormatError(
            f"{path.name}: no archive of torch.save ({error}); files of PyTorch before 1.6 must be "
            "saved again"
        ) from None
    plain = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
    pickles = sum(part.file_size for part in parts if part.filename.endswith(".pkl"))
    total = sum(part.file_size for part in parts)
    if not plain or total > size or size > MOST_BYTES or len(parts) > MOST_PARTS:
        raise FormatError(
            f"{path.name}: must be an archive of plain parts, at most {MOST_BYTES:,} bytes and "
            f"{MOST_PARTS:,} parts"
        )
    if made:
        raise FormatError(f"{path.name}: makes byte arrays, whose size the file need not have")
    if pickles > MOST_PICKLE:
        raise FormatError(f"{path.name}: lists more than {MOST_PICKLE:,} bytes of names")


def _makes_bytes(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a list of arrays calls bytearray(n): n zeros, which ``weights_only`` lets pass."""
    listed = part.filename.endswith(".pkl") and part.compress_type == zipfile.ZIP_STORED
    return listed and part.file_size <= MOST_PICKLE and b"bytearray" in archive.read(part)
