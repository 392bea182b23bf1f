"""A module imports only from a layer below, or from its own package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    **dict.fromkeys(["errors", "checks", "units", "random", "_jit", "events", "clouds"], 1),
    **dict.fromkeys(["files", "cycles", "locks", "progress"], 1),
    **dict.fromkeys(["encoders", "datasets"], 2),
    **dict.fromkeys(["models", "connectivity"], 2),
    "members": 2.5,
    "network": 3,
    "synapses": 3,
    "estimate": 3.5,
    "maxpool": 3.6,
    "layers": 3.7,
    "activity": 4.5,
    "quantization": 4.5,
    "netfile": 4,
    "engine": 4,
    "plot": 5,
    "hardware": 5,
    "conversion": 5,
    "batch": 5,
    "learning": 5,
    "report": 5.5,
    **dict.fromkeys(["cli", "demo"], 6),
}
# The input side (encoders, datasets) is used by nobody below the fifth layer.
INPUT_SIDE = {"encoders", "datasets"}
SAME_LAYER = {
    ("models", "connectivity"),
    ("synapses", "network"),
    ("datasets", "encoders"),
    ("encoders", "models"),
    ("netfile", "engine"),
    ("cli", "demo"),
    ("demo", "cli"),
}
PREPARATION = {"errors", "checks", "random", "_jit", "units", "files", "progress"}


def modules():
    for top in ("neurosim", "encoders", "hardware", "datasets"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            dotted = parts if top == "neurosim" else ("neurosim", *parts)
            yield path, dotted


def imported(path, dotted):
    """Absolute dotted names that a module imports, function-level ones included."""
    package = dotted[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module or "").split(".")) if node.module else base
            if len(module) > 1 or node.module:
                yield ".".join(module)
            if len(module) == 1:  # `from . import checks`, `from neurosim import engine`
                yield from (".".join((*module, alias.name)) for alias in node.names)


CODE = list(modules())


@pytest.mark.parametrize("path, dotted", CODE, ids=[".".join(d) for _, d in CODE])
def test_imports_point_downwards(path, dotted):
    if dotted[-1] == "__init__" and len(dotted) == 2:
        return  # the package's face names everything
    room = dotted[1]
    assert room in LAYERS, f"{room} has no layer: add it to the table in this test"
    for name in imported(path, dotted):
        parts = name.split(".")
        if parts[0] != "neurosim" or len(parts) < 2 or parts[1] == room:
            continue
        target = parts[1]
        if target == "__version__":
            continue
        assert target in LAYERS, f"{name}: {target} has no layer"
        below = LAYERS[target] < LAYERS[room] or (room, target) in SAME_LAYER
        if target in PREPARATION and LAYERS[room] == 1:
            below = True
        assert below, f"{'.'.join(dotted)} (layer {LAYERS[room]}) imports {name}"
        if target in INPUT_SIDE:
            assert LAYERS[room] >= 5 or room in INPUT_SIDE


def test_only_jit_configures_numba():
    allowed = {
        ("neurosim", "_jit", "compiler"),
        ("neurosim", "_jit", "intrinsics"),
        ("neurosim", "cli", "doctor"),
    }
    users = {d for p, d in CODE if any(n.split(".")[0] == "numba" for n in imported(p, d))}
    assert users <= allowed


def test_no_module_is_longer_than_400_lines():
    lengths = {str(p): len(p.read_text(encoding="utf-8").splitlines()) for p, _ in CODE}
    assert {p: n for p, n in lengths.items() if n > 400} == {}


def test_importing_neurosim_loads_no_optional_package():
    import subprocess
    import sys

    code = (
        "import sys, neurosim;"
        "print([m for m in ('torch','onnx','tonic','pandas','sklearn','matplotlib','mpi4py',"
        "'dask','nir','h5py','click','tqdm') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
