"""Real handwritten digits before a simulated event camera: scans moved in saccades."""

from dataclasses import dataclass, field

import numpy as np

from neurosim.checks import choice, integer
from neurosim.encoders import CameraModel, Saccades
from neurosim.errors import MissingExtraError, ParameterError
from neurosim.events import Events

N_TEST = 360
_WHITE = 16.0  # brightest value of the scans

# Two saccades, each over two or three scan pixels, that end elsewhere than they began: on a
# closed path every pixel brightens as much as it darkens, and the two polarities tell the
# same story (an MLP on the counts: 96 % on a triangle, 97.8 % on this path).
_MOTION = Saccades(canvas=(16, 16), scale=1.5, path=((-1.5, -1.5), (0.0, 3.0), (3.0, -1.5)))
_CAMERA = CameraModel(
    threshold_on=0.2,
    threshold_off=0.2,
    mismatch=0.05,
    refractory_us=500.0,
    leak_rate=0.1,
    noise_rate=1.0,
    floor=0.2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingDigits:
    """The digit scans of scikit-learn (UCI, 8 x 8 pixels), seen by an event camera.

    A map-style data set: ``len(digits)`` samples, ``digits[i] -> (events, target)``.
    A sample is made when it is asked for, from the scan, the motion, the camera and the
    noise seed ``(seed, scan number)`` alone, so neither order nor split changes it.

    Parameters
    ----------
    split : {"train", "test", "all"}
        1437 training scans, 360 held-out ones with every class in proportion, or all.
    motion : Saccades
        How a scan, scaled to 0..1, moves.
    camera : CameraModel
        The pixel model; a little mismatch, leak and noise by default.
    seed : int
        Of the split and of the noise.

    Raises
    ------
    MissingExtraError
        When scikit-learn is not installed (``neurosim[convert]``).

    Examples
    --------
    >>> digits = MovingDigits(split="test")
    >>> events, target = digits[0]
    >>> len(digits), events.sensor_size, int(digits.targets[0]) == target
    (360, (16, 16), True)
    """

    split: str = "train"
    motion: Saccades = _MOTION
    camera: CameraModel = _CAMERA
    seed: int = 0
    images: np.ndarray = field(init=False, repr=False, compare=False)
    targets: np.ndarray = field(init=False, repr=False, compare=False)
    scans: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        choice("MovingDigits", "split", self.split, ("train", "test", "all"))
        integer("MovingDigits", "seed", self.seed, low=0)
        if not isinstance(self.motion, Saccades) or not isinstance(self.camera, CameraModel):
            raise ParameterError(
                "MovingDigits.motion must be Saccades and MovingDigits.camera a CameraModel, "
                f"got {type(self.motion).__name__} and {type(self.camera).__name__}"
            )
        images, targets = _scans()
        chosen = _split(targets, self.split, self.seed)
        object.__setattr__(self, "images", images[chosen])
        object.__setattr__(self, "targets", targets[chosen])
        object.__setattr__(self, "scans", chosen)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        index = integer("MovingDigits", "index", index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"MovingDigits has {len(self)} samples, got index {index}")
        frames, times = self.motion(self.images[index])
        # Seeds of two data sets never share a sample: scan numbers are below 4096.
        seed = self.seed * 4096 + int(self.scans[index])
        return self.camera(frames, times, seed=seed), int(self.targets[index])

    @property
    def sensor_size(self) -> tuple[int, int]:
        """Width and height of the sensor [pixels]."""
        return self.motion.canvas

    @property
    def duration_us(self) -> int:
        """Length of every sample [us]; its first image is at 0."""
        return self.motion.duration_us


def _scans() -> tuple[np.ndarray, np.ndarray]:
    """All scans, float64 (1797, 8, 8) in 0..1, and their digits, int64 (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError.of(
            "scikit-learn", extra="convert", purpose="neurosim.datasets.MovingDigits"
        ) from error
    bunch = load_digits()
    return bunch.images / _WHITE, bunch.target.astype(np.int64)


def _split(targets: np.ndarray, split: str, seed: int) -> np.ndarray:
    """Scan numbers of a split, ascending; the held-out share of each class is the same."""
    if split == "all":
        return np.arange(len(targets))
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]  # class by class, each shuffled
    held_out = order[np.linspace(0, len(order) - 1, N_TEST).round().astype(int)]
    if split == "test":
        return np.sort(held_out)
    return np.setdiff1d(order, held_out)
