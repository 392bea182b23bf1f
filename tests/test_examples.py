"""Every example runs from a shell, prints something, and writes pictures where asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_writes_pictures(path, tmp_path):
    if "sklearn" in path.read_text():
        pytest.importorskip("sklearn")
    command = [sys.executable, "-W", "error", str(path), "--out", str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
    pictures = list((tmp_path / "out").glob("*.png"))
    assert pictures and all(p.read_bytes()[:4] == b"\x89PNG" for p in pictures)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_says_what_it_shows(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 120
    assert text.startswith('"""') and "python examples/" in text
