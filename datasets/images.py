"""Images as spikes: scikit-learn's digits, MNIST and Fashion-MNIST from local files."""

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.checks import choice
from neurosim.encoders import LatencyEncoder
from neurosim.errors import FormatError, ParameterError

from .digits import _scans, _split

_MOST = 1 << 28  # bytes of an idx file: MNIST has 47 million
_FILES = {"train": "train", "test": "t10k"}
_SOURCES = (
    "MNIST: https://ossci-datasets.s3.amazonaws.com/mnist/, Fashion-MNIST: "
    "https://github.com/zalandoresearch/fashion-mnist/tree/master/data/fashion"
)


class ImageSpikes:
    """Images that are encoded when they are asked for: ``data[i] -> (spikes, label)``.

    Parameters
    ----------
    images : (n, ...) array         brightness; from 0 to ``white``
    labels : (n,) ints
    encoder : function              of an image in 0..1 to spikes, by default latency over 20 ms
    white : float

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> data = ImageSpikes(np.array([[0.0, 0.5, 1.0]]), [7])
    >>> spikes, label = data[0]
    >>> spikes.times, spikes.ids, label
    (array([ 0., 10.]), array([2, 1], dtype=int32), 7)
    """

    def __init__(
        self, images: Any, labels: Any, encoder: Callable[[Any], Any] | None = None,
        white: float = 1.0,
    ) -> None:  # fmt: skip
        self.images, self.labels = np.asarray(images), np.asarray(labels)
        if len(self.images) != len(self.labels):
            raise ParameterError(
                f"ImageSpikes: labels must be one for each of {len(self.images)} images, got "
                f"{len(self.labels)}"
            )
        self.encoder = LatencyEncoder(t_max=20.0) if encoder is None else encoder
        self.white = white

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, k: int) -> tuple[Any, int]:
        return self.encoder(self.images[k] / self.white), int(self.labels[k])


def digits(split: str = "train", *, seed: int = 0, encoder: Any = None) -> ImageSpikes:
    """The digit scans of scikit-learn (UCI, 8 x 8 pixels): 1437 for training, 360 held out.

    Examples
    --------
    >>> len(digits("test"))
    360
    """
    choice("digits", "split", split, ("train", "test", "all"))
    images, labels = _scans()
    chosen = _split(labels, split, seed)
    return ImageSpikes(images[chosen], labels[chosen], encoder, white=float(images.max()))


def read_idx(path: str | Path) -> np.ndarray:
    """An array of an idx file (bytes, gzipped or not), as LeCun's.

    Raises
    ------
    FormatError
        The file is none, is cut off, or is larger than any of the kind.
    """
    path = Path(path)
    try:
        with open(path, "rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
            data = file.read(_MOST + 1)
    except (OSError, EOFError) as error:
        raise FormatError(f"{path}: must be an idx file that can be read ({error})") from None
    if len(data) > _MOST:
        raise FormatError(f"{path}: must have at most {_MOST:,} bytes")
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise FormatError(f"{path}: must be an idx file of bytes; its first bytes say otherwise")
    shape = np.frombuffer(data, ">u4", data[3], 4)
    size = math.prod(int(n) for n in shape)
    begin = 4 + 4 * data[3]
    if len(data) - begin != size:
        raise FormatError(
            f"{path}: must hold {size:,} values, as its header says, but has {len(data) - begin:,}"
        )
    return np.frombuffer(data, np.uint8, size, begin).reshape([int(n) for n in shape])


def mnist(folder: str | Path, split: str = "train", *, encoder: Any = None) -> ImageSpikes:
    """MNIST, or Fashion-MNIST, whose files have the same names, from a local folder.

    Nothing is downloaded: ``train-images-idx3-ubyte.gz``, ``t10k-labels-idx1-ubyte.gz`` and
    so on, with or without ``.gz``, must lie there.

    Raises
    ------
    ParameterError
        A file is missing; the message says where to get it.
    FormatError
    """
    choice("mnist", "split", split, tuple(_FILES))
    found = []
    for kind in ("images-idx3", "labels-idx1"):
        name = f"{_FILES[split]}-{kind}-ubyte"
        places = [Path(folder) / f"{name}.gz", Path(folder) / name]
        path = next((p for p in places if p.is_file()), None)
        if path is None:
            raise ParameterError(
                f"mnist: folder must hold {name}.gz, but {str(folder)!r} does not; get it from "
                f"{_SOURCES}"
            )
        found.append(read_idx(path))
    return ImageSpikes(*found, encoder, white=255.0)
