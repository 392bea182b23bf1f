"""How do frames become changes? Each pixel sends what it has moved on, in whole quanta."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import number
from neurosim.errors import ParameterError

from .encoded import Encoded
from .inputs import real_array


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEncoder:
    """Frames as graded spikes: changes between frames, or frames as they are.

    With q(x) = threshold round(x / threshold), pixel p of frame t sends::

        changes    q(x_t) - q(x_(t-1)), where it is not 0; before the first frame all is 0
        frames     q(x_t), where it is not 0

    so the payloads of changes sum to q(x_t), and no error adds up.

    Parameters
    ----------
    threshold : float
        Quantum, > 0. Powers of two keep sums free of rounding.
    changes : bool
        Send changes (delta mode), or frames.
    interval : float
        Time between two frames [ms], or [steps].

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> encode = FrameEncoder(threshold=0.25)
    >>> e = encode([[0.0, 1.0], [0.1, 0.5]])
    >>> e.times.tolist(), e.ids.tolist(), e.payload.tolist()
    ([0.0, 1.0], [1, 1], [1.0, -0.5])
    """

    threshold: float = 0.0625
    changes: bool = True
    interval: float = 1.0

    def __post_init__(self) -> None:
        number("FrameEncoder", "threshold", self.threshold, above=0)
        number("FrameEncoder", "interval", self.interval, above=0)

    def __call__(self, frames: Any) -> Encoded:
        """Encode frames, (frames, *shape)."""
        frames = real_array("FrameEncoder", "frames", frames)
        if frames.ndim < 2 or not frames.size:
            raise ParameterError(
                f"FrameEncoder: frames must have shape (frames, *shape), got {frames.shape}"
            )
        levels = self.threshold * np.rint(frames / self.threshold)
        flat = levels.reshape(len(frames), -1)
        sent = np.diff(flat, axis=0, prepend=0.0) if self.changes else flat
        frame, ids = np.nonzero(sent)
        return Encoded(
            times=frame * self.interval, ids=ids, shape=frames.shape[1:],
            duration=len(frames) * self.interval, payload=sent[frame, ids],
        )  # fmt: skip
