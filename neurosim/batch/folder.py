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
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.checkpoint import describe
from ..errors import FormatError, ParameterError
from ..files import checked_path, write_whole
from ..locks import hold
from .job import Job
from .outcome import Outcome

SETTINGS, LOCK = "batch.json", ".lock"
_VERSION = 1
_COUNTS = ("spikes", "operations")


def fingerprint(job: Job) -> str:
    """Text that is equal for equal networks, options and functions.

    Of functions it knows code, defaults and closures; of what they find in their module, nothing.
    """
    digest = hashlib.sha256()
    describe(digest, job.network)
    for population in job.network.populations.values():  # a checkpoint has these as state
        neurons = population.neurons
        own = getattr(neurons, "arrays", None) if population.is_source else neurons.initial
        digest.update(_plain(own).encode())
    for one in (job.duration, job.engine, job.build, job.run, job.encode, job.measure):
        digest.update(_plain(one).encode())
    return digest.hexdigest()


def digest_of(sample: Any) -> str:
    """A short text that tells samples apart."""
    return hashlib.blake2b(_plain(sample).encode(), digest_size=12).hexdigest()


def _plain(value: Any, seen: tuple[int, ...] = ()) -> str:
    """A text for anything that is the same in another process."""
    if id(value) in seen:
        return "again"
    seen = (*seen, id(value))
    if isinstance(value, (str, bytes, int, float, complex, np.generic, type(None))):
        return repr(value)
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).tobytes()
        if value.dtype == object:
            content = _plain(value.tolist(), seen).encode()
        return f"{value.dtype}{value.shape}{hashlib.sha256(content).hexdigest()}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_plain(v, seen) for v in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(_plain(v, seen) for v in value))}}}"
    if isinstance(value, Mapping):
        pairs = sorted((_plain(k, seen), _plain(v, seen)) for k, v in value.items())
        return f"map{pairs}"
    if isinstance(value, functools.partial):
        return f"partial{_plain([value.func, value.args, value.keywords], seen)}"
    if inspect.ismethod(value):
        return f"method{_plain([value.__func__, value.__self__], seen)}"
    if inspect.isfunction(value):
        cells = [c.cell_contents for c in value.__closure__ or ()]
        more = [value.__code__, value.__defaults__, value.__kwdefaults__, cells]
        return f"{value.__qualname__} {_plain(more, seen)}"
    if inspect.iscode(value):
        return f"{value.co_code.hex()} {value.co_names} {_plain(value.co_consts, seen)}"
    kind = getattr(value, "__qualname__", type(value).__qualname__)
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
    else:
        own = getattr(value, "__dict__", {}) if not isinstance(value, type) else {}
    return f"{kind} {_plain(dict(own), seen)}"


class BatchFolder:
    """The folder of a batch.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: str | Path, job: Job) -> None:
        owner = "Batch.run"
        self.path = Path(checked_path(owner, path))
        settings = {"neurosim_batch": _VERSION, "fingerprint": fingerprint(job)}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / LOCK).touch()
        except OSError as error:
            raise ParameterError(
                f"{owner}: out must be a writable folder, got {str(path)!r} ({error})"
            ) from None
        self._lock = hold(self.path / LOCK, work="batch")
        try:
            for left in self.path.glob(".*.part"):
                left.unlink(missing_ok=True)
            if (self.path / SETTINGS).exists():
                self._check(settings)
            else:
                write_whole(self.path / SETTINGS, json.dumps(settings, indent=2), owner=owner)
            parts = sorted(self.path.glob("part-*.h5"))
            found = [one for part in parts for one in _read(part, job)]
        except BaseException:
            self.close()
            raise
        self._done = {outcome.index: (outcome, mark) for outcome, mark in found}
        self._marks: dict[int, str] = {}
        self._next = 1 + max((int(part.stem.split("-")[1]) for part in parts), default=-1)

    def outcome_of(self, index: int, sample: Any) -> Outcome | None:
        """What an earlier run has left of a sample, if anything.

        Raises
        ------
        ParameterError
            It was another sample.
        """
        mark = digest_of(sample)
        outcome, before = self._done.get(index, (None, mark))
        if before != mark:
            raise ParameterError(
                f"Batch.run: out must be of the same data set, but sample {index} is another one "
                f"than {self.path} has; give the same samples in the same order, or name a new "
                "folder"
            )
        if outcome is None:
            self._marks[index] = mark
        return outcome

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
                What was measured is no number or array of numbers.
        """
        outcomes = list(outcomes)
        if not outcomes:
            return
        path = self.path / f"part-{self._next:06d}.h5"
        marks = [self._marks.pop(o.index) for o in outcomes]
        write_whole(path, lambda temporary: _write(temporary, outcomes, marks), owner="Batch.run")
        self._next += 1


def _write(path: Path, outcomes: list[Outcome], marks: list[str]) -> None:
    import h5py  # where it is needed: `import neurosim` stays light

    names = list(outcomes[0].spikes)
    with h5py.File(path, "w") as file:
        file.attrs["neurosim_batch"] = _VERSION
        file["index"] = np.array([o.index for o in outcomes], np.int64)
        file["duration"] = np.array([o.duration for o in outcomes])
        file["stop_reason"] = [o.stop_reason for o in outcomes]
        file["sample"] = marks
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


def _read(path: Path, job: Job) -> list[tuple[Outcome, str]]:
    """The outcomes of one part, and marks of their samples.

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
            reasons, marks = (file[name].asstr()[:] for name in ("stop_reason", "sample"))
            counts = {
                kind: [dict(zip(names, row, strict=True)) for row in file[kind][:].tolist()]
                for kind in _COUNTS
            }
            outcomes = [
                Outcome(
                    index=int(i), value=_values(file, int(i)), duration=float(duration[k]),
                    stop_reason=str(reasons[k]), **{kind: counts[kind][k] for kind in _COUNTS},
                )
                for k, i in enumerate(index)
            ]  # fmt: skip
            return list(zip(outcomes, map(str, marks), strict=True))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(
            f"{path}: must be a part of a batch; remove it to run its samples again ({error})"
        ) from None


def _values(file: Any, index: int) -> dict[str, np.ndarray]:
    found = file.get(f"values/{index}", {})
    return {str(found[k].attrs["name"]): np.asarray(found[k][()]) for k in sorted(found, key=int)}
