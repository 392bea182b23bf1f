"""The HTML page stands alone; folders appear whole or not at all."""

import re
from html.parser import HTMLParser

import pytest

from neurosim.errors import ParameterError
from neurosim.report import (
    Picture,
    Preformatted,
    Section,
    Table,
    output_folder,
    write_report,
)

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc000000301010018dd8db00000000049454e44ae426082"
)


class Balance(HTMLParser):
    """Checks that tags nest, and collects what the page would load."""

    VOID = {"meta", "img", "br", "link"}

    def __init__(self):
        super().__init__()
        self.open, self.loads = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(tmp_path, *sections):
    text = write_report(tmp_path / "report.html", "T", sections, lead="L").read_text()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    return text, parser


def test_page_is_well_formed_and_loads_nothing_from_elsewhere(tmp_path):
    text, parser = page(
        tmp_path,
        Section("One", ["words", Picture(PIXEL, "a pixel")]),
        Section("Two", [Table(["a", "b"], [[1, 2.5]]), Preformatted("x  y")]),
    )
    assert all(load.startswith(("data:image/png;base64,", "#s")) for load in parser.loads)
    assert "<script" not in text and "http" not in text and "@import" not in text


def test_every_text_is_escaped(tmp_path):
    evil = '<b>&"'
    text, _ = page(
        tmp_path,
        Section(
            evil,
            [
                evil,
                Table([evil], [[evil]], evil),
                Picture(PIXEL, evil),
                Preformatted(evil),
            ],
        ),
    )
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        (2.0, "2"),
        (0.123456, "0.1235"),
        (None, "–"),
        (1.5e12, "1.5e+12"),
        (64001.2, "64,001"),
        (-0.00001, "-1e-05"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "True"),
        ("1.0", "1.0"),
    ],
)
def test_table_cells_show_numbers_briefly(value, shown):
    html = Table(["n"], [[value]]).html()
    assert re.search(rf"<td[^>]*>{re.escape(shown)}</td>", html)


def test_a_row_with_a_missing_cell_is_refused():
    with pytest.raises(ParameterError, match="must have 2 cells, got 1"):
        Table(["a", "b"], [["only"]])


def test_folder_appears_complete_with_its_parents(tmp_path):
    target = tmp_path / "deep" / "out"
    with output_folder(target) as folder:
        (folder / "a.txt").write_text("a")
        assert not target.exists()
    assert [p.name for p in target.iterdir()] == ["a.txt"]
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_nothing_is_left_after_an_error_or_an_interrupt(tmp_path):
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), output_folder(tmp_path / "deep" / "out") as folder:
            (folder / "a.txt").write_text("a")
            raise error
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_keeps_its_other_files_and_gets_the_new_ones(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a.txt").write_text("old")
    with output_folder(tmp_path) as folder:
        (folder / "a.txt").write_text("new")
        (folder / "sub").mkdir()
        (folder / "sub" / "b.txt").write_text("b")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "sub" / "b.txt").read_text() == "b"
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))


def test_an_empty_folder_is_filled(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with output_folder(target) as folder:
        (folder / "a.txt").write_text("a")
    assert (target / "a.txt").read_text() == "a"


def test_a_file_in_the_way_is_named_before_any_work(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "out"):
        with pytest.raises(ParameterError, match="output folder"), output_folder(path):
            pytest.fail("the block must not run")
    assert list(tmp_path.iterdir()) == [file]
