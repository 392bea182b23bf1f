"""Where and when do events lie? Crops, flips, scales, lenses; nothing is remembered."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import array, integer, number
from neurosim.errors import ParameterError

from ..columns import STAMP_LIMIT
from ..container import Events
from .base import Operation, Runner

_MOST_LENS = 1 << 24  # pixels of a look-up table


@dataclass(frozen=True)
class CenterCrop(Operation):
    """Keep the ``size`` = (W, H), or W = H, in the middle of the sensor."""

    sensor_size: tuple[int, ...] | None = None
    size: int | tuple[int, int] = 1

    def apply(self, events: Events) -> Events:
        width, height = events.sensor_size
        given = (self.size, self.size) if np.ndim(self.size) == 0 else tuple(self.size)
        size = [integer("CenterCrop", "size", side) for side in given]
        if len(size) != 2 or not (0 < size[0] <= width and 0 < size[1] <= height):
            raise ParameterError(
                f"CenterCrop.size must be (W, H) >= 1 and <= the sensor {(width, height)}, got "
                f"{self.size!r}"
            )
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        return events.crop(x=(left, left + size[0]), y=(top, top + size[1]))


@dataclass(frozen=True)
class CropTime(Operation):
    """Keep ``min <= t <= max`` [us]; without ``max`` all that follow."""

    min: int = 0
    max: int | None = None

    def __post_init__(self) -> None:
        number("CropTime", "min", self.min, unit="us")
        if self.max is not None:
            number("CropTime", "max", self.max, unit="us")

    def apply(self, events: Events) -> Events:
        keep = events.t >= self.min
        if self.max is not None:
            keep &= events.t <= self.max
        return events.keep(keep)


@dataclass(frozen=True)
class Downsample(Operation):
    """Multiply times and coordinates by factors; no event is dropped.

    Parameters
    ----------
    time_factor, spatial_factor : float, or two for x and y
    sensor_size, target_size : (W, H, P) and (W, H)
        Say the factors of x and y in another way.
    """

    time_factor: float = 1
    spatial_factor: float | tuple[float, float] = 1
    sensor_size: tuple[int, ...] | None = None
    target_size: tuple[int, int] | None = None

    def apply(self, events: Events) -> Events:
        width, height = events.sensor_size
        target, factor = self.target_size, self.spatial_factor
        if np.shape(factor) not in ((), (2,)) or (target is not None and np.shape(target) != (2,)):
            raise ParameterError(
                "Downsample: spatial_factor must be one or two numbers and target_size (W, H), got "
                f"{factor!r} and {target!r}"
            )
        if self.target_size is not None:
            factors = self.target_size[0] / width, self.target_size[1] / height
        elif np.ndim(self.spatial_factor) == 0:
            factors = (self.spatial_factor, self.spatial_factor)
        else:
            factors = tuple(self.spatial_factor)
        fx, fy = (number("Downsample", "spatial_factor", f, above=0, high=64) for f in factors)
        factor = number("Downsample", "time_factor", self.time_factor, above=0, high=1e6)
        size = int(np.ceil(round(width * fx, 6))), int(np.ceil(round(height * fy, 6)))
        if max(size) > 65536:
            raise ParameterError(f"Downsample: the sensor must be <= 65536, got {size}")
        t = events.t if factor == 1 else events.t * factor
        if len(t) and max(abs(t[0]), abs(t[-1])) >= STAMP_LIMIT:
            raise ParameterError(
                "Downsample.time_factor must keep every stamp > -2**62 and < 2**62 us, got "
                f"{factor:g} for {events.t[0]}..{events.t[-1]}"
            )
        t = t.astype(np.int64)
        x, y = (events.x * fx).astype(np.uint16), (events.y * fy).astype(np.uint16)
        return events.replaced(x=x, y=y, t=t, sensor_size=size)


@dataclass(frozen=True)
class FlipLR(Operation):
    """Mirror columns: ``x' = W - 1 - x``; a structured array is told its ``sensor_size`` (W, H)."""

    sensor_size: Any = None

    def apply(self, events: Events) -> Events:
        last = np.uint16(events.sensor_size[0] - 1)
        return events.replaced(x=last - events.x)


@dataclass(frozen=True)
class FlipUD(Operation):
    """Mirror rows: ``y' = H - 1 - y``; a structured array is told its ``sensor_size`` (W, H)."""

    sensor_size: Any = None

    def apply(self, events: Events) -> Events:
        last = np.uint16(events.sensor_size[1] - 1)
        return events.replaced(y=last - events.y)


@dataclass(frozen=True)
class MergePolarities(Operation):
    """Forget the polarity: one channel, every p is 0."""

    def apply(self, events: Events) -> Events:
        return events.merge_polarity()


@dataclass(frozen=True)
class TimeAlignment(Operation):
    """Let the first event be at 0 us."""

    def start(self) -> Runner:
        """The first piece says what is taken from all."""
        first: list[int] = []

        def run(events: Events) -> Events:
            if not first and len(events):
                first.append(int(events.t[0]))
            return events.shift_time(-first[0]) if first else events

        return run


@dataclass(frozen=True)
class Undistort(Operation):
    """Move events to where a lens without distortion would have put them.

    The model of Brown and Conrady, as in OpenCV: with ideal coordinates (u, v), r2 = u^2 + v^2,

        u_d = u (1 + k1 r2 + k2 r2^2 + k3 r2^3) + 2 p1 u v + p2 (r2 + 2 u^2)
        v_d = v (1 + k1 r2 + k2 r2^2 + k3 r2^3) + p1 (r2 + 2 v^2) + 2 p2 u v
        x = fx u_d + cx,  y = fy v_d + cy

    is inverted for each pixel by fixed-point iteration. Events that leave the sensor are
    dropped; the mapping is rounded to whole pixels.

    Parameters
    ----------
    camera_matrix : (fx, fy, cx, cy), or 3 x 3 [pixels]
    distortion : (k1, k2, p1, p2) or (k1, k2, p1, p2, k3)
    sensor_size : (W, H), optional
        Of structured arrays, which do not say it.
    """

    camera_matrix: Any
    distortion: Any
    sensor_size: Any = None

    def __post_init__(self) -> None:
        matrix = array("Undistort", "camera_matrix", self.camera_matrix)
        if matrix.shape == (3, 3):
            matrix = matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
        given = array("Undistort", "distortion", self.distortion)
        if matrix.shape != (4,) or given.shape not in ((4,), (5,)) or min(matrix[:2]) <= 0:
            raise ParameterError(
                "Undistort.camera_matrix must be (fx, fy, cx, cy) with fx, fy > 0, or 3 x 3, and "
                f"distortion four or five numbers, got shapes {matrix.shape} and {given.shape}"
            )
        object.__setattr__(self, "camera_matrix", tuple(matrix.tolist()))
        object.__setattr__(self, "distortion", tuple(given.tolist()))

    def distorted(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the lens puts ideal coordinates."""
        k1, k2, p1, p2, k3 = (*self.distortion, 0.0)[:5]
        r2 = u * u + v * v
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return (
            u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
            v * radial + p1 * (r2 + 2 * v * v) + 2 * p2 * u * v,
        )

    def ideal(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ideal places of pixels, float; nan where the iteration finds none."""
        fx, fy, cx, cy = self.camera_matrix
        goal = (x - cx) / fx, (y - cy) / fy
        u, v = goal
        with np.errstate(all="ignore"):
            for _ in range(50):
                du, dv = self.distorted(u, v)
                u, v = u + goal[0] - du, v + goal[1] - dv
            du, dv = self.distorted(u, v)
            found = np.hypot((du - goal[0]) * fx, (dv - goal[1]) * fy) < 0.01
        return np.where(found, u * fx + cx, np.nan), np.where(found, v * fy + cy, np.nan)

    def start(self) -> Runner:
        """The table of all pixels is made with the first piece."""
        table: list[np.ndarray] = []

        def run(events: Events) -> Events:
            if not table:
                table.append(self._table(events.sensor_size))
            width, height = events.sensor_size
            place = table[0][events.y.astype(np.int64) * width + events.x]
            kept = events.keep(place >= 0)
            place = place[place >= 0]
            x, y = (place % width).astype(np.uint16), (place // width).astype(np.uint16)
            return kept.replaced(x=x, y=y)

        return run

    def _table(self, size: tuple[int, int]) -> np.ndarray:
        """The new place of each pixel, row by row; -1 off the sensor."""
        width, height = size
        integer("Undistort", "sensor_size", width * height, high=_MOST_LENS)
        y, x = np.mgrid[:height, :width].astype(np.float64)
        x, y = self.ideal(x.ravel(), y.ravel())
        with np.errstate(invalid="ignore"):
            column, row = np.floor(x + 0.5), np.floor(y + 0.5)
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return np.where(inside, np.nan_to_num(row) * width + np.nan_to_num(column), -1).astype(
            np.int64
        )
