"""How is a converted network kept in a file? As what it was built from; it is built again.

An HDF5 file: the dataset ``converted`` is JSON text that says plan, code, input, thresholds,
biases and report as trees of named classes, and the datasets ``0``, ``1`` ... are their arrays;
a digest of all tells damage. Only classes listed here are made, so that a file cannot run code;
arrays lie in it as they are, so that none can be larger than the file.
"""

import hashlib
import json
import math
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..errors import FormatError, NeurosimError, ParameterError
from ..files import write_whole
from ..maxpool import MaxPool
from .build import build
from .codes import BurstCode, FewSpikeCode, PhaseCode, RateCode, SignedCode
from .converted import Converted
from .first_spike import FirstSpikeCode, FirstSpikeInput, build_first_spike
from .inputs import DirectInput, EventInput, RateInput
from .operators import Full, Kernel, Listed
from .plan import Plan, PlanLayer, Term
from .rates import deepest
from .report import ConversionReport, LayerReport
from .stored_checks import check_parts, check_plan

_VERSION = 1
_CLASSES = {
    kind.__name__: kind
    for kind in (
        *(Plan, PlanLayer, Term, Kernel, Full, Listed, MaxPool, ConversionReport, LayerReport),
        *(RateCode, SignedCode, BurstCode, PhaseCode, FewSpikeCode, FirstSpikeCode),
        *(DirectInput, RateInput, EventInput, FirstSpikeInput),
    )
}
_MOST_TEXT = 2**22  # bytes; a layer takes 1000 of them
_MOST_PLACES = 2**20  # of a window
_MOST_LABELS = 2**24  # characters of all labels, each as long as the longest
_PARTS = ("plan", "code", "input", "thresholds", "biases", "report")


def save(converted: Converted, path: str | os.PathLike) -> Path:
    """Write a converted network to an HDF5 file, whole or not at all."""
    import h5py

    arrays: list[np.ndarray] = []
    told = {part: _told(getattr(converted, part), arrays) for part in _PARTS}
    told["seed"] = converted.network.seed
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    if text.size > _MOST_TEXT:
        raise ParameterError(
            f"Converted.save: layers and labels must take at most {_MOST_TEXT:,} bytes of text, "
            f"got {text.size:,}; convert with classes=None, or make the network smaller"
        )

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs["neurosim_converted"] = _VERSION
            file.attrs["digest"] = _digest(text, arrays)
            file["converted"] = text
            for k, array in enumerate(arrays):
                file[str(k)] = array

    return write_whole(path, fill, owner="Converted.save")


def load(path: str | os.PathLike) -> Converted:
    """Read a converted network, and build it again: the same spikes, bit for bit.

    Raises
    ------
    FormatError
        The file is none of a converted network, or is damaged.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("neurosim_converted") != _VERSION:
                raise FormatError(
                    f"{path}: must be a converted network of version {_VERSION}, as "
                    "Converted.save writes it"
                )
            names = ["converted", *(str(k) for k in range(len(file) - 1))]
            _check_datasets(file, names, path.stat().st_size)
            text, *arrays = (np.asarray(file[name][()]) for name in names)
            if file.attrs["digest"] != _digest(text, arrays):
                raise FormatError(f"{path}: is damaged; its digest differs")
        return _built(json.loads(text.tobytes()), arrays)
    except FormatError:
        raise
    except (NeurosimError, OSError, RuntimeError, LookupError, TypeError, ValueError,
            AttributeError, ArithmeticError, MemoryError) as error:  # fmt: skip
        raise FormatError(f"{path}: must be a whole converted network ({error})") from None


def _digest(text: np.ndarray, arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256(text.tobytes())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _check_datasets(file: Any, names: list[str], size: int) -> None:
    """Refuse arrays that lie elsewhere, or take more room in memory than the file.

    Links and storage outside can lead to any file of this machine, or to a pipe that never ends;
    hard links can give one array many names.
    """
    import h5py

    total = 0
    for name in names:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"{file.filename}: dataset {name!r} must lie in the file itself")
        found = file[name]
        plain = isinstance(found, h5py.Dataset) and found.chunks is None
        if not plain or found.is_virtual or found.external or found.dtype.kind not in "biuf":
            raise FormatError(
                f"{file.filename}: dataset {name!r} must be plain numbers in the file itself, not "
                "compressed"
            )
        total += found.nbytes
        if total > size or (name == "converted" and total > _MOST_TEXT):
            raise FormatError(
                f"{file.filename}: datasets up to {name!r} have {total:,} bytes, more than they can"
            )


# ------------------------------------------------------------------ objects as JSON and arrays


def _told(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        text = value.dtype.kind in "OU"
        if text and all(isinstance(label, str) for label in value.flat):
            return {"labels": value.tolist(), "object": value.dtype.kind == "O"}
        if value.dtype.kind not in "biuf":
            raise ParameterError(
                f"Converted.save: labels must be numbers or text, got {value.dtype} such as "
                f"{value.flat[0]!r}; convert with classes=[str(label), ...]"
            )
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, (tuple, list)):
        return [_told(one, arrays) for one in value]
    if isinstance(value, dict):
        return {"names": {key: _told(one, arrays) for key, one in value.items()}}
    if hasattr(value, "tocsr"):
        parts = (value.data, value.indices, value.indptr)
        return {"links": _told(parts, arrays), "shape": list(value.shape)}
    own = {f.name: _told(getattr(value, f.name), arrays) for f in _kept(type(value))}
    return {"class": type(value).__name__, "fields": own}


def _kept(kind: type) -> list[Any]:
    """The fields that say an object; the plan of an input is said once."""
    return [f for f in fields(kind) if f.init and f.name != "plan"]


def _made(told: Any, arrays: list[np.ndarray], plan: Plan | None = None) -> Any:
    if isinstance(told, list):
        return tuple(_made(one, arrays, plan) for one in told)
    if not isinstance(told, dict):
        return told
    if "labels" in told:
        labels, kind = told["labels"], object if told.get("object") else None
        if not all(isinstance(label, str) for label in labels):
            raise ValueError("labels must be text")
        if len(labels) * max(map(len, labels), default=0) > _MOST_LABELS:
            raise ValueError(f"labels must have at most {_MOST_LABELS:,} characters")
        return np.array(labels, kind)
    if "array" in told:
        return arrays[checks.integer("Converted", "array", told["array"], low=0)]
    if "names" in told:
        return {key: _made(one, arrays, plan) for key, one in told["names"].items()}
    if "links" in told:
        import scipy.sparse

        shape = tuple(told["shape"])
        links = scipy.sparse.csr_array(_made(told["links"], arrays), shape=shape)
        links.check_format(full_check=True)
        return links
    kind = _CLASSES[told["class"]]
    own = {f.name: _made(told["fields"][f.name], arrays, plan) for f in _kept(kind)}
    if kind is MaxPool:
        checks.integer("Converted", "window", math.prod(own["window"]), low=1, high=_MOST_PLACES)
    if any(f.name == "plan" for f in fields(kind)):
        own["plan"] = plan
    return kind(**own)


# ------------------------------------------------------------------ the network


def _built(told: dict[str, Any], arrays: list[np.ndarray]) -> Converted:
    plan = _made(told["plan"], arrays)
    check_plan(plan)
    parts = {part: _made(told[part], arrays, plan) for part in _PARTS if part != "plan"}
    code, how, thresholds, biases = (
        parts[part] for part in ("code", "input", "thresholds", "biases")
    )
    check_parts(plan, parts)
    seed = checks.integer("Converted", "seed", told["seed"], low=0)
    if isinstance(code, FirstSpikeCode):
        network = build_first_spike(plan, how, thresholds=thresholds, seed=seed)
        duration = code.end + 1.0
    else:
        network = build(plan, code, how, thresholds=thresholds, biases=biases, seed=seed)
        duration = code.last(deepest(plan)) + 1
    return Converted(network=network, plan=plan, duration=duration, **parts)
