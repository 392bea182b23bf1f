"""Do threads pay? Parts of a network on several threads, or one after the other: measured.

The spikes are the same either way. Two threads that wait for each other at every step can
be slower than one, most of all where another process keeps a core busy, so both ways are
timed on a few steps now and then, and the faster one is taken for the rest.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

_PROBE = 50  # steps of a measurement
_LONGEST_WAIT = 64  # chunks between two measurements
_GAIN = 0.95  # threads that save less cost more CPU time than they are worth

Work = Callable[[int, Callable[[], bool]], None]  # of a part, and whether to give up


class Pace:
    """Which way is faster, for one component of a network.

    Attributes
    ----------
    steps : list of int         steps computed alone, and together
    """

    def __init__(self) -> None:
        self._cost = [0.0, math.inf]  # seconds per step: alone, together
        self._unmeasured: list[bool] = []
        self._chunk, self._next = 0, 0
        self.steps = [0, 0]

    @property
    def together(self) -> bool:
        """Are threads faster, as far as is known?"""
        return self._cost[True] < _GAIN * self._cost[False]

    def pieces(self, begin: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """(begin, end, together) of the pieces of a chunk."""
        if self._chunk >= self._next and not self._unmeasured:
            self._unmeasured = [False, True]
            self._next = min(2 * self._chunk + 1, self._chunk + _LONGEST_WAIT)
        self._chunk += 1
        while self._unmeasured and begin < end:
            stop = min(begin + _PROBE, end)
            yield begin, stop, self._unmeasured.pop(0)
            begin = stop
        if begin < end:
            yield begin, end, self.together

    def note(self, together: bool, steps: int, seconds: float) -> None:
        """Take what a piece has cost: a lucky measurement is forgotten with the next piece."""
        self.steps[together] += steps
        self._cost[together] = seconds / steps


class Crew:
    """Threads that work on the parts of a network; the caller takes the first part."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def run(self, work: Work) -> None:
        """Call ``work(part, broken)`` for each part at once; ``broken()`` says to give up.

        After an error, or Ctrl-C at any moment, no thread is at work any more.
        """
        if self._pool is None or self._process != os.getpid():  # a fork has no threads
            self._pool, self._process = ThreadPoolExecutor(self.parts - 1), os.getpid()
        broken = threading.Event()
        try:
            others = range(1, self.parts)
            jobs = [self._pool.submit(self._guarded, work, part, broken) for part in others]
            self._guarded(work, 0, broken)
            for job in jobs:
                job.result()
        except BaseException:
            broken.set()
            pool, self._pool = self._pool, None
            pool.shutdown(wait=True, cancel_futures=True)
            raise

    @staticmethod
    def _guarded(work: Work, part: int, broken: threading.Event) -> None:
        try:
            work(part, broken.is_set)
        except BaseException:
            broken.set()  # the others wait for this part no longer
            raise


def let_others_run() -> None:
    """Give the processor away for a moment: some other part is late."""
    time.sleep(0)
