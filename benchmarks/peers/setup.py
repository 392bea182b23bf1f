"""Make the peers' environments, one each, pinned. They need about 1 GB.

Usage::

    python benchmarks/peers/setup.py [--folder ~/.cache/neurosim-peers] [brian2] [nest]
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

PINS = {
    # numpy 2.4 lacks a method that this version uses; compiling needs g++ and make
    "brian2": ("brian2==2.9.0", "numpy<2.4", "setuptools"),
    "nest": ("nest-simulator==3.10.0", "numpy>=2"),
}
CHECKS = {"brian2": "import brian2", "nest": "import nest"}


def make(name: str, folder: Path) -> None:
    """Create and fill ``folder/.venv-<name>``, and try the import."""
    place = folder / f".venv-{name}"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS[name]], check=True)
    subprocess.run([python, "-c", CHECKS[name]], check=True, stdout=subprocess.DEVNULL)
    print(f"{name}: ready")


def main() -> int:
    """Make what is named, or all."""
    parser = argparse.ArgumentParser(description="Environments of the peers.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PINS)}; default all")
    parser.add_argument("--folder", default="~/.cache/neurosim-peers")
    args = parser.parse_args()
    unknown = set(args.names) - set(PINS)
    if unknown:
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(PINS)}")
    folder = Path(args.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.names or PINS:
        make(name, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
