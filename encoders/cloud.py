"""How does a point cloud become spikes? By occupied voxels, or by range."""

import math
from dataclasses import dataclass

import numpy as np

from neurosim.checks import integer, number
from neurosim.clouds import PointCloud
from neurosim.errors import ParameterError

from .encoded import Encoded
from .inputs import real_array, sides


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelEncoder:
    """One input neuron per voxel of a box; it fires once when points lie inside.

    A voxel with k points fires at ``t = t_max (1 - min(k, saturation) / saturation)``:
    fuller voxels fire earlier. With ``saturation=1`` every occupied voxel fires at 0.

    Parameters
    ----------
    low, high : (x, y, z)
        Corners of the box [m]; points outside are ignored.
    shape : (nx, ny, nz)
        Voxels along each axis; neuron ``(ix ny + iy) nz + iz``.
    t_max : float
        Length of the presentation [ms].
    saturation : int
        Number of points from which on a voxel fires at 0 ms.

    Examples
    --------
    >>> cloud = PointCloud(xyz=[[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [0.9, 0.9, 0.9]])
    >>> encode = VoxelEncoder(
    ...     low=(0, 0, 0), high=(1, 1, 1), shape=(2, 2, 2), t_max=10.0, saturation=2
    ... )
    >>> encode(cloud).times.tolist(), encode(cloud).ids.tolist()
    ([0.0, 5.0], [0, 7])
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    shape: tuple[int, int, int]
    t_max: float = 20.0
    saturation: int = 1

    def __post_init__(self) -> None:
        owner = "VoxelEncoder"
        low = real_array(owner, "low", self.low, shape=(3,), unit="m")
        high = real_array(owner, "high", self.high, shape=(3,), unit="m")
        if np.any(high <= low):
            raise ParameterError(
                f"VoxelEncoder.high must be > low on every axis [m], got {self.high} and {self.low}"
            )
        shape = sides(owner, "shape", self.shape, ("nx", "ny", "nz"))
        if math.prod(shape) >= 2**31:
            raise ParameterError(
                f"VoxelEncoder.shape must be (nx, ny, nz) below 2**31 voxels, got {shape}"
            )
        number(owner, "t_max", self.t_max, above=0, unit="ms")
        integer(owner, "saturation", self.saturation, low=1, high=2**31)
        object.__setattr__(self, "low", tuple(low.tolist()))
        object.__setattr__(self, "high", tuple(high.tolist()))
        object.__setattr__(self, "shape", shape)

    def __call__(self, cloud: PointCloud) -> Encoded:
        """Encode a cloud."""
        low, high, shape = np.array(self.low), np.array(self.high), np.array(self.shape)
        cells = np.floor((cloud.xyz - low) / (high - low) * shape)
        cells = cells[((cells >= 0) & (cells < shape)).all(axis=1)].astype(np.int64)
        flat = (cells[:, 0] * shape[1] + cells[:, 1]) * shape[2] + cells[:, 2]
        ids, counts = np.unique(flat, return_counts=True)
        times = self.t_max * (1.0 - np.minimum(counts, self.saturation) / self.saturation)
        return Encoded(times=times, ids=ids, shape=self.shape, duration=self.t_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeEncoder:
    """One input neuron per viewing direction; nearer surfaces fire earlier.

    The direction is azimuth ``atan2(y, x)`` and elevation ``asin(z / r)`` seen from the
    origin. The nearest point of a direction, at range r, fires at
    ``t = t_max (r - range_min) / (range_max - range_min)``. Points outside
    ``range_min <= r < range_max`` or the angles, and empty directions, are silent.

    Parameters
    ----------
    shape : (rows, columns)
        Bins of elevation (row 0 is the lowest) and of azimuth.
    range_min, range_max : float
        Range [m] that fires at 0, and the one that would fire at ``t_max``, the end of the
        presentation, which is no part of it.
    t_max : float
        Length of the presentation [ms].
    azimuth, elevation : (low, high)
        Angles that the bins span [degrees], within -180..180 and -90..90.

    Examples
    --------
    >>> cloud = PointCloud(xyz=[[2.0, 0, 0], [4.0, 0.01, 0], [0, 5.0, 0]])
    >>> encode = RangeEncoder(
    ...     shape=(1, 4), range_max=10.0, t_max=20.0, azimuth=(-45, 135)
    ... )
    >>> encode(cloud).times.tolist(), encode(cloud).ids.tolist()
    ([4.0, 10.0], [1, 3])
    """

    shape: tuple[int, int] = (16, 64)
    range_min: float = 0.0
    range_max: float = 100.0
    t_max: float = 20.0
    azimuth: tuple[float, float] = (-180.0, 180.0)
    elevation: tuple[float, float] = (-90.0, 90.0)

    def __post_init__(self) -> None:
        owner = "RangeEncoder"
        shape = sides(owner, "shape", self.shape, ("rows", "columns"))
        if math.prod(shape) >= 2**31:
            raise ParameterError(
                f"RangeEncoder.shape must be (rows, columns), below 2**31 bins, got {shape}"
            )
        low = number(owner, "range_min", self.range_min, low=0, unit="m")
        number(owner, "range_max", self.range_max, above=low, unit="m")
        number(owner, "t_max", self.t_max, above=0, unit="ms")
        for name, limit in (("azimuth", 180.0), ("elevation", 90.0)):
            value = getattr(self, name)
            angles = real_array(owner, name, value, shape=(2,), low=-limit, high=limit, unit="deg")
            if angles[1] <= angles[0]:
                raise ParameterError(f"RangeEncoder.{name} must have low < high, got {value}")
            object.__setattr__(self, name, tuple(angles.tolist()))
        object.__setattr__(self, "shape", shape)

    def __call__(self, cloud: PointCloud) -> Encoded:
        """Encode a cloud."""
        rows, columns = self.shape
        xyz, ranges = cloud.xyz.astype(np.float64), cloud.ranges
        keep = (ranges >= self.range_min) & (ranges < self.range_max) & (ranges > 0)
        xyz, ranges = xyz[keep], ranges[keep]
        sine = np.clip(xyz[:, 2] / ranges, -1.0, 1.0)
        row, row_ok = _bins(np.degrees(np.arcsin(sine)), self.elevation, rows)
        column, column_ok = _bins(
            np.degrees(np.arctan2(xyz[:, 1], xyz[:, 0])), self.azimuth, columns
        )
        seen = row_ok & column_ok
        flat, ranges = (row * columns + column)[seen], ranges[seen]
        nearest_first = np.lexsort((ranges, flat))
        ids, first = np.unique(flat[nearest_first], return_index=True)
        share = (ranges[nearest_first][first] - self.range_min) / (self.range_max - self.range_min)
        times = share * self.t_max
        early = times < self.t_max  # rounding may reach the end
        return Encoded(times=times[early], ids=ids[early], shape=self.shape, duration=self.t_max)


def _bins(angle: np.ndarray, span: tuple[float, float], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Bin of each angle, and whether it is within the span (both ends included)."""
    position = np.floor((angle - span[0]) / (span[1] - span[0]) * n).astype(np.int64)
    return np.minimum(position, n - 1), (angle >= span[0]) & (angle <= span[1])
