"""How does a format give its events? In blocks of four columns, and a tally of the rest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurosim.errors import FormatError

from ..columns import EVENT_DTYPE
from ..container import Events
from .stored import Stored, check_memory
from .tally import BROKEN, FAULT, OFF, UNSORTED, Tally

# What every kernel finds at the same places of its state.
BASE = 0  # byte of the file at which the words given to it begin
WIDTH = 1  # pixels of the sensor; 65536 when the file does not say
HEIGHT = 2
LAST = 3  # the latest time stamp
OWN = 4  # from here on a format keeps what it likes

LARGEST_SIDE = 65536
PIECE = 1 << 20  # bytes that are read at a time, unless told otherwise
_CACHED = 1 << 18  # ... where nothing else is done with them: they stay in the cache
_LONGEST = 1 << 20  # bytes of one event: generic events have payloads of any length
_ROOM = 1 << 16  # events that are decoded at a time
_BYTES = EVENT_DTYPE.itemsize
NEVER = -(1 << 62)
"""Before every time stamp [us]."""


class Columns(NamedTuple):
    """Events by column: x, y uint16, t int64 [us], p uint8, in the order of the file."""

    x: np.ndarray
    y: np.ndarray
    t: np.ndarray
    p: np.ndarray

    @classmethod
    def room(cls, n: int) -> "Columns":
        return cls(*(np.empty(n, EVENT_DTYPE[name]) for name in cls._fields))

    def part(self, start: int, stop: int) -> "Columns":
        return Columns(*(column[start:stop] for column in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A recording in one format. Subclasses say how its blocks are found.

    Parameters
    ----------
    stored : Stored
    title : str
        The format, for people.
    sensor_size : (W, H), optional
        When the file says it.
    n_polarities : int
    other : str
        What else such a file holds, for the sentence that counts it.
    remarks : tuple of str
        What was assumed about the file.
    """

    stored: Stored
    title: str
    sensor_size: tuple[int, int] | None = None
    n_polarities: int = 2
    other: str = "words that are no change events"
    remarks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that a pass goes through, about which it keeps the tally."""
        return self.stored.size

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        """Give `Columns` of events, some ``piece`` bytes of the file at a time."""
        raise NotImplementedError

    def whole(self, tally: Tally, *, strict: bool = False) -> Columns:
        """All events at once, when they fit into memory."""
        name, size, parts = self.stored.name, 0, []
        for block in self.blocks(tally, strict=strict):
            size += 2 * _BYTES * len(block.t)  # the parts, and all of them joined
            check_memory(size, name)
            parts.append(block)
        if len(parts) == 1:
            return parts[0]
        return Columns(*map(np.concatenate, zip(*parts, strict=True))) if parts else Columns.room(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Source):
    """A format of words that a kernel decodes one after the other.

    ``fill(words, state, counts, x, y, t, p)`` decodes until the words or the room in the
    columns end, and returns how many events it wrote and how many words it used. A word
    gives at most ``most`` events.
    """

    fill: Callable
    start: int = 0
    word: str = "<u1"
    most: int = 1
    state: tuple[int, ...] = ()
    remedy: str = "copy the file again, or open it with strict=False to keep the whole events"
    smallest: int = 1  # words per event, at least

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        piece = self._piece(piece)
        words_at_once = piece // (np.dtype(self.word).itemsize * self.smallest)
        room = Columns.room(min(_ROOM, self.most * words_at_once + 64))
        for words, state in self._read(tally, piece, strict):
            begin = 0
            while begin < len(words):
                n, used = self.fill(words[begin:], state, tally.counts, *room)
                self._check(tally, strict)
                if n:
                    yield Columns(*(column[:n].copy() for column in room))
                begin += used
                state[BASE] += used * words.itemsize
                if not used:
                    break

    def whole(self, tally: Tally, *, strict: bool = False) -> Columns:
        unit = np.dtype(self.word).itemsize
        length = max(self.stored.size - self.start, 0) // (unit * self.smallest) + 64
        check_memory(length * _BYTES, self.stored.name)
        room, n = Columns.room(length), 0
        for words, state in self._read(tally, self._piece(_CACHED), strict):
            begin = 0
            while begin < len(words):
                if len(room.t) - n < 64:
                    room = self._more(room, n)
                got, used = self.fill(
                    words[begin:], state, tally.counts, *(column[n:] for column in room)
                )
                self._check(tally, strict)
                n += got
                begin += used
                state[BASE] += used * words.itemsize
                if not used:
                    break
        return room.part(0, n)

    def _piece(self, piece: int) -> int:
        """Bytes to read at a time: a whole word, and no more than there are."""
        unit = np.dtype(self.word).itemsize
        return max(min(piece, self.stored.size - self.start + unit), unit)

    def _more(self, room: Columns, n: int) -> Columns:
        check_memory(3 * len(room.t) * _BYTES, self.stored.name)
        more = Columns.room(2 * len(room.t))
        for new, old in zip(more, room, strict=True):
            new[:n] = old[:n]
        return more

    def _read(self, tally: Tally, piece: int, strict: bool) -> Iterator:
        """Words of the file, ``piece`` bytes at a time; what is cut in two begins the next."""
        dtype = np.dtype(self.word)
        width, height = self.sensor_size or (LARGEST_SIDE, LARGEST_SIDE)
        state = np.array([self.start, width, height, NEVER, *self.state], np.int64)
        buffer = np.empty(piece + 64, np.uint8)
        have, offset = 0, self.start
        with self.stored.open() as file:
            file.seek(self.start)
            while True:
                if have + piece > len(buffer):  # an event longer than a piece
                    buffer = np.concatenate((buffer, np.empty(len(buffer), np.uint8)))
                got = file.readinto(buffer[have : have + piece].data)
                have += got
                words = buffer[: have - have % dtype.itemsize].view(dtype)
                yield words, state
                used = int(state[BASE]) - offset
                offset += used
                have -= used
                tally.advance(used)
                if tally.counts[BROKEN]:
                    tally.truncated += self.stored.size - offset
                    self._cut(offset, strict, "be one that the format knows")
                    return
                if offset == self.stored.size:
                    return
                if not got or have > _LONGEST:
                    left = max(self.stored.size - offset, 0)
                    tally.truncated += left
                    if left:
                        self._cut(offset, strict, "be complete")
                    return
                buffer[:have] = buffer[used : used + have]

    def _cut(self, offset: int, strict: bool, rule: str) -> None:
        if strict:
            raise FormatError(
                f"{self.stored.name}: the event at byte {offset} must {rule}, but the file ends "
                f"at byte {self.stored.size} inside it, or is damaged there; {self.remedy}"
            )

    def _check(self, tally: Tally, strict: bool) -> None:
        if strict and tally.counts[OFF]:
            width, height = self.sensor_size or (LARGEST_SIDE, LARGEST_SIDE)
            raise FormatError(
                f"{self.stored.name}: event at byte {tally.counts[FAULT] - 1} must lie on the "
                f"{width}x{height} sensor, got another pixel; the file is damaged from there on "
                "or before: open it with strict=False to keep the other events"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Source):
    """A format of short files, decoded at once by ``decode(data, name, strict=...)``."""

    decode: Callable[..., Events]
    memory: int = 12

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        data = self.stored.read(memory=self.memory)
        events = self.decode(data, self.stored.name, strict=strict)
        tally.counts[UNSORTED] += events.n_unsorted
        tally.extra.update(split_notes(events.notes))
        yield Columns(events.x, events.y, events.t, events.p)


def split_notes(notes: tuple[str, ...]) -> dict[str, int]:
    """Counts out of notes of the form '12 events dropped'."""
    found = {}
    for note in notes:
        number, _, words = note.partition(" ")
        if number.replace(",", "").isdigit():
            found[words] = int(number.replace(",", ""))
        else:
            found[note] = 1
    return found


def sorted_out(
    columns: Columns, size: tuple[int, int] | None, last: int | None, tally: Tally
) -> tuple[Columns, int | None]:
    """Drop and count what lies off the sensor, count stamps that run backwards.

    ``last`` is the stamp before; the new one is returned too.
    """
    width, height = size or (LARGEST_SIDE, LARGEST_SIDE)
    off = (columns.x >= width) | (columns.y >= height) | (np.abs(columns.t) >= -NEVER)
    if off.any():
        tally.counts[OFF] += int(np.count_nonzero(off))
        columns = Columns(*(column[~off] for column in columns))
    if not len(columns.t):
        return columns, last
    t = columns.t
    backwards = int(np.count_nonzero(t[1:] < t[:-1])) + (last is not None and t[0] < last)
    tally.counts[UNSORTED] += backwards
    return columns, int(t[-1])
