"""Where are the bytes of a recording? On disk, or in memory."""

import io
import os
import stat
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from neurosim import files
from neurosim.errors import FormatError, ParameterError
from neurosim.files import HEAD_BYTES, checked_path

_ALWAYS = 64 << 20  # so much memory is taken without asking whether it is free


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """A file, or the content of one, that can be read again and again.

    Parameters
    ----------
    name : str
        How errors call it.
    size : int
        Bytes.
    head : uint8 array
        Its first 64 KiB at most.
    content : bytes-like, optional
        All of it, when it is in memory; otherwise ``name`` is its path.
    """

    name: str
    size: int
    head: np.ndarray = field(repr=False)
    content: Any = field(default=None, repr=False)

    @classmethod
    def of_path(cls, owner: str, path: Any) -> "Stored":
        """A regular file; its head is read.

        Raises
        ------
        ParameterError, FormatError
            ``path`` is none, or cannot be read.
        """
        name = checked_path(owner, path)
        try:
            if not stat.S_ISREG(os.stat(name).st_mode):  # a pipe or device might never end
                raise OSError(None, "not a regular file")
            file = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                size = os.fstat(file).st_size
                head = np.frombuffer(os.read(file, HEAD_BYTES), np.uint8)
            finally:
                os.close(file)
        except OSError as error:
            raise unreadable(name, error) from error
        return cls(name=name, size=size, head=head)

    @classmethod
    def of_content(cls, owner: str, content: Any, name: str) -> "Stored":
        """The whole file as bytes or a uint8 array."""
        if isinstance(content, (bytes, bytearray, memoryview)):
            data = np.frombuffer(content, np.uint8)
        elif isinstance(content, np.ndarray) and content.dtype == np.uint8 and content.ndim == 1:
            data = np.ascontiguousarray(content)
        else:
            raise ParameterError(
                f"{owner}: content must be bytes or a one-dimensional uint8 array, got "
                f"{type(content).__name__}"
            )
        return cls(name=name, size=len(data), head=data[:HEAD_BYTES].copy(), content=data.data)

    def open(self) -> BinaryIO:
        """A fresh binary file, at its beginning."""
        if self.content is not None:
            return io.BytesIO(self.content)
        if self.size == len(self.head):  # all of it was read already
            return io.BytesIO(self.head.data)
        try:
            return open(self.name, "rb", buffering=0)
        except OSError as error:
            raise unreadable(self.name, error) from error

    def read(self, *, memory: int = 1) -> np.ndarray:
        """All bytes (uint8, read-only), when ``memory`` times as many fit into memory."""
        check_memory(self.size * memory, self.name)
        if self.content is not None:
            data = np.frombuffer(self.content, np.uint8)
        else:
            try:
                data = np.fromfile(self.name, np.uint8)
            except OSError as error:
                raise unreadable(self.name, error) from error
        data = data.view()
        data.flags.writeable = False
        return data

    def starts_with(self, *signatures: bytes) -> bool:
        """Whether the first bytes are one of ``signatures``."""
        return self.head[:64].tobytes().startswith(signatures)


def unreadable(name: str, error: OSError) -> FormatError:
    """The error for a file that the system does not let us read."""
    return FormatError(
        f"{name}: must be a readable file, got: {error.strerror or error}; check the path"
    )


def check_memory(needed: int, name: str) -> None:
    """Raise when ``needed`` bytes are not free; ask only where it matters."""
    free = files.free_memory() if needed > _ALWAYS else None
    if free is not None and needed > free:
        raise FormatError(
            f"{name}: reading it at once must fit into memory, which takes up to "
            f"{needed / 2**20:,.0f} MiB, got {free / 2**20:,.0f} MiB free; iterate over the "
            "recording, which takes constant memory, or cut it with crop(t=(start, stop))"
        )
