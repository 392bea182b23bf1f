"""The cortical microcircuit in Brian2; the network of benchmarks/cases/microcircuit.py."""

import argparse
import sys

import numpy as np
from with_brian2 import b2, main, measured, parameters, start
from with_brian2 import microcircuit_model as model

EQUATIONS = """
dv/dt = (v_rest - v) / tau_m + (i_syn + i_dc) / c_m : volt (unless refractory)
di_syn/dt = -i_syn / tau_syn : amp
i_dc : amp (constant)
"""


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. One Synapses object for all 64 projections."""
    clock = start(args)
    circuit = model.microcircuit(args.scale, args.external)
    values = {k: model.CELL[k] * b2.ms for k in ("tau_m", "tau_syn")}
    values |= {k: model.CELL[k] * b2.mV for k in ("v_rest", "v_th", "v_reset")}
    values |= {"c_m": model.CELL["c_m"] * b2.pF}
    starts = np.concatenate(([0], np.cumsum(circuit.sizes)))
    cells = b2.NeuronGroup(
        int(starts[-1]), EQUATIONS, threshold="v > v_th", reset="v = v_reset",
        refractory=model.CELL["t_ref"] * b2.ms, method="exact", namespace=values,
    )  # fmt: skip
    rng = np.random.default_rng(args.seed)
    mean, std = model.CELL["v0_mean"], model.CELL["v0_std"]
    cells.v = rng.normal(mean, std, starts[-1]) * b2.mV
    cells.i_dc = np.repeat(circuit.current, circuit.sizes) * b2.pA
    pre, post, weights, delays = _synapses(circuit, starts, rng)
    synapses = b2.Synapses(cells, cells, "w : amp (constant)", on_pre="i_syn += w")
    synapses.connect(i=pre, j=post)
    synapses.w, synapses.delay = weights * b2.pA, delays * b2.ms
    network = b2.Network(cells, synapses)
    groups = {}
    for k, name in enumerate(model.NAMES):
        groups[name] = group = cells[int(starts[k]) : int(starts[k + 1])]
        n = round(circuit.external[k])
        if n > 0:
            weight = circuit.weight_external * b2.pA
            network.add(b2.PoissonInput(group, "i_syn", n, model.EXTERNAL_HZ * b2.Hz, weight))
    result = measured(args, clock, network, groups, circuit.numbers())
    return result | {"published": model.verdict(result)}


def _synapses(circuit: model.Microcircuit, starts: np.ndarray, rng) -> tuple:
    """Sources, targets, weights [pA] and delays [ms] of all synapses."""
    columns = ([], [], [], [])
    for i, j in circuit.pairs():
        n, mean = int(circuit.synapses[i, j]), circuit.weights[i, j]
        weight = rng.normal(mean, abs(mean) * model.WEIGHT_REL_STD, n)
        delay = rng.normal(*model.DELAY[model.NAMES[j][-1]], n)
        while (low := delay < model.DELAY_LEAST).any():
            delay[low] = rng.normal(*model.DELAY[model.NAMES[j][-1]], low.sum())
        found = (
            rng.integers(starts[j], starts[j + 1], n, dtype=np.int32),
            rng.integers(starts[i], starts[i + 1], n, dtype=np.int32),
            np.where(weight * mean > 0, weight, 0.0),
            delay,
        )
        for column, values in zip(columns, found, strict=True):
            column.append(values)
    return tuple(np.concatenate(column) for column in columns)


if __name__ == "__main__":
    sys.exit(main("microcircuit", "brian2", parameters.OPTIONS["microcircuit"], run, __file__))
