"""How is a case run in Arbor? A recipe of `lif_cell`s, in groups.

The twins import from here what they share with the cases, which lie one folder up.
"""

import argparse
import sys
from pathlib import Path

import arbor as arbor
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import parameters as parameters  # noqa: E402
from measure import Clock, report  # noqa: E402
from measure import main as main  # noqa: E402

MS = arbor.units.ms
GROUP = 64  # cells; 3000 neurons took 4.0, 2.1, 2.3, 2.5 s in groups of 1, 32, 256, all


def start(args: argparse.Namespace) -> Clock:
    """The running clock."""
    return Clock()


def measured(args, clock: Clock, recipe: arbor.recipe, synapses: dict) -> dict:
    """Build the simulation of ``recipe``, whose cells are all counted, and run it.

    The time step given to Arbor is of no effect: `lif_cell` is exact between its events.
    """
    cells = recipe.num_cells()
    context = arbor.context(threads=args.threads)
    hints = {arbor.cell_kind.lif: arbor.partition_hint(cpu_group_size=GROUP)}
    groups = arbor.partition_load_balance(recipe, context, hints)
    simulation = arbor.simulation(recipe, context, groups)
    simulation.record(arbor.spike_recording.all)
    build = clock.lap()
    if args.warmup > 0:
        simulation.run(args.warmup * 1000.0 * MS, 0.1 * MS)
    warmup = clock.lap()
    simulation.run((args.warmup + args.seconds) * 1000.0 * MS, 0.1 * MS)
    run = clock.lap()
    times = np.asarray(simulation.spikes()["time"])
    counted = int((times >= args.warmup * 1000.0).sum())
    return report(
        args, sizes={"cells": cells}, spikes_per_population={"cells": counted},
        synapses=synapses, version=arbor.__version__, precision="float64",
        build_cpu_s=build[0], build_wall_s=build[1], warmup_cpu_s=warmup[0],
        run_cpu_s=run[0], run_wall_s=run[1],
    )  # fmt: skip
