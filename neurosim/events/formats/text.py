"""How are lines of text (.txt, .csv) decoded? Numbers, exactly, without Python per line.

Columns are separated by blanks, commas, semicolons or tabs and may be named in the first
line; lines that begin with '#' or '%' are comments, and a first line of two numbers is the
sensor's size. Times are read as integers times a power of ten, so that no digit is lost.
"""

import re
from typing import BinaryIO

import numpy as np

from neurosim._jit import kernel
from neurosim.errors import FormatError

from .named import by_content, by_name, checked_order, power_of
from .source import BASE, HEIGHT, LAST, OWN, WIDTH, Words
from .stored import Stored
from .tally import FAULT, OFF, OTHER, UNKNOWN, UNSORTED

AT_X, AT_Y, AT_T, AT_P, POWER = range(OWN, OWN + 5)

_SEPARATORS = re.compile(r"[\s,;]+")
_SAMPLE = 2000  # lines
_LIMIT = 1 << 60
_PRINTABLE = np.zeros(256, bool)
_PRINTABLE[[9, 10, 13, *range(32, 127)]] = True


def looks_like_text(stored: Stored) -> bool:
    """Whether the head is plain text with a line of at least three numbers."""
    if not len(stored.head) or not _PRINTABLE[stored.head].all():
        return False
    _, names, rows, _, _ = _begin(stored)
    if len(rows) or names:
        return rows.shape[1] >= 3 if len(rows) else by_name(_bare(names)) is not None
    return re.fullmatch(rb"\d{1,5} \d{1,5}\r?\n", stored.head.tobytes()) is not None


def open_text(stored: Stored, *, columns: str | None = None, time_unit: str | None = None) -> Words:
    """The recording; ``columns`` such as 'txyp' and ``time_unit`` s, ms, us or ns if need be."""
    size, names, rows, start, pointed = _begin(stored)
    order, remarks = _order(stored, names, rows, columns, pointed)
    times = rows[:, order.index("t")] if rows.size else np.empty(0)
    power, more = power_of(time_unit or _unit(names), times, order.find("t") == pointed)
    return Words(
        stored=_Lines.of(stored),
        title="text",
        sensor_size=size,
        n_polarities=2 if "p" in order else 1,
        fill=fill_text,
        start=start,
        smallest=6,
        state=(*(order.find(c) for c in "xytp"), power),
        other="comment lines",
        remarks=(*remarks, *more),
    )


def _bare(names: list[str]) -> list[str]:
    """Names without units."""
    return [re.sub(r"[\[(_](s|ms|us|ns)[\])]?$", "", name) for name in names]


def _unit(names: list[str]) -> str | None:
    """A unit in brackets behind the name of the time."""
    for name in names:
        found = re.fullmatch(r"(?:t|ts|time|timestamp)s?[\[(_](s|ms|us|ns)[\])]?", name)
        if found:
            return found[1]
    return None


def _order(stored, names: list[str], rows: np.ndarray, columns: str | None, pointed: int | None):
    if columns is not None:
        order, remarks = checked_order("events.open", columns), ()
    else:
        plain = _bare(names)
        match = by_name(plain)
        if match:
            letters = {name: c for c, name in match.items()}
            order, remarks = "".join(letters.get(name, "-") for name in plain), ()
        elif not names and not len(rows):
            order, remarks = "txyp", ()  # a sensor's size alone: no events
        else:
            order = by_content(rows, pointed) or ""
            remarks = (f"columns without names, read as {', '.join(order)}",)
    if not order or (len(rows) and len(order) > rows.shape[1]):
        raise FormatError(
            f"{stored.name}: lines of text must have columns of which one ascends (the time), two "
            "are whole numbers (x, y) and one has two values (the polarity), got "
            f"{' '.join(f'{v:g}' for v in rows[0][:6])}; say columns='txyp', or as it is"
        )
    return order, remarks


def _begin(
    stored: Stored,
) -> tuple[tuple[int, int] | None, list[str], np.ndarray, int, int | None]:
    """Sensor size and names of columns if there are some, a sample of rows, first data byte, and
    the only column that is written with thousandths in every row: a time in seconds."""
    size, names, rows, offset, start = None, [], [], 0, 0
    pointed: set[int] = set()
    text = stored.head.tobytes()
    for line in text.split(b"\n")[: _SAMPLE + 100]:
        words = [w for w in _SEPARATORS.split(line.decode("latin-1").strip()) if w]
        offset += len(line) + 1
        complete = offset <= len(text) or stored.size == len(text)
        if not words or words[0][0] in "#%" or not complete:
            names = names or _named(words)
            size = size or _told(line)
            continue
        values = [_number(word) for word in words]
        if None not in values and len(values) >= 3:
            if not rows:
                start = offset - len(line) - 1
                pointed = set(range(len(words)))
            if not rows or len(values) == len(rows[0]):
                rows.append(values)
                pointed &= {k for k, word in enumerate(words) if re.search(r"\.\d{3}", word)}
        elif not rows and None not in values and len(values) == 2 and size is None:
            size = _size(values)
        elif not rows and not names:
            names = [word.lower() for word in words]
            start = offset
    found = np.array(rows[:_SAMPLE], np.float64) if rows else np.empty((0, 0))
    return size, names, found, start, pointed.pop() if len(pointed) == 1 else None


def _named(words: list[str]) -> list[str]:
    """Names in a comment line."""
    plain = [word.lower() for word in words if word not in "#%"]
    return plain if by_name(_bare(plain)) else []


def _told(line: bytes) -> tuple[int, int] | None:
    """The sensor of a comment such as '# sensor 640x480'."""
    found = re.search(rb"\b(\d{1,5})x(\d{1,5})\b", line[:200])
    return _size([float(side) for side in found.groups()]) if found else None


def _size(values: list[float]) -> tuple[int, int] | None:
    good = all(v == int(v) and 1 <= v <= 65536 for v in values)
    return (int(values[0]), int(values[1])) if good else None


def _number(word: str) -> float | None:
    if not re.fullmatch(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?", word):
        return None
    value = float(word)
    return value if np.isfinite(value) else None


class _Lines(Stored):
    """A text whose last line always ends."""

    @classmethod
    def of(cls, stored: Stored) -> "_Lines":
        fields = ("name", "size", "head", "content")
        return cls(**{name: getattr(stored, name) for name in fields})

    def open(self) -> BinaryIO:
        return _Ended(super().open())  # type: ignore[return-value]


class _Ended:
    """A file that gives one line end more than it has."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.ended = file, False

    def readinto(self, buffer: memoryview) -> int:
        got = self.file.readinto(buffer)
        if not got and not self.ended:
            self.ended = True
            buffer[:1] = b"\n"
            return 1
        return got

    def seek(self, at: int) -> int:
        return self.file.seek(at)

    def __enter__(self) -> "_Ended":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@kernel
def fill_text(data, state, counts, x, y, t, p):
    """Decode whole lines; returns (events, bytes used)."""
    n, i, size, room = 0, 0, len(data), len(x)
    while i < size and n < room:
        end = i
        while end < size and data[end] != 10:
            end += 1
        if end == size:
            break
        n += _line(n, data, i, end, state, counts, (x, y, t, p))
        i = end + 1
    return n, i


@kernel
def _line(n, data, i, end, state, counts, columns):
    """Write the event of the line from i to end; 1 when it is one."""
    x, y, t, p = columns
    while i < end and _blank(data[i]):
        i += 1
    if i == end:
        return 0
    if data[i] == 35 or data[i] == 37:  # '#', '%'
        counts[OTHER] += 1
        return 0
    column, row, now, sign = -1, -1, _LIMIT, 0
    place, start = 0, i
    while i < end:
        power = state[POWER] if place == state[AT_T] else 0
        value, i = _parsed(data, i, end, power)
        if place == state[AT_X]:
            column = value
        elif place == state[AT_Y]:
            row = value
        elif place == state[AT_T]:
            now = value
        elif place == state[AT_P]:
            sign = value
        place += 1
        while i < end and _blank(data[i]):
            i += 1
    if now >= _LIMIT or column < 0 or row < 0 or sign >= _LIMIT:
        counts[UNKNOWN] += 1
        return 0
    if column >= state[WIDTH] or row >= state[HEIGHT]:
        counts[OFF] += 1
        if counts[FAULT] == 0:
            counts[FAULT] = state[BASE] + start + 1
        return 0
    counts[UNSORTED] += now < state[LAST]
    state[LAST] = now
    x[n], y[n], t[n], p[n] = column, row, now, sign > 0
    return 1


@kernel
def _blank(byte):
    """Blank, tab, carriage return, comma, semicolon."""
    return byte == 32 or byte == 9 or byte == 13 or byte == 44 or byte == 59


@kernel
def _parsed(data, i, end, power):
    """The number at ``i`` times 10**power, rounded, or 2**60 where there is none; its end."""
    negative = data[i] == 45
    if negative or data[i] == 43:
        i += 1
    value, digits, shift, seen, point = 0, 0, power, False, False
    while i < end and ((48 <= data[i] <= 57) or (data[i] == 46 and not point)):
        if data[i] == 46:
            point = True
        else:
            seen = True
            if digits < 17:
                value = 10 * value + (np.int64(data[i]) - 48)
                digits += value > 0
                shift -= point
            else:
                shift += not point
        i += 1
    if i < end and seen and (data[i] == 101 or data[i] == 69):  # e, E
        i += 1
        below = i < end and data[i] == 45
        if i < end and (data[i] == 45 or data[i] == 43):
            i += 1
        exponent = 0
        seen = i < end and 48 <= data[i] <= 57
        while i < end and 48 <= data[i] <= 57:
            exponent = min(10 * exponent + (np.int64(data[i]) - 48), 10_000)
            i += 1
        shift += -exponent if below else exponent
    whole = i == end or _blank(data[i])
    while i < end and not _blank(data[i]):
        i += 1
    if not seen or not whole or (shift > 0 and value > 0 and digits + shift > 17):
        return _LIMIT, i
    if value > 0 and shift > 0:
        value *= 10**shift
    elif shift < -18:
        value = 0
    elif shift < 0:
        unit = 10 ** (-shift)
        value = (value + unit // 2) // unit
    return -value if negative else value, i
