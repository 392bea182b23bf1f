"""Which format is this point cloud? Told by its content, never by its name."""

import os
import stat

import numpy as np

from neurosim.errors import FormatError

from .container import PointCloud
from .kitti import decode_kitti, looks_like_kitti
from .ply import SIGNATURE, decode_ply


def open(path: str | os.PathLike, *, strict: bool = True) -> PointCloud:
    """Read a point cloud: PLY (text, binary of either byte order) or KITTI (.bin).

    Parameters
    ----------
    path : path of the file; its extension is ignored
    strict : bool
        A KITTI scan that ends inside a point is an error; with ``strict=False`` the
        whole points are delivered and ``PointCloud.notes`` says so. A PLY file
        announces its number of points and must hold them in either mode.

    Raises
    ------
    FormatError
        For a file that cannot be read, is empty, foreign, truncated or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neurosim.clouds import PointCloud, write_ply
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open(write_ply(PointCloud(xyz=[[1, 2, 3]]), Path(folder) / "any.name"))
    PointCloud(1 points, x 1..1, y 2..2, z 3..3 m, PLY binary_little_endian)
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


def decode(content: bytes | np.ndarray, name: str = "cloud", *, strict: bool = True) -> PointCloud:
    """Read a point cloud from memory, for instance a member of an archive.

    ``content`` is the whole file (bytes or uint8); ``name`` stands for it in errors. For
    the rest see :func:`open`.
    """
    data = np.frombuffer(content, np.uint8)
    head = data[:5].tobytes()
    if head.startswith((SIGNATURE + b"\n", SIGNATURE + b"\r\n")):
        return decode_ply(data.tobytes(), name)
    if looks_like_kitti(data):
        return decode_kitti(data, name, strict=strict)
    raise FormatError(
        f"{name}: must be a PLY file (begins with 'ply') or a KITTI scan (.bin, 4 float32 per "
        f"point), got {len(data):,} bytes that begin with {data[:12].tobytes()!r}; convert the "
        "cloud, or use neurosim.events.open for a recording of events"
    )
