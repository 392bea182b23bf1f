"""Which format is this point cloud? Told by its content, never by its name."""

import os
from functools import partial

import numpy as np

from neurosim.files import Format, Formats

from .container import PointCloud
from .kitti import decode_kitti, looks_like_kitti
from .ply import decode_ply, looks_like_ply

_FORMATS = Formats(
    owner="clouds.open",
    kinds=(
        Format(recognise=partial(looks_like_ply, text=False), decode=decode_ply, memory=8),
        Format(recognise=partial(looks_like_ply, text=True), decode=decode_ply, memory=20),
        Format(recognise=looks_like_kitti, decode=decode_kitti, memory=8),
    ),
    rule="must be a PLY file (begins with 'ply') or a KITTI scan (.bin, 4 float32 per point)",
    remedy="convert the cloud, or use neurosim.events.open for a recording of events",
)


def open(path: str | os.PathLike, *, strict: bool = True) -> PointCloud:
    """Read a point cloud: PLY (text, binary of either byte order) or KITTI (.bin).

    The first 64 KiB tell the format. The rest is read when the file has at most 4 GiB and
    what reading takes fits into the free memory: 8 times its size, 20 for a PLY text.

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
        For a file that cannot be read, is empty, foreign, truncated, damaged or too large.
    ParameterError
        For a ``path`` that is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from neurosim.clouds import PointCloud, write_ply
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open(write_ply(PointCloud(xyz=[[1, 2, 3]]), Path(folder) / "any.name"))
    PointCloud(1 points, x 1..1, y 2..2, z 3..3 m, PLY binary_little_endian)
    """
    return _FORMATS.open(path, strict=strict)


def decode(content: bytes | np.ndarray, name: str = "cloud", *, strict: bool = True) -> PointCloud:
    """Read a point cloud from memory, for instance a member of an archive.

    ``content`` is the whole file (bytes or uint8); ``name`` stands for it in errors. For
    the rest see :func:`open`.
    """
    return _FORMATS.decode(content, name, strict=strict)
