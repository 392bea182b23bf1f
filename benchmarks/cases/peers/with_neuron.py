"""How is a case run in NEURON? Artificial cells only, events in its queue, one thread.

The twins import from here what they share with the cases, which lie one folder up.
"""

import argparse
import sys
from pathlib import Path

import neuron
import numpy as np
from neuron import h

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import parameters as parameters  # noqa: E402
from measure import Clock, report  # noqa: E402
from measure import main as main  # noqa: E402


def start(args: argparse.Namespace) -> Clock:
    """Choose steps of 0.1 ms and a queue sorted by step; returns the running clock.

    All events lie on that grid, and with 5000 neurons the run took 0.56 s in this mode and
    0.71 s with the variable step and the splay tree.
    """
    if args.threads > 1:
        raise SystemExit("NEURON's twins run in one thread: leave --threads at 1")
    clock = Clock()
    h.dt = 0.1
    h.CVode().queue_mode(1)
    return clock


def measured(args: argparse.Namespace, clock: Clock, cells: int, synapses: dict) -> dict:
    """Run from gid 0 to ``cells`` - 1, whose spikes are recorded and counted."""
    pc = h.ParallelContext()
    times, ids = h.Vector(), h.Vector()
    pc.spike_record(-1, times, ids)
    pc.set_maxstep(10.0)
    h.finitialize()
    build = clock.lap()
    if args.warmup > 0:
        pc.psolve(args.warmup * 1000.0)
    warmup = clock.lap()
    pc.psolve((args.warmup + args.seconds) * 1000.0)
    run = clock.lap()
    own = np.asarray(ids) < cells
    counted = own & (np.asarray(times) >= args.warmup * 1000.0)
    return report(
        args, sizes={"cells": cells}, synapses=synapses,
        spikes_per_population={"cells": int(counted.sum())},
        version=neuron.__version__, precision="float64",
        build_cpu_s=build[0], build_wall_s=build[1], warmup_cpu_s=warmup[0],
        run_cpu_s=run[0], run_wall_s=run[1],
    )  # fmt: skip
