"""What workers of a batch are given in the tests: it must be found by name in other processes."""

import os
import signal
from pathlib import Path

import numpy as np

import neurosim as ns


def network(seed: int = 5) -> ns.Network:
    """Input, noise and a recurrent layer: random draws, delays and leaks."""
    rng = np.random.default_rng(1)
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(20), "in")
    noise = net.add(ns.PoissonSource(10, rate=200.0), "noise")
    cells = net.add(ns.LIF(30, tau_m=10.0, tau_syn=3.0), "cells")
    out = net.add(ns.LIF(4, tau_m=10.0), "out")
    net.connect(inp, cells, ns.FromMatrix(np.abs(rng.normal(0, 0.4, (20, 30)))), delay=1.5)
    net.connect(noise, cells, ns.FixedProbability(0.3), weight=0.2)
    net.connect(cells, out, ns.FixedProbability(0.5), weight=0.3, delay=1.0)
    net.stimulate("out", ns.PoissonInput(rate=100.0, weight=0.1))
    net.stimulate("cells", ns.NoiseCurrent(mean=0.1, std=0.3, tau=5.0))
    return net


def samples(n: int) -> list[dict]:
    """Spikes of ``n`` samples."""
    rng = np.random.default_rng(2)
    return [
        {"in": (rng.uniform(0, 50, 40), rng.integers(0, 20, 40))} for _ in range(n)
    ]  # fmt: skip


def counts_and_times(result: ns.Result) -> dict[str, np.ndarray]:
    """Counts, and the times of the cells' spikes: as long as there are spikes."""
    return {"counts": result.counts["out"], "times": result.spikes["cells"].times}


def broken(result: ns.Result) -> int:
    """A measure that cannot be taken."""
    raise RuntimeError("no ruler")


class KilledOnce:
    """An encoder whose process is killed at one sample, the first time."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at = Path(folder), at

    def __call__(self, sample):
        index, given = sample
        with open(self.folder / f"seen-{index}", "ab") as file:
            file.write(b".")
        flag = self.folder / "killed"
        if index == self.at and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return given


class AlwaysKilled:
    """An encoder that no process survives."""

    def __call__(self, sample):
        os.kill(os.getpid(), signal.SIGKILL)
