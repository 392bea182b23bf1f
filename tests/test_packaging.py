"""The wheel holds every package, and nothing but ``neurosim``."""

import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("encoders", "hardware", "datasets")


def folders_with_code():
    for top in ("neurosim", *MAPPED):
        for init in (ROOT / top).rglob("__init__.py"):
            dotted = ".".join(init.parent.relative_to(ROOT).parts)
            yield dotted if top == "neurosim" else f"neurosim.{dotted}"


def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_with_code_is_listed_as_a_package():
    assert sorted(settings()["tool"]["setuptools"]["packages"]) == sorted(folders_with_code())


def test_mapped_folders_are_imported_under_neurosim_only():
    import sys

    import neurosim.datasets
    import neurosim.encoders
    import neurosim.hardware  # noqa: F401

    assert not {"encoders", "hardware", "datasets"} & set(sys.modules)


def test_version_in_the_package_is_the_version_of_the_project():
    import neurosim

    assert neurosim.__version__ == settings()["project"]["version"]


@pytest.mark.slow
def test_wheel_has_one_top_level_name_and_the_chip_files(tmp_path):
    import os
    import shutil
    import subprocess
    import sys

    source = tmp_path / "source"  # a copy, so that no build folder is left in the checkout
    ignore = shutil.ignore_patterns(".git", "*.egg-info", "build", ".numba_cache", ".venv")
    shutil.copytree(ROOT, source, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True, env=os.environ, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"neurosim"}
    assert "neurosim/py.typed" in names
    chips = {p.name for p in (ROOT / "hardware" / "chips").glob("*.toml")}
    assert chips and chips == {
        Path(n).name for n in names if n.startswith("neurosim/hardware/chips/")
    }
