"""Brunel's network in Brian2 (C++ standalone); the network of benchmarks/cases/brunel.py."""

import argparse
import sys

from with_brian2 import b2, main, measured, parameters, start

BRUNEL = parameters.BRUNEL


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. The external input is one binomial number per neuron and step."""
    clock = start(args)
    n_exc, n_inh, k_exc, k_inh = parameters.brunel_sizes(args.neurons)
    values = {"tau_m": BRUNEL["tau_m"] * b2.ms}
    values |= {k: BRUNEL[k] * b2.mV for k in ("v_rest", "v_th", "v_reset", "w")}
    values |= {"w_inh": -BRUNEL["g"] * values["w"]}
    cells = b2.NeuronGroup(
        n_exc + n_inh, "dv/dt = (v_rest - v) / tau_m : volt (unless refractory)",
        threshold="v > v_th", reset="v = v_reset", method="exact",
        refractory=BRUNEL["t_ref"] * b2.ms, namespace=values,
    )  # fmt: skip
    groups = {"exc": cells[:n_exc], "inh": cells[n_exc:]}
    network = b2.Network(cells)
    for name, degree, weight in (("exc", k_exc, "w"), ("inh", k_inh, "w_inh")):
        synapses = b2.Synapses(
            groups[name], cells, on_pre=f"v += {weight}", namespace=values,
            delay=BRUNEL["delay"] * b2.ms,
        )  # fmt: skip
        synapses.connect(i=f"k for k in sample(N_pre, size={degree})")
        network.add(synapses)
    share = 1000  # inputs of 20 Hz; their sum is drawn at once
    rate = BRUNEL["external_hz"] / share * b2.Hz
    network.add(b2.PoissonInput(cells, "v", share, rate, values["w"]))
    sizes, degrees = {"exc": n_exc, "inh": n_inh}, {"exc": k_exc, "inh": k_inh}
    numbers = {(a, b): degrees[a] * sizes[b] for a in sizes for b in sizes}
    return measured(args, clock, network, groups, numbers)


if __name__ == "__main__":
    sys.exit(main("brunel", "brian2", parameters.OPTIONS["brunel"], run, __file__))
