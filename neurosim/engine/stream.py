"""How are spikes read while a simulation runs? Chunk by chunk, no further than needed.

A stream is anything that can be iterated over and gives chunks of spikes in the order of
time: pairs (times, ids), or objects with these attributes such as `Spikes` and `Encoded`; to a
graded source (times, ids, payloads).
Its position is the number of spikes taken from it, so it can be saved, and found again in
another stream of the same spikes, however that one is cut into chunks.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps
from ..errors import ParameterError, SimulationError
from ..models.sources import payload_array, spike_arrays

OPEN, ORIGIN, TAKEN = range(3)  # entries of the saved state


def is_pair(value: Any) -> bool:
    """Is it one set of spikes, all of them given, rather than a stream?"""
    return isinstance(value, (tuple, list)) or (hasattr(value, "times") and hasattr(value, "ids"))


def pair_of(owner: str, value: Any) -> tuple[Any, ...]:
    """(times, ids), or (times, ids, payloads), of a pair, or of an object that has them.

    Raises
    ------
    ParameterError
    """
    if hasattr(value, "times") and hasattr(value, "ids"):
        carried = getattr(value, "payload", None)
        return (value.times, value.ids, *([] if carried is None else [carried]))
    if isinstance(value, (tuple, list)) and len(value) in (2, 3):
        return tuple(value)
    shown = f"a {type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else value
    raise ParameterError(
        f"{owner} must be a pair (times, ids), or (times, ids, payloads) for a graded source, or "
        f"an object with times and ids, got {shown!r}"
    )


def given_spikes(owner: str, label: str, value: Any, n: int, graded: bool) -> tuple:
    """Checked arrays of one set of spikes.

    Raises
    ------
    ParameterError
    """
    times, ids, *payloads = pair_of(f"{owner}: {label}", value)
    carried = payloads[0] if payloads else None
    return spike_arrays(label, times, ids, n, payloads=carried, graded=graded)


class SpikeReader:
    """A stream under way.

    Attributes
    ----------
    taken : int         spikes taken so far
    ended : bool        the stream has no more
    """

    def __init__(
        self, name: str, stream: Any, n: int, dt: float, origin: int, *, graded: bool = False
    ) -> None:
        self.owner, self.n, self.dt, self.origin = f"inputs[{name!r}]", n, dt, origin
        self.graded = graded
        self.taken, self.ended = 0, False
        self._last = (0.0, -1)  # time and neuron of the last spike taken
        self._reached = -1  # its step; -1 before the first
        self._left: tuple[np.ndarray, ...] | None = None
        self._broken = False
        try:
            self._chunks: Iterator = iter(stream)
        except TypeError:
            raise ParameterError(
                f"{self.owner} must be a pair (times, ids), or a stream: something that can be "
                f"iterated over and gives such pairs in order of time, got {stream!r}"
            ) from None

    def take(self, end: int) -> list[tuple[np.ndarray, ...]]:
        """Chunks (steps, ids), or with payloads, until one reaches ``end``, or the stream ends.

        Raises
        ------
        ParameterError
            A chunk is none, or begins before the last one ended. It and all that come
            after it are refused from now on; the chunks before it count as not taken.
        """
        if self._broken:
            raise SimulationError(
                f"{self.owner} broke off with an error after {self.taken} spikes; give another "
                "stream, or call reset()"
            )
        found = []
        reached, taken, last = self._reached, self.taken, self._last
        try:
            while reached < end:
                chunk = self._next(last)
                if chunk is None:
                    self.ended = True
                    break
                times, ids, *payloads = chunk
                if not times.size:
                    continue
                steps = to_steps(times, self.dt) + self.origin
                found.append((steps, ids, *payloads))
                reached, taken = int(steps[-1]), taken + times.size
                last = (float(times[-1]), int(ids[-1]))
        except BaseException:
            self._broken, self.ended = True, False
            raise
        self._reached, self.taken, self._last = reached, taken, last
        return found

    def is_done(self) -> bool:
        """Is there nothing more to come? Looks one chunk ahead."""
        while not (self._broken or self.ended or self._left):
            self._left = self._next(self._last)
            self.ended = self._left is None
            if self._left is not None and not self._left[0].size:
                self._left = None
        return self._broken or self.ended

    def _next(self, last: tuple[float, int]) -> tuple[np.ndarray, ...] | None:
        """The next chunk, checked; None at the end."""
        if self._left is not None:
            chunk, self._left = self._left, None
            return chunk
        chunk = next(self._chunks, None)
        if chunk is None:
            return None
        times, ids, *payloads = pair_of(f"{self.owner}: each chunk of a stream", chunk)
        times = checks.array(self.owner, "times", times, low=0)
        ids = np.asarray(ids)
        if times.ndim != 1 or ids.shape != times.shape or (ids.size and ids.dtype.kind not in "iu"):
            raise ParameterError(
                f"{self.owner}: ids of a chunk must be integers, one per time, got shape "
                f"{ids.shape} of {ids.dtype} for {times.shape}"
            )
        carried = payload_array(
            self.owner, payloads[0] if payloads else None, times.size, self.graded
        )
        rest = [carried] if self.graded else []
        if not times.size:
            return times, ids.astype(np.int32), *rest
        if ids.min() < 0 or ids.max() >= self.n:
            bad = int(ids[(ids < 0) | (ids >= self.n)][0])
            raise ParameterError(f"{self.owner}: ids must be in 0..{self.n - 1}, got {bad}")
        backward = np.flatnonzero(np.diff(times, prepend=last[0]) < 0)
        if backward.size:
            k = int(backward[0])
            before = last[0] if k == 0 else times[k - 1]
            raise ParameterError(
                f"{self.owner}: times of a stream must not run backwards, got {times[k]:g} after "
                f"{before:g}; sort the recording, or give all of it as a pair (times, ids)"
            )
        return times, ids.astype(np.int32), *rest

    @staticmethod
    def state(reader: "SpikeReader | None") -> dict[str, np.ndarray]:
        """The position, as arrays of a checkpoint; all zero where nothing is read."""
        if reader is None:
            return {"stream": np.zeros(3, np.int64), "stream_last": np.zeros(2)}
        return {
            "stream": np.array([1, reader.origin, reader.taken], np.int64),
            "stream_last": np.array(reader._last),
        }

    def skip(self, saved: dict[str, np.ndarray]) -> "SpikeReader":
        """Go forward to a saved position, in a stream that begins anew.

        Raises
        ------
        ParameterError
            It has fewer spikes, or another one at that place: it is not the same stream.
        """
        taken = int(saved["stream"][TAKEN])
        time, neuron = saved["stream_last"]
        while self.taken < taken:
            chunk = self._next(self._last)
            if chunk is None:
                break
            times, ids = chunk[:2]
            k = min(times.size, taken - self.taken)
            if k:
                self.taken += k
                self._last = (float(times[k - 1]), int(ids[k - 1]))
                self._left = tuple(a[k:] for a in chunk) if k < times.size else None
        if self.taken < taken or (taken and self._last != (time, neuron)):
            raise ParameterError(
                f"{self.owner} must be the stream that the saved simulation was reading, from "
                f"its beginning, but its spike number {taken} is not at t = {time:g} in channel "
                f"{int(neuron)}"
            )
        if taken:
            self._reached = int(to_steps(self._last[0], self.dt)) + self.origin
        return self
