"""What is a point cloud? Coordinates [m] and, where the sensor has it, intensity."""

from dataclasses import dataclass

import numpy as np

from neurosim.checks import array, number
from neurosim.errors import ParameterError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PointCloud:
    """Points in space, in the order of the scan.

    Parameters
    ----------
    xyz : (n, 3)
        Finite coordinates [m], kept as float32.
    intensity : (n,), optional
        Strength of the return, kept as float32.
    source : str
        Where the points come from, for ``repr`` and reports.
    notes : tuple of str
        What the reader dropped or skipped.

    Raises
    ------
    ParameterError
        For a wrong shape or values that are not finite.

    Examples
    --------
    >>> PointCloud(xyz=[[0, 0, 0], [1, 2, 3]])
    PointCloud(2 points, x 0..1, y 0..2, z 0..3 m)
    """

    xyz: np.ndarray
    intensity: np.ndarray | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("xyz", "intensity"):
            kind = getattr(getattr(self, name), "dtype", None)
            if kind is not None and np.issubdtype(kind, np.complexfloating):
                raise ParameterError(f"PointCloud.{name} must be real numbers, got {kind}")
        xyz = array("PointCloud", "xyz", self.xyz, low=-_FLOAT32, high=_FLOAT32, unit="m")
        if xyz.ndim != 2 or xyz.shape[1] != 3:
            raise ParameterError(f"PointCloud.xyz must have shape (n, 3), got {xyz.shape}")
        object.__setattr__(self, "xyz", xyz.astype(np.float32))
        if self.intensity is not None:
            intensity = array(
                "PointCloud",
                "intensity",
                self.intensity,
                shape=(len(xyz),),
                low=-_FLOAT32,
                high=_FLOAT32,
            )
            object.__setattr__(self, "intensity", intensity.astype(np.float32))
        object.__setattr__(self, "notes", tuple(self.notes))

    def __len__(self) -> int:
        return len(self.xyz)

    def __repr__(self) -> str:
        words = [f"{len(self):,} points"]
        if len(self):
            low, high = self.xyz.min(axis=0), self.xyz.max(axis=0)
            words += [f"{c} {low[k]:.4g}..{high[k]:.4g}" for k, c in enumerate("xyz")]
            words[-1] += " m"
        if self.intensity is not None and len(self):
            words.append(f"intensity {self.intensity.min():.3g}..{self.intensity.max():.3g}")
        if self.source:
            words.append(self.source)
        return f"PointCloud({', '.join(words)})"

    @property
    def ranges(self) -> np.ndarray:
        """Distance of each point from the origin, where the sensor stands [m]."""
        return np.sqrt(np.sum(self.xyz.astype(np.float64) ** 2, axis=1))

    def crop(
        self,
        *,
        x: tuple[float, float] | None = None,
        y: tuple[float, float] | None = None,
        z: tuple[float, float] | None = None,
    ) -> "PointCloud":
        """Keep the points of a box, each range half open: ``low <= value < high`` [m].

        Examples
        --------
        >>> PointCloud(xyz=[[0, 0, 0], [1, 2, 3]]).crop(x=(0.5, 2.0))
        PointCloud(1 points, x 1..1, y 2..2, z 3..3 m)
        """
        keep = np.ones(len(self), bool)
        for k, (name, bounds) in enumerate((("x", x), ("y", y), ("z", z))):
            if bounds is None:
                continue
            low, high = array("PointCloud.crop", name, bounds, shape=(2,), unit="m")
            if high <= low:
                raise ParameterError(
                    f"PointCloud.crop.{name} must have low < high (high excluded), "
                    f"got ({low:g}, {high:g})"
                )
            keep &= (self.xyz[:, k] >= low) & (self.xyz[:, k] < high)
        return PointCloud(
            xyz=self.xyz[keep],
            intensity=None if self.intensity is None else self.intensity[keep],
            source=self.source,
            notes=self.notes,
        )

    def downsample(self, size: float) -> "PointCloud":
        """One point per occupied voxel: the mean of the points in it.

        Voxel ``k`` spans ``[k size, (k + 1) size)`` on each axis, so the grid does not
        depend on the cloud. The order is that of the voxels: by x, then y, then z.

        Raises
        ------
        ParameterError
            For a size [m] <= 0, or so small that voxels cannot be numbered.

        Examples
        --------
        >>> PointCloud(xyz=[[0.2, 0, 0], [0.4, 0, 0], [5, 0, 0]]).downsample(1.0).xyz.tolist()
        [[0.30000001192092896, 0.0, 0.0], [5.0, 0.0, 0.0]]
        """
        size = number("PointCloud.downsample", "size", size, above=0, unit="m")
        if not len(self):
            return self
        voxels = np.floor(self.xyz.astype(np.float64) / size)
        if np.abs(voxels).max() >= 2**53:
            raise ParameterError(
                f"PointCloud.downsample.size must be >= {np.abs(self.xyz).max() / 2**53:.3g} m "
                f"for coordinates up to {np.abs(self.xyz).max():g} m, got {size!r}"
            )
        _, group = np.unique(voxels, axis=0, return_inverse=True)
        group = group.reshape(-1)
        per_voxel = np.bincount(group)

        def mean(column: np.ndarray) -> np.ndarray:
            return np.bincount(group, weights=column) / per_voxel

        return PointCloud(
            xyz=np.stack([mean(self.xyz[:, k]) for k in range(3)], axis=1),
            intensity=None if self.intensity is None else mean(self.intensity),
            source=self.source,
            notes=self.notes,
        )


_FLOAT32 = float(np.finfo(np.float32).max)
