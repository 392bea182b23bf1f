"""How is a recording read that is larger than memory? Piece by piece, in order of time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurosim.checks import integer
from neurosim.errors import FormatError
from neurosim.files import HEAD_BYTES, checked_path

from .container import Events
from .es import OFF_SENSOR, TRUNCATED, decode_piece, events_of, header, looks_like_es, off_sensor
from .open import open as open_whole

_LARGEST_EVENT = 1 << 20  # bytes; generic events have payloads of any length


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventStream:
    """A recording that is read when it is iterated over, each time from its beginning.

    Made by :func:`stream`; gives `Events` that follow each other in time.
    """

    path: str
    piece: int

    def __iter__(self) -> Iterator[Events]:
        name = self.path
        try:
            with open(name, "rb", buffering=0) as file:
                head = np.fromfile(file, np.uint8, HEAD_BYTES)
                if any(looks_like_es(head, generic=generic) for generic in (False, True)):
                    file.seek(0)
                    yield from _pieces(file, name, self.piece)
                    return
        except OSError as error:
            raise FormatError(
                f"{name}: must be a readable file, got: {error.strerror or error}; check the path"
            ) from error
        yield open_whole(name)

    def __repr__(self) -> str:
        return f"EventStream({self.path!r})"


def stream(path: str | os.PathLike, *, piece: int = 1 << 22) -> EventStream:
    """Read an Event Stream file (.es) piece by piece, in bounded memory.

    Parameters
    ----------
    path : path of the file
    piece : int
        Bytes of the file that are read at a time; memory takes some 16 times as much.

    Returns
    -------
    EventStream
        To iterate over. What is damaged is an error where it is met; other formats that
        `open` knows are short, and come whole.

    Raises
    ------
    FormatError
        While it is read: a file that is foreign, truncated or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from neurosim.events import Events, write_es
    >>> recording = Events(x=[3, 1, 2], y=[0, 2, 1], t=[10, 900, 5000], sensor_size=(4, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_es(recording, f"{folder}/long.es")
    ...     [events.t.tolist() for events in stream(path, piece=16)]
    [[10], [900], [5000]]

    The pieces become spikes with a fixed start, and feed a simulation while it runs::

        encode = ns.encoders.EventsToSpikes(pool=4, start_us=0)
        pieces = (encode(events) for events in ns.events.stream("long.es"))
        sim.run(60_000.0, inputs={"camera": pieces})
    """
    piece = integer("events.stream", "piece", piece, low=8, high=1 << 30)
    return EventStream(path=checked_path("events.stream", path), piece=piece)


def _pieces(file, name: str, size: int) -> Iterator[Events]:
    """Events of a file, ``size`` bytes at a time; what a piece cuts in two begins the next."""
    head = header(np.fromfile(file, np.uint8, 20), name)
    file.seek(head.start)
    rest, offset, now = np.empty(0, np.uint8), head.start, 0
    while True:
        fresh = np.fromfile(file, np.uint8, size)
        data = np.concatenate((rest, fresh))
        data.flags.writeable = False
        found = decode_piece(data, head, 0, now, strict=True)
        if found.status == OFF_SENSOR:
            raise off_sensor(name, offset + found.where, head)
        if found.columns["t"].size:
            yield events_of(head, found.columns)
        rest, now = data[found.where :], found.now
        offset += found.where
        if found.status == TRUNCATED and (not fresh.size or rest.size > _LARGEST_EVENT):
            raise FormatError(
                f"{name}: the event at byte {offset} must be complete, but the file ends at byte "
                f"{offset + rest.size} inside it, or it is longer than {_LARGEST_EVENT:,} bytes; "
                "copy the file again"
            )
        if not fresh.size:
            return
