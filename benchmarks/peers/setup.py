"""Which versions of the peers are measured? Makes their environments, one each, pinned.

The simulators need about 1.5 GB and a few minutes, PyTorch 5 GB. What is there already is checked
and left alone.
Usage::

    python benchmarks/peers/setup.py [--folder ~/.cache/neurosim-peers] [--again] [brian2] [nest]
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
    "neuron": ("neuron==9.0.2", "numpy>=2"),
    # the wheel asks for a processor of the level x86-64-v3 (AVX2)
    "arbor": ("arbor==0.12.2", "numpy>=2"),
    # PyTorch brings its CUDA libraries: 5 GB; the frameworks are used for their cells
    "torch": (
        "torch==2.15.0",
        "numpy>=2",
        "sinabs==3.1.3",
        "snntorch==1.0.0",
        "norse==1.1.0",
        "spikingjelly==2.0.0",
        "loguru",
        "requests",  # which spikingjelly's converter imports
    ),  # fmt: skip
}
CHECKS = {
    "brian2": "import brian2",
    "nest": "import nest",
    "neuron": "from neuron import h; h.IntFire1()",
    "arbor": "import arbor; arbor.lif_cell('out', 'in')",
    "torch": "import torch",
}


def make(name: str, folder: Path, again: bool = False) -> None:
    """Create and fill ``folder/.venv-<name>`` where it is missing, and try the import."""
    place = folder / f".venv-{name}"
    python = str(place / "bin" / "python")
    if again or not Path(python).exists():
        venv.create(place, with_pip=True, clear=again)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS[name]], check=True)
    subprocess.run([python, "-c", CHECKS[name]], check=True, stdout=subprocess.DEVNULL)
    print(f"{name}: ready")


def main() -> int:
    """Make what is named, or all."""
    parser = argparse.ArgumentParser(description="Environments of the peers.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PINS)}; default all")
    parser.add_argument("--folder", default="~/.cache/neurosim-peers")
    parser.add_argument("--again", action="store_true", help="replace the environments that exist")
    args = parser.parse_args()
    unknown = set(args.names) - set(PINS)
    if unknown:
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(PINS)}")
    folder = Path(args.folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in args.names or PINS:
        try:
            make(name, folder, args.again)
        except subprocess.CalledProcessError as error:
            failed.append(name)
            print(f"{name}: failed, exit code {error.returncode}; the others go on")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
