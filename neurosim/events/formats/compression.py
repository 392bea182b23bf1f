"""How are compressed parts of recordings unpacked, without filling the memory?"""

import bz2

from neurosim.errors import MissingExtraError

from .cursor import Damaged

_PART = 1 << 16  # bytes that are unpacked at a time
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
    """All that comes out, a part at a time: room is taken for what is there, not announced."""
    parts, size, given = [], 0, bytes(data)
    try:
        while not decompressor.eof and size <= LARGEST:
            parts.append(decompressor.decompress(given, _PART))
            size += len(parts[-1])
            if not parts[-1] and decompressor.needs_input:
                raise Damaged
            given = b""
    except errors:
        raise Damaged from None
    if size > LARGEST:
        raise Damaged
    return b"".join(parts)


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
    # A window is at most as large as the largest content, so memory is bounded too.
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    parts, size = [], 0
    try:
        with decompressor.stream_reader(bytes(data)) as reader:
            while size <= LARGEST and (part := reader.read(_PART)):
                parts.append(part)
                size += len(part)
    except (zstandard.ZstdError, MemoryError, ValueError):
        raise Damaged from None
    if size > LARGEST or not size:
        raise Damaged
    return b"".join(parts)
