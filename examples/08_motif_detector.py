"""How few synapses find a motif? A detector with every delay, pruned; and one that learns delays.

All motifs use the same 12 of 100 addresses, in noise, so that counting is at chance. The first
detector has a synapse for each address and delay, of which only weights learn, and then
loses the weakest; the second has one synapse for each address, and learns its delay.

python examples/08_motif_detector.py --out pictures
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.datasets import SharedMotifs

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--samples", type=int, default=400)
args = parser.parse_args()

CHANNELS, CLASSES, DELAYS = 100, 4, np.arange(0.0, 32.0)
train, test = SharedMotifs(args.samples, seed=1), SharedMotifs(400, seed=2)
loss = ns.PeakCrossEntropy(scale=1.0)
sample = {"loss": loss, "duration": 140.0}


def detector(delays, weight, per_pair):
    """Leaky integrators with short time constants: they sum what arrives within some 2 ms."""
    net = ns.Network(seed=0)
    inp = net.add(ns.SpikeSource(CHANNELS), "in")
    out = net.add(ns.LI(CLASSES, tau_m=2.0, tau_syn=1.0), "out")
    pre, post, _ = (a.ravel() for a in np.indices((CHANNELS, CLASSES, per_pair)))
    delay = delays(pre.size)
    net.connect(inp, out, ns.FromArrays(pre, post), weight=weight, delay=delay, name="kernel")
    return net


slower = ns.CosineDecay(args.epochs, last=0.05)
weights = ns.Learnable(what="weight", rate=0.05, schedule=slower)
every = detector(lambda n: np.resize(DELAYS, n), ns.Normal(0.0, 0.1), DELAYS.size)
history = ns.fit(
    every, train, learn=[weights], epochs=args.epochs, batch=20, progress=False, **sample
)
found = {0.0: ns.score(history.network, test, **sample).accuracy}
print(f"every delay: {100 * found[0.0]:.1f} % with {CHANNELS * CLASSES * DELAYS.size} synapses")
for fraction in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995):
    pruned = ns.prune(history.network, fraction, by="weight")
    found[fraction] = ns.score(pruned, test, **sample).accuracy
    print(f"  without the weakest {100 * fraction:.1f} %: {100 * found[fraction]:.1f} %")

rng = np.random.default_rng(3)
few = detector(lambda n: rng.uniform(0.0, 31.0, n), ns.Uniform(0.5, 1.0), 1)
delays = ns.Learnable(what="delay", rate=1.0, high=31.0, schedule=ns.CosineDecay(3 * args.epochs))
learnt = ns.fit(
    few, train, learn=[ns.Learnable(what="weight", rate=0.05), delays], epochs=3 * args.epochs,
    batch=20, progress=False, **sample,
)  # fmt: skip
one_each = ns.score(learnt.network, test, **sample).accuracy
print(f"one synapse for each pair, its delay learnt: {100 * one_each:.1f} % with 400 synapses")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    s = ns.expand(history.network, "kernel")
    own = s.post == 0
    kernel = np.zeros((DELAYS.size, CHANNELS))
    kernel[s.delay[own].astype(int), s.pre[own]] = s.weight[own]
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    most = np.abs(kernel).max()
    left.imshow(kernel, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-most, vmax=most)
    places = 31.0 - train.motifs[0] + (train.motifs[0].max() - 31.0)
    left.plot(train.addresses, places, "o", mfc="none", color="k", label="the motif, reversed")
    left.set(xlabel="address", ylabel="delay [ms]", title="weights of one detector")
    left.legend(frameon=False, loc="upper right")
    n_synapses = CHANNELS * CLASSES * DELAYS.size
    kept = [n_synapses * (1 - fraction) for fraction in found]
    right.semilogx(kept, [100 * a for a in found.values()], "o-", label="every delay, pruned")
    right.semilogx(
        CHANNELS * CLASSES, 100 * one_each, "s", color="C1", label="one learnt delay each"
    )
    right.axhline(100 / CLASSES, color="0.7", lw=1)
    right.set(xlabel="synapses", ylabel="test accuracy [%]", ylim=(0, 102))
    right.legend(frameon=False, loc="lower right")
    figure.savefig(args.out / "motif_detector.png", dpi=120)
    print(f"pictures in {args.out}")
