"""A point cloud becomes spikes: nearer surfaces fire earlier, neurons see who is near.

A room with a ball in it is scanned from the middle, written as a PLY file and read back.
Every viewing direction is one input neuron, and it fires at a time that grows with
range. Each detector watches a patch of 4 x 4 directions and fires as soon as four of
them have: the order of the detectors is the order of the distances, and no clock is
read.

    python examples/04_point_cloud.py [--out FOLDER]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import neurosim as ns

ROWS, COLUMNS, PATCH = 16, 64, 4
BALL, RADIUS = np.array([1.5, 0.65, 0.2]), 0.6  # m; azimuth 23 deg, nearest at 1.05 m
ROOM = np.array([4.0, 3.0, 1.5])  # half width, half depth, half height, m


def scan_room(seed: int = 0) -> np.ndarray:
    """Points (n, 3) [m] where random rays from the origin hit the ball or the room."""
    rng = np.random.default_rng(seed)
    rays = rng.normal(size=(20_000, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    wall = (ROOM / np.abs(rays)).min(axis=1)
    along = rays @ BALL  # distance to the point of the ray that is nearest to the centre
    miss = BALL @ BALL - along**2
    hit = (along > 0) & (miss < RADIUS**2)
    ball = along - np.sqrt(np.where(hit, RADIUS**2 - miss, 0.0))
    ranges = np.where(hit, np.minimum(ball, wall), wall)
    return rays * (ranges + rng.normal(0, 0.005, len(rays)))[:, None]


def detectors(spikes: ns.encoders.Encoded) -> ns.Network:
    """A network with one detector per patch of directions."""
    row, column = np.divmod(np.arange(spikes.n), COLUMNS)
    patch = (row // PATCH) * (COLUMNS // PATCH) + column // PATCH
    net = ns.Network(seed=1)
    scan = net.add(ns.SpikeSource(spikes.n, times=spikes.times, ids=spikes.ids), "scan")
    near = net.add(ns.IF(patch.max() + 1, v_th=3.5, t_ref=100.0), "near")
    net.connect(scan, near, ns.FromArrays(np.arange(spikes.n), patch), weight=1.0, delay=1.0)
    return net


def picture(cloud, spikes, first, path: Path) -> None:
    """Spike time of every direction beside the detectors' first spikes."""
    from matplotlib.figure import Figure

    image = np.full(spikes.n, np.nan)
    image[spikes.ids] = spikes.times
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 1)
    shown = (
        (image.reshape(ROWS, COLUMNS), f"Range to latency, {len(cloud):,} points"),
        (first.reshape(ROWS // PATCH, -1), "First spike of the detectors"),
    )
    for ax, (values, title) in zip(axes, shown, strict=True):
        colours = ax.imshow(values, origin="lower", extent=(-180, 180, -90, 90), aspect="auto")
        ax.set(title=title, xlabel="azimuth [deg]", ylabel="elevation [deg]")
        figure.colorbar(colours, ax=ax, label="time [ms]")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for point_cloud.png")
    out = parser.parse_args().out

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "room.ply"
        ns.clouds.write_ply(ns.clouds.PointCloud(xyz=scan_room()), path)
        cloud = ns.clouds.open(path)
    print(cloud)
    print("thinned to 10 cm voxels:", len(cloud.downsample(0.1)), "points")

    encode = ns.encoders.RangeEncoder(shape=(ROWS, COLUMNS), range_max=6.0, t_max=30.0)
    spikes = encode(cloud)
    print(spikes)

    result = ns.simulate(detectors(spikes), 40.0, dt=0.1, progress=False)
    near = result.spikes["near"]
    first = np.full(near.n, np.nan)
    first[near.ids[::-1]] = near.times[::-1]
    for patch in np.argsort(first)[:3]:
        row, column = divmod(int(patch), COLUMNS // PATCH)
        print(
            f"detector at azimuth {(column + 0.5) * 22.5 - 180:+7.1f} deg, elevation "
            f"{(row + 0.5) * 45 - 90:+5.1f} deg fires at {first[patch]:4.1f} ms"
        )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        picture(cloud, spikes, first, out / "point_cloud.png")
        print("wrote", out / "point_cloud.png")


if __name__ == "__main__":
    main()
