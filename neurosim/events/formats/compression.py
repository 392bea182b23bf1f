"""How are compressed parts of recordings unpacked, without filling the memory?"""

import bz2

from neurosim.errors import MissingExtraError

from .cursor import Damaged

LARGEST = 1 << 28
"""Bytes that one compressed part may hold: 256 MiB; packets have some 10 KiB, chunks 1 MiB."""


def unpack(data: bytes | memoryview, kind: str, name: str) -> bytes:
    """The content of ``data``; ``kind`` is none, lz4, zstd or bz2, in any case.

    Raises
    ------
    Damaged
        It is not what ``kind`` says, ends too early, or holds more than 256 MiB.
    MissingExtraError
        lz4 or zstandard is not installed.
    """
    kind = kind.lower()
    if kind in ("", "none"):
        return bytes(data)
    if kind == "bz2":
        return _bounded(bz2.BZ2Decompressor(), data, (OSError, ValueError, EOFError))
    if kind.startswith("lz4"):
        return _lz4(data, name)
    if kind.startswith("zstd"):
        return _zstd(data, name)
    raise Damaged


def _bounded(decompressor, data, errors) -> bytes:
    try:
        out = decompressor.decompress(bytes(data), LARGEST)
    except errors:
        raise Damaged from None
    if not decompressor.eof:
        raise Damaged
    return out


def _lz4(data: bytes | memoryview, name: str) -> bytes:
    try:
        import lz4.frame
    except ImportError:
        raise MissingExtraError.of("lz4", extra="events", purpose=f"reading {name}") from None
    decompressor = lz4.frame.LZ4FrameDecompressor()
    return _bounded(decompressor, data, (RuntimeError, ValueError, EOFError, MemoryError))


def _zstd(data: bytes | memoryview, name: str) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError.of("zstandard", extra="events", purpose=f"reading {name}") from None
    try:
        # A window is at most as large as the largest content, so memory is bounded too.
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(bytes(data))
        out = reader.read(LARGEST + 1)
    except (zstandard.ZstdError, MemoryError, ValueError):
        raise Damaged from None
    if len(out) > LARGEST or not out:
        raise Damaged
    return out
