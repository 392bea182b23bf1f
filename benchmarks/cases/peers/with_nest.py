"""How is a case run in NEST? Build, prepare, warm up, run, count recorded spikes.

The twins import from here what they share with the cases, which lie one folder up.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("PYNEST_QUIET", "1")  # the banner would stand before the JSON object

import nest  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import microcircuit_model as microcircuit_model  # noqa: E402
import parameters as parameters  # noqa: E402
from measure import Clock, irregularity, report  # noqa: E402
from measure import main as main  # noqa: E402


def start(args: argparse.Namespace) -> Clock:
    """Reset the kernel; returns the running clock."""
    clock = Clock()
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.local_num_threads = args.threads
    nest.resolution = 0.1
    nest.rng_seed = args.seed
    return clock


def model_of(args: argparse.Namespace, name: str) -> str:
    """The model with spikes on the grid, or its precise twin."""
    return f"{name}_ps" if args.times == "exact" else name


def synapse(args: argparse.Namespace, neurons: int) -> str:
    """The lean synapse type, where it can address as many nodes per thread."""
    lean = neurons / args.threads < 60_000  # its limit is 65 534, devices included
    lean = lean and args.times == "grid"
    return "static_synapse_hpc" if lean else "static_synapse"


def measured(args: argparse.Namespace, clock: Clock, cells: dict, synapses: dict) -> dict:
    """Record, run; ``cells`` are the node collections to count, by name.

    NEST counts per population only by recording, so ``--record counts`` records as well.
    """
    recorders = {}
    for name, nodes in cells.items():
        recorders[name] = nest.Create("spike_recorder", {"start": args.warmup * 1000.0})
        nest.Connect(nodes, recorders[name])
    nest.Prepare()
    build = clock.lap()
    if args.warmup > 0:
        nest.Run(args.warmup * 1000.0)
    warmup = clock.lap()
    nest.Run(args.seconds * 1000.0)
    run = clock.lap()
    nest.Cleanup()
    found = {
        "version": nest.__version__, "precision": "float64",
        "build_cpu_s": build[0], "build_wall_s": build[1], "warmup_cpu_s": warmup[0],
        "run_cpu_s": run[0], "run_wall_s": run[1],
    }  # fmt: skip
    if args.record == "spikes":
        events = {name: recorder.events for name, recorder in recorders.items()}
        found |= irregularity({n: (e["times"], e["senders"]) for n, e in events.items()})
    return report(
        args,
        sizes={name: len(nodes) for name, nodes in cells.items()},
        spikes_per_population={name: int(r.n_events) for name, r in recorders.items()},
        synapses=synapses,
        **found,
    )
