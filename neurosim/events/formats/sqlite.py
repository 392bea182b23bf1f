"""How are messages read from a ROS 2 bag in SQLite (.db3)?

Two tables: ``topics`` (id, name, type) and ``messages`` (topic_id, timestamp, data).
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from neurosim.errors import FormatError

from .stored import Stored
from .tally import Tally

START = b"SQLite format 3\0"
_STEPS = 10_000_000  # of SQLite's machine, for one row: far more than a table needs


def looks_like_sqlite(stored: Stored) -> bool:
    """Whether the file is an SQLite database."""
    return stored.starts_with(START)


def messages(stored: Stored, tally: Tally) -> Iterator[tuple[str, str, memoryview]]:
    """Topic, type and bytes of each message, in the order of time."""
    try:
        with _connected(stored) as base:
            yield from _rows(stored, base, tally)
    except sqlite3.DatabaseError as error:
        # A damaged page ends what can be read.
        tally.extra[f"damaged database: {str(error)[:60]}"] += 1


class _connected:
    """A read-only connection that is closed at the end."""

    def __init__(self, stored: Stored) -> None:
        if stored.content is None:
            uri = Path(stored.name).resolve().as_uri() + "?mode=ro&immutable=1"
            self.base = sqlite3.connect(uri, uri=True, check_same_thread=False)
        else:
            self.base = sqlite3.connect(":memory:", check_same_thread=False)
            self.base.deserialize(bytes(stored.content))

    def __enter__(self) -> sqlite3.Connection:
        return self.base

    def __exit__(self, *_: object) -> None:
        self.base.close()


def _rows(stored: Stored, base: sqlite3.Connection, tally: Tally):
    base.execute("PRAGMA trusted_schema = OFF")
    base.execute("PRAGMA cell_size_check = ON")
    # A view could compute without end: both names must be tables, and steps are bounded.
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
    names = {row[0] for row in base.execute(query)}
    if not {"topics", "messages"} <= names:
        raise FormatError(
            f"{stored.name}: an SQLite file must be a ROS 2 bag with the tables 'topics' and "
            f"'messages', got {sorted(map(str, names))[:8]}; export the events to another format"
        )
    base.set_progress_handler(lambda: 1, _STEPS)
    topics = {
        key: (name, kind)
        for key, name, kind in base.execute("SELECT id, name, type FROM topics")
        if isinstance(name, str) and isinstance(kind, str)
    }
    for key, data in base.execute("SELECT topic_id, data FROM messages ORDER BY timestamp"):
        base.set_progress_handler(lambda: 1, _STEPS)
        tally.advance(len(data) if isinstance(data, bytes) else 0)
        if key in topics and isinstance(data, bytes):
            yield (*topics[key], memoryview(data))
        else:
            tally.extra["damaged messages dropped"] += 1
