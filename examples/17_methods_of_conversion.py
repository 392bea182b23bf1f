"""One trained ANN by seven methods of conversion: accuracy against steps, and against spikes.

python examples/17_methods_of_conversion.py --out pictures
"""

import argparse
import warnings
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--samples", type=int, default=200, help="test images")
args = parser.parse_args()

# 1. An ordinary ANN on 8x8 scans of digits, with two hidden layers.
x, y = load_digits(return_X_y=True)
train, test, train_y, test_y = train_test_split(x / 16, y, test_size=450, random_state=0)
ann = MLPClassifier((128, 128), alpha=1e-3, max_iter=60, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 60 passes are enough here
    ann.fit(train, train_y)
test, test_y = test[: args.samples], test_y[: args.samples]
reference = float(ann.score(test, test_y))
print(f"ANN: {100 * reference:.1f} % of {len(test)} test digits")

# 2. The same network in spikes. One run of T steps gives the outputs after every number of steps.
methods = {
    "p99.9, v(0) = 0": {"method": "percentile", "v0": 0.0, "steps": 32},
    "p99.9, v(0) = 1/2": {"method": "percentile", "steps": 32},
    "calibrated for 2 steps": {"method": "calibrated", "per_channel": True, "steps": 2},
    "signed": {"method": "signed", "steps": 32},
    "burst": {"method": "burst", "steps": 8},
    "phase": {"method": "phase", "steps": 32},
    "few spikes, 5 bits": {"method": "few-spike", "steps": 5},
}
found = {}
for name, options in methods.items():
    snn = ns.convert(ann, calibration=train[:500], **options)
    found[name] = ns.evaluate(snn, test, test_y, keep=False)
    points = {p.steps: p for p in found[name].curve}
    shown = [p for t, p in points.items() if t in (1, 2, 4, 8, 32) or t == max(points)]
    text = "  ".join(f"T={p.steps}: {100 * p.score:.1f} % / {p.spikes:.0f}" for p in shown)
    print(f"{name:<24}{text}")

# 3. Exactly, in one spike per neuron at most: continuous time, the event engine.
snn = ns.convert(ann, calibration=train[:500], method="first-spike")
exact = ns.evaluate(snn, test[:20], test_y[:20])
gap = abs(exact.outputs - snn.plan.activations(test[:20])["output"]).max()
spikes = sum(exact.spikes[layer.name] for layer in snn.plan.spiking)
print(f"first spikes: outputs of the ANN to {gap:.0e}, {spikes:.0f} spikes per digit")
if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10.0, 4.0), layout="constrained")
    for ax, along in zip(figure.subplots(1, 2, sharey=True), ("steps", "spikes"), strict=True):
        ns.plot.latency(found, along=along, reference=reference, ax=ax)
        ax.set_ylim(0.85, 1.0)
    figure.axes[1].set_xlim(left=30.0)
    figure.axes[1].get_legend().remove()
    ns.plot.save(figure.axes[0], args.out / "methods_of_conversion.png")
    print(f"picture in {args.out}")
