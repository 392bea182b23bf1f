"""CUBA in Brian2 (C++ standalone); the network of benchmarks/cases/cuba.py."""

import argparse
import sys

from with_brian2 import b2, main, measured, parameters, start

CUBA = parameters.CUBA

EQUATIONS = """
dv/dt = (ge + gi - (v - v_rest)) / tau_m : volt (unless refractory)
dge/dt = -ge / tau_exc : volt
dgi/dt = -gi / tau_inh : volt
"""


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. Without a delay, spikes arrive in the next step."""
    clock = start(args)
    n_exc, n_inh, p = parameters.cuba_sizes(args.neurons)
    times = {k: CUBA[k] * b2.ms for k in ("tau_m", "tau_exc", "tau_inh")}
    volts = {k: CUBA[k] * b2.mV for k in ("v_rest", "v_th", "v_reset", "w_exc", "w_inh")}
    cells = b2.NeuronGroup(
        n_exc + n_inh, EQUATIONS, threshold="v > v_th", reset="v = v_reset",
        refractory=CUBA["t_ref"] * b2.ms, method="exact", namespace={**times, **volts},
    )  # fmt: skip
    cells.v = "v_reset + rand() * (v_th - v_reset)"
    groups = {"exc": cells[:n_exc], "inh": cells[n_exc:]}
    network = b2.Network(cells)
    for name, port in (("exc", "ge"), ("inh", "gi")):
        on_pre = f"{port} += w_{name}"
        synapses = b2.Synapses(groups[name], cells, on_pre=on_pre, namespace=volts)
        synapses.connect(p=p)
        if args.delay > 0.1:
            synapses.pre.delay = args.delay * b2.ms
        network.add(synapses)
    sizes = {"exc": n_exc, "inh": n_inh}
    numbers = {(a, b): round(p * sizes[a] * sizes[b]) for a in sizes for b in sizes}
    return measured(args, clock, network, groups, numbers)


if __name__ == "__main__":
    sys.exit(main("cuba", "brian2", parameters.OPTIONS["cuba"], run, __file__))
