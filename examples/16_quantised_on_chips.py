"""Put networks into the numbers of chips: what it costs in accuracy, and what they cost in energy.

A converted network of digits, compared on every chip beside its ANN twins; and a detector that
has learnt weights and delays, with ever fewer bits of weight, delay and state.

python examples/16_quantised_on_chips.py --out pictures
"""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import neurosim as ns
import neurosim.hardware as hw
from neurosim.datasets import SharedMotifs
from neurosim.report import write_comparison

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures and the page")
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
CHIPS = [name for name in hw.list_chips() if hw.load_chip(name).kind == "chip"]

# 1. A converted network in the numbers of each chip: whole numbers, so nothing is guessed.
x, y = load_digits(return_X_y=True)
train, test, train_y, test_y = train_test_split(x / 16, y, test_size=200, random_state=0)
ann = MLPClassifier((64,), alpha=1e-3, max_iter=60, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 60 passes are enough here
    ann.fit(train, train_y)
snn = ns.convert(ann, calibration=train[:500], steps=8)
score = ns.evaluate(snn, test, test_y, progress=False)
print(f"digits: ANN {100 * ann.score(test, test_y):.1f} %, SNN {100 * score.accuracy:.1f} %")
for chip in CHIPS:
    made = hw.quantise_for(snn.network, chip)
    found = ns.evaluate(replace(snn, network=made.network), test, test_y, progress=False)
    print(f"  {chip:<13} {100 * found.accuracy:.1f} %, {made.arithmetic}")
table = ns.compare(score.results)
print(table)

# 2. A detector of motifs in which only the timing tells; weights and delays are learnt.
CHANNELS, CLASSES, LONGEST = 100, 4, 31.0
motifs, unseen = SharedMotifs(400, seed=1), SharedMotifs(200, seed=2)
net = ns.Network(seed=0)
inp, out = net.add(ns.SpikeSource(CHANNELS), "in"), net.add(ns.LI(CLASSES, tau_m=4.0), "out")
start = np.random.default_rng(3).uniform(0.0, LONGEST, CHANNELS * CLASSES)
pairs = ns.FromArrays(*(a.ravel() for a in np.indices((CHANNELS, CLASSES))))
net.connect(inp, out, pairs, weight=ns.Uniform(0.5, 1.0), delay=start, name="kernel")
delays = ns.Learnable(what="delay", rate=1.0, high=LONGEST, schedule=ns.CosineDecay(args.epochs))
learnt = ns.fit(
    net, motifs, learn=[ns.Learnable(what="weight", rate=0.05), delays], epochs=args.epochs,
    batch=20, progress=False, loss=ns.PeakCrossEntropy(scale=1.0), duration=140.0,
).network  # fmt: skip
s = ns.expand(learnt, "kernel")

HIGHEST = 20.0  # no potential reaches it; the state holds twice as much


def detector(delay):
    """The learnt synapses on neurons that never fire, whose potential decides."""
    made = ns.Network()
    made.add(ns.SpikeSource(CHANNELS), "in")
    made.add(ns.LIF(CLASSES, tau_m=4.0, tau_syn=5.0, v_th=HIGHEST), "out")
    rule = ns.FromArrays(s.pre, s.post)
    made.connect("in", "out", rule, weight=s.weight, delay=delay, name="kernel")
    return made


def accuracy(bits_of_delay=5, **bits):
    """Of the detector in SpiNNaker's whole numbers, of which software may choose the bits."""
    step = (LONGEST + 1) / 2**bits_of_delay
    made = hw.quantise_for(detector(np.rint(s.delay / step) * step), "spinnaker", tick=1.0, **bits)
    simulator = ns.Simulator(made.network)
    right = 0
    for (times, ids), label in unseen:
        simulator.reset()
        given = {"in": (np.floor(times), ids)}
        run = simulator.run(150, inputs=given, record={"out": ["v"]}, progress=False)
        peaks = run.traces["out"]["v"].values.max(axis=0)
        right += int(np.argmax(peaks) == label)
    return right / len(unseen)


curves = {
    "weight bits": {b: accuracy(weight_bits=b) for b in (1, 2, 3, 4, 6, 8)},
    "delay bits": {b: accuracy(bits_of_delay=b) for b in (0, 1, 2, 3, 4, 5)},
    "state bits": {b: accuracy(state_bits=b) for b in (4, 5, 6, 7, 8, 10, 12, 16)},
}
for what, points in curves.items():
    shown = ", ".join(f"{b}: {100 * found:.1f} %" for b, found in points.items())
    print(f"motifs, {what}: {shown}")
run = ns.simulate(learnt, 140.0, inputs={"in": unseen[0][0]}, progress=False)
other = ns.compare(run)
print(f"{other}\n\n{'energy per inference':<21}tier  {'digits, converted':<32}motifs, learnt")
for rows in zip(table.rows, other.rows, strict=True):
    bands = [row.per_inference_j.text("J") if row.per_inference_j else "-" for row in rows]
    print(f"{rows[0].chip:<21}{rows[0].tier:<6}{bands[0]:<32}{bands[1]}")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9, 3), layout="constrained")
    for ax, (what, points) in zip(figure.subplots(1, 3, sharey=True), curves.items(), strict=True):
        ax.plot(list(points), [100 * found for found in points.values()], "o-")
        ax.axhline(100 / CLASSES, color="0.7", lw=1, label="chance")
        ax.set(xlabel=what, xticks=list(points), ylim=(0, 102))
    figure.axes[0].set_ylabel("test accuracy [%]")
    figure.axes[0].legend(loc="lower right", bbox_to_anchor=(1, 0.25), frameon=False)
    figure.savefig(args.out / "quantised_on_chips.png", dpi=120)
    ns.plot.save(ns.plot.energy(table), args.out / "energy_on_all_chips.png")
    write_comparison(args.out / "energy.html", table)
    print(f"pictures and page in {args.out}")
