"""What does the camera see? Labelled recordings, classified by a converted spiking network.

N-MNIST (650 digits to learn from, 150 held out), or seven objects before a DVS128 (windows of
100 ms, the last fifth of each recording held out). An ANN learns event counts; its spiking twin
sees events only. Intervals hold 95 % (Wilson). Without --data, digits pass a simulated camera.

python examples/15_event_classes.py --out pictures [--data FOLDER --set nmnist|objects]
"""

import argparse
import tarfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neurosim as ns
from neurosim.datasets import EventWindows, MovingDigits
from neurosim.encoders import EventsToSpikes

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--data", type=Path, help="with nmnist_events.tar.gz or session_A.tar.gz")
parser.add_argument("--set", choices=("digits", "nmnist", "objects"), default="digits")
args = parser.parse_args()
CLEAN = ns.events.Compose([ns.events.Denoise(filter_time=10_000), ns.events.TimeAlignment()])


def members(archive, ending):
    """Name and events of each recording, decoded in memory."""
    with tarfile.open(args.data / archive) as files:
        for member in files:
            if member.isfile() and member.name.endswith(ending):
                content = files.extractfile(member).read()
                yield Path(member.name).stem, ns.events.decode(content, member.name).events


def samples():
    """(events, class, held out) of each sample, names of classes, encoder."""
    if args.set == "nmnist":
        rows = sorted(members("nmnist_events.tar.gz", ".bin"), key=lambda row: row[0])
        found = [(CLEAN(e), int(name[-1]), int(name[:5]) > 650) for name, e in rows]
        return found, "0123456789", EventsToSpikes(pool=2, start_us=0, duration=310.0)
    if args.set == "objects":
        rows = sorted(members("session_A.tar.gz", ".aedat"), key=lambda row: row[0])
        names, recordings = [name for name, _ in rows], [CLEAN(e) for _, e in rows]
        cut = EventWindows(
            recordings=recordings, targets_of=range(7), time_window=100_000, least=100, blocks=5
        )
        found = [(*cut[k], cut.block[k] == 4) for k in range(len(cut))]
        return found, names, EventsToSpikes(pool=8, start_us=0, duration=100.0)
    parts = [(MovingDigits(split=split), split == "test") for split in ("train", "test")]
    found = [(*data[k], held) for data, held in parts for k in range(0, len(data), 3)]
    length = parts[0][0].duration_us / 1000 + 1
    return found, "0123456789", EventsToSpikes(pool=2, start_us=0, duration=length)


def shown(share, n, z=1.96):
    """A share of n trials, and the interval that holds it."""
    middle, d = share + z**2 / (2 * n), 1 + z**2 / n
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (100 * (middle + sign * half) / d for sign in (-1, 1))
    return f"{100 * share:.1f} % of {n} ({low:.1f} to {high:.1f} %)"


found, names, encoder = samples()
spikes = [encoder(e) for e, _, _ in found]
counts = np.array([s.counts().ravel() for s in spikes], float)
labels = np.array([k for _, k, _ in found])
held = np.array([out for _, _, out in found])
scale = 0.5 / counts[~held].std(axis=0).mean()
mlp = MLPClassifier((100,), alpha=1.0, max_iter=60, random_state=0)
ann = make_pipeline(StandardScaler(with_std=False), mlp)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # stopped on purpose
    ann.fit(counts[~held] * scale, labels[~held])
given = {"input": "events", "input_scale": scale, "window": encoder.duration, "seed": 0}
snn = ns.convert(ann, counts[~held] * scale, steps=100, **given)
test = [s for s, out in zip(spikes, held, strict=True) if out]
score = ns.evaluate(snn, test, labels[held], progress=False)
print(f"{args.set}, ANN: {shown(ann.score(counts[held] * scale, labels[held]), len(test))}")
print(f"{args.set}, spikes: {shown(score.accuracy, len(test))}\n{score}")

if args.out:
    args.out.mkdir(parents=True, exist_ok=True)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    ns.plot.frame(found[0][0], ax=left)
    text = f"'{names[found[0][1]]}', {left.get_title(loc='left')}"
    left.set_title(text, fontsize=10, loc="left")
    table = np.zeros((len(names), len(names)), int)
    np.add.at(table, (labels[held], score.predicted), 1)
    right.imshow(table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues")
    for (i, j), value in np.ndenumerate(table):
        if value:
            colour = "w" if i == j else "k"
            right.text(j, i, value, ha="center", va="center", fontsize=7, color=colour)
    right.set_xticks(range(len(names)), names, rotation=90 * (len(names) == 7), fontsize=8)
    right.set_yticks(range(len(names)), names, fontsize=8)
    right.set(xlabel="said by the spiking network", ylabel="shown")
    right.set_title(shown(score.accuracy, len(test)), fontsize=10)
    figure.savefig(args.out / f"event_classes_{args.set}.png", dpi=110)
