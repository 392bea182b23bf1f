"""How good are converted networks after few steps, by every method, and beside other converters?

Usage::

    python benchmarks/conversion.py --data FOLDER [--nets FOLDER] [--samples 1000] [--out FILE.json]

On scikit-learn's digits (an MLP 64-128-128-10) and a small convolutional net with batch norms on
MNIST and Fashion-MNIST (idx files in FOLDER/mnist and FOLDER/fashion-mnist), trained here once and
kept in --nets: accuracy and spikes per sample by number of steps, CPU-time per sample; then the
same nets through SpikingJelly's ann2snn and sinabs' from_model, in their own environment (see
benchmarks/peers/setup.py). Needs scikit-learn and torch (pip install 'neurosim[convert,torch]').
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns
from neurosim.conversion import Plan, fine_tune, make_plan, quantise, read, staged

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "cases"))

PEERS = "~/.cache/neurosim-peers"
CALIBRATION = 256
EXACT = 50  # samples that are run in continuous time
# By the number of steps that they are made for: thresholds and biases may depend on it.
RATES = {
    "max, reset to zero, v0 = 0": {"method": "max", "reset": "zero", "v0": 0.0},
    "p99.9, v0 = 0": {"method": "percentile", "v0": 0.0},
    "p99.9": {"method": "percentile"},
    "mse": {"method": "mse"},
    "calibrated": {"method": "calibrated"},
    "p99.9 per channel": {"method": "percentile", "per_channel": True},
    "calibrated per channel": {"method": "calibrated", "per_channel": True},
    "signed": {"method": "signed"},
    "burst": {"method": "burst"},
    "burst, corrected, per channel": {"method": "burst", "per_channel": True, "correct": True},
}
STEPS = (1, 2, 4, 8, 32)
ONCE = {  # with one number of steps each
    "phase, P = 8": {"method": "phase", "steps": 32},
    "few-spike, K = 4": {"method": "few-spike", "steps": 4},
    "few-spike, K = 8": {"method": "few-spike", "steps": 8},
    "quantised, 2 bits": {"method": "quantised", "bits": 2},
    "quantised, 4 bits": {"method": "quantised", "bits": 4},
    "first-spike": {"method": "first-spike"},
}


def digits() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, float]:
    """(plan, calibration, test samples, labels, accuracy of the ANN)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split(x / 16, y, test_size=450, random_state=0)
    ann = MLPClassifier((128, 128), alpha=1e-3, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stopped on purpose
        ann.fit(train, train_y)
    plan = make_plan(read(ann))
    return plan, train[:CALIBRATION], test, test_y, float(ann.score(test, test_y))


def trained(name: str, data: Path, nets: Path) -> tuple[Path, dict[int, Path]]:
    """Files of the net, and of nets with quantised activations by levels; trained if missing."""
    import conversion as case
    import torch

    nets.mkdir(parents=True, exist_ok=True)
    plain = nets / f"{name}.pt"
    x, y = case.images(data / name, "train")
    if not plain.exists():
        torch.manual_seed(0)
        net = case.Net()
        print(f"{name}: training, losses", fine_tune(net, x, y, epochs=4, rate=3e-3, batch=128))
        torch.save(net.state_dict(), plain)
    few = {levels: nets / f"{name}-{levels}.pt" for levels in (4, 2, 1)}
    if not all(path.exists() for path in few.values()):
        net = quantise(case.load(plain), x[:CALIBRATION], levels=4)
        options = {"levels": (4, 2, 1), "epochs": 1, "rate": 1e-3, "batch": 128}
        for levels, made in staged(net, x, y, **options).items():
            torch.save(made.state_dict(), few[levels])
    return plain, few


def quantised_net(path: Path, x: np.ndarray, levels: int) -> Any:
    """A net with quantised activations, from its file."""
    import conversion as case
    import torch

    net = quantise(case.Net(), x[:2], levels=levels)
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


def measured(plan: Plan, calibration: Any, x: Any, y: Any, **options: Any) -> dict[str, Any]:
    """Accuracy and spikes by steps of one conversion, and CPU-time per sample."""
    if options["method"] == "first-spike":  # exact anyway, and slow
        x, y = x[:EXACT], y[:EXACT]
    made = ns.convert(plan, calibration, **options)
    next(made.runs(x[:1], progress=False))  # compiled
    begin = time.process_time()
    found = ns.evaluate(made, x, y, keep=False, progress=False)
    each = (time.process_time() - begin) / len(y)
    return {
        "accuracy": {p.steps: p.score for p in found.curve},
        "spikes": {p.steps: float(p.spikes) for p in found.curve},
        "ms": 1e3 * each,
        "steps": found.curve[-1].steps,
    }


def table_of(
    plan: Plan, calibration: Any, x: Any, y: Any, rates: list[str], counts: list[int]
) -> dict[str, Any]:
    """Every method; rates are converted for each number of steps."""
    found: dict[str, Any] = {}
    for name, options in ((name, RATES[name]) for name in rates):
        entry: dict[str, Any] = {"accuracy": {}, "spikes": {}, "ms": {}}
        for steps in counts:
            one = measured(plan, calibration, x, y, steps=steps, **options)
            entry["accuracy"][steps] = one["accuracy"][steps]
            entry["spikes"][steps], entry["ms"][steps] = one["spikes"][steps], one["ms"]
        found[name] = entry
        show(name, entry)
    for name, options in ONCE.items():
        one = measured(plan, calibration, x, y, **options)
        entry = {k: {one["steps"]: one[k][one["steps"]]} for k in ("accuracy", "spikes")}
        entry["ms"] = {one["steps"]: one["ms"]}
        found[name] = entry
        show(name, entry)
    return found


def show(name: str, entry: dict[str, Any]) -> None:
    """A line: accuracy %, spikes of all layers per sample, CPU-ms per sample, by steps."""
    cells = []
    for t, accuracy in entry["accuracy"].items():
        spikes = f" / {entry['spikes'][t]:,.0f}" if "spikes" in entry else ""
        cells.append(f"T={t}: {100 * accuracy:.1f}{spikes} ({entry['ms'][t]:.1f} ms)")
    print(f"  {name:<44}" + "  ".join(cells), flush=True)


def with_levels(name: str, few: dict[int, Path], calibration: Any, x: Any, y: Any) -> dict:
    """The nets that were trained for few steps, at as many and at others."""
    found = {}
    for levels, path in few.items():
        plan = make_plan(read(quantised_net(path, calibration, levels), calibration.shape[1:]))
        exact = plan.activations(x)["output"].argmax(1)
        print(f"  {name}, L = {levels}: the ANN has {100 * np.mean(exact == y):.1f} %")
        one = measured(plan, calibration, x, y, method="qcfs", steps=8)
        entry = {k: {t: one[k][t] for t in (1, 2, 4, 8)} for k in ("accuracy", "spikes")}
        entry["ms"] = dict.fromkeys((1, 2, 4, 8), one["ms"])
        entry["ann"] = float(np.mean(exact == y))
        found[f"qcfs, L = {levels}"] = entry
        show(f"qcfs, L = {levels} (time of 8 steps)", entry)
        one = measured(plan, calibration, x, y, method="quantised")
        entry = {k: {levels: one[k][levels]} for k in ("accuracy", "spikes")}
        entry["ms"] = {levels: one["ms"]}
        found[f"quantised, trained, L = {levels}"] = entry
        show(f"signed, T = L = {levels}", entry)
    return found


def peers(net: Path, data: Path, samples: int, folder: str) -> dict[str, Any]:
    """What the other converters make of the same net, in a process of their own."""
    python = Path(folder).expanduser() / ".venv-torch" / "bin" / "python"
    if not python.exists():
        print(f"  no {python}: python benchmarks/peers/setup.py torch makes it")
        return {}
    script = HERE / "cases" / "peers" / "conversion_torch.py"
    command = [python, script, net, data, samples, 1, 2, 4, 8, 32]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    for name, entry in found.items():
        show(name, entry)
    return found


def main() -> None:
    """Measure, print, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of mnist, fashion-mnist")
    parser.add_argument("--nets", type=Path, default=Path("~/.cache/neurosim-nets").expanduser())
    parser.add_argument("--samples", type=int, default=1000, help="of the test images")
    parser.add_argument("--sets", nargs="*", default=["digits", "mnist", "fashion-mnist"])
    parser.add_argument("--rates", nargs="*", default=list(RATES), help="methods with steps")
    parser.add_argument("--steps", nargs="*", type=int, default=list(STEPS))
    parser.add_argument("--peers", default=PEERS, help="folder of the peers' environments")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    for name in args.sets:
        if name == "digits":
            plan, calibration, x, y, ann = digits()
        else:
            import conversion as case

            plain, few = trained(name, args.data, args.nets)
            calibration = case.images(args.data / name, "train", CALIBRATION)[0]
            x, y = case.images(args.data / name, "test", args.samples)
            net = case.load(plain)
            plan, ann = make_plan(read(net, (1, 28, 28))), case.accuracy(net, x, y)
        print(
            f"{name}: ANN {100 * ann:.2f} % of {len(y)} test images; accuracy % / spikes per image"
        )
        found[name] = {
            "ann": ann,
            "ours": table_of(plan, calibration, x, y, args.rates, args.steps),
        }
        if name != "digits":
            found[name]["trained"] = with_levels(name, few, calibration, x, y)
            found[name]["peers"] = peers(plain, args.data / name, args.samples, args.peers)
        if args.out:
            args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
