"""How do integers become spikes without payloads? Unfolded over virtual steps, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.checks import choice, integer
from neurosim.errors import ParameterError
from neurosim.models.schedule import Schedule

from .encoded import Encoded
from .inputs import MAX_SPIKES

_KINDS = ("unary", "ternary", "bitwise", "complement")
_MOST_STEPS = {"unary": 1 << 20, "ternary": 1 << 20, "bitwise": 52, "complement": 53}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerCode:
    """Integers as spikes over ``steps`` virtual steps s = 0, 1 ...

    ===============  =====================================  ==============  ==================
    ``kind``         spikes of an integer k                 weight of s     integers
    ===============  =====================================  ==============  ==================
    ``unary``        1 in each of the first k steps         1               0 ... T
    ``ternary``      sign(k) in each of the first abs(k)    1               -T ... T
    ``bitwise``      sign(k) where abs(k) has bit s         2^s             -(2^T-1) ... 2^T-1
    ``complement``   1 where k has bit s, modulo 2^T        2^s; the last   -2^(T-1) ...
                                                            -2^(T-1)        2^(T-1)-1
    ===============  =====================================  ==============  ==================

    Nothing is lost: ``decode(encode(k)) == k``, and a projection with ``gain=code.gain`` delivers
    in T steps what one spike with the payload k delivers in one.

    Parameters
    ----------
    kind : {"unary", "ternary", "bitwise", "complement"}
    steps : int
        T, virtual steps for each step.

    Raises
    ------
    ParameterError
        Integers out of range.

    Notes
    -----
    Spike codes of integer activations as in SpikingBrain: unary and bitwise, with and without
    signs.

    Examples
    --------
    >>> code = IntegerCode(kind="bitwise", steps=3)
    >>> e = code.encode([5, 0, -2])
    >>> e.times.tolist(), e.ids.tolist(), e.payload.tolist()
    ([0.0, 1.0, 2.0], [0, 2, 0], [1.0, -1.0, 1.0])
    >>> code.decode(e).tolist()
    [5, 0, -2]
    """

    kind: str = "unary"
    steps: int = 8

    def __post_init__(self) -> None:
        choice("IntegerCode", "kind", self.kind, _KINDS)
        integer("IntegerCode", "steps", self.steps, low=1, high=_MOST_STEPS[self.kind])

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest integer."""
        whole = (1 << self.steps) - 1
        return {
            "unary": (0, self.steps),
            "ternary": (-self.steps, self.steps),
            "bitwise": (-whole, whole),
            "complement": (-(1 << self.steps - 1), (1 << self.steps - 1) - 1),
        }[self.kind]

    @property
    def weights(self) -> np.ndarray:
        """Weight of each virtual step, float64 (steps,)."""
        if self.kind in ("unary", "ternary"):
            return np.ones(self.steps)
        weights = 2.0 ** np.arange(self.steps)
        if self.kind == "complement":
            weights[-1] = -weights[-1]
        return weights

    @property
    def gain(self) -> Schedule:
        """The weights as the ``gain`` of a projection, again and again every ``steps`` steps."""
        return Schedule(np.arange(self.steps), self.weights, period=float(self.steps))

    def encode(self, values: Any) -> Encoded:
        """Spikes of integers of any shape: times in virtual steps, payloads 1 and -1."""
        return self.encode_frames(np.asarray(values)[None])

    def encode_frames(self, frames: Any) -> Encoded:
        """Spikes of a sequence of integers, (frames, *shape): frame f in the steps from f T on."""
        frames = self._checked(frames)
        n = frames[0].size
        flat = frames.reshape(len(frames), n)
        magnitude = np.abs(flat) if self.kind != "complement" else flat % (1 << self.steps)
        total = int(magnitude.sum()) if self.kind in ("unary", "ternary") else flat.size * 53
        if total > MAX_SPIKES:
            raise ParameterError(
                f"IntegerCode: integers must make at most {MAX_SPIKES:,} spikes, got {total:,}; "
                "encode fewer at a time"
            )
        if self.kind in ("unary", "ternary"):
            indices = np.indices(flat.shape).reshape(2, -1)
            frame, ids = (np.repeat(a, magnitude.ravel()) for a in indices)
            begin = np.cumsum(magnitude) - magnitude.ravel()
            step = np.arange(frame.size) - np.repeat(begin, magnitude.ravel())
        else:
            bits = magnitude[:, :, None] >> np.arange(self.steps) & 1
            frame, ids, step = np.nonzero(bits)
        signs = np.sign(flat[frame, ids]) if self.kind != "complement" else np.ones(frame.size)
        return Encoded(
            times=frame * self.steps + step, ids=ids, shape=frames.shape[1:] or (1,),
            duration=float(len(frames) * self.steps), payload=signs.astype(np.float64),
        )  # fmt: skip

    def decode(self, spikes: Any) -> np.ndarray:
        """The integers of one frame of spikes: an `Encoded`, or what a run recorded."""
        return self.decode_frames(spikes, 1)[0]

    def decode_frames(self, spikes: Any, frames: int) -> np.ndarray:
        """The integers, int64 (frames, *shape), of spikes at times [virtual steps]."""
        shape = getattr(spikes, "shape", (spikes.n,))
        signs = np.ones(len(spikes.times)) if spikes.payload is None else spikes.payload
        frame, step = np.divmod(np.asarray(spikes.times).astype(np.int64), self.steps)
        if frame.size and not 0 <= frame.max() < frames:
            raise ParameterError(
                f"IntegerCode.decode_frames: spikes must lie in {frames} frames of {self.steps} "
                f"steps, got one at {float(np.max(spikes.times)):g}"
            )
        if np.any(np.asarray(signs) % 1):
            raise ParameterError(
                "IntegerCode.decode_frames: payloads must be integers, got "
                f"{float(np.asarray(signs)[np.asarray(signs) % 1 != 0][0])!r}"
            )
        found = np.zeros((frames, spikes.n), np.int64)
        np.add.at(found, (frame, spikes.ids), (signs * self.weights[step]).astype(np.int64))
        return found.reshape(frames, *shape)

    def _checked(self, frames: Any) -> np.ndarray:
        frames = np.asarray(frames)
        low, high = self.range
        numbers = frames.size > 0 and frames.dtype.kind in "iuf"
        whole = numbers and np.all(frames == np.rint(frames))
        if not whole or frames.min() < low or frames.max() > high:
            shown = f"{frames.min()} to {frames.max()}" if numbers else repr(frames)
            raise ParameterError(
                f"IntegerCode: values must be integers in {low}..{high} for {self.kind!r} in "
                f"{self.steps} steps, got {shown}; take more steps, or another kind"
            )
        return frames.astype(np.int64)
