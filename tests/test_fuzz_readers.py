"""4,000 mutated and truncated files over all formats: 2 % of benchmarks/fuzz_readers.py."""

import importlib
import sys
from pathlib import Path

import pytest

from neurosim._jit import JIT

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("fuzz_readers")
    del sys.modules["fuzz_readers"]


@pytest.mark.slow
def test_mutants_neither_crash_nor_hang_nor_fill_memory_and_prefixes_are_delivered(
    script, tmp_path, capsys
):
    pool = script.seeds(tmp_path, None)
    assert len(pool) == 26
    report = script.fuzz(pool, 4000 if JIT else 200, seed=9)
    assert not report.failed, f"{report}\n{capsys.readouterr().out}"
    least = 200 if JIT else 10
    assert report.outcomes["opened"] > least and report.outcomes["prefixes"] > least
