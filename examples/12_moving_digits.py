"""What do changes cost, and what do frames? Digits that move by one pixel per frame.

A classifier of digits anywhere on a canvas is run as a network whose spikes carry numbers: in
frame mode every unit sends its activation in every frame; in delta mode (sigma-delta) it
sends only by how many quanta its activation has moved on. With the same quantum both
give the same outputs, frame by frame.

python examples/12_moving_digits.py --out pictures
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import neurosim as ns
from neurosim.encoders import FrameEncoder

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--films", type=int, default=100)
args = parser.parse_args()

SIDE, FRAMES, TRAIN = 32, 20, 1300
data = load_digits()
images = np.clip([zoom(image, SIDE / 8, order=1) for image in data.images / 16.0], 0.0, 1.0)
labels = data.target


def at(image: np.ndarray, x: int) -> np.ndarray:
    """The canvas with an image ``x`` pixels from its left edge."""
    canvas = np.zeros((SIDE, SIDE + FRAMES))
    canvas[:, x : x + SIDE] = image
    return canvas


rng = np.random.default_rng(0)
places = [(k, x) for k in range(TRAIN) for x in rng.choice(FRAMES + 1, 6, replace=False)]
model = MLPClassifier((100, 50), max_iter=25, random_state=0, alpha=1e-3)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # so few epochs do not converge
    model.fit([at(images[k], x).ravel() for k, x in places], labels[[k for k, _ in places]])


def network(changes: bool, quantum: float) -> ns.Network:
    """The classifier; the last layer only adds up."""
    unit = ns.SigmaDelta if changes else ns.GradedUnit
    net = ns.Network(time="steps")
    before = net.add(ns.SpikeSource(SIDE * (SIDE + FRAMES), graded=True), "pixels")
    for k, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        last = k == len(model.coefs_) - 1
        options = {"threshold": quantum, "bias": bias, "relu": not last}
        layer = net.add(unit(bias.size, **options), "out" if last else f"hidden{k + 1}")
        net.connect(before, layer, ns.FromMatrix(weight))
        before = layer
    return net


def run(changes: bool, pixels: float, units: float) -> tuple[float, np.ndarray, np.ndarray]:
    """(accuracy over all frames, outputs, synaptic events of each film), with quanta of both."""
    batch = ns.Batch(
        network(changes, units), FRAMES, dtype="float64", record={"out": ["x"]},
        encode=FrameEncoder(threshold=pixels, changes=changes),
        measure=ns.RunningOutputs("out", "x"),
    )  # fmt: skip
    chosen = range(TRAIN, TRAIN + args.films)
    films = ([at(images[k], x) for x in range(FRAMES)] for k in chosen)
    result = batch.run(films)
    outputs = result.values["value"] + model.intercepts_[-1]
    right = outputs.argmax(axis=2) == labels[TRAIN : TRAIN + args.films, None]
    return right.mean(), outputs, sum(result.operations.values())


FINE, COARSE = (2.0**-10, 2.0**-10), (0.5, 0.25)
modes = {
    "frames, as they are": (False, *FINE),
    "frames, coarse": (False, *COARSE),
    "changes, coarse": (True, *COARSE),
}
found = {name: run(*mode) for name, mode in modes.items()}
for name, (accuracy, _, events) in found.items():
    print(f"{name:<20} {100 * accuracy:6.2f} %   {events.mean():>11,.0f} synaptic events per film")
coarse, changes = (found[name] for name in list(modes)[1:])
print(
    f"outputs of both coarse ones differ by at most {np.abs(coarse[1] - changes[1]).max():.1e}; "
    f"changes need {coarse[2].mean() / changes[2].mean():.1f} times fewer events, and "
    f"{found['frames, as they are'][2].mean() / changes[2].mean():.1f} times fewer than full frames"
)

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    film = np.array([at(images[TRAIN], x) for x in range(FRAMES)])
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplot_mosaic([["frame", "bars"], ["change", "bars"]], width_ratios=[1, 1.3])
    sent = FrameEncoder(threshold=COARSE[0])(film)
    last = np.zeros(film[0].size)
    now = sent.times == FRAMES // 2
    last[sent.ids[now]] = sent.payload[now]
    axes["frame"].imshow(film[FRAMES // 2], cmap="gray_r")
    axes["frame"].set_title("a frame, and what has changed", fontsize=10)
    axes["change"].imshow(last.reshape(film[0].shape), cmap="RdBu", vmin=-1, vmax=1)
    for name in ("frame", "change"):
        axes[name].set_xticks([])
        axes[name].set_yticks([])
    events = [f[2].mean() / 1e6 for f in found.values()]
    texts = [f"{name}\n{100 * f[0]:.1f} % right" for name, f in found.items()]
    axes["bars"].barh(texts, events, color=["0.7", "0.5", "tab:blue"])
    axes["bars"].invert_yaxis()
    axes["bars"].set_xlabel("synaptic events per film [millions]")
    figure.savefig(args.out / "moving_digits.png", dpi=120)
