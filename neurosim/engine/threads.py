"""Do threads pay? Parts of a network on several threads, or one after the other: measured.

The spikes are the same either way. Two threads that wait for each other at every step can
be slower than one, most of all where another process keeps a core busy, so both ways are
timed on a few steps now and then, and the faster one is taken for the rest.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

_PROBE = 50  # steps of a measurement
_LONGEST_WAIT = 64  # chunks between two measurements


class Pace:
    """Which way is faster, for one component of a network.

    Attributes
    ----------
    steps : list of int         steps computed alone, and together
    """

    def __init__(self) -> None:
        self._cost = [0.0, 0.0]  # seconds per step: alone, together
        self._chunk, self._next = 0, 0
        self.steps = [0, 0]

    @property
    def together(self) -> bool:
        """Are threads faster, as far as is known?"""
        return self._cost[True] < self._cost[False]

    def pieces(self, begin: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """(begin, end, together) of the pieces of a chunk; measured ones first."""
        if self._chunk >= self._next and end - begin >= 4 * _PROBE:
            for together in (False, True):
                yield begin, begin + _PROBE, together
                begin += _PROBE
            self._next = min(2 * self._chunk + 1, self._chunk + _LONGEST_WAIT)
        self._chunk += 1
        yield begin, end, self.together

    def note(self, together: bool, steps: int, seconds: float) -> None:
        """Take a measurement."""
        self.steps[together] += steps
        if steps == _PROBE:
            self._cost[together] = seconds / steps


class Crew:
    """Threads that work on the parts of a network; the caller takes the first part."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._pool: ThreadPoolExecutor | None = None
        self._broken = threading.Event()

    def run(self, work: Callable[[int, Callable[[], bool]], None]) -> None:
        """Call ``work(part, broken)`` for each part at once; ``broken()`` says to give up."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.parts - 1)
        self._broken.clear()
        jobs = [self._pool.submit(self._guarded, work, part) for part in range(1, self.parts)]
        try:
            self._guarded(work, 0)
            for job in jobs:
                job.result()
        finally:  # on Ctrl-C or an error: nobody may still write when a reset clears
            wait(jobs)

    def _guarded(self, work: Callable[[int, Callable[[], bool]], None], part: int) -> None:
        try:
            work(part, self._broken.is_set)
        except BaseException:
            self._broken.set()  # the others wait for this part no longer
            raise


def let_others_run() -> None:
    """Give the processor away for a moment: some other part is late."""
    time.sleep(0)
