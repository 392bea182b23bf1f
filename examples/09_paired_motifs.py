"""Which classes need delays? Motifs against themselves backwards, with delays and without.

Twenty classes in pairs: the same spikes on the same channels, played forwards and backwards. A
detector that forgets within 5 ms has to make early spikes wait for late ones.

python examples/09_paired_motifs.py --out pictures
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.datasets import PairedMotifs

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--samples", type=int, default=600)
args = parser.parse_args()

LENGTH = 100.0
train, test = PairedMotifs(args.samples, seed=1), PairedMotifs(400, seed=2)
sample = {"loss": ns.PeakCrossEntropy(scale=3.0), "duration": 240.0}
slower = ns.CosineDecay(args.epochs, last=0.02)
weights = ns.Learnable(what="weight", rate=0.02, schedule=slower)
delays = ns.Learnable(what="delay", rate=2.0, high=LENGTH, schedule=slower)
arms = {
    "no delays": (0.0, [weights]),
    "random delays": (ns.Uniform(0.0, LENGTH), [weights]),
    "learnt delays": (ns.Uniform(0.0, LENGTH), [weights, delays]),
}
found = {}
for name, (delay, learn) in arms.items():
    net = ns.Network(seed=0)
    inp = net.add(ns.SpikeSource(70), "in")
    out = net.add(ns.LI(20, tau_m=5.0, tau_syn=5.0), "out")
    rule = ns.FixedProbability(0.2)
    net.connect(inp, out, rule, weight=ns.Normal(0.3, 0.3), delay=delay, name="in->out")
    history = ns.fit(
        net, train, learn=learn, epochs=args.epochs, batch=20, validation=test, progress=False,
        **sample,
    )  # fmt: skip
    found[name] = history
    print(f"{name:<14} {100 * history.column('val_accuracy').max():.1f} %")

network = found["learnt delays"].network
for step in (1.0, 4.0, 8.0):
    rounded = ns.score(ns.round_delays(network, step), test, **sample)
    print(f"  learnt delays rounded to {step:g} ms: {100 * rounded.accuracy:.1f} %")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, history), color in zip(found.items(), ("0.7", "0.4", "C0"), strict=True):
        accuracy = 100 * history.column("val_accuracy")
        left.plot(history.column("epoch"), accuracy, color=color, label=name)
    left.set(xlabel="epoch", ylabel="held-out accuracy [%]", ylim=(0, 102))
    left.legend(frameon=False, loc="lower right")
    s = ns.expand(network, "in->out")
    for name, target, color in (("forwards", 0, "C0"), ("backwards", 1, "C3")):
        times, channels = train.motifs[target]
        own = s.post == target
        delay_of = dict(zip(s.pre[own].tolist(), s.delay[own].tolist(), strict=True))
        weight_of = dict(zip(s.pre[own].tolist(), s.weight[own].tolist(), strict=True))
        heard = [(t, delay_of[c], weight_of[c]) for t, c in zip(times, channels, strict=True)
                 if c in delay_of]  # fmt: skip
        x, y, w = np.array(heard).T
        right.scatter(x, y, s=20 * np.maximum(w, 0.05), color=color, label=f"played {name}")
    right.set(xlabel="spike in the motif [ms]", ylabel="learnt delay [ms]",
              title="early spikes wait; size: weight")  # fmt: skip
    right.legend(frameon=False)
    figure.savefig(args.out / "paired_motifs.png", dpi=120)
    print(f"pictures in {args.out}")
