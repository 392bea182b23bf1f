"""What lies in the folder of a batch? What was asked, and the outcomes, part by part.

=====================  ===========================================================
``batch.json``         what is run: a fingerprint of network, options and functions
``part-000000.h5``     outcomes of some samples; every part is whole from the start
=====================  ===========================================================

A batch that was killed goes on when the same script runs again: samples that lie in a part
are not run again.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Iterable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.checkpoint import describe
from ..errors import FormatError, ParameterError
from ..files import write_whole
from ..locks import hold
from .job import Job
from .outcome import Outcome

SETTINGS = "batch.json"
_VERSION = 1
_COUNTS = ("spikes", "operations")


def fingerprint(job: Job) -> str:
    """Text that is equal for equal networks, options and functions."""
    digest = hashlib.sha256()
    describe(digest, job.network)
    for one in (job.duration, job.engine, sorted(job.build.items()), sorted(job.run.items())):
        digest.update(_plain(one).encode())
    for function in (job.encode, job.measure):
        digest.update(_plain(function).encode())
    return digest.hexdigest()


def _plain(value: Any) -> str:
    """A text for anything: functions by their code, arrays by their content, others as printed."""
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_plain, value))}]"
    if isinstance(value, dict):
        return _plain(sorted(value.items()))
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if is_dataclass(value) and not isinstance(value, type):
        return repr(value)
    if isinstance(value, functools.partial):
        return _plain([value.func, value.args, value.keywords])
    if inspect.isfunction(value):
        return f"{value.__qualname__} {_plain(value.__code__)}"
    if inspect.iscode(value):
        return f"{value.co_code.hex()} {value.co_names} {_plain(value.co_consts)}"
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return repr(value)


class BatchFolder:
    """The folder of a batch.

    Attributes
    ----------
    path : Path
    done : dict of int to Outcome       what earlier runs have left
    """

    def __init__(self, path: str | Path, job: Job) -> None:
        self.path = Path(path)
        settings = {"neurosim_batch": _VERSION, "fingerprint": fingerprint(job)}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(
                f"Batch.run: out must be a writable folder, got {str(path)!r} ({error})"
            ) from None
        for left in self.path.glob(".*.part"):
            left.unlink(missing_ok=True)
        if (self.path / SETTINGS).exists():
            self._check(settings)
        else:
            write_whole(self.path / SETTINGS, json.dumps(settings, indent=2), owner="Batch.run")
        self._lock = hold(self.path / SETTINGS, work="batch")
        parts = sorted(self.path.glob("part-*.h5"))
        try:
            self.done = {o.index: o for part in parts for o in _read(part, job)}
        except FormatError:
            self.close()
            raise
        self._next = 1 + max((int(part.stem.split("-")[1]) for part in parts), default=-1)

    def _check(self, settings: dict[str, Any]) -> None:
        path = self.path / SETTINGS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FormatError(f"{path}: must be a readable JSON file ({error})") from None
        if found != settings:
            raise ParameterError(
                f"Batch.run: out must be a new folder or that of the same batch, but {self.path} "
                "is of another network, duration, options or functions; name a new folder"
            )

    def close(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            self._lock.close()

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes as one more part.

        Raises
        ------
        ParameterError
            What was measured is no number, text or array of numbers.
        """
        outcomes = list(outcomes)
        if not outcomes:
            return
        path = self.path / f"part-{self._next:06d}.h5"
        write_whole(path, lambda temporary: _write(temporary, outcomes), owner="Batch.run")
        self._next += 1


def _write(path: Path, outcomes: list[Outcome]) -> None:
    import h5py  # where it is needed: `import neurosim` stays light

    names = list(outcomes[0].spikes)
    with h5py.File(path, "w") as file:
        file.attrs["neurosim_batch"] = _VERSION
        file["index"] = np.array([o.index for o in outcomes], np.int64)
        file["duration"] = np.array([o.duration for o in outcomes])
        file["stop_reason"] = [o.stop_reason for o in outcomes]
        for kind in _COUNTS:
            file[kind] = np.array([[getattr(o, kind)[name] for name in names] for o in outcomes])
        for o in outcomes:
            for k, (name, value) in enumerate(o.value.items()):
                if value.dtype.kind not in "biufc":
                    raise ParameterError(
                        f"Batch.run: out= keeps arrays of numbers, but {name!r} of sample "
                        f"{o.index} has dtype {value.dtype}; let measure return numbers"
                    )
                data = file.create_dataset(f"values/{o.index}/{k}", data=value)
                data.attrs["name"] = name


def _read(path: Path, job: Job) -> list[Outcome]:
    """The outcomes of one part.

    Raises
    ------
    FormatError
    """
    import h5py

    names = list(job.network.populations)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("neurosim_batch") != _VERSION:
                raise ValueError("no part of a batch")
            index, duration = file["index"][:], file["duration"][:]
            reasons = file["stop_reason"].asstr()[:]
            counts = {
                kind: [dict(zip(names, row, strict=True)) for row in file[kind][:].tolist()]
                for kind in _COUNTS
            }
            return [
                Outcome(
                    index=int(i), value=_values(file, int(i)), duration=float(duration[k]),
                    stop_reason=str(reasons[k]), **{kind: counts[kind][k] for kind in _COUNTS},
                )
                for k, i in enumerate(index)
            ]  # fmt: skip
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(
            f"{path}: must be a part of a batch; remove it to run its samples again ({error})"
        ) from None


def _values(file: Any, index: int) -> dict[str, np.ndarray]:
    found = file.get(f"values/{index}", {})
    return {str(found[k].attrs["name"]): np.asarray(found[k][()]) for k in sorted(found, key=int)}
