"""Which classes need delays? Motifs and their reversals, with delays learnt, random, and none.

Usage::

    python benchmarks/paired_motifs.py [--draws 8] [--seeds 5] [--tau 5] [--length 100]

Twenty motifs in pairs that no count tells apart (see `neurosim.datasets.PairedMotifs`); a detector
for each class hears a fifth of the 70 channels and forgets within ``tau`` ms: what comes
early has to wait. Each arm has the same number of random draws of rates and initial weights, all
with one seed, scored on validation samples; the best draw is then run with other seeds, and
scored on test samples that were never seen.
"""

import argparse
import time

import numpy as np

import neurosim as ns
from neurosim.datasets import PairedMotifs

ARMS = ("learnt", "fixed random", "none")
SPACE = {
    "rate": (1e-2, 2e-2, 4e-2), "delay_rate": (1.0, 2.0, 4.0), "mean": (0.1, 0.3),
    "spread": (0.3, 0.6), "scale": (1.0, 3.0),
}  # fmt: skip


def network(arm: str, seed: int, length: float, tau: float, draw: dict) -> ns.Network:
    """70 channels, 20 leaky integrators, a fifth of the synapses."""
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(70), "in")
    out = net.add(ns.LI(20, tau_m=tau, tau_syn=tau), "out")
    weight = ns.Normal(draw["mean"], draw["spread"])
    delay = 0.0 if arm == "none" else ns.Uniform(0.0, length)
    net.connect(inp, out, ns.FixedProbability(0.2), weight=weight, delay=delay)
    return net


def train(arm: str, seed: int, draw: dict, args: argparse.Namespace) -> tuple[float, float]:
    """(validation accuracy, test accuracy)."""
    slower = ns.CosineDecay(args.epochs, last=0.02)
    learn = [ns.Learnable(what="weight", rate=draw["rate"], schedule=slower)]
    if arm == "learnt":
        rate = draw["delay_rate"]
        learn.append(ns.Learnable(what="delay", rate=rate, high=args.length, schedule=slower))
    own = {"loss": ns.PeakCrossEntropy(scale=draw["scale"]), "duration": 2.0 * args.length + 40.0}
    history = ns.fit(
        network(arm, seed, args.length, args.tau, draw),
        PairedMotifs(1000, seed=1, length=args.length), learn=learn, epochs=args.epochs, batch=20,
        validation=PairedMotifs(500, seed=2, length=args.length), seed=seed, progress=False, **own,
    )  # fmt: skip
    test = ns.score(history.network, PairedMotifs(1000, seed=3, length=args.length), **own)
    return float(history.column("val_accuracy").max()), test.accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--tau", type=float, default=5.0, help="[ms]")
    parser.add_argument("--length", type=float, default=100.0, help="of a motif [ms]")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    draws = [
        {name: float(rng.choice(values)) for name, values in SPACE.items()}
        for _ in range(args.draws)
    ]
    print("| delays | test % | validation % of the best draw | CPU-s |\n|---|---:|---:|---:|")
    for arm in ARMS:
        begin = time.process_time()
        scores = [train(arm, 100, draw, args)[0] for draw in draws]
        best = draws[int(np.argmax(scores))]
        tests = 100 * np.array([train(arm, seed, best, args)[1] for seed in range(args.seeds)])
        spread = tests.std(ddof=1) if args.seeds > 1 else 0.0
        print(
            f"| {arm} | {tests.mean():.1f} ± {spread:.1f} | {100 * max(scores):.1f} | "
            f"{time.process_time() - begin:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
