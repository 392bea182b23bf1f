"""What is this machine and installation? The text that a bug report needs."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

CORE = ("numpy", "numba", "llvmlite", "scipy", "h5py", "matplotlib", "click", "tqdm")
EXTRAS = {
    "convert": ("scikit-learn",),
    "report": ("pandas",),
    "test": ("pytest", "hypothesis"),
}


def examine() -> dict[str, Any]:
    """Collect versions, processor, threads, caches and extras.

    Nothing is imported to find a version, so a broken package cannot break this.

    Returns
    -------
    dict
        plain texts, numbers and dicts, ready for JSON; ``problems`` lists what would
        keep neurosim from working, with remedies.
    """
    from .. import __version__

    packages = {name: _version(name) for name in CORE}
    extras = {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()}
    return {
        "neurosim": __version__,
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "packages": packages,
        "extras": extras,
        "environment": {
            key: value
            for key, value in sorted(os.environ.items())
            if key.startswith(("NUMBA_", "NEUROSIM_", "OMP_NUM_THREADS", "MKL_NUM_THREADS"))
        },
        "cache": _cache(),
        "problems": _problems(packages),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cache() -> dict[str, Any]:
    """Where compiled code is kept: beside the sources, or where NUMBA_CACHE_DIR says."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(__file__).parent.parent / "__pycache__"
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return {"folder": str(folder), "writable": os.access(existing, os.W_OK)}


def _problems(packages: dict[str, str | None]) -> list[str]:
    missing = [name for name, version in packages.items() if version is None]
    problems = []
    if missing:
        problems.append(f"missing packages: {', '.join(missing)}; run pip install neurosim")
    if not _cache()["writable"]:
        problems.append(
            "the cache folder is not writable, so code is compiled in every process; "
            "set NUMBA_CACHE_DIR to a folder of your own"
        )
    return problems
