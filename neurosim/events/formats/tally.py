"""What was odd in a recording? Counts that decoders keep, and the sentences they become."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNSORTED = 0  # stamps smaller than the one before
WRAPS = 1  # overflows of the camera's counter, which were undone
UNKNOWN = 2  # words that the specification does not name
OFF = 3  # events off the sensor, dropped
UNTIMED = 4  # events before the first time stamp, dropped
OTHER = 5  # what is no change event: triggers, frames, IMU samples
FAULT = 6  # byte of the first event off the sensor, plus one
BROKEN = 7  # byte from which on nothing can be decoded, plus one
SLOTS = 8

IMPOSSIBLE = "events with impossible numbers dropped"


@dataclass(slots=True)
class Tally:
    """Counts of one pass through a recording.

    ``counts`` is the array that kernels add to, ``truncated`` the bytes at the end that
    hold no whole event, ``extra`` what only Python code counts, in words; ``told`` is called
    with the bytes of the file that are behind.
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    truncated: int = 0
    extra: Counter = field(default_factory=Counter)
    told: Callable[[int], Any] | None = None
    passed: int = 0

    def advance(self, size: int) -> None:
        """So many bytes more are behind."""
        self.passed += size
        if self.told is not None:
            self.told(self.passed)

    @property
    def dropped(self) -> int:
        """Events off the sensor, or with numbers that cannot be."""
        return int(self.counts[OFF]) + self.extra[IMPOSSIBLE]

    @property
    def n_unsorted(self) -> int:
        return int(self.counts[UNSORTED])

    def add(self, other: "Tally") -> None:
        """Add the counts of another pass, over another part of the recording."""
        fault, broken = self.counts[FAULT], self.counts[BROKEN]
        self.counts += other.counts
        self.counts[FAULT], self.counts[BROKEN] = fault, broken
        self.truncated += other.truncated
        self.extra += other.extra

    def notes(self, other: str = "words that are no change events") -> tuple[str, ...]:
        """What was dropped or repaired, one phrase each.

        >>> tally = Tally(truncated=3)
        >>> tally.counts[WRAPS] = 2
        >>> tally.notes()
        ('2 wrap-arounds of the time stamp undone', 'truncated: 3 bytes at the end dropped')
        """
        phrases = (
            (WRAPS, "wrap-arounds of the time stamp undone"),
            (UNKNOWN, "unknown words skipped"),
            (OFF, "events off the sensor dropped"),
            (UNTIMED, "events before the first time stamp dropped"),
            (OTHER, f"{other} skipped"),
        )
        found = [f"{self.counts[k]:,} {words}" for k, words in phrases if self.counts[k]]
        found += [f"{count:,} {words}" for words, count in sorted(self.extra.items())]
        if self.truncated:
            found.append(f"truncated: {self.truncated:,} bytes at the end dropped")
        return tuple(found)
