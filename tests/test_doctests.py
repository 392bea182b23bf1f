"""Every example in a docstring, and in README and docs, runs and prints what it says."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import neurosim

ROOT = Path(__file__).resolve().parent.parent


def names():
    """Dotted module names: files in the mapped folders have one identity only."""
    yield "neurosim"
    for top in ("neurosim", "neurosim.encoders", "neurosim.hardware", "neurosim.datasets"):
        package = importlib.import_module(top)
        for info in pkgutil.walk_packages(package.__path__[:1], prefix=f"{top}."):
            if not info.name.endswith("__main__"):
                yield info.name


@pytest.mark.parametrize("name", sorted(set(names())))
def test_docstring_examples(name):
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_examples_in_pages(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    text = page.read_text(encoding="utf-8")
    parser = doctest.DocTestParser()
    # A closing fence would be taken for expected output.
    test = parser.get_doctest(text.replace("\n```", "\n\n"), {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_the_public_surface_has_docstrings():
    missing = [
        n for n in dir(neurosim)
        if not n.startswith("_") and callable(getattr(neurosim, n))
        and not (getattr(neurosim, n).__doc__ or "").strip()
    ]  # fmt: skip
    assert missing == []
