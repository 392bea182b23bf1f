"""Exact gradients or surrogates on a grid? The same network, data and losses; accuracy and cost.

Usage::

    python benchmarks/methods_of_learning.py [--seeds 3] [--epochs 20]

Paired motifs (`neurosim.datasets.PairedMotifs`), 20 recurrent LIF cells that hear a fifth of the
inputs and of each other, weights and delays learnt; for each method the best of three pairs of
rates on validation samples, test samples for all seeds.
"""

import argparse
import time

import numpy as np

import neurosim as ns
from neurosim.datasets import PairedMotifs

SAMPLE = {"loss": ns.IntegralCrossEntropy(scale=0.5), "duration": 160.0}
RATES = ((0.005, 0.25), (0.01, 0.5), (0.02, 1.0))


def network(seed: int) -> ns.Network:
    """70 inputs, 20 recurrent cells, 20 read-outs."""
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(70), "in")
    cells = net.add(ns.LIF(20, tau_m=10.0, tau_syn=5.0, t_ref=5.0), "cells")
    out = net.add(ns.LI(20, tau_m=20.0, tau_syn=5.0), "out")
    fifth = ns.FixedProbability(0.2)
    net.connect(inp, cells, fifth, weight=ns.Normal(2.0, 1.0), delay=ns.Uniform(0.0, 20.0))
    net.connect(cells, cells, fifth, weight=ns.Normal(0.0, 0.5), delay=ns.Uniform(1.0, 30.0))
    net.connect(cells, out, weight=ns.Normal(0.0, 0.2))
    return net


def train(method: object, rates: tuple, seed: int, epochs: int) -> tuple[float, float, float]:
    """(validation accuracy, test accuracy, CPU-seconds per epoch)."""
    slower = ns.CosineDecay(epochs, last=0.05)
    inside, (weight, delay) = ["in->cells", "cells->cells"], rates
    learn = [
        ns.Learnable(what="weight", rate=0.02, of="cells->out", schedule=slower),
        ns.Learnable(what="weight", rate=weight, of=inside, schedule=slower),
        ns.Learnable(what="delay", rate=delay, of=inside, high=40.0, schedule=slower),
    ]
    begin = time.process_time()
    history = ns.fit(
        network(seed), PairedMotifs(400, seed=1), learn=learn, epochs=epochs, batch=20,
        validation=PairedMotifs(400, seed=2), least_slope=0.1, seed=seed, method=method,
        silent=ns.BumpSilent(hidden=0.9), progress=False, **SAMPLE,
    )  # fmt: skip
    spent = (time.process_time() - begin) / epochs
    test = ns.score(history.network, PairedMotifs(1000, seed=3), method=method, **SAMPLE)
    return float(history.column("val_accuracy").max()), test.accuracy, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    methods = {
        "exact": "exact",
        "surrogate, 1 ms": ns.SurrogateGradient(width=4.0, narrowing=ns.StepDecay(0.85, 1)),
    }
    print("| method | test % | CPU-s per epoch |\n|---|---:|---:|")
    for name, method in methods.items():
        scores = [train(method, rates, 100, args.epochs)[0] for rates in RATES]
        rates = RATES[int(np.argmax(scores))]
        runs = [train(method, rates, seed, args.epochs) for seed in range(args.seeds)]
        tests = 100 * np.array([run[1] for run in runs])
        spread = tests.std(ddof=1) if args.seeds > 1 else 0.0
        spent = np.median([run[2] for run in runs])
        print(f"| {name} | {tests.mean():.1f} ± {spread:.1f} | {spent:.2f} |", flush=True)


if __name__ == "__main__":
    main()
