"""Recordings in a folder, one file each, with labels from their paths."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurosim import events
from neurosim.checks import integer
from neurosim.errors import ParameterError
from neurosim.events import Events
from neurosim.events.adapters import seeded
from neurosim.files import checked_path


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFolder:
    """Every recording below ``root`` that matches ``pattern``; read when asked for.

    A map-style data set: ``folder[i] -> (events, target)``, in the order of the paths.

    Parameters
    ----------
    root : path
    pattern : str
        Which files, as in :meth:`pathlib.Path.glob`.
    label : str, optional
        Regular expression with one group, searched in the path below ``root`` (with
        ``/``): its text is the class. Without it the class is the name of the file's folder, so
        that ``train/cat`` and ``test/cat`` are one class.
    transform : callable, optional
        Of `Events`; an operation with a seed draws for each sample anew, by its index.
    classes : tuple of str
        Found here, sorted; the target is the position in it.

    Raises
    ------
    ParameterError
        When no file matches, or a path has no label.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("a_label7.bin", "b_label3.bin"):
    ...         _ = events.write_nmnist(Events(x=[1], y=[2], t=[5], p=[1]), Path(root) / name)
    ...     folder = EventFolder(root=root, pattern="*.bin", label=r"_label([0-9])")
    ...     folder.classes, folder[0][1], len(folder[0][0])
    (('3', '7'), 1, 1)
    """

    root: str | os.PathLike
    pattern: str = "**/*.bin"
    label: str | None = None
    transform: Callable[[Events], Any] | None = None
    paths: tuple[Path, ...] = field(init=False, repr=False)
    targets: tuple[int, ...] = field(init=False, repr=False)
    classes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        root = Path(checked_path("EventFolder", self.root))
        try:
            paths = tuple(sorted(p for p in root.glob(self.pattern) if p.is_file()))
            re.compile(self.label or "")
        except (re.error, NotImplementedError, ValueError, TypeError) as error:
            raise ParameterError(
                "EventFolder.pattern and label must be a pattern of paths below root and a regular "
                f"expression, got {self.pattern!r} and {self.label!r}: {error}"
            ) from None
        if not paths:
            raise ParameterError(
                f"EventFolder.pattern must match a file below {root}, got {self.pattern!r} "
                "with none"
            )
        names = [self._class(path.relative_to(root)) for path in paths]
        classes = tuple(sorted(set(names)))
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "targets", tuple(classes.index(name) for name in names))

    def _class(self, path: Path) -> str:
        if self.label is None:
            return path.parent.name or Path(self.root).resolve().name
        found = re.search(self.label, path.as_posix())
        if not found or not found.groups() or found.group(1) is None:
            raise ParameterError(
                "EventFolder.label must be a regular expression with a group that every path "
                f"matches, got {self.label!r} for {path}"
            )
        return found.group(1)

    def state(self) -> str:
        """A digest of the files' names, sizes and times of change."""
        digest = hashlib.sha256()
        for path in self.paths:
            about = path.stat()
            name = path.relative_to(self.root).as_posix()
            digest.update(f"{name} {about.st_size} {about.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        index = integer("EventFolder", "index", index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"EventFolder has {len(self)} recordings, got index {index}")
        index %= len(self)
        sample = events.open(self.paths[index], strict=True, progress=False).events
        return seeded(self.transform, index)(sample), self.targets[index]
