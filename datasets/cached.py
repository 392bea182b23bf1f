"""How is a sample computed once only? A cache on disk, checked when it is read."""

import hashlib
import io
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.checks import integer
from neurosim.errors import ParameterError
from neurosim.events import Events
from neurosim.files import write_whole

_COLUMNS = ("x", "y", "t", "p")


@dataclass(frozen=True, slots=True)
class Cached:
    """A data set whose samples are kept in a folder, each with its SHA-256.

    A sample is an `Events` or an array, its target whatever JSON can say. A file that is
    damaged, or of another sample, is computed again. Several processes may fill one folder.

    Parameters
    ----------
    dataset
        With ``len`` and ``[i] -> (sample, target)``.
    folder : path
        Made when it is not there. It remembers ``key``.
    key : str
        What the samples are: data set, transform, version. Another key than the folder's is
        an error; without one the ``repr`` of the data set is taken. Names, sizes and times of
        change of an `EventFolder`'s files belong to it in any case.

    Raises
    ------
    ParameterError
        The folder is of another data set, a sample cannot be kept, or there is no ``key`` though
        the data set's ``repr`` holds addresses, which other objects get another time.

    Examples
    --------
    >>> import tempfile
    >>> class Slow:
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         print("computed")
    ...         return Events(x=[index], y=[0], t=[5], p=[1]), index
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = Cached(Slow(), folder, key="slow 1")
    ...     data[1][0].x, data[1][1]
    computed
    (array([1], dtype=uint16), 1)
    """

    dataset: Any
    folder: str | os.PathLike
    key: str | None = None

    def __post_init__(self) -> None:
        folder, key = Path(self.folder), self._key()
        about = folder / "cache.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = about.read_text(encoding="utf-8") if about.exists() else None
        except OSError as error:
            raise ParameterError(
                f"Cached.folder must be a writable folder, but {folder} is not: {error}"
            ) from None
        if known is None:
            write_whole(about, json.dumps({"key": key}), owner="Cached")
        elif known != json.dumps({"key": key}):
            same = len(os.path.commonprefix([known, json.dumps({"key": key})])) - len('{"key": "')
            raise ParameterError(
                f"Cached.folder must be of the data set {_around(key, same)!r}, got that of "
                f"{_around(known[9:-2], same)!r} in {folder}; give another folder, or empty it"
            )

    def _key(self) -> str:
        key = repr(self.dataset) if self.key is None else str(self.key)
        if self.key is None and re.search(r" at 0x[0-9a-fA-F]+", key):
            raise ParameterError(
                "Cached.key must say what the samples are where the data set's repr does not, got "
                f"{_around(key, key.index(' at 0x'))!r}; say key='data set, transform, version'"
            )
        state = getattr(self.dataset, "state", None)
        return key if state is None else f"{key}; files {state()}"

    @property
    def targets(self) -> Any:
        """Those of the data set."""
        return self.dataset.targets

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = integer("Cached", "index", index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"Cached has {len(self)} samples, got index {index}")
        index %= len(self)
        path = Path(self.folder) / f"{index:08d}.sample"
        found = _read(path, index)
        if found is None:
            sample, target = self._computed(index)
            content = _packed(index, sample, target)
            write_whole(path, content, owner="Cached")
            found = _unpacked(content, index)  # the same at first as ever after
        return found

    def _computed(self, index: int) -> tuple[Any, Any]:
        found = self.dataset[index]
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise ParameterError(
                "Cached.dataset must give (sample, target), got "
                f"{type(found).__name__} at {index}; add a transform that makes one"
            )
        return found


def _around(text: str, place: int) -> str:
    """The part of a long key in which it differs."""
    return text[max(place - 40, 0) : max(place, 0) + 40]


def _packed(index: int, sample: Any, target: Any) -> bytes:
    """SHA-256 of what follows, then an .npz archive."""
    arrays: dict[str, Any] = {}
    target = target.tolist() if isinstance(target, np.ndarray | np.generic) else target
    about: dict[str, Any] = {"index": index, "target": target}
    if isinstance(sample, Events):
        arrays = {name: getattr(sample, name) for name in _COLUMNS}
        about["events"] = {
            "sensor_size": list(sample.sensor_size),
            "n_polarities": sample.n_polarities,
            "source": sample.source,
            "notes": list(sample.notes),
            "n_unsorted": sample.n_unsorted,
        }
    elif isinstance(sample, np.ndarray) and sample.dtype.kind in "iufbc":
        arrays = {"array": sample}
    else:
        raise ParameterError(
            "Cached.dataset must give Events or arrays of numbers, got "
            f"{type(sample).__name__}; add a transform that makes one"
        )
    try:
        text = json.dumps(about).encode()
    except TypeError:
        raise ParameterError(
            f"Cached.dataset must give targets that JSON can say, got {type(target).__name__}"
        ) from None
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays, about=np.frombuffer(text, np.uint8))
    content = buffer.getvalue()
    return hashlib.sha256(content).digest() + content


def _read(path: Path, index: int) -> tuple[Any, Any] | None:
    """The sample; None when there is none, or it is damaged or another one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _unpacked(path.read_bytes(), index)
    return None


def _unpacked(content: bytes, index: int) -> tuple[Any, Any] | None:
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    with np.load(io.BytesIO(content[32:]), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        if about["index"] != index:
            return None
        if "events" not in about:
            return arrays["array"], about["target"]
        known = about["events"]
        known["sensor_size"] = tuple(known["sensor_size"])
        known["notes"] = tuple(known["notes"])
        return Events.trusted(*(arrays[c] for c in _COLUMNS), **known), about["target"]
