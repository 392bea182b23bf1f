"""How is AEDAT 4 (iniVation's DV) decoded?

The line '#!AER-DAT4.0', then a flatbuffer that says the compression, the place of a table at
the end of the file and, as XML, what the streams hold; then packets: int32 stream, int32 size,
and so many bytes, compressed, of a flatbuffer. One of events ('EVTS') is a vector of 16 bytes
each: int64 time [us], int16 x, int16 y, bool on, three bytes of padding.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim._jit import kernel
from neurosim.checks import integer
from neurosim.errors import FormatError

from .compression import unpack
from .cursor import Damaged
from .flatbuffer import field, number, root, text, vector
from .source import HEIGHT, LARGEST_SIDE, LAST, NEVER, PIECE, WIDTH, Columns, Source
from .stored import Stored, check_memory
from .tally import BROKEN, OFF, UNSORTED, Tally

_START = b"#!AER-DAT4"
_KINDS = ("none", "lz4", "lz4", "zstd", "zstd")  # the last of each pair: compressed better
_LARGEST = 1 << 28  # bytes of a packet
_NODE = re.compile(r'path="/[^"]*outInfo/(\d{1,6})/(info/)?"')
_ATTRIBUTE = re.compile(r'<attr key="(\w{1,40})" type="\w{1,20}">([^<]{0,400})</attr>')


def looks_like_aedat4(stored: Stored) -> bool:
    """Whether the first line says version 4."""
    return stored.starts_with(_START)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aedat4(Source):
    """Packets of one stream of events."""

    start: int
    stop: int
    compression: str
    stream: int

    def blocks(self, tally: Tally, *, piece: int = PIECE, strict: bool = False) -> Iterator:
        state = self._state()
        for rows in self._packets(tally, strict):
            yield self._decoded(rows.copy(), state, tally)

    def whole(self, tally: Tally, *, strict: bool = False) -> Columns:
        size, parts = 0, []
        for rows in self._packets(tally, strict):
            size += 3 * len(rows)  # packets, all of them joined, and the columns
            check_memory(size, self.stored.name)
            parts.append(rows)
        joined = np.concatenate(parts) if parts else np.empty(0, np.uint8)
        return self._decoded(joined, self._state(), tally)

    def _state(self) -> np.ndarray:
        width, height = self.sensor_size or (LARGEST_SIDE, LARGEST_SIDE)
        return np.array([0, width, height, NEVER], np.int64)

    def _decoded(self, rows: np.ndarray, state: np.ndarray, tally: Tally) -> Columns:
        """Columns of rows of 16 bytes, at an address that int64 can have."""
        words = rows.view("<i8")
        room = Columns.room(len(words) // 2)
        n, _ = fill_dv(words, state, tally.counts, *room)
        return room.part(0, n)

    def _packets(self, tally: Tally, strict: bool) -> Iterator[np.ndarray]:
        with self.stored.open() as file:
            file.seek(self.start)
            at = self.start
            while at < self.stop:
                head = file.read(8)
                stream, size = struct.unpack("<ii", head) if len(head) == 8 else (-1, -1)
                if size < 0 or size > self.stop - at - 8 or size > _LARGEST or stream < 0:
                    self._cut(at, tally, strict)
                    return
                if stream != self.stream:
                    tally.extra["packets of other streams skipped"] += 1
                    file.seek(size, 1)
                else:
                    try:
                        yield _events(unpack(file.read(size), self.compression, self.stored.name))
                    except Damaged:
                        tally.extra["damaged packets dropped"] += 1
                        self._bad(at, strict)
                at += 8 + size
                tally.advance(8 + size)

    def _cut(self, at: int, tally: Tally, strict: bool) -> None:
        tally.truncated += self.stop - at
        tally.counts[BROKEN] = at + 1
        self._bad(at, strict)

    def _bad(self, at: int, strict: bool) -> None:
        if strict:
            raise FormatError(
                f"{self.stored.name}: the packet at byte {at} must be complete, but the file of "
                f"{self.stored.size} bytes ends inside it or is damaged there; copy the file "
                "again, or open it with strict=False to keep the other packets"
            )


def open_aedat4(stored: Stored, *, stream: int | None = None) -> Aedat4:
    """The recording; ``stream`` is the number of one of several streams of events."""
    first = stored.head.tobytes().find(b"\n") + 1
    with stored.open() as file:
        file.seek(first)
        prefix = file.read(4)
        length = int.from_bytes(prefix, "little")
        header = file.read(length) if length <= _LARGEST else b""
    try:
        if first < 1 or len(prefix) < 4 or len(header) < max(length, 8) or header[4:8] != b"IOHE":
            raise Damaged
        table = root(header)
        kind = number(header, field(header, table, 0), "<i", 0)
        behind = number(header, field(header, table, 1), "<q", -1)
        info = text(header, field(header, table, 2))
        compression = _KINDS[kind] if 0 <= kind < len(_KINDS) else None
        if compression is None:
            raise Damaged
    except Damaged:
        raise FormatError(
            f"{stored.name}: the header of an AEDAT 4 file must be a flatbuffer 'IOHE' of "
            "compression, table and streams, got a damaged one; copy the file again"
        ) from None
    streams = {k: about for k, about in _streams(info).items() if about["kind"] == "EVTS"}
    chosen = _choose(stored, streams, stream)
    start = first + 4 + length
    return Aedat4(
        stored=stored,
        title="AEDAT 4",
        sensor_size=streams[chosen]["size"],
        start=start,
        stop=behind if start <= behind <= stored.size else stored.size,
        compression=compression,
        stream=chosen,
        remarks=(
            (f"stream {chosen} of {len(streams)} with events; the others with stream=",)
            if len(streams) > 1
            else ()
        ),
    )


def _choose(stored: Stored, streams: dict[int, Any], wanted: int | None) -> int:
    if wanted is not None:
        wanted = integer("events.open", "stream", wanted, low=0)
    if not streams or (wanted is not None and wanted not in streams):
        raise FormatError(
            f"{stored.name}: an AEDAT 4 file must have the stream of events "
            f"{'' if wanted is None else wanted}, got those numbered {sorted(streams)}; choose "
            "one with stream="
        )
    return min(streams) if wanted is None else wanted


def _streams(info: str) -> dict[int, dict[str, Any]]:
    """What the XML says of each stream: its kind and sensor size."""
    found: dict[int, dict[str, Any]] = {}
    nodes = list(_NODE.finditer(info))
    ends = [node.start() for node in nodes[1:]] + [len(info)]
    for node, end in zip(nodes, ends, strict=False):
        part = info[node.end() : end]
        attributes = dict(_ATTRIBUTE.findall(part))
        about = found.setdefault(int(node[1]), {"kind": "", "size": None})
        about["kind"] = attributes.get("typeIdentifier", about["kind"])
        sides = [attributes.get(side, "") for side in ("sizeX", "sizeY")]
        if all(re.fullmatch(r"\d{1,5}", side) and 1 <= int(side) <= 65536 for side in sides):
            about["size"] = (int(sides[0]), int(sides[1]))
    return found


def _events(packet: bytes) -> np.ndarray:
    """The rows of a packet, uint8: 16 bytes for each event."""
    if packet[8:12] != b"EVTS":
        raise Damaged
    buffer = memoryview(packet)[4:]
    start, count = vector(buffer, field(buffer, root(buffer), 0), 16)
    return np.frombuffer(buffer, np.uint8, 16 * count, start)


@kernel
def fill_dv(words, state, counts, x, y, t, p):
    """Decode pairs of int64: the time, and x, y, polarity; (events, words used)."""
    n, last, width, height = 0, state[LAST], state[WIDTH], state[HEIGHT]
    backwards = 0
    for i in range(len(words) // 2):
        now, place = words[np.uint64(2 * i)], words[np.uint64(2 * i + 1)]
        column, row = place & 0xFFFF, (place >> 16) & 0xFFFF
        if (column < width) & (row < height) & (now > NEVER) & (now < -NEVER):
            backwards += now < last
            last = now
            k = np.uint64(n)
            x[k], y[k], t[k], p[k] = column, row, now, (place >> 32) & 0xFF != 0
            n += 1
        else:
            counts[OFF] += 1
    counts[UNSORTED] += backwards
    state[LAST] = last
    return n, len(words)
