"""Which topic of a bag holds events, and how do its messages become blocks?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from neurosim.errors import FormatError

from . import bag, mcap, sqlite
from .messages import Decoder, holds_events
from .source import PIECE, Source
from .stored import Stored
from .tally import Tally

_LOOK = 10_000  # messages that are looked through for one with events
Messages = Callable[[Stored, Tally], Iterator]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Source):
    """Messages of one topic, of one file or of several that follow each other."""

    messages: Messages
    files: tuple[Stored, ...]
    topic: str
    kind: str
    ros2: bool

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(stored.size for stored in self.files)

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        decoder = Decoder(self.kind, self.ros2, self.sensor_size)
        for stored in self.files:
            for topic, _, data in self.messages(stored, tally):
                if topic == self.topic:
                    for columns in decoder(data, tally):
                        if len(columns.t):
                            yield columns
                else:
                    tally.extra["messages of other topics skipped"] += 1
            self._check_strictly(tally, strict)

    def _check_strictly(self, tally: Tally, strict: bool) -> None:
        damage = [words for words in tally.extra if words.startswith("damaged")]
        if strict and (damage or tally.truncated):
            raise FormatError(
                f"{self.stored.name}: every message must be complete, but {tally.truncated} bytes "
                f"are missing at the end, and there are {', '.join(damage) or 'no damaged ones'}; "
                "copy the file again, or open it with strict=False to keep the whole ones"
            )


def open_bag(stored: Stored, *, topic: str | None = None) -> Topic:
    """A ROS 1 bag."""
    return _topic((stored,), bag.messages, "ROS 1 bag", False, topic)


def open_mcap(stored: Stored, *, topic: str | None = None, files=()) -> Topic:
    """An MCAP file, or the parts of one bag."""
    return _topic(files or (stored,), mcap.messages, "MCAP", True, topic)


def open_sqlite(stored: Stored, *, topic: str | None = None, files=()) -> Topic:
    """A ROS 2 bag in SQLite, or the parts of one bag."""
    return _topic(files or (stored,), sqlite.messages, "ROS 2 bag", True, topic)


def _topic(files, messages: Messages, title: str, ros2: bool, wanted: str | None) -> Topic:
    found: dict[str, str] = {}
    size, tally = {}, Tally()
    for topic, kind, data in islice(messages(files[0], tally), _LOOK):
        if holds_events(kind) and topic not in size:
            found[topic] = kind
            decoder = Decoder(kind, ros2)
            decoder(data, Tally())
            size[topic] = decoder.sensor_size
            if topic == wanted:
                break
    if not found or (wanted is not None and wanted not in found):
        raise FormatError(
            f"{files[0].name}: a bag must have a topic of event arrays or packets "
            f"{'' if wanted is None else repr(wanted)}, got {sorted(found) or 'none'} in its "
            f"first {_LOOK:,} messages; choose one with topic="
        )
    chosen = wanted if wanted is not None else next(iter(found))
    others = [topic for topic in found if topic != chosen]
    return Topic(
        stored=files[0],
        title=f"{title}, {found[chosen]}",
        sensor_size=size[chosen],
        messages=messages,
        files=tuple(files),
        topic=chosen,
        kind=found[chosen],
        ros2=ros2,
        other="trigger and extension words",
        remarks=(f"topic {chosen!r}; others with topic=: {', '.join(others)}",) if others else (),
    )
