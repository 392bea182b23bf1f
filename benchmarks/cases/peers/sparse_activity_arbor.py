"""Sparse activity in Arbor; the network of benchmarks/cases/sparse_activity.py."""

import argparse
import sys

import numpy as np
from with_arbor import MS, arbor, main, measured, parameters, start

SPARSE = parameters.SPARSE
MV, PF = arbor.units.mV, arbor.units.pF


class Recipe(arbor.recipe):
    """Cells with random sources, drawn with repetition, and a train of input spikes each."""

    def __init__(self, args: argparse.Namespace) -> None:
        arbor.recipe.__init__(self)
        self.n, self.seed = args.neurons, args.seed
        times, ids = parameters.sparse_input(self.n, args.warmup + args.seconds, args.seed)
        order = np.lexsort((times, ids))
        ends = np.cumsum(np.bincount(ids, minlength=self.n))[:-1]
        self.trains = np.split(times[order] + SPARSE["delay"], ends)
        self.delay = SPARSE["delay"] * MS

    def num_cells(self) -> int:
        return self.n

    def cell_kind(self, gid: int) -> arbor.cell_kind:
        return arbor.cell_kind.lif

    def cell_description(self, gid: int) -> arbor.lif_cell:
        """With 1 pF a weight of 1 moves the potential by 1 mV."""
        return arbor.lif_cell(
            "out", "in", tau_m=SPARSE["tau_m"] * MS, t_ref=SPARSE["t_ref"] * MS, C_m=1.0 * PF,
            V_th=SPARSE["v_th"] * MV, E_L=SPARSE["v_rest"] * MV, E_R=SPARSE["v_reset"] * MV,
            V_m=SPARSE["v_rest"] * MV,
        )  # fmt: skip

    def connections_on(self, gid: int) -> list[arbor.connection]:
        rng = np.random.default_rng([self.seed, gid])
        sources = rng.integers(0, self.n, SPARSE["in_degree"]).tolist()
        weight, delay = SPARSE["w"], self.delay
        return [arbor.connection((source, "out"), "in", weight, delay) for source in sources]

    def event_generators(self, gid: int) -> list[arbor.event_generator]:
        if not self.trains[gid].size:
            return []
        schedule = arbor.explicit_schedule([float(t) * MS for t in self.trains[gid]])
        return [arbor.event_generator("in", SPARSE["w_input"], schedule)]


def run(args: argparse.Namespace) -> dict:
    """Build, run, report."""
    clock = start(args)
    recipe = Recipe(args)
    numbers = {("cells", "cells"): args.neurons * SPARSE["in_degree"]}
    return measured(args, clock, recipe, numbers)


if __name__ == "__main__":
    case = "sparse_activity"
    sys.exit(main(case, "arbor", parameters.OPTIONS[case], run, __file__))
