"""How much will a protobuf unfold to? Counted before the parser gets to see it.

The parser makes an object of every message, however short it is in the file; two bytes can
become a hundred. So messages and fields are counted first, in the bytes themselves.
"""

from typing import Any

from ..errors import FormatError

MOST_FIELDS = 500_000
MOST_LOOSE = 16 * 2**20  # bytes of numbers and text other than those of tensors
MOST_DEPTH = 12
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
# Numbers of tensors that the parser takes over as they are.
_PLAIN = {("TensorProto", 4), ("TensorProto", 9), ("TensorProto", 10)}


def check_wire(data: bytes, descriptor: Any, source: str) -> None:
    """Refuse bytes that are no such message, or would unfold to too much.

    Parameters
    ----------
    data : bytes
    descriptor : google.protobuf descriptor
        of the message that they should be.
    source : str
        for messages.

    Raises
    ------
    FormatError
    """
    fields = loose = 0
    open_parts = [(0, len(data), descriptor, 1)]
    while open_parts:
        at, end, kind, depth = open_parts.pop()
        if depth > MOST_DEPTH:
            raise FormatError(f"{source}: messages are nested more than {MOST_DEPTH} deep")
        while at < end:
            fields += 1
            if fields > MOST_FIELDS:
                raise FormatError(f"{source}: more than {MOST_FIELDS:,} fields")
            tag, at = _varint(data, at, end, source)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                _, at = _varint(data, at, end, source)
                continue
            size = {_EIGHT: 8, _FOUR: 4}.get(wire)
            if size is None and wire == _LENGTH:
                size, at = _varint(data, at, end, source)
            if size is None or number == 0 or size > end - at:
                raise FormatError(f"{source}: no ONNX file, or cut off, at byte {at:,}")
            field = kind.fields_by_number.get(number)
            if field is not None and field.message_type is not None and wire == _LENGTH:
                open_parts.append((at, at + size, field.message_type, depth + 1))
            elif (kind.name, number) not in _PLAIN:
                loose += size
            at += size
        if loose > MOST_LOOSE:
            raise FormatError(f"{source}: more than {MOST_LOOSE:,} bytes of text and lists")


def _varint(data: bytes, at: int, end: int, source: str) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise FormatError(f"{source}: no ONNX file, or cut off, at byte {at:,}")
