"""Convert a trained ANN: scikit-learn's MLP on handwritten digits, to spikes.

python examples/02_convert_ann.py
"""

import argparse
import warnings
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
out = parser.parse_args().out

# 1. Train an ordinary ANN on 8x8 scans of digits.
x, y = load_digits(return_X_y=True)
train, test, train_y, test_y = train_test_split(x / 16, y, test_size=400, random_state=0)
ann = MLPClassifier((64,), alpha=1e-3, max_iter=60, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 60 passes are enough here
    ann.fit(train, train_y)
print(f"ANN: {100 * ann.score(test, test_y):.1f} % of {len(test)} test digits")

# 2. Convert. More steps: closer to the ANN, more spikes. The report says where it differs.
for steps in (4, 8, 16, 32):
    snn = ns.convert(ann, calibration=train[:500], steps=steps)
    score = ns.evaluate(snn, test, test_y)
    spikes = score.spikes["input"] + score.spikes["hidden1"]
    print(f"SNN, {steps:2} steps: {100 * score.accuracy:.1f} %, {spikes:.0f} spikes per digit")
print(snn.report)

# 3. It is an ordinary network, and its runs are ordinary results.
print(snn.network.summary())
if out:
    out.mkdir(parents=True, exist_ok=True)
    ns.plot.save(ns.plot.raster(score.results[0]), out / "digit.png")
    print(f"pictures in {out}")
