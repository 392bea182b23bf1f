"""How are the rows of a PLY file read? As packed binary, or as text, block by block."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from neurosim.errors import FormatError

_BLOCK = 1 << 18  # bytes of text that are split into words at a time
_LONGEST = 1 << 12  # bytes of a word; no number has more


@dataclass(slots=True)
class Element:
    """One element of the header; a list property has the type of its length too."""

    name: str
    count: int
    properties: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def smallest(self) -> int:
        """The fewest bytes that a binary row can have."""
        return sum(np.dtype(length or kind).itemsize for _, kind, length in self.properties)

    @property
    def has_list(self) -> bool:
        return any(length for _, _, length in self.properties)

    @property
    def scalars(self) -> list[str]:
        """Names of the properties that are no lists."""
        return [prop for prop, _, length in self.properties if not length]


def _short(name: str, element: Element, needed: str, at: int) -> FormatError:
    return FormatError(
        f"{name}: element {element.name} must have {element.count} rows ({needed}), but the "
        f"file ends at byte {at}; it is truncated, copy it again"
    )


# ---------------------------------------------------------------------------- binary


def read_binary(
    body: np.ndarray, elements: list[Element], name: str, offset: int, order: str
) -> dict[str, np.ndarray]:
    """Columns of the last element; the ones before it are passed over.

    Parameters
    ----------
    body : uint8
        The file from byte ``offset`` on.
    elements : list of Element
    name : str
        How to call the file in errors.
    order : {"<", ">"}
        Byte order.
    """
    position, columns = 0, {}
    for element in elements:
        needed = element.count * element.smallest
        if needed > len(body) - position:  # before anything is allocated
            raise _short(name, element, f"{needed} bytes or more", offset + len(body))
        if element.has_list:
            columns, position = _binary_rows(body, element, name, offset, order, position)
            continue
        if not element.properties:  # rows of nothing
            columns = {}
            continue
        row = [(f"{k}", order + kind) for k, (_, kind, _) in enumerate(element.properties)]
        table = np.frombuffer(body, np.dtype(row), element.count, position)
        columns = {p: table[f"{k}"] for k, (p, _, _) in enumerate(element.properties)}
        position += needed
    return columns


def _binary_rows(
    body: np.ndarray, element: Element, name: str, offset: int, order: str, position: int
) -> tuple[dict[str, np.ndarray], int]:
    """Rows of an element with lists, one by one: their lengths are known only on the way."""
    values = array("d")
    steps = [
        (np.dtype(order + kind), np.dtype(order + length) if length else None)
        for _, kind, length in element.properties
    ]
    for _ in range(element.count):
        for kind, length in steps:
            head = length or kind
            if position + head.itemsize > len(body):
                raise _short(name, element, "lists included", offset + len(body))
            value = np.frombuffer(body, head, 1, position)[0]
            position += head.itemsize
            if length is None:
                values.append(value)
            elif not 0 <= int(value) * kind.itemsize <= len(body) - position:
                raise _short(name, element, f"a list of {value}", offset + len(body))
            else:
                position += int(value) * kind.itemsize
    return _columns(np.array(values), element), position


def _columns(values: np.ndarray, element: Element) -> dict[str, np.ndarray]:
    """The scalars of an element, row after row, as columns."""
    names = element.scalars
    table = values.reshape(element.count if names else 0, len(names))
    return {prop: table[:, k] for k, prop in enumerate(names)}


# ------------------------------------------------------------------------------ text


class _Words:
    """Words of a text, one after the other; EOFError at its end."""

    def __init__(self, text: np.ndarray) -> None:
        self._blocks = _blocks(text)
        self._words: list[bytes] = []
        self._at = 0

    def _fill(self) -> int:
        """Make sure that words are left in this block; how many."""
        while self._at == len(self._words):
            block = next(self._blocks, None)
            if block is None:
                raise EOFError
            self._words, self._at = block, 0
        return len(self._words) - self._at

    def next(self) -> bytes:
        self._fill()
        self._at += 1
        return self._words[self._at - 1]

    def skip(self, n: int) -> None:
        while n > 0:
            step = min(n, self._fill())
            self._at += step
            n -= step

    def numbers(self, n: int) -> np.ndarray:
        out, filled = np.empty(n), 0
        while filled < n:
            step = min(n - filled, self._fill())
            words = self._words[self._at : self._at + step]
            out[filled : filled + step] = [float(word) for word in words]
            self._at += step
            filled += step
        return out


def _blocks(text: np.ndarray) -> Iterator[list[bytes]]:
    rest = b""
    for start in range(0, len(text), _BLOCK):
        piece = rest + text[start : start + _BLOCK].tobytes()
        words = piece.split()
        rest = b""
        if words and start + _BLOCK < len(text) and not piece[-1:].isspace():
            rest = words.pop()  # goes on in the next block
            if len(rest) > _LONGEST:
                raise ValueError(f"a word of more than {_LONGEST} bytes")
        yield words


def read_ascii(
    body: np.ndarray, elements: list[Element], name: str, offset: int, order: str
) -> dict[str, np.ndarray]:
    """Columns of the last element; words are separated by any white space.

    The parameters are those of :func:`read_binary`; a text has no byte ``order``.
    """
    end = offset + len(body)
    fewest = sum(element.count * len(element.properties) for element in elements)
    if 2 * fewest - 1 > len(body):  # before anything is allocated: a letter, then a space
        raise _short(name, elements[-1], f"{fewest} words up to there", end)
    words, columns = _Words(body), {}
    for element in elements:
        try:
            columns = _columns(_ascii_values(words, element), element)
        except EOFError:
            needed = f"{element.count * len(element.properties)} words or more"
            if element.has_list:
                needed = "lists included"
            raise _short(name, element, needed, end) from None
        except (ValueError, OverflowError) as error:
            raise FormatError(
                f"{name}: element {element.name} must have numbers in its rows, got {error}; "
                "the file is damaged"
            ) from None
    return columns


def _ascii_values(words: _Words, element: Element) -> np.ndarray:
    """The scalars of one element, row after row."""
    if not element.has_list:
        return words.numbers(element.count * len(element.properties))
    values = array("d")
    for _ in range(element.count):
        for _, _, length in element.properties:
            if length is None:
                values.append(float(words.next()))
            else:
                words.skip(_list_length(words.next()))
    return np.array(values)


def _list_length(word: bytes) -> int:
    length = int(word[:20])
    if length < 0:
        raise ValueError(f"a list of {length} values")
    return length
