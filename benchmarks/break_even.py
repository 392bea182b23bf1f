"""How many bits of a trained network's activations are set, and at which spike rate is it even?

Usage::

    python benchmarks/break_even.py [--samples 200]

MLPs trained on scikit-learn's digits, converted to spike counts of T = 5 steps. The twin computes
with the same counts as numbers of 3 bits; the STEP-style model says at which spike rate additions
alone cost both the same.
"""

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import neurosim as ns
from neurosim.hardware import bit_density, step_break_even

STEPS = 5
NETS = [(64,), (128, 128), (256, 256), (128, 128, 128)]


def main():
    """Print a row for each net."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=200)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, labels = load_digits(return_X_y=True)
    x = x / 16.0
    held = slice(1400, 1400 + args.samples)
    print("hidden            ANN %   spikes %   rate %   bits set %   even at %")
    for hidden in NETS:
        ann = MLPClassifier(hidden, max_iter=60, random_state=0).fit(x[:1400], labels[:1400])
        snn = ns.convert(ann, x[:300], steps=STEPS)
        score = ns.evaluate(snn, x[held], labels[held], progress=False)
        names = [layer.name for layer in snn.plan.spiking]
        counts = np.concatenate([r.counts[name] for r in score.results for name in names])
        density = bit_density(counts, STEPS)
        even = step_break_even(STEPS, 64, bit_density=density, memory=False)
        figures = (ann.score(x[held], labels[held]), score.accuracy, counts.mean() / STEPS)
        row = (100 * value for value in (*figures, density, even))
        print(f"{'-'.join(map(str, hidden)):<15}", *(f"{value:9.1f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
