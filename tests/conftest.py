"""Set-up of the test suite: compiled code per state of the sources, profiles, test data."""

import hashlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("neurosim", "encoders", "hardware", "datasets")

# Numba stamps a function with its own file only; a cache folder named after all sources
# cannot serve machine code of an older inlined function. Set before numba is imported.
_files = sorted(p for f in FOLDERS for p in (ROOT / f).rglob("*.py"))
_digest = hashlib.sha256(b"".join(p.read_bytes() for p in _files)).hexdigest()[:16]
_cache = ROOT / ".numba_cache" / _digest
os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache))
os.environ.setdefault("NEUROSIM_CACHE_DIR", str(_cache / "generated"))
os.environ.setdefault("MPLBACKEND", "agg")

from hypothesis import HealthCheck, settings  # noqa: E402

_slow_first_call = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile(
    "default", max_examples=40, deadline=None, suppress_health_check=_slow_first_call
)
settings.register_profile(  # before a release, or after a change of the engines
    "long", max_examples=400, deadline=None, suppress_health_check=_slow_first_call
)
settings.register_profile(
    "short", max_examples=8, deadline=None, suppress_health_check=_slow_first_call
)
_plain = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
settings.load_profile(os.environ.get("NEUROSIM_PROFILE", "short" if _plain else "default"))


@pytest.fixture
def test_data() -> Path:
    """Folder of real recordings and models; tests that need it are skipped without it."""
    folder = os.environ.get("NEUROSIM_TEST_DATA")
    if not folder:
        pytest.skip("NEUROSIM_TEST_DATA is not set: real recordings, clouds and models")
    return Path(folder)


@pytest.fixture
def trials() -> int:
    """Random trials per model in the slow tests; NEUROSIM_TRIALS=10000 for the whole number."""
    return int(os.environ.get("NEUROSIM_TRIALS", "1000"))
