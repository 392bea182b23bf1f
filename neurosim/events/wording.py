"""How do events become the words of a camera? Vectorised encoders, piece by piece.

Each encoder has a header and turns pieces, in order of time, into bytes. Every format can
hold coordinates up to some side and times up to some limit; :func:`checked` says which.
"""

from typing import Any

import numpy as np

from neurosim.errors import ParameterError

from .container import Events

_FILL = 1024  # steps of 4096 us between two high words at most, so that no wrap is missed
_MOST_FILL = 1 << 23  # of such steps, 16 MiB


def checked(owner: str, events: Events, *, sides: tuple[int, int], stamps: int) -> None:
    """Raise unless the sensor fits into ``sides`` and all stamps are in 0..stamps - 1."""
    width, height = events.sensor_size
    if width > sides[0] or height > sides[1]:
        raise ParameterError(
            f"{owner}: events.sensor_size must be <= {sides}, got {events.sensor_size}; crop or "
            "downsample, or write another format"
        )
    if len(events) and (events.t[0] < 0 or events.t[-1] >= stamps):
        raise ParameterError(
            f"{owner}: events.t must be in 0..{stamps - 1} us, got {events.t[0]}..{events.t[-1]}; "
            "use shift_time, or write another format"
        )


class Dat:
    """Prophesee DAT: see :mod:`.formats.dat`."""

    sides, stamps = (1 << 14, 1 << 14), 1 << 32

    def header(self, width: int, height: int) -> bytes:
        text = (
            f"% Data file containing CD events.\n% Version 2\n% Height {height}\n% Width {width}\n"
        )
        return text.encode() + bytes([12, 8])

    def body(self, events: Events) -> bytes:
        words = np.empty((len(events), 2), "<u4")
        words[:, 0] = events.t
        words[:, 1] = events.x | events.y.astype(np.uint32) << 14 | events.p.astype(np.uint32) << 28
        return words.tobytes()


def _raw_header(version: str, form: str, width: int, height: int) -> bytes:
    lines = (f"evt {version}", f"format {form};height={height};width={width}",
             f"geometry {width}x{height}", "end")  # fmt: skip
    return "".join(f"% {line}\n" for line in lines).encode()


class Evt2:
    """Prophesee EVT 2.0: see :mod:`.formats.evt2`."""

    sides, stamps = (2048, 2048), 1 << 34

    def __init__(self) -> None:
        self.high = -1

    def header(self, width: int, height: int) -> bytes:
        return _raw_header("2.0", "EVT2", width, height)

    def body(self, events: Events) -> bytes:
        t = events.t
        high = t >> 6
        fresh = np.diff(high, prepend=self.high) != 0
        words = np.empty(len(t) + int(fresh.sum()), "<u4")
        place = np.arange(len(t)) + np.cumsum(fresh)
        words[place[fresh] - 1] = 8 << 28 | high[fresh]
        words[place] = (
            events.p.astype(np.int64) << 28 | (t & 63) << 22
            | events.x.astype(np.int64) << 11 | events.y
        )  # fmt: skip
        self.high = int(high[-1]) if len(high) else self.high
        return words.tobytes()


class Evt3:
    """Prophesee EVT 3.0, without vectors: see :mod:`.formats.evt3`."""

    sides, stamps = (2048, 2048), 1 << 62

    def __init__(self) -> None:
        self.t = self.y = -1

    def header(self, width: int, height: int) -> bytes:
        return _raw_header("3.0", "EVT3", width, height)

    def body(self, events: Events) -> bytes:
        if self.t < 0 and len(events) and events.t[0] >= 1 << 24:
            raise ParameterError(
                "write: events.t must start below 2**24 us in EVT 3.0, which counts no further, "
                f"got {events.t[0]}; use shift_time(-events.t[0])"
            )
        t, y = events.t, events.y.astype(np.int64)
        before = np.concatenate(([self.t], t[:-1]))
        # High words: one where the high bits change, more in a long pause.
        steps = (t >> 12) - np.where(before < 0, -1, before >> 12)
        highs = np.where(before < 0, 1, -(-steps // _FILL))
        if highs.sum() > len(t) + _MOST_FILL:
            raise ParameterError(
                "write: events.t must leave pauses below a year in all in EVT 3.0, which fills "
                f"them with words, got {t[0]}..{t[-1]} us; write another format, or cut there"
            )
        low = (t != before).astype(np.int64)
        row = (np.diff(y, prepend=self.y) != 0).astype(np.int64)
        place = np.cumsum(highs + low + row + 1) - 1  # of each event's own word
        words = np.empty(int(place[-1]) + 1 if len(t) else 0, "<u2")
        words[place] = 2 << 12 | events.p.astype(np.int64) << 11 | events.x
        words[(place - 1)[row > 0]] = y[row > 0]
        words[(place - row - 1)[low > 0]] = 6 << 12 | (t & 4095)[low > 0]
        first = place - row - low - highs
        which = np.repeat(np.arange(len(t)), highs)
        step = np.arange(len(which)) - np.repeat(np.cumsum(highs) - highs, highs)
        left = highs[which] - 1 - step
        words[first[which] + step] = 8 << 12 | (((t >> 12)[which] - left * _FILL) & 4095)
        if len(t):
            self.t, self.y = int(t[-1]), int(y[-1])
        return words.tobytes()


_CHIPS = (
    ("ch.unizh.ini.jaer.chip.retina.DVS128", (128, 128)),
    ("eu.seebetter.ini.chips.davis.DAVIS240C", (240, 180)),
    ("eu.seebetter.ini.chips.davis.DAVIS346", (346, 260)),
    ("eu.seebetter.ini.chips.davis.DAVIS640", (640, 480)),
)


class Aedat2:
    """AEDAT 2 of the smallest camera that the sensor fits into: see :mod:`.formats.aedat`."""

    sides, stamps = (640, 480), 1 << 32

    def header(self, width: int, height: int) -> bytes:
        chip = next(name for name, (w, h) in _CHIPS if width <= w and height <= h)
        self.davis = "DAVIS" in chip
        text = f"#!AER-DAT2.0\r\n# AEChip: {chip}\r\n# Timestamps tick is 1 us\r\n"
        return text.encode()

    def body(self, events: Events) -> bytes:
        x, y, p = (column.astype(np.uint32) for column in (events.x, events.y, events.p))
        words = np.empty((len(events), 2), ">u4")
        words[:, 0] = x << 12 | y << 22 | p << 11 if self.davis else x << 1 | y << 8 | p
        words[:, 1] = events.t
        return words.tobytes()


class Lines:
    """Text with a time in microseconds, columns named in the first line."""

    sides, stamps = (65536, 65536), 10**17  # digits that readers take

    def header(self, width: int, height: int) -> bytes:
        return f"# sensor {width}x{height}\nt[us],x,y,p\n".encode()

    def body(self, events: Events) -> bytes:
        rows = zip(*(getattr(events, c).tolist() for c in "txyp"), strict=True)
        return "".join(f"{t},{x},{y},{p}\n" for t, x, y, p in rows).encode()


class Seconds(Lines):
    """Text as of the Event Camera Dataset: seconds, x, y, p, separated by blanks."""

    def header(self, width: int, height: int) -> bytes:
        return f"{width} {height}\n".encode()

    def body(self, events: Events) -> bytes:
        rows = zip(*(getattr(events, c).tolist() for c in "txyp"), strict=True)
        return "".join(
            f"{t // 1_000_000}.{t % 1_000_000:06d} {x} {y} {p}\n" for t, x, y, p in rows
        ).encode()


WORDS: dict[str, Any] = {
    "dat": Dat,
    "evt2": Evt2,
    "evt3": Evt3,
    "aedat2": Aedat2,
    "csv": Lines,
    "txt": Seconds,
}
