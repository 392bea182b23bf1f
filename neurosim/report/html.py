"""How do results become one HTML file that opens anywhere?

Everything is inside the file: style, tables, pictures as base64 PNG. It loads
nothing from the network and runs no script.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from ..files import write_whole

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; }
h2 { font-size: 1.25rem; margin-top: 2.4rem; border-bottom: 1px solid #d5d9de;
     padding-bottom: .2rem; }
p.lead { color: #57606a; margin-top: 0; }
nav a { margin-right: 1rem; }
a { color: #0b62a8; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; border: 1px solid #e3e6ea; }
figcaption, caption { color: #57606a; font-size: .9rem; text-align: left; }
caption { caption-side: top; padding-bottom: .3rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #e3e6ea; text-align: left;
         vertical-align: top; }
th { background: #f4f6f8; border-bottom: 2px solid #c9ced4; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
                       white-space: nowrap; }
td.short { white-space: nowrap; }
pre { background: #f4f6f8; padding: .8rem 1rem; font-size: .85rem; white-space: pre-wrap;
      overflow-wrap: anywhere; }
@media print { nav { display: none; } h2 { break-after: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; numbers are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ParameterError(
                    f"Table.rows must have {len(self.columns)} cells, got {len(row)}: {row!r}"
                )

    def html(self) -> str:
        """Return the table as HTML, every cell escaped."""
        numeric = [
            bool(self.rows) and all(_is_number(row[k]) for row in self.rows)
            for k in range(len(self.columns))
        ]
        cells = zip(self.columns, numeric, strict=True)
        head = "".join(_cell("th", c, n) for c, n in cells) if any(self.columns) else ""
        body = "\n".join(
            "<tr>" + "".join(_cell("td", c, n) for c, n in zip(row, numeric, strict=True)) + "</tr>"
            for row in self.rows
        )
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return (
            f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>"
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG picture, kept inside the page."""

    png: bytes
    caption: str

    def html(self) -> str:
        """Return the picture as a figure with its caption, also its alternative text."""
        data = base64.b64encode(self.png).decode("ascii")
        text = escape(self.caption, quote=True)
        return (
            f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
            f"<figcaption>{text}</figcaption></figure>"
        )


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Text whose line breaks and columns matter, such as a printed table."""

    text: str

    def html(self) -> str:
        """Return the text in a ``pre`` element."""
        return f"<pre>{escape(self.text)}</pre>"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; a plain string is a paragraph."""

    title: str
    blocks: Sequence[str | Table | Picture | Preformatted] = field(default_factory=tuple)

    def html(self, anchor: str) -> str:
        """Return the section with ``anchor`` as the target of links."""
        body = "\n".join(
            f"<p>{escape(block)}</p>" if isinstance(block, str) else block.html()
            for block in self.blocks
        )
        return f'<section id="{anchor}"><h2>{escape(self.title)}</h2>\n{body}\n</section>'


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return a complete HTML page."""
    links = " ".join(
        f'<a href="#s{k}">{escape(section.title)}</a>' for k, section in enumerate(sections)
    )
    body = "\n".join(section.html(f"s{k}") for k, section in enumerate(sections))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        f"<nav>{links}</nav>\n{body}\n</body>\n</html>\n"
    )


def write_report(
    path: str | Path, title: str, sections: Sequence[Section], *, lead: str = ""
) -> Path:
    """Write a self-contained HTML page, whole or not at all.

    Parameters
    ----------
    path : str or Path
        the file to write; a file of that name is replaced.
    title, lead : str
        heading, and one sentence under it.
    sections : sequence of Section
        in order; each gets a link at the top.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> where = Path(tempfile.mkdtemp()) / "report.html"
    >>> table = Table(["chip", "energy (nJ)"], [["loihi", 12.5]])
    >>> _ = write_report(where, "A run", [Section("Energy", ["Per inference.", table])])
    >>> ">loihi</td>" in where.read_text()
    True
    """
    return write_whole(path, page(title, lead, sections), owner="write_report")


def _is_number(value: Any) -> bool:
    return value is None or (not isinstance(value, (str, bool)) and hasattr(value, "__float__"))


def _number(value: Any) -> str:
    """Four digits where they matter, thousands apart, powers of ten only at the extremes."""
    number = float(value)
    if not math.isfinite(number) or 0 < abs(number) < 1e-4 or abs(number) >= 1e12:
        return f"{number:.4g}"
    if number.is_integer() or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}"


_SHORT = 24  # letters that may stand unbroken in a column


def _cell(tag: str, value: Any, number: bool) -> str:
    if value is None:
        text = "–"
    elif _is_number(value):
        text = _number(value)
    else:
        text = str(value)
    mark = ""
    if number:
        mark = ' class="number"'
    elif tag == "td" and len(text) <= _SHORT:
        mark = ' class="short"'
    return f"<{tag}{mark}>{escape(text)}</{tag}>"
