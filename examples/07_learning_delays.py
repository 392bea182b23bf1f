"""What do learnt delays add? Yin-Yang with 30 hidden cells, weights only and with delays.

python examples/07_learning_delays.py --out pictures
python examples/07_learning_delays.py --epochs 60 --samples 5000      # the figures in the docs
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.datasets import YinYang

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--samples", type=int, default=1500)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

train, held_out = YinYang(args.samples, seed=42), YinYang(1000, seed=41)
test = YinYang(1000, seed=40)
loss = ns.FirstSpikeMSE(margin=1.0)


def network(delay, tau_m, strength, spread_out):
    """Five inputs, 30 hidden cells, three classes; each cell fires once or twice in a sample."""
    net = ns.Network(seed=0)
    inp = net.add(ns.SpikeSource(5), "in")
    hidden = net.add(ns.LIF(30, tau_m=tau_m, tau_syn=5.0, t_ref=10.0), "hidden")
    out = net.add(ns.LIF(3, tau_m=tau_m, tau_syn=5.0, t_ref=10.0), "out")
    net.connect(inp, hidden, weight=ns.Normal(strength, 1.2), delay=delay)
    net.connect(hidden, out, weight=ns.Normal(0.3, spread_out), delay=delay)
    return net


slower = ns.CosineDecay(args.epochs, last=0.02)
fast = ns.Learnable(what="weight", rate=1e-2, schedule=slower)
slow = ns.Learnable(what="weight", rate=5e-3, schedule=slower)
delay = ns.Learnable(what="delay", rate=0.06, schedule=slower)
arms = {  # the best of some twenty trials for each
    "weights": (network(0.0, 10.0, 1.2, 0.6), [fast]),
    "weights and delays": (network(ns.Uniform(0.0, 3.0), 5.0, 1.8, 0.3), [slow, delay]),
}
found = {}
for name, (net, learn) in arms.items():
    history = ns.fit(
        net, train, loss=loss, duration=30.0, learn=learn, epochs=args.epochs,
        validation=held_out, least_slope=0.05, largest_gradient=1.0, threads=args.threads,
    )  # fmt: skip
    found[name] = history
    learnt = ns.score(history.network, test, loss=loss, duration=30.0)
    print(f"{name:<20} test accuracy {100 * learnt.accuracy:.1f} %")

network = found["weights and delays"].network
for step in (0.1, 0.5, 1.0):
    rounded = ns.score(ns.round_delays(network, step), test, loss=loss, duration=30.0)
    print(f"  delays rounded to {step} ms: {100 * rounded.accuracy:.1f} %")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    grid = np.linspace(0.005, 0.995, 60)
    x, y = (a.ravel() for a in np.meshgrid(grid, grid))
    inside = np.hypot(x - 0.5, y - 0.5) < 0.5
    points = np.column_stack((x, y))[inside]
    disc = YinYang(points=(points, np.zeros(len(points), int)))
    seen = ns.score(network, disc, loss=loss, duration=30.0).predicted
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    for (name, history), color in zip(found.items(), ("0.5", "C0"), strict=True):
        error = 100 * (1 - history.column("val_accuracy"))
        axes[0].semilogy(history.column("epoch"), error, color=color, label=name)
    ticks = [1, 2, 5, 10, 20, 50]
    axes[0].set(xlabel="epoch", ylabel="validation error [%]", yticks=ticks, yticklabels=ticks)
    axes[0].minorticks_off()
    axes[0].legend(frameon=False)
    axes[1].scatter(*points.T, c=seen, s=6, cmap="viridis", marker="s")
    axes[1].set(aspect="equal", title="what the network sees")
    axes[1].axis("off")
    ns.plot.delays(network, "in->hidden", ax=axes[2])
    figure.savefig(args.out / "learning_delays.png", dpi=120)
    print(f"pictures in {args.out}")
