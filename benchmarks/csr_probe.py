"""How fast can spikes be delivered at all? Random presynaptic neuron, CSR row, scatter-add.

One core, int32 targets, one constant float32 weight, no delay, no neurons: the limit beside
which an engine's delivery rate is read. Usage::

    python benchmarks/csr_probe.py [--neurons 12500 --degree 1250] [--seconds 1] [--json]
"""

import argparse
import json
import sys
import time

import numpy as np

from neurosim._jit import kernel


@kernel
def deliver(spikes, indptr, indices, weight, buffer):
    """Add ``weight`` to the targets of each spike."""
    for s in spikes:
        for k in range(indptr[s], indptr[s + 1]):
            buffer[indices[k]] += weight


def network(neurons: int, degree: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(indptr, indices) of a random network with equal out-degrees, rows sorted."""
    rng = np.random.default_rng(seed)
    indices = np.empty((neurons, degree), np.int32)
    for row in indices:
        row[:] = np.sort(rng.integers(0, neurons, degree, dtype=np.int32))
    return np.arange(0, neurons * degree + 1, degree, dtype=np.int64), indices.ravel()


def probe(neurons: int, degree: int, seconds: float = 1.0, seed: int = 1) -> dict:
    """Events per CPU-second: the rate over at least ``seconds``, after one untimed pass."""
    indptr, indices = network(neurons, degree, seed)
    buffer = np.zeros(neurons, np.float32)
    batch = max(1, 5_000_000 // degree)
    spikes = np.random.default_rng(seed + 1).integers(0, neurons, batch)
    weight = np.float32(0.1)
    deliver(spikes, indptr, indices, weight, buffer)
    events, used = 0, 0.0
    while used < seconds:
        begin = time.process_time()
        deliver(spikes, indptr, indices, weight, buffer)
        used += time.process_time() - begin
        events += batch * degree
    return {
        "case": "csr_probe", "engine": "probe", "neurons": neurons, "degree": degree,
        "synaptic_events": events, "run_cpu_s": round(used, 4),
        "events_per_cpu_s": round(events / used),
    }  # fmt: skip


def main() -> int:
    """Print one result."""
    parser = argparse.ArgumentParser(description="Delivery rate of a CSR scatter-add.")
    parser.add_argument("--neurons", type=int, default=12_500)
    parser.add_argument("--degree", type=int, default=1250)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = probe(args.neurons, args.degree, args.seconds, args.seed)
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{result['events_per_cpu_s'] / 1e6:.0f} million events per CPU-second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
