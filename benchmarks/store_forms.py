"""What do the forms of a synapse store cost? Bytes, time to build, and rate of delivery.

One weight for all, a float32 per synapse, weight and place in one word, or a learning store,
whose synapses can change, delivered by the engine's own kernel: random spikes of one population,
drawn delays, no neurons. Usage::

    python benchmarks/store_forms.py [--sources 8000 --targets 77000 --degree 3800]
                                     [--rate 3.2] [--delays 1.5] [--seconds 1] [--json]
"""

import argparse
import json
import sys
import time

import numpy as np

import neurosim as ns
from neurosim._jit import address, address_of, call, kernel
from neurosim.connectivity import FixedOutDegree
from neurosim.connectivity.deliver import deliverer
from neurosim.connectivity.learning import LearningStore
from neurosim.connectivity.sparse import SparseStore
from neurosim.engine.stores import build_stores

FORMS = {  # weights, packed
    "constant": (0.1, False),
    "each": (ns.Normal(0.1, 0.01), False),
    "packed": (ns.Normal(0.1, 0.01), True),
    "learning": (ns.Normal(0.1, 0.01), False),
}
STEPS = 1000  # of 0.1 ms


def store(args: argparse.Namespace, form: str) -> tuple[SparseStore | LearningStore, float]:
    """The store in one form, and the CPU-seconds of building it."""
    weight, packed = FORMS[form]
    net = ns.Network(seed=args.seed)
    source = net.add(ns.SpikeSource(args.sources), "source")
    cells = net.add(ns.LIF(args.targets, tau_m=20.0), "cells")
    spread = ns.Normal(args.delays, args.delays / 2, low=0.1) if args.spread else args.delays
    p = net.connect(source, cells, FixedOutDegree(args.degree), weight=weight, delay=spread)
    begin = time.process_time()
    built = build_stores(
        net, dt=0.1, real="float32", parts=1, round_delays=False,
        input_start=[0, args.sources], packed=packed,
        learning=(p.name,) if form == "learning" else (),
    )  # fmt: skip
    return built.stores[0], time.process_time() - begin


def history(args: argparse.Namespace, steps: int) -> tuple[np.ndarray, np.ndarray, list]:
    """Random spikes of the sources: (table, starts, what must stay alive)."""
    rng = np.random.default_rng(args.seed)
    counts = rng.poisson(args.rate * 1e-4 * args.sources, steps)
    starts = np.concatenate(([0], np.cumsum(counts)))
    ids = rng.integers(0, args.sources, starts[-1]).astype(np.int32)
    table = np.array([[address(ids), ids.size, address(starts)]], np.int64)
    return table, starts, [ids]


@kernel
def deliver_all(handle, row, table, length, first, buffer):
    """Deliver all steps, as the engine's kernel does."""
    for step in range(STEPS):
        where = (address_of(row), address_of(table), table.shape[0], length, first + step)
        call(handle, (*where, address_of(buffer), buffer.size, 0, 0, 0))


def measure(args: argparse.Namespace, form: str) -> dict:
    """Build a store, deliver through it for at least ``args.seconds``."""
    made, build_s = store(args, form)
    table, starts, kept = history(args, STEPS + made.d_max + 1)
    row = np.array(made.row(0), np.int64)
    buffer = np.zeros(args.sources + args.targets, np.float32)
    handle = deliverer(int(row[0]), "float32")
    if form == "learning":
        degree, rows = made.census(), made.rows
    else:
        degree, rows = np.diff(made.offsets[:: made.d_max - made.d_min + 1]), made.offsets
    events = used = 0.0
    first = True  # not timed
    while used < args.seconds:
        begin = time.process_time()
        deliver_all(handle, row, table, starts.size, made.d_max, buffer)
        if not first:
            used += time.process_time() - begin
            events += float(degree[kept[0]].sum()) * STEPS / (starts.size - 1)
        first = False
    return {
        "case": "store_forms", "form": form, "synapses": made.targets.size,
        "bytes_per_synapse": round((made.nbytes - rows.nbytes) / made.targets.size, 2),
        "offset_bytes_per_synapse": round(rows.nbytes / made.targets.size, 2),
        "build_cpu_s": round(build_s, 2), "events_per_cpu_s": round(events / used),
    }  # fmt: skip


def main() -> int:
    """Print a line, or one JSON object, per form."""
    parser = argparse.ArgumentParser(description="Cost of the forms of a synapse store.")
    parser.add_argument("--sources", type=int, default=8000)
    parser.add_argument("--targets", type=int, default=77_000)
    parser.add_argument("--degree", type=int, default=3800)
    parser.add_argument("--rate", type=float, default=3.2, help="Hz per source")
    parser.add_argument("--delays", type=float, default=1.5, help="mean delay [ms]")
    parser.add_argument("--spread", type=int, default=1, help="1: drawn delays, 0: one for all")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    little = argparse.Namespace(**vars(args) | {"sources": 10, "targets": 100, "degree": 10})
    for form in FORMS:
        store(little, form)  # compile, or load what has been compiled
        result = measure(args, form)
        if args.json:
            print(json.dumps(result))
        else:
            print(
                f"{form:<9} {result['bytes_per_synapse']:5.2f} B + offsets "
                f"{result['offset_bytes_per_synapse']:.2f} B per synapse, built in "
                f"{result['build_cpu_s'] / result['synapses'] * 1e9:4.0f} ns, "
                f"{result['events_per_cpu_s'] / 1e6:5.0f} million events per CPU-second"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
