"""Which decisions does a converted network share with its ANN when input comes early or late?

Usage::

    python benchmarks/early_input.py [--layers 1 2 3 4] [--steps 32]

scikit-learn's digits as Poisson events in three courses: even, in two bursts, and column after
column; MLPs trained on the counts. Percent of 199 held-out digits on which spikes and ANN decide
alike, by `hold` and with signed neurons.
"""

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import neurosim as ns

WINDOW = 100.0
HIDDEN = (60, 40, 30, 30)
CASES = [{"hold": hold} for hold in (0.0, 0.1, 0.2, 0.3, 0.5)] + [{"method": "signed"}]


def events(pixels, course, rng):
    """One digit as (times, ids)."""
    ids = np.repeat(np.arange(64), rng.poisson(0.8 * pixels))
    if course == "even":
        times = WINDOW * rng.random(ids.size)
    elif course == "bursts":
        times = rng.normal(rng.choice([25.0, 75.0], ids.size), 6.0).clip(0.0, WINDOW)
    else:
        times = 12.0 * (ids % 8 + rng.random(ids.size))
    order = np.argsort(times)
    return times[order], ids[order]


def main():
    """Print a row for each course and depth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=32)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    pixels, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    names = [f"hold={case['hold']}" if "hold" in case else "signed" for case in CASES]
    print("course   hidden  ANN %  ", *(f"{name:>9}" for name in names))
    for course in ("even", "bursts", "columns"):
        streams = [events(x, course, rng) for x in pixels]
        counts = np.array([np.bincount(ids, minlength=64) for _, ids in streams], float)
        held = range(1400, 1797, 2)
        for layers in args.layers:
            ann = MLPClassifier(HIDDEN[:layers], max_iter=60, random_state=0)
            ann.fit(counts[:1400], labels[:1400])
            wanted = ann.predict(counts[held])
            shares = []
            for case in CASES:
                given = {"steps": args.steps, "input": "events", "window": WINDOW} | case
                snn = ns.convert(ann, counts[:300], **given)
                said = snn.predict([streams[k] for k in held], progress=False)
                shares.append(100 * np.mean(said == wanted))
            score = 100 * np.mean(wanted == labels[held])
            row = " ".join(f"{share:9.0f}" for share in shares)
            print(f"{course:<8} {layers:6} {score:6.1f}   {row}", flush=True)


if __name__ == "__main__":
    main()
