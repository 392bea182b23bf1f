"""Which words does this Prophesee RAW file hold? Its header says, line by line.

Text lines that begin with '% ', a keyword and a value: ``evt 3.0``, ``format
EVT3;height=720;width=1280``, ``geometry 1280x720``, ``plugin_name``; up to ``% end`` or
the first line of another kind.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from neurosim.errors import FormatError

from .evt2 import START2, fill_evt2, fill_evt21
from .evt3 import MOST, START, fill_evt3
from .source import Source, Words
from .stored import Stored

_SENSORS = (  # of plugin names, where a header has no geometry
    ("gen31", (640, 480)),
    ("gen3", (640, 480)),
    ("gen41", (1280, 720)),
    ("gen4", (1280, 720)),
    ("imx636", (1280, 720)),
    ("imx646", (1280, 720)),
    ("genx320", (320, 320)),
)
_SHORT = 1024  # bytes in which most headers end
OTHER = "trigger and extension words"


def header(stored: Stored) -> tuple[Mapping[str, str], int]:
    """Keywords of the header's lines, in lower case, and the first byte behind it."""
    short = stored.head[:_SHORT].tobytes()
    found, start, ended = _lines(short)
    if not ended and len(stored.head) > _SHORT:
        found, start, _ = _lines(stored.head.tobytes())
    return found, start


@lru_cache(maxsize=1)  # each format that begins with '%' asks
def _lines(head: bytes) -> tuple[Mapping[str, str], int, bool]:
    """Keywords, the first byte behind the header, and whether the header ends there."""
    start, found = 0, {}
    while head[start : start + 1] == b"%":
        end = head.find(b"\n", start)
        if end < 0:
            return MappingProxyType(found), start, False
        line = head[start + 1 : end].decode("latin-1").strip()
        start = end + 1
        keyword, _, value = line.partition(" ")
        if keyword == "end":
            return MappingProxyType(found), start, True
        found[keyword.lower()] = value.strip()
    return MappingProxyType(found), start, start < len(head)


def looks_like_raw(stored: Stored) -> bool:
    """Whether a header says 'evt' or 'format'."""
    if not stored.starts_with(b"%"):
        return False
    found, _ = header(stored)
    return "evt" in found or "format" in found


def open_raw(stored: Stored) -> Source:
    """The recording behind the header.

    Raises
    ------
    FormatError
        For an encoding that holds no single events, or an unknown one.
    """
    found, start = header(stored)
    name, *options = found.get("format", "").split(";")
    version = name.upper() or "EVT" + found.get("evt", "")
    version = {"EVT2.0": "EVT2", "EVT2.1": "EVT21", "EVT3.0": "EVT3"}.get(version, version)
    if version not in ("EVT2", "EVT21", "EVT3"):
        raise FormatError(
            f"{stored.name}: the encoding in the header of a RAW file must be EVT2, EVT21 or "
            f"EVT3, got {version[:40]!r}; convert the recording with the camera's own tools"
        )
    size = _geometry(found, dict(option.partition("=")[::2] for option in options))
    return raw_words(stored, version, start, size)


def raw_words(stored: Stored, version: str, start: int, size: tuple[int, int] | None) -> Words:
    """Words of an encoding, from byte ``start`` on."""
    same = {"stored": stored, "start": start, "sensor_size": size, "other": OTHER}
    if version == "EVT2":
        return Words(**same, title="Prophesee EVT 2.0", fill=fill_evt2, word="<u4", state=START2)
    if version == "EVT3":
        title = "Prophesee EVT 3.0"
        return Words(**same, title=title, fill=fill_evt3, word="<u2", most=MOST, state=START)
    swapped = _swapped(stored.head[start:])
    return Words(
        **same,
        title="Prophesee EVT 2.1",
        fill=fill_evt21,
        word="<i8",
        most=32,
        state=(-1, int(swapped)),
        remarks=("the halves of each word are swapped",) if swapped else (),
    )


def _swapped(data: np.ndarray) -> bool:
    """Whether time words (kind 8, low half 0) rather come with their low half first."""
    halves = data[: len(data) // 8 * 8].view("<u4").reshape(-1, 2)
    times = [(halves[:, 1 - k] >> 28 == 8) & (halves[:, k] == 0) for k in (0, 1)]
    return int(times[1].sum()) > int(times[0].sum())


def _geometry(found: dict[str, str], options: dict[str, str]) -> tuple[int, int] | None:
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", found.get("geometry", ""))
    pair = size.groups() if size else (options.get("width", ""), options.get("height", ""))
    if all(re.fullmatch(r"\d{1,5}", side) and 1 <= int(side) <= 65536 for side in pair):
        return int(pair[0]), int(pair[1])
    plugin = found.get("plugin_name", "").lower()
    return next((size for part, size in _SENSORS if part in plugin), None)
