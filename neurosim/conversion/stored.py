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
from ..errors import FormatError, NeurosimError
from ..files import write_whole
from ..maxpool import MaxPool
from .build import build
from .codes import BurstCode, FewSpikeCode, PhaseCode, RateCode, SignedCode
from .converted import Converted
from .first_spike import FirstSpikeCode, FirstSpikeInput, build_first_spike
from .inputs import DirectInput, EventInput, RateInput
from .methods import MOST_STEPS
from .operators import Full, Kernel, Listed
from .plan import Plan, PlanLayer, Term
from .rates import deepest
from .report import ConversionReport, LayerReport

_VERSION = 1
_CLASSES = {
    kind.__name__: kind
    for kind in (
        *(Plan, PlanLayer, Term, Kernel, Full, Listed, MaxPool, ConversionReport, LayerReport),
        *(RateCode, SignedCode, BurstCode, PhaseCode, FewSpikeCode, FirstSpikeCode),
        *(DirectInput, RateInput, EventInput, FirstSpikeInput),
    )
}
_MOST = {"steps": MOST_STEPS, "period": 20, "most": 100}  # of codes and inputs
_PARTS = ("plan", "code", "input", "thresholds", "biases", "report")


def save(converted: Converted, path: str | os.PathLike) -> Path:
    """Write a converted network to an HDF5 file, whole or not at all."""
    import h5py

    arrays: list[np.ndarray] = []
    told = {part: _told(getattr(converted, part), arrays) for part in _PARTS}
    told["seed"] = converted.network.seed
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)

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
            text = _array(file, "converted")
            arrays = [_array(file, str(k)) for k in range(len(file) - 1)]
            if file.attrs["digest"] != _digest(text, arrays):
                raise FormatError(f"{path}: is damaged; its digest differs")
        return _built(json.loads(text.tobytes()), arrays)
    except FormatError:
        raise
    except (NeurosimError, OSError, RuntimeError, LookupError, TypeError, ValueError,
            AttributeError, ArithmeticError) as error:  # fmt: skip
        raise FormatError(f"{path}: must be a whole converted network ({error})") from None


def _digest(text: np.ndarray, arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256(text.tobytes())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _array(file: Any, name: str) -> np.ndarray:
    """Read a dataset that takes no more room in memory than in the file."""
    found = file[name]
    if found.dtype.kind not in "biuf" or found.id.get_storage_size() < found.nbytes:
        raise FormatError(f"{file.filename}: dataset {name!r} must be numbers, not compressed")
    return np.asarray(found[()])


# ------------------------------------------------------------------ objects as JSON and arrays


def _told(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return {"labels": value.tolist()}
    if isinstance(value, np.ndarray):
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
        return np.array(told["labels"])
    if "array" in told:
        return arrays[told["array"]]
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
    if any(f.name == "plan" for f in fields(kind)):
        own["plan"] = plan
    return kind(**own)


# ------------------------------------------------------------------ the network


def _built(told: dict[str, Any], arrays: list[np.ndarray]) -> Converted:
    plan = _made(told["plan"], arrays)
    _check_plan(plan)
    parts = {part: _made(told[part], arrays, plan) for part in _PARTS if part != "plan"}
    code, how, thresholds, biases = (
        parts[part] for part in ("code", "input", "thresholds", "biases")
    )
    for layer in plan.layers:
        checks.array("Converted", "biases", biases[layer.name], shape=layer.shape)
        if layer.spiking:
            checks.number("Converted", "threshold", thresholds[layer.name], above=0.0)
    for part in (code, how):
        for name, most in _MOST.items():
            if hasattr(part, name) and not isinstance(part, FirstSpikeCode):
                checks.integer("Converted", name, getattr(part, name), low=1, high=most)
    seed = checks.integer("Converted", "seed", told["seed"], low=0)
    if isinstance(code, FirstSpikeCode):
        network = build_first_spike(plan, how, thresholds=thresholds, seed=seed)
        duration = code.end + 1.0
    else:
        network = build(plan, code, how, thresholds=thresholds, biases=biases, seed=seed)
        duration = code.last(deepest(plan)) + 1
    return Converted(network=network, plan=plan, duration=duration, **parts)


def _check_plan(plan: Plan) -> None:
    """Refuse layers that do not follow from one another."""
    n = plan.n_in
    sizes = {n, math.prod(plan.input_shape), plan.order.size}
    if len(sizes) > 1 or not np.array_equal(np.sort(plan.order), np.arange(n)):
        raise ValueError(f"the input must have {plan.n_in} places in some order")
    known = {plan.input: plan.shape}
    for layer in plan.layers:
        if layer.bias.shape != layer.shape or not layer.terms:
            raise ValueError(f"layer {layer.name!r} must have a bias of shape {layer.shape}")
        for term in layer.terms:
            pre, post = term.operator.pre, term.operator.post
            if pre != known[term.source] or (layer.pool is None and post != layer.shape):
                raise ValueError(f"layer {layer.name!r} has a term from {pre} to {post}")
            _check_operator(term.operator)
        known[layer.name] = layer.shape


def _check_operator(operator: Any) -> None:
    n_pre, n_post = math.prod(operator.pre), math.prod(operator.post)
    if isinstance(operator, Kernel):
        fits = math.prod(operator.space) * operator.kernel.shape[0] == n_post
    elif isinstance(operator, Full):
        fits = operator.weight.shape == (n_pre, n_post)
    else:
        fits = operator.links.shape == (n_post, n_pre)
    if not fits:
        raise ValueError(f"a {type(operator).__name__} does not lead to {operator.post}")
