"""How does a file appear whole or not at all, and how is a foreign one read with care?

Writing goes to a hidden file beside the target, which is synced and renamed. Reading looks
at the first 64 KiB, tells the format by them, and reads the rest only when it fits.
"""

import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FormatError, ParameterError

HEAD_BYTES = 1 << 16
"""So much of a file is read before its format is known."""

MAX_BYTES = 4 << 30
"""Larger files are refused: 4 GiB."""

_ALWAYS = 64 << 20  # so much memory is taken without asking whether it is free


def checked_path(owner: str, path: Any) -> str:
    """``path`` as text.

    Raises
    ------
    ParameterError
        It is no path, or holds a character that no path can hold.

    Examples
    --------
    >>> checked_path("write_es", Path("a") / "b.es").replace(os.sep, "/")
    'a/b.es'
    """
    try:
        name = os.fsdecode(path)
        possible = "\0" not in name and bool(os.fsencode(name))
    except (TypeError, UnicodeError):
        possible = False
    if not possible:
        raise ParameterError(f"{owner}: path must be a str or Path of a file, got {path!r}")
    return name


# --------------------------------------------------------------------------- writing


def write_whole(
    path: str | os.PathLike,
    content: str | bytes | Callable[[Path], Any],
    *,
    owner: str = "file",
) -> Path:
    """Write one file so that nobody ever sees half of it.

    Parameters
    ----------
    path : path-like
        Replaced when it exists; its folder must exist.
    content : str, bytes or callable
        Text (kept as UTF-8, line ends as they are), bytes, or a function that receives
        the path of a hidden file beside ``path`` and writes that.
    owner : str
        Who writes, for the message of an error.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        The file cannot be written. Nothing is left, and a former file is untouched; the
        same holds when ``content`` raises, or for Ctrl-C.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(f"{folder}/a.txt", "one")
    ...     path = write_whole(path, lambda beside: beside.write_text("two"))
    ...     path.read_text(), os.listdir(folder)
    ('two', ['a.txt'])
    """
    target = Path(checked_path(owner, path))
    mark = f"{os.getpid()}.{threading.get_ident()}"
    # A short name: the one of the target may already be as long as the disk allows.
    beside = target.parent / f".{target.name[:40]}.{mark}.part"
    try:
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content.encode() if isinstance(content, str) else content)
        with open(beside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise ParameterError(
            f"{owner}: path must be a file in a writable folder, but {str(path)!r} cannot be "
            f"written ({error.strerror or error}); give a path in a folder that exists and is "
            "writable"
        ) from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return target


# --------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file.

    Parameters
    ----------
    recognise : callable
        Whether the first bytes of a file (uint8, at most ``HEAD_BYTES``) are of this kind.
    decode : callable
        ``decode(data, name, strict=...)`` of the whole file, a read-only uint8 array.
    memory : int
        Bytes in memory per byte of the file, at the most, while it is read.
    """

    recognise: Callable[[np.ndarray], bool]
    decode: Callable[..., Any]
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """The kinds of file that one function opens, told apart by their content.

    Parameters
    ----------
    owner : str
        The function, for errors.
    kinds : tuple of Format
        In the order in which they are tried.
    rule, remedy : str
        What a file must be, and what to do with another one.
    """

    owner: str
    kinds: tuple[Format, ...]
    rule: str
    remedy: str

    def open(self, path: Any, *, strict: bool) -> Any:
        """Read a file: recognise it by its head, check its size, then read all of it."""
        name = checked_path(self.owner, path)
        try:
            if not stat.S_ISREG(os.stat(name).st_mode):  # a pipe or device might never end
                raise OSError(None, "not a regular file")
            with open(name, "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                kind = self._kind(np.fromfile(file, np.uint8, HEAD_BYTES), size, name)
                _check_size(size, kind, name)
                file.seek(0)
                data = np.fromfile(file, np.uint8, size)
        except OSError as error:
            raise FormatError(
                f"{name}: must be a readable file, got: {error.strerror or error}; check the path"
            ) from error
        except MemoryError:
            raise _too_large(size, kind, name, "less") from None
        return _decode(kind, data, name, strict)

    def decode(self, content: Any, name: str, *, strict: bool) -> Any:
        """Read the content of a file that is in memory already."""
        if isinstance(content, (bytes, bytearray, memoryview)):
            data = np.frombuffer(content, np.uint8)
        elif isinstance(content, np.ndarray) and content.dtype == np.uint8 and content.ndim == 1:
            data = np.ascontiguousarray(content).view()
        else:
            raise ParameterError(
                f"{self.owner}: content must be bytes or a one-dimensional uint8 array, got "
                f"{type(content).__name__}"
            )
        return _decode(self._kind(data[:HEAD_BYTES], len(data), name), data, name, strict)

    def _kind(self, head: np.ndarray, size: int, name: str) -> Format:
        for kind in self.kinds:
            if kind.recognise(head):
                return kind
        raise FormatError(
            f"{name}: {self.rule}, got {size:,} bytes that begin with {head[:12].tobytes()!r}; "
            f"{self.remedy}"
        )


def free_memory() -> int | None:
    """Bytes of memory that programs can still get; None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _check_size(size: int, kind: Format, name: str) -> None:
    if size > MAX_BYTES:
        raise FormatError(
            f"{name}: must have at most {MAX_BYTES:,} bytes, got {size:,}; cut it into parts"
        )
    needed = size * kind.memory
    free = free_memory() if needed > _ALWAYS else None
    if free is not None and needed > free:
        raise _too_large(size, kind, name, f"{free / 2**20:,.0f} MiB")


def _too_large(size: int, kind: Format, name: str, free: str) -> FormatError:
    return FormatError(
        f"{name}: reading its {size:,} bytes must fit into memory, which takes up to "
        f"{size * kind.memory / 2**20:,.0f} MiB, got {free} free; cut it into parts, or close "
        "other programs"
    )


def _decode(kind: Format, data: np.ndarray, name: str, strict: bool) -> Any:
    data.flags.writeable = False  # like bytes: one array type, one compilation
    try:
        return kind.decode(data, name, strict=strict)
    except MemoryError:
        raise _too_large(len(data), kind, name, "less") from None
