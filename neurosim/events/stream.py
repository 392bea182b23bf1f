"""How is a recording read that is larger than memory? Piece by piece, in order of time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from neurosim.checks import integer

from .container import Events
from .formats.stored import Stored
from .open import source_of
from .recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventStream:
    """A recording that is read when it is iterated over, each time from its beginning.

    Made by :func:`stream`; gives `Events` that follow each other in time.
    """

    recording: Recording

    def __iter__(self) -> Iterator[Events]:
        return self.recording.pieces()

    def __repr__(self) -> str:
        return f"EventStream({self.recording.path!r})"


def stream(path: str | os.PathLike, *, piece: int = 1 << 22) -> EventStream:
    """Read a recording piece by piece, in bounded memory; the strict twin of `open`.

    Parameters
    ----------
    path : path of the file
    piece : int
        Bytes of the file that are read at a time; memory takes some 16 times as much.

    Returns
    -------
    EventStream
        To iterate over. What is damaged is an error where it is met.

    Raises
    ------
    FormatError
        For a file that is foreign; while it is read, for one that is truncated or damaged.

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
    source = source_of(Stored.of_path("events.stream", path))
    return EventStream(recording=Recording(origin=source, strict=True, piece=piece))
