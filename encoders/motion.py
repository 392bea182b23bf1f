"""How does a still image move? Saccades before a camera, with sub-pixel precision."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim._jit import kernel
from neurosim.checks import integer, number
from neurosim.errors import ParameterError

from .inputs import MAX_PIXELS, real_array, sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Saccades:
    """Move an image along straight lines, at constant speed, in front of a sensor.

    The centre of the image is at the centre of the sensor plus the offset; a sensor
    pixel sees the image by bilinear interpolation, and ``background`` around it.

    Parameters
    ----------
    canvas : (W, H)
        Size of the sensor [pixels].
    scale : float
        Sensor pixels per image pixel.
    path : tuple of (dx, dy)
        Offsets where saccades begin and end [sensor pixels], at least two. The default
        is a triangle of three saccades, as in N-MNIST.
    saccade_us : int
        Duration of one saccade [us].
    frame_us : int
        Time between two images of the sequence [us]; divides ``saccade_us``.
    background : float
        Value around the image.

    Raises
    ------
    ParameterError
        For a parameter out of range, or a sequence of more than 2**28 pixels; when called,
        for an image that is not (h, w).

    Examples
    --------
    >>> path = ((0, 0), (1, 0))
    >>> move = Saccades(canvas=(3, 1), scale=1, path=path, saccade_us=2000, frame_us=1000)
    >>> frames, times = move([[8.0]])
    >>> frames[:, 0].tolist(), times.tolist()
    ([[0.0, 8.0, 0.0], [0.0, 4.0, 4.0], [0.0, 0.0, 8.0]], [0, 1000, 2000])
    """

    canvas: tuple[int, int] = (16, 16)
    scale: float = 1.5
    path: tuple[tuple[float, float], ...] = (
        (-1.5, -1.5),
        (0.0, 1.5),
        (1.5, -1.5),
        (-1.5, -1.5),
    )
    saccade_us: int = 100_000
    frame_us: int = 5_000
    background: float = 0.0

    def __post_init__(self) -> None:
        owner = "Saccades"
        canvas = sides(owner, "canvas", self.canvas, ("W", "H"), high=65536)
        path = real_array(owner, "path", self.path, unit="pixels")
        if path.ndim != 2 or path.shape[1] != 2 or len(path) < 2:
            raise ParameterError(
                f"Saccades.path must be two or more (dx, dy), got shape {path.shape}"
            )
        number(owner, "scale", self.scale, above=0)
        number(owner, "background", self.background)
        step = integer(owner, "frame_us", self.frame_us, low=1)
        if integer(owner, "saccade_us", self.saccade_us, low=1) % step:
            raise ParameterError(
                f"Saccades.frame_us must divide saccade_us={self.saccade_us}, got {step}"
            )
        count = self.saccade_us // step * (len(path) - 1) + 1
        if count * canvas[0] * canvas[1] > MAX_PIXELS:
            raise ParameterError(
                f"Saccades.canvas must give at most {MAX_PIXELS:,} pixels in all images, got "
                f"{count:,} images of {canvas[0]}x{canvas[1]}; raise frame_us, or shorten path"
            )
        object.__setattr__(self, "canvas", canvas)
        object.__setattr__(self, "path", tuple((float(dx), float(dy)) for dx, dy in path))

    @property
    def duration_us(self) -> int:
        """Length of the whole movement [us]."""
        return self.saccade_us * (len(self.path) - 1)

    def offsets(self) -> np.ndarray:
        """Offset of every image of the sequence [sensor pixels], float64 (T, 2)."""
        per_saccade = self.saccade_us // self.frame_us
        steps = np.arange(per_saccade * (len(self.path) - 1) + 1) / per_saccade
        corners = np.arange(len(self.path))
        return np.stack(
            [np.interp(steps, corners, column) for column in np.array(self.path).T], axis=1
        )

    def __call__(self, image: Any) -> tuple[np.ndarray, np.ndarray]:
        """The sequence, float64 (T, H, W), and its times, int64 (T,) [us]."""
        image = real_array("Saccades", "image", image)
        if image.ndim != 2 or 0 in image.shape:
            raise ParameterError(f"Saccades.image must have shape (h, w), got {image.shape}")
        offsets = self.offsets()
        frames = np.empty((len(offsets), self.canvas[1], self.canvas[0]))
        _render(image, offsets, float(self.scale), float(self.background), frames)
        return frames, np.arange(len(offsets), dtype=np.int64) * self.frame_us


@kernel
def _render(image, offsets, scale, background, frames):
    """Fill ``frames`` (T, H, W) with the image (h, w) shifted by ``offsets`` (T, 2)."""
    height, width = frames.shape[1:]
    for k in range(len(frames)):
        for row in range(height):
            y = (row - 0.5 * (height - 1) - offsets[k, 1]) / scale
            for column in range(width):
                x = (column - 0.5 * (width - 1) - offsets[k, 0]) / scale
                frames[k, row, column] = _bilinear(image, x, y, background)


@kernel
def _bilinear(image, x, y, background):
    """Value at (x, y), measured from the centre of the image in image pixels."""
    height, width = image.shape
    x += 0.5 * (width - 1)
    y += 0.5 * (height - 1)
    if x <= -1 or y <= -1 or x >= width or y >= height:
        return background
    left, top = int(np.floor(x)), int(np.floor(y))
    right_share, bottom_share = x - left, y - top
    value = 0.0
    for i in range(2):
        for j in range(2):
            share = right_share if i else 1.0 - right_share
            share *= bottom_share if j else 1.0 - bottom_share
            inside = 0 <= left + i < width and 0 <= top + j < height
            value += share * (image[top + j, left + i] if inside else background)
    return value
