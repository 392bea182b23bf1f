"""How does a film become images for the camera model? Grey, linear in light, with times."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.checks import number
from neurosim.errors import FormatError, ParameterError
from neurosim.files import checked_path

from .inputs import MAX_PIXELS

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # of linear red, green and blue (BT.709)


def read_movie(
    path: str | os.PathLike, *, frames_per_s: float, linear: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Images of a folder of pictures, or of one file with many (GIF, TIFF, APNG).

    Parameters
    ----------
    path : path
        A folder is read in the order of its names, numbers in them by value: 2.png before
        10.png.
    frames_per_s : float
        Images per second of the scene.
    linear : bool
        Whether values are linear in light already; otherwise the sRGB curve is undone.

    Returns
    -------
    frames : float64 (T, H, W)
        0 to 1.
    times : float64 (T,)
        [us], from 0.

    Raises
    ------
    FormatError
        For what is no picture, or pictures of different sizes.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in range(3):
    ...         Image.new("L", (4, 2), 80 * k).save(f"{folder}/{k}.png")
    ...     frames, times = read_movie(folder, frames_per_s=100)
    >>> frames.shape, times.tolist()
    ((3, 2, 4), [0.0, 10000.0, 20000.0])
    """
    rate = number("read_movie", "frames_per_s", frames_per_s, above=0, high=1e6, unit="Hz")
    path = Path(checked_path("read_movie", path))
    files = [path]
    if path.is_dir():
        files = sorted((p for p in path.iterdir() if p.suffix.lower() in _PICTURES), key=_place)
    frames: list[np.ndarray] = []
    for file in files:
        for grey in _pictures(file, linear):
            if frames and grey.shape != frames[0].shape:
                raise FormatError(
                    f"{file}: pictures must have the size of the first, {frames[0].shape[::-1]}, "
                    f"got {grey.shape[::-1]}; resize them"
                )
            frames.append(grey)
            if len(frames) * grey.size > MAX_PIXELS:
                raise ParameterError(
                    f"read_movie.path must hold at most {MAX_PIXELS:,} pixels, got more by "
                    f"{file.name}; read shorter parts"
                )
    if not frames:
        raise FormatError(
            f"{path}: a film must have at least one picture, got none; check the path"
        )
    return np.stack(frames), np.arange(len(frames)) * (1e6 / rate)


def _place(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Sorts names as text, but the whole numbers in them by value."""
    parts = re.split(r"([0-9]+)", file.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], file.name


def _pictures(file: Path, linear: bool) -> Any:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            for one in ImageSequence.Iterator(image):
                yield _grey(one, linear)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(
            f"{file}: must be a picture that Pillow reads, got: {reason}; for a video take its "
            "frames out into a folder first"
        ) from None


def _grey(image: Any, linear: bool) -> np.ndarray:
    """Intensity 0..1 of one picture."""
    if image.mode in ("I;16", "I;16L", "I;16B", "I"):
        values = np.asarray(image, np.float64) / 65535.0
        return np.clip(values, 0.0, 1.0) if linear else _light(np.clip(values, 0.0, 1.0))
    if image.mode == "F":
        return np.clip(np.asarray(image, np.float64), 0.0, None)
    if image.mode in ("L", "1"):
        values = np.asarray(image.convert("L"), np.float64) / 255.0
        return values if linear else _light(values)
    values = np.asarray(image.convert("RGB"), np.float64) / 255.0
    return (values if linear else _light(values)) @ _LUMA


def _light(values: np.ndarray) -> np.ndarray:
    """Undo the sRGB curve (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
