"""Can sparse recurrent networks learn? Weights and delays of a fifth of the synapses.

Cells that hear each other through random synapses, one in five, with delays: a memory that fades
slowly. Exact gradients go back through all loops, and touch only synapses that are there.

python examples/10_sparse_recurrent.py --out pictures
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.datasets import PairedMotifs

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--samples", type=int, default=400)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

train, test = PairedMotifs(args.samples, seed=1), PairedMotifs(400, seed=2)
sample = {"loss": ns.IntegralCrossEntropy(scale=0.5), "duration": 160.0}
slower = ns.CosineDecay(args.epochs, last=0.05)


def network():
    """70 inputs, 20 recurrent cells, 20 classes; every fifth synapse is there."""
    net = ns.Network(seed=0)
    inp = net.add(ns.SpikeSource(70), "in")
    cells = net.add(ns.LIF(20, tau_m=10.0, tau_syn=5.0, t_ref=5.0), "cells")
    out = net.add(ns.LI(20, tau_m=20.0, tau_syn=5.0), "out")
    fifth = ns.FixedProbability(0.2)
    net.connect(inp, cells, fifth, weight=ns.Normal(2.0, 1.0), delay=ns.Uniform(0.0, 20.0))
    net.connect(cells, cells, fifth, weight=ns.Normal(0.0, 0.5), delay=ns.Uniform(1.0, 30.0))
    net.connect(cells, out, weight=ns.Normal(0.0, 0.2))
    return net


inside = ["in->cells", "cells->cells"]
readout = ns.Learnable(what="weight", rate=0.02, of="cells->out", schedule=slower)
weights = ns.Learnable(what="weight", rate=0.01, of=inside, schedule=slower)
delays = ns.Learnable(what="delay", rate=0.5, of=inside, high=40.0, schedule=slower)
kinds = {
    "read-out only": [readout],
    "all weights": [readout, weights],
    "weights and delays": [readout, weights, delays],
}
found = {}
for name, learn in kinds.items():
    history = ns.fit(
        network(), train, learn=learn, epochs=args.epochs, batch=20, validation=test,
        rate_targets=[ns.RateTarget(population="cells", high=8.0)], least_slope=0.1,
        silent=ns.BumpSilent(hidden=0.9), threads=args.threads, progress=False, **sample,
    )  # fmt: skip
    found[name] = history
    spikes = history.rows[-1]["spikes"]
    best = 100 * history.column("val_accuracy").max()
    print(f"{name:<18} {best:.1f} %, {spikes:.0f} spikes per sample")
learnt = found["weights and delays"].network
n_synapses = sum(len(ns.expand(learnt, name)) for name in learnt.projections)
print(f"{n_synapses} synapses, of {70 * 20 + 20 * 20 + 20 * 20} that could be")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, history in found.items():
        left.plot(history.column("epoch"), 100 * history.column("val_accuracy"), label=name)
    left.set(xlabel="epoch", ylabel="held-out accuracy [%]", ylim=(0, 102))
    left.legend(frameon=False, loc="lower right")
    before, after = ns.expand(network(), "cells->cells"), ns.expand(learnt, "cells->cells")
    right.scatter(before.delay, after.delay, s=6, c=np.abs(after.weight), cmap="viridis")
    right.plot([0, 40], [0, 40], color="0.7", lw=1)
    right.set(xlabel="delay before [ms]", ylabel="delay learnt [ms]",
              title="recurrent synapses; colour: |weight|")  # fmt: skip
    figure.savefig(args.out / "sparse_recurrent.png", dpi=120)
    print(f"pictures in {args.out}")
