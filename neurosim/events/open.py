"""Which format is this recording? Told by its content, never by its name."""

import inspect
import os
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import FormatError, ParameterError
from neurosim.progress import Choice

from .formats.aedat import looks_like_aedat, open_aedat
from .formats.aedat3 import looks_like_aedat3, open_aedat3
from .formats.aedat4 import looks_like_aedat4, open_aedat4
from .formats.arrays import looks_like_npy, looks_like_npz, open_npy, open_npz
from .formats.bag import looks_like_bag
from .formats.dat import looks_like_dat, open_dat
from .formats.es import looks_like_es, open_es
from .formats.hdf5 import looks_like_hdf5, open_hdf5
from .formats.matlab import looks_like_matlab, open_matlab
from .formats.mcap import looks_like_mcap
from .formats.nmnist import looks_like_nmnist, open_nmnist
from .formats.raw import looks_like_raw, open_raw
from .formats.source import Source
from .formats.sqlite import looks_like_sqlite
from .formats.stored import Stored
from .formats.text import looks_like_text, open_text
from .formats.topics import open_bag, open_mcap, open_sqlite
from .recording import Recording

_FORMATS = (
    (looks_like_es, open_es),
    (looks_like_raw, open_raw),
    (looks_like_dat, open_dat),
    (looks_like_aedat, open_aedat),
    (looks_like_aedat3, open_aedat3),
    (looks_like_aedat4, open_aedat4),
    (looks_like_bag, open_bag),
    (looks_like_mcap, open_mcap),
    (looks_like_sqlite, open_sqlite),
    (looks_like_hdf5, open_hdf5),
    (looks_like_matlab, open_matlab),
    (looks_like_npy, open_npy),
    (looks_like_npz, open_npz),
    # These have no signature, so they are asked last.
    (looks_like_text, open_text),
    (looks_like_nmnist, open_nmnist),
)
_RULE = (
    "must be an Event Stream (.es), AEDAT 1 to 4, Prophesee RAW or DAT, ROS 1 or 2 bag, MCAP, "
    "HDF5, MATLAB, NumPy or text file of events, or an N-MNIST recording (.bin)"
)


def open(
    path: str | os.PathLike, *, strict: bool = False, progress: Choice = "auto", **options: Any
) -> Recording:
    """Open a recording of any known format; nothing but its head is read yet.

    Parameters
    ----------
    path : path of the file, or of the folder of a ROS 2 bag; its extension is ignored
    strict : bool
        A truncated end or an event off the sensor is an error that says where, and the
        whole file is checked at once. Otherwise every whole event is delivered and
        ``notes`` counts what was not.
    progress : "auto", bool or callable
        "auto" shows a bar in a terminal where a pass takes more than a second; True and False
        decide; a function is called with megabytes done and in all.
    options
        ``topic`` of a bag, ``stream`` of AEDAT 4, ``dataset`` of HDF5, where a file has
        several recordings; ``columns`` ('txyp', '-' passes over one) and ``time_unit`` ('s',
        'ms', 'us', 'ns') of text and arrays, where they cannot be told by the content.

    Returns
    -------
    Recording
        Lazy: see there. ``source`` names the format. Time stamps that run backwards are
        sorted stably and counted in ``n_unsorted``, in either mode.

    Raises
    ------
    FormatError
        For a file that cannot be read, is empty or foreign, or has a damaged header.
    ParameterError
        For a ``path`` that is none, or an option that the format does not have.
    MissingExtraError
        The file is compressed by something that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neurosim.events import Events, write_es
    >>> recording = Events(x=[3, 1], y=[0, 2], t=[10, 900], p=[1, 0], sensor_size=(4, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open(write_es(recording, Path(folder) / "any.name")).events
    Events(4x3, 2 events (1 on, 1 off), t 10..900 us, 2.247 kev/s, Event Stream 2.0.0 DVS)
    """
    try:
        stored = Stored.of_path("events.open", path)
    except FormatError:
        folder = Path(os.fsdecode(path))
        if not (folder / "metadata.yaml").is_file():
            raise
        return _recording(_bag_folder(folder, options), strict, progress)
    return _recording(source_of(stored, **options), strict, progress)


def decode(
    content: bytes | np.ndarray, name: str = "recording", *, strict: bool = False, **options: Any
) -> Recording:
    """Open a recording in memory, for instance a member of an archive.

    ``content`` is the whole file (bytes or uint8); ``name`` stands for it in errors. For
    the rest see :func:`open`.
    """
    stored = Stored.of_content("events.open", content, name)
    return _recording(source_of(stored, **options), strict, False)


def _recording(source: Source, strict: bool, progress: Choice) -> Recording:
    recording = Recording(origin=source, strict=strict, progress=progress)
    if strict:
        recording.facts()
    return recording


def source_of(stored: Stored, **options: Any) -> Source:
    """The decoder of a file.

    Raises
    ------
    FormatError
        It is of no known format.
    """
    for looks_like, opened in _FORMATS:
        if looks_like(stored):
            return opened(stored, **_known(opened, options))
    raise FormatError(
        f"{stored.name}: {_RULE}, got {stored.size:,} bytes that begin with "
        f"{stored.head[:12].tobytes()!r}; convert the recording, or use neurosim.clouds.open for "
        "a point cloud"
    )


def _known(opened: Any, options: dict[str, Any]) -> dict[str, Any]:
    if not options:
        return options
    allowed = set(inspect.signature(opened).parameters) - {"stored", "files"}
    unknown = sorted(set(options) - allowed)
    if unknown:
        raise ParameterError(
            f"events.open.{unknown[0]} must be an option of the format, which has "
            f"{', '.join(sorted(allowed)) or 'none'}, got {options[unknown[0]]!r}; leave it out"
        )
    return options


def _bag_folder(folder: Path, options: dict[str, Any]) -> Source:
    """The parts of a ROS 2 bag, in the order of their numbers."""
    for ending, opened in ((".db3", open_sqlite), (".mcap", open_mcap)):
        paths = sorted(folder.glob(f"*{ending}"), key=_number)
        if paths:
            files = tuple(Stored.of_path("events.open", path) for path in paths)
            return opened(files[0], files=files, **_known(opened, options))
    raise FormatError(
        f"{folder}: the folder of a ROS 2 bag must hold .db3 or .mcap files, got none; unpack "
        "compressed ones first"
    )


def _number(path: Path) -> tuple[int, str]:
    digits = path.stem.rpartition("_")[2]
    return (int(digits) if digits.isdigit() else 0, path.name)
