"""How does a training go on in another process? One HDF5 file, replaced after every epoch."""

import hashlib
import json
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.checkpoint import describe
from ..errors import FormatError
from ..files import write_whole
from .parameters import Learnable

if TYPE_CHECKING:
    from .fit import Training

_VERSION = 1


def _fingerprint(training: "Training") -> str:
    """What has to be the same in the file and in the call."""
    digest = hashlib.sha256(b"training")
    describe(digest, training.description)
    samples = [training.samples, training.held_out]
    for one in samples:
        if one is not None and one.keep:
            given, _, labels = one.batch(np.arange(len(one)))
            for array in (*given, labels):
                digest.update(np.ascontiguousarray(array).tobytes())
    specs = [(p.name, p.raw.size, _text(p.spec)) for p in training.parameters]
    rest = (
        specs, training.seed, training.batch_size, [one and len(one) for one in samples],
        training.duration, repr(training.loss), repr(training.optimizer),
        repr(training.bumper.spec), repr(training.rate_targets), training.largest,
        training.machine.chunks, training.least_slope, *_of_method(training.method),
    )  # fmt: skip
    digest.update(repr(rest).encode())
    return digest.hexdigest()


def _name(function: Any) -> str:
    """Of a function, or of the type of what can be called."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _of_method(method: Any) -> list[str]:
    """Nothing for exact gradients; of a narrowing that is a mere function its name."""
    if isinstance(method, str):
        return []
    narrowing = method.narrowing
    if narrowing is not None and not is_dataclass(narrowing):
        narrowing = _name(narrowing)
    return [repr(replace(method, narrowing=None)), repr(narrowing)]


def _text(spec: Learnable) -> str:
    """The specification; of a schedule that is a mere function its name."""
    schedule = spec.schedule
    if schedule is not None and not is_dataclass(schedule):
        schedule = _name(schedule)
    return repr(replace(spec, schedule=None)) + repr(schedule)


def save_training(training: "Training", path: str | Path) -> None:
    """Write everything that the next epoch depends on; the file is the old one or the new one."""
    import h5py

    def fill(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            _write(training, file)

    write_whole(path, fill, owner="fit.checkpoint")


def _write(training: "Training", file: Any) -> None:
    file.attrs["version"], file.attrs["fingerprint"] = _VERSION, _fingerprint(training)
    file.attrs["rows"] = json.dumps(training.history.rows)
    file.attrs["best_epoch"] = training.history.best_epoch
    score, raws = training.best if training.best else ((), [p.raw for p in training.parameters])
    file.attrs["best_score"] = json.dumps(list(score))
    for k, (p, state) in enumerate(zip(training.parameters, training.states, strict=True)):
        file[f"raw/{k}"], file[f"best/{k}"] = p.raw, raws[k]
        for name, values in state.items():
            file[f"optimizer/{k}/{name}"] = values
    for name, values in training.bumper.saved().items():
        file[f"silent/{name}"] = values


def load_training(training: "Training", path: str | Path) -> None:
    """Go on where the file was written.

    Raises
    ------
    FormatError
        The file is none of a training, is damaged, or belongs to another call.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("version") != _VERSION:
                raise FormatError(f"{path}: must be a checkpoint of a training")
            if file.attrs["fingerprint"] != _fingerprint(training):
                raise FormatError(
                    f"{path}: must belong to a training with these arguments, but it was written "
                    "by another one; give checkpoint= another name, or remove the file"
                )
            rows = json.loads(file.attrs["rows"])
            best_epoch, score = int(file.attrs["best_epoch"]), json.loads(file.attrs["best_score"])
            number = range(len(training.parameters))
            raws = [np.asarray(file[f"raw/{k}"]) for k in number]
            bests = [np.asarray(file[f"best/{k}"]) for k in number]
            states = [{n: np.asarray(a) for n, a in file[f"optimizer/{k}"].items()} for k in number]
            silent = {name: np.asarray(a) for name, a in file["silent"].items()}
    except FormatError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: must be a whole checkpoint of a training ({error})") from None
    for p, raw, best, state, own in zip(
        training.parameters, raws, bests, states, training.states, strict=True
    ):
        if raw.shape != p.raw.shape or best.shape != p.raw.shape or set(state) != set(own):
            raise FormatError(f"{path}: must hold the parameters of this training")
        p.raw[:] = raw
        for name, values in state.items():
            own[name][:] = values
        p.put()
    training.bumper.restore(silent)
    training.history.rows, training.history.best_epoch = rows, best_epoch
    training.best = (tuple(score), bests) if rows else None
    training.machine.changed()
