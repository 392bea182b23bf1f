"""Which format is this recording? Told by its content, never by its name."""

import os
from functools import partial

import numpy as np

from neurosim.files import Format, Formats

from .container import Events
from .es import decode_es, looks_like_es
from .nmnist import decode_nmnist, looks_like_nmnist

_FORMATS = Formats(
    owner="events.open",
    kinds=(
        Format(recognise=partial(looks_like_es, generic=False), decode=decode_es, memory=8),
        Format(recognise=partial(looks_like_es, generic=True), decode=decode_es, memory=16),
        Format(recognise=looks_like_nmnist, decode=decode_nmnist, memory=12),
    ),
    rule=(
        "must be an Event Stream (.es, begins with 'Event Stream') or an N-MNIST recording "
        "(.bin, 5 bytes per event)"
    ),
    remedy="convert the recording, or use neurosim.clouds.open for a point cloud",
)


def open(path: str | os.PathLike, *, strict: bool = True) -> Events:
    """Read a recording: Event Stream 2 (.es) or N-MNIST / N-Caltech101 (.bin).

    The first 64 KiB tell the format. The rest is read when the file has at most 4 GiB and
    what reading takes fits into the free memory: 8 times its size, 12 for N-MNIST, 16 for
    generic events.

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
        For a file that cannot be read, is empty, foreign, truncated, damaged or too large.
    ParameterError
        For a ``path`` that is none.

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
    return _FORMATS.open(path, strict=strict)


def decode(content: bytes | np.ndarray, name: str = "recording", *, strict: bool = True) -> Events:
    """Read a recording from memory, for instance a member of an archive.

    ``content`` is the whole file (bytes or uint8); ``name`` stands for it in errors. For
    the rest see :func:`open`.
    """
    return _FORMATS.decode(content, name, strict=strict)
