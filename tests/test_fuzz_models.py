"""Damaged models: an error of the package or a valid network, in bounded time and memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[onnx]'")

from neurosim.conversion.onnx_file import read_onnx  # noqa: E402
from neurosim.conversion.planning import make_plan  # noqa: E402
from neurosim.errors import NeurosimError  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DAMAGED = sorted((ROOT / "tests" / "model_files" / "damaged").glob("*.onnx"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bounds are those of Linux")
def test_a_thousand_mutants_do_no_harm():
    command = [sys.executable, "benchmarks/fuzz_models.py", "--files", "1000", "--seed", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'failed': 0" in done.stdout and "1,000 mutants" in done.stdout


@pytest.mark.parametrize("path", DAMAGED, ids=[path.stem for path in DAMAGED])
def test_files_that_readers_once_stumbled_over(path):
    try:
        make_plan(read_onnx(path))
    except NeurosimError as error:
        assert str(error)


def test_there_are_such_files():
    assert len(DAMAGED) >= 4
