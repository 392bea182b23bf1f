"""How is a KITTI Velodyne scan (.bin) recognised and read?

Four little-endian float32 per point, no header: x, y, z [m] and reflectance in 0..1.
"""

import numpy as np

from neurosim.errors import FormatError

from .container import PointCloud

_RECORD = 16
_FAR = 250.0  # m; twice the range of the sensor
_SMALL = 1e-6  # m; numbers nearer to 0 than this are no measurements, 0 itself is


def looks_like_kitti(data: np.ndarray) -> bool:
    """Whether ``data`` (uint8), a file or its first bytes, holds points of such a scan.

    The format has no signature, so its values must do: every number finite, coordinates
    within 250 m, reflectance in 0..1, none closer to 0 than 1e-6 except 0 itself, and
    not all points the same.
    """
    points = _points(data)
    if not len(points):
        return False
    size = np.abs(points)
    with np.errstate(invalid="ignore"):  # nan compares False, which is what we want
        sane = ((size >= _SMALL) | (size == 0)).all() and (size[:, :3] <= _FAR).all()
        sane = sane and ((points[:, 3] >= 0) & (points[:, 3] <= 1)).all()
        same = len(points) > 1 and (points[1:] == points[0]).all()
    return bool(sane and not same and size[:, :3].any())


def _points(data: np.ndarray) -> np.ndarray:
    whole = len(data) // _RECORD * _RECORD
    return data[:whole].view("<f4").reshape(-1, 4)


def decode_kitti(data: np.ndarray, name: str, *, strict: bool = True) -> PointCloud:
    """Points of the bytes of a scan (``data`` uint8, called ``name`` in errors)."""
    if not looks_like_kitti(data):
        raise FormatError(
            f"{name}: records of 16 bytes must be x, y, z within {_FAR:g} m and reflectance in "
            "0..1 as float32, got other data; use the reader of its format"
        )
    points, tail = _points(data), len(data) % _RECORD
    if tail and strict:
        raise FormatError(
            f"{name}: the point at byte {len(points) * _RECORD} must have 16 bytes, but the "
            f"file ends at byte {len(data)} inside it; copy the file again, or open it with "
            f"strict=False to keep the {len(points):,} whole points"
        )
    return PointCloud(
        xyz=points[:, :3],
        intensity=points[:, 3],
        source="KITTI .bin",
        notes=(f"truncated: {tail} bytes at the end dropped",) if tail else (),
    )
