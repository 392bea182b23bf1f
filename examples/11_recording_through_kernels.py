"""Along which axis does it move? Recordings through a convolutional net, window by window.

Four kernels answer to pixels that go on beside pixels that go off: to the right of them, below,
to the left, above. Cells pool what they find. The net is never expanded into synapses, and keeps
its state between windows.

python examples/11_recording_through_kernels.py --out pictures
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.datasets import MovingShapes

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--window", type=int, default=20, help="[ms]")
args = parser.parse_args()

EDGE = np.zeros((2, 7, 7))  # off, on
EDGE[0, :, :3], EDGE[1, :, :3] = 0.1, -0.1
EDGE[0, :, 4:], EDGE[1, :, 4:] = -0.1, 0.1
NAMES = ("right", "down", "left", "up")
kernel = np.stack(
    [EDGE, np.swapaxes(EDGE, 1, 2), EDGE[:, :, ::-1], np.swapaxes(EDGE, 1, 2)[:, ::-1]]
)

net = ns.Sequential(ns.SpikeSource((32, 32, 2)), name="camera")
net.add(ns.Convolution(kernel, padding=3), ns.LIF, name="edges", tau_m=30.0, v_th=1.0)
net.add(ns.SumPool((32, 32)), ns.LIF, name="where", tau_m=30.0, v_th=20.0)
print(net.summary())

data = MovingShapes(n=8, sensor_size=(32, 32), seed=3)
sim = ns.Simulator(net.network)
maps, n_right = [], 0
for k in range(len(data)):
    events, target = data[k]
    step, ids = events.t // 1000, (events.y * 32 + events.x) * 2 + events.p
    order = np.lexsort((ids, step))
    step, ids = step[order].astype(float), ids[order]
    sim.reset()
    counts, edges = np.zeros(4, int), np.zeros((32, 32, 4), int)
    for begin in range(0, int(step[-1]) + 1, args.window):  # as a camera would hand them over
        now = (step >= begin) & (step < begin + args.window)
        inputs = {"camera": (step[now] - begin, ids[now])}
        result = sim.run(args.window, inputs=inputs, record={}, progress=False)
        counts += result.counts["where"]
        edges += result.counts["edges"].reshape(32, 32, 4)
    maps.append(edges)
    across, along = counts[[0, 2]].sum(), counts[[1, 3]].sum()
    n_right += int((across > along) == (target % 2 == 0))
    print(f"moves {NAMES[target]:>5}: {across} spikes of right and left, {along} of down and up")
print(f"{n_right} of {len(data)} axes right; the last window:\n{ns.activity(result)}")

if args.out:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6.5), layout="constrained")
    axes = figure.subplots(4, 4)
    for k in range(4):
        for channel, name in enumerate(NAMES):
            axes[k, channel].imshow(maps[k][:, :, channel], cmap="magma", vmax=maps[k].max())
            axes[k, channel].set(xticks=[], yticks=[], title=f"kernel: {name}" if k == 0 else "")
        axes[k, 0].set_ylabel(f"moves {NAMES[k]}")
    figure.suptitle("Spikes of four kernels while a shape crosses the camera")
    args.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out / "recording_through_kernels.png", dpi=120)
