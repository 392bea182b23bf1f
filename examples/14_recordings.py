"""A recording, looked at and cleaned: written, opened by its content, filtered lazily, drawn.

Without --recording a disc passes a simulated camera with noise. Any format that
neurosim.events.open knows will do; it is read piece by piece.

python examples/14_recordings.py --out pictures [--recording FILE]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim import events as ev

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
parser.add_argument("--recording", type=Path)
args = parser.parse_args()
folder = tempfile.TemporaryDirectory()


def simulated() -> Path:
    """A disc on a circle, seen by noisy pixels with a slow photoreceptor, as Prophesee words."""
    y, x = np.mgrid[:96, :128]
    times = np.arange(0, 200_000, 1000)
    frames = [
        0.2 + 0.6 * ((x - 64 - 34 * np.cos(a)) ** 2 + (y - 48 - 26 * np.sin(a)) ** 2 < 150)
        for a in times * 2 * np.pi / 200_000
    ]
    camera = ns.encoders.CameraModel(noise_rate=4.0, mismatch=0.05, bandwidth=300.0, seed=1)
    return ev.write(camera(np.array(frames), times), Path(folder.name) / "disc.raw")


path = args.recording or simulated()
recording = ev.open(path)
print(recording)

part = recording.time_slice(recording.facts().t_first, recording.facts().t_first + 100_000)
clean = part.then(ev.Denoise(filter_time=5_000), ev.RefractoryPeriod(delta=500))
print(f"{len(part):,} events in the first 100 ms, {len(clean):,} after the filters")
for form in ("es", "dat", "evt2", "evt3", "aedat2", "hdf5", "npz", "csv"):
    try:
        written = ev.write(clean.shift_time(-clean.facts().t_first), Path(folder.name) / form, form)
    except ns.errors.ParameterError as error:
        print(f"{form:>7}: {error}")
        continue
    same = len(ev.open(written)) == len(clean)
    print(
        f"{form:>7}: {written.stat().st_size:>9,} bytes, read back {'whole' if same else 'in part'}"
    )

rates = [len(window) / 10 for window in recording.windows(time_window=10_000)]  # kev/s
print(f"{min(rates):.0f} to {max(rates):.0f} thousand events per second in windows of 10 ms")

if args.out:
    from matplotlib.figure import Figure

    args.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(11, 7), layout="constrained")
    ns.plot.frame(part, ax=figure.add_subplot(2, 2, 1))
    ns.plot.frame(clean, ax=figure.add_subplot(2, 2, 2))
    ns.plot.time_surface(clean, tau=20_000, ax=figure.add_subplot(2, 2, 3))
    ns.plot.scatter(clean, most=4000, ax=figure.add_subplot(2, 2, 4, projection="3d"))
    for axes, name in zip(figure.axes, ("as recorded", "after the filters"), strict=False):
        axes.set_title(f"{name}: {axes.get_title(loc='left')}", fontsize="small", loc="left")
    figure.savefig(args.out / "recordings.png", dpi=110, bbox_inches="tight")
folder.cleanup()
