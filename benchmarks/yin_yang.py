"""What do learnt delays add on Yin-Yang? 30 hidden cells, several seeds, mean and s.d.

Usage::

    python benchmarks/yin_yang.py [--seeds 5] [--epochs 60] [--threads 2]

Both arms had the same search: 22 and 21 random draws of initial weights, rates, time constants,
losses and clipping, with one seed, scored on validation samples; test samples were never seen.
"""

import argparse
import time

import numpy as np

import neurosim as ns
from neurosim.datasets import YinYang

LOSS, DURATION = ns.FirstSpikeMSE(margin=1.0), 30.0
ARMS = {
    "weights only": {"rates": (1e-2, 0.0), "w_in": 1.2, "w_out_sd": 0.6, "tau_m": 10.0},
    "with delays": {"rates": (5e-3, 0.06), "w_in": 1.8, "w_out_sd": 0.3, "tau_m": 5.0},
}


def network(seed: int, arm: dict) -> ns.Network:
    """5 - 30 - 3 cells."""
    net = ns.Network(seed=seed)
    cell = {"tau_m": arm["tau_m"], "tau_syn": 5.0, "t_ref": 10.0}
    inp, hidden = net.add(ns.SpikeSource(5), "in"), net.add(ns.LIF(30, **cell), "hidden")
    out = net.add(ns.LIF(3, **cell), "out")
    delay = ns.Uniform(0.0, 3.0) if arm["rates"][1] else 0.0
    net.connect(inp, hidden, weight=ns.Normal(arm["w_in"], 1.2), delay=delay)
    net.connect(hidden, out, weight=ns.Normal(0.3, arm["w_out_sd"]), delay=delay)
    return net


def train(seed: int, arm: dict, epochs: int, threads: int) -> tuple[float, float, float, float]:
    """(test accuracy, best validation accuracy, CPU seconds, wall seconds)."""
    slower = ns.CosineDecay(epochs, last=0.02)
    learn = [
        ns.Learnable(what=what, rate=rate, schedule=slower)
        for what, rate in zip(("weight", "delay"), arm["rates"], strict=True)
        if rate
    ]
    cpu, wall = time.process_time(), time.perf_counter()
    history = ns.fit(
        network(seed, arm), YinYang(5000, seed=42), loss=LOSS, duration=DURATION, learn=learn,
        epochs=epochs, validation=YinYang(1000, seed=41), seed=seed, least_slope=0.05,
        largest_gradient=1.0, threads=threads, progress=False,
    )  # fmt: skip
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    test = ns.score(history.network, YinYang(1000, seed=40), loss=LOSS, duration=DURATION)
    return test.accuracy, float(history.column("val_accuracy").max()), cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    print("| arm | seed | test % | validation % | CPU-s | wall s |\n|---|---:|---:|---:|---:|---:|")
    for name, arm in ARMS.items():
        found = []
        for seed in range(args.seeds):
            found.append(train(seed, arm, args.epochs, args.threads))
            test, held_out, cpu, wall = found[-1]
            row = f"{100 * test:.1f} | {100 * held_out:.1f} | {cpu:.1f} | {wall:.1f}"
            print(f"| {name} | {seed} | {row} |", flush=True)
        tests = 100 * np.array([f[0] for f in found])
        spread = tests.std(ddof=1) if args.seeds > 1 else 0.0
        print(f"| **{name}** | all | **{tests.mean():.2f} ± {spread:.2f}** | | | |", flush=True)


if __name__ == "__main__":
    main()
