"""The case of delay learning: the same spikes, sizes, rates and losses for neurosim and PyTorch.

140 inputs at 20 Hz for 250 ms, on a grid of 1 ms; two layers of 256 LIF cells whose synapses have
delays that learn; 20 leaky integrators, cross-entropy of their integrals. NumPy only: the peer's
environment imports this file too.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np

LENGTH, N_IN, N_HIDDEN, N_OUT, RATE = 250, 140, 256, 20, 0.02
TAU_M, TAU_SYN, TAU_OUT = 10.0, 5.0, 20.0
GAIN = 3.0  # mean and spread of the summed weights of a cell
SCALE = 0.1
RATES = {"weight": 1e-3, "delay": 0.1}


def options(argv: list[str] | None = None) -> argparse.Namespace:
    """Of both engines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest", type=int, default=250, help="largest delay [ms]")
    parser.add_argument("--density", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--by", choices=("direct", "fourier"), default="direct", help="PyTorch")
    return parser.parse_args(argv)


def spikes(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(times [ms], inputs) of each sample; an input fires once in a step, at most."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        dense = rng.random((LENGTH, N_IN)) < RATE
        steps, ids = np.nonzero(dense)
        found.append((steps.astype(float), ids.astype(np.int32)))
    return found


def weights(fan_in: int, density: float) -> tuple[float, float]:
    """Mean and standard deviation that keep the cells at some 10 Hz, whatever the density."""
    n = fan_in * density
    return GAIN / n, GAIN / np.sqrt(n)


def resident() -> float:
    """Peak of the process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(prepare: Callable[[], None], epoch: Callable[[], float]) -> None:
    """Measure a second epoch, and print one JSON object; ``epoch`` returns spikes per sample."""
    before = resident()
    prepare()
    epoch()
    begin = time.process_time()
    n_spikes = epoch()
    spent = time.process_time() - begin
    found = {"cpu_s": spent, "peak_mb": resident() - before, "spikes": n_spikes}
    print(json.dumps(found), flush=True)
