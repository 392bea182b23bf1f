"""Recordings made on the spot, without download: shapes that move before a camera."""

from dataclasses import dataclass

import numpy as np

from neurosim.checks import choice, integer, number
from neurosim.encoders import CameraModel
from neurosim.encoders.inputs import MAX_PIXELS, sides
from neurosim.errors import ParameterError
from neurosim.events import Events

DIRECTIONS = ("right", "down", "left", "up")
SHAPES = ("bar", "square", "disc")


def moving_shape(
    *,
    shape: str = "bar",
    direction: str = "right",
    sensor_size: tuple[int, int] = (32, 32),
    width: float = 4.0,
    start: float | None = None,
    speed: float = 200.0,
    duration_us: int = 200_000,
    frame_us: int = 2_000,
    contrast: float = 4.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A bright shape that crosses the sensor at constant speed.

    Intensity is 1 in the background and ``contrast`` in the shape; a pixel on its edge
    takes the share that is covered (for a disc, an edge one pixel wide).

    Parameters
    ----------
    shape : {"bar", "square", "disc"}
        A bar spans the sensor across the direction of motion.
    direction : {"right", "down", "left", "up"}
    sensor_size : (W, H)
    width : float
        Width of the shape [pixels].
    start : float, optional
        Its centre at time 0, from the edge that it comes from [pixels]; else just outside.
    speed : float, pixels per second
    duration_us, frame_us : int
        Length, and time between images [us].

    Returns
    -------
    frames float64 (T, H, W) and times int64 (T,) [us]

    Examples
    --------
    >>> frames, times = moving_shape(sensor_size=(3, 1), width=1, start=0.5, speed=1000,
    ...     duration_us=2000, frame_us=1000, contrast=2.0)
    >>> frames[:, 0].tolist(), times.tolist()
    ([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]], [0, 1000, 2000])
    """
    owner = "moving_shape"
    choice(owner, "shape", shape, SHAPES)
    choice(owner, "direction", direction, DIRECTIONS)
    columns, rows = sides(owner, "sensor_size", sensor_size, ("W", "H"), high=65536)
    number(owner, "speed", speed, above=0, unit="pixels/s")
    number(owner, "contrast", contrast, above=0)
    integer(owner, "duration_us", duration_us, low=integer(owner, "frame_us", frame_us, low=1))
    width = number(owner, "width", width, above=0, unit="pixels")
    first = -width / 2 if start is None else number(owner, "start", start, unit="pixels")
    count = duration_us // frame_us + 1
    if count * columns * rows > MAX_PIXELS:
        raise ParameterError(
            f"{owner}.sensor_size must give at most {MAX_PIXELS:,} pixels in all images, got "
            f"{count:,} images of {columns}x{rows}; raise frame_us, or shorten duration_us"
        )
    times = np.arange(count, dtype=np.int64) * frame_us
    along, across = (columns, rows) if direction in ("right", "left") else (rows, columns)
    covered = _covered(shape, width, first + speed * times / 1e6, along, across)
    frames = 1.0 + (contrast - 1.0) * covered
    if direction in ("left", "up"):
        frames = frames[:, :, ::-1]
    if direction in ("down", "up"):
        frames = frames.transpose(0, 2, 1)
    return np.ascontiguousarray(frames), times


def _covered(shape: str, width: float, centres: np.ndarray, along: int, across: int) -> np.ndarray:
    """Share of each pixel that the shape covers, (T, across, along)."""
    u = np.arange(along) + 0.5 - centres[:, None, None]  # pixel centre from shape centre
    v = (np.arange(across) + 0.5 - across / 2)[:, None]
    if shape == "disc":
        return np.clip(width / 2 - np.hypot(u, v) + 0.5, 0.0, 1.0)
    if shape == "square":
        return _overlap(u, width) * _overlap(v, width)
    return np.broadcast_to(_overlap(u, width), (len(centres), across, along))


def _overlap(distance: np.ndarray, width: float) -> np.ndarray:
    """Share of a unit interval at ``distance`` that an interval of ``width`` covers."""
    left = np.maximum(distance - 0.5, -width / 2)
    right = np.minimum(distance + 0.5, width / 2)
    return np.clip(right - left, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingShapes:
    """Shapes in four directions; the target is the direction (0 right, down, left, up).

    A map-style data set: ``shapes[i] -> (events, target)``, shape, width, contrast and
    speed drawn per sample from ``(seed, i)``.

    Parameters
    ----------
    n : int
        Number of samples; directions take turns.
    sensor_size : (W, H)
    camera : CameraModel
    seed : int

    Examples
    --------
    >>> shapes = MovingShapes(n=8)
    >>> len(shapes), [shapes[i][1] for i in range(5)]
    (8, [0, 1, 2, 3, 0])
    """

    n: int = 400
    sensor_size: tuple[int, int] = (32, 32)
    camera: CameraModel = CameraModel(mismatch=0.05, refractory_us=500.0, noise_rate=1.0)
    seed: int = 0

    def __post_init__(self) -> None:
        integer("MovingShapes", "n", self.n, low=1)
        integer("MovingShapes", "seed", self.seed, low=0)
        size = sides("MovingShapes", "sensor_size", self.sensor_size, ("W", "H"), high=65536)
        object.__setattr__(self, "sensor_size", size)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[Events, int]:
        index = integer("MovingShapes", "index", index)
        if not -self.n <= index < self.n:
            raise IndexError(f"MovingShapes has {self.n} samples, got index {index}")
        index %= self.n
        rng = np.random.default_rng((self.seed, index))
        target = index % len(DIRECTIONS)
        frames, times = moving_shape(
            shape=SHAPES[rng.integers(len(SHAPES))],
            direction=DIRECTIONS[target],
            sensor_size=self.sensor_size,
            width=rng.uniform(0.15, 0.4) * min(self.sensor_size),
            speed=rng.uniform(4.0, 6.0) * max(self.sensor_size),
            contrast=rng.uniform(2.0, 6.0),
        )
        return self.camera(frames, times, seed=int(rng.integers(2**32))), target
