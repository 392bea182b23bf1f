"""Which format is this recording? Told by its content, never by its name."""

import os
import stat

import numpy as np

from neurosim.errors import FormatError

from .container import Events
from .es import SIGNATURE, decode_es
from .nmnist import decode_nmnist, looks_like_nmnist


def open(path: str | os.PathLike, *, strict: bool = True) -> Events:
    """Read a recording: Event Stream 2 (.es) or N-MNIST / N-Caltech101 (.bin).

    Parameters
    ----------
    path : path of the file; its extension is ignored
    strict : bool
        A damaged file is an error that says where. With ``strict=False`` every whole
        event is delivered and ``Events.notes`` says what was dropped.

    Returns
    -------
    Events
        ``source`` names the format. Time stamps that run backwards are sorted stably
        and counted in ``n_unsorted``, in either mode.

    Raises
    ------
    FormatError
        For a file that cannot be read, is empty, foreign, truncated or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neurosim.events import Events, write_es
    >>> recording = Events(x=[3, 1], y=[0, 2], t=[10, 900], p=[1, 0], sensor_size=(4, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open(write_es(recording, Path(folder) / "any.name"))
    Events(4x3, 2 events (1 on, 1 off), t 10..900 us, 2.247 kev/s, Event Stream 2.0.0 DVS)
    """
    name = os.fspath(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe or a device might never end
            raise OSError(None, "not a regular file")
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise FormatError(
            f"{name}: must be a readable file, got: {error.strerror or error}; check the path"
        ) from error
    return decode(data, name, strict=strict)


def decode(content: bytes | np.ndarray, name: str = "recording", *, strict: bool = True) -> Events:
    """Read a recording from memory, for instance a member of an archive.

    ``content`` is the whole file (bytes or uint8); ``name`` stands for it in errors. For
    the rest see :func:`open`.
    """
    data = np.frombuffer(content, np.uint8)
    data.flags.writeable = False  # like bytes: one array type, one compilation
    if data[: len(SIGNATURE)].tobytes() == SIGNATURE:
        return decode_es(data, name, strict=strict)
    if looks_like_nmnist(data):
        return decode_nmnist(data, name, strict=strict)
    raise FormatError(
        f"{name}: must be an Event Stream (.es, begins with 'Event Stream') or an N-MNIST "
        f"recording (.bin, 5 bytes per event), got {len(data):,} bytes that begin with "
        f"{data[:12].tobytes()!r}; convert the recording, or use neurosim.clouds.open for a "
        "point cloud"
    )
