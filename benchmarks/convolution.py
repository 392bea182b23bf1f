"""What does a convolutional net cost on an event stream, here and in PyTorch, over activity?

Usage::

    python benchmarks/peers/setup.py torch
    python benchmarks/convolution.py nmnist_events.tar.gz [--activity 0.03 0.003] [--samples 32]

The archive holds N-MNIST recordings (.bin). CPU-seconds per sample, one thread, medians of
interleaved runs; the spikes of every layer in every sample are compared. For the net see
`cases/convolution.py`. ``--sweep`` draws time over synaptic operations instead: of the same net
on recordings of which a part is kept, in both engines.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

import neurosim as ns

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "cases"))
import convolution as case  # noqa: E402
from measure import PEERS_FOLDER  # noqa: E402

SWEEP = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # shares of the events


def read(archive: str, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The first recordings of an archive."""
    found = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith(".bin") and member.isfile() and len(found) < n:
                found.append(case.spikes_of(tar.extractfile(member).read()))
    return found


def simulator(
    gains: list[float], engine: str = "clock", **options: object
) -> ns.Simulator | ns.EventSimulator:
    """The net as neurosim writes it down."""
    one, two, out = (k * g for k, g in zip(case.kernels(), gains, strict=True))
    cells = {"v_th": 1.0, "tau_syn": None}
    time = "steps" if engine == "clock" else "continuous"
    net = ns.Sequential(ns.SpikeSource((case.SIZE, case.SIZE, 2)), time=time)
    net.add(ns.Convolution(one), ns.IF, name="one", **cells)
    net.add(ns.Convolution(two / 4, pool=2), ns.IF, name="two", **cells)
    net.add(ns.Convolution(out / 4, pool=2), ns.IF, name="out", **cells)
    kind = ns.Simulator if engine == "clock" else ns.EventSimulator
    return kind(net.network, **options)


def run(sim: ns.Simulator, samples: list) -> dict:
    """CPU-seconds and synaptic operations per sample, spikes of each layer in each."""
    spikes, operations, begin = [], 0, time.process_time()
    for train in samples:
        sim.reset()
        result = sim.run(case.STEPS, inputs={"input": train}, record={}, progress=False)
        spikes.append([int(result.counts[name].sum()) for name in case.SHAPES])
        operations += sum(result.synaptic_events.values())
    used = time.process_time() - begin
    return {"cpu_s": used / len(samples), "spikes": spikes, "operations": operations / len(samples)}


def gains_for(activity: float, samples: list) -> list[float]:
    """Gains at which each layer's cells fire in this share of all steps."""
    gains = [0.1, 0.1, 0.1]
    sizes = [np.prod(shape) * case.STEPS for shape in case.SHAPES.values()]
    for layer in range(3):
        low, high = 1e-4, 100.0
        for _ in range(case.BISECTIONS):
            gains[layer] = float(np.sqrt(low * high))
            found = np.mean(run(simulator(gains), samples)["spikes"], axis=0)[layer] / sizes[layer]
            low, high = (low, gains[layer]) if found > activity else (gains[layer], high)
    return gains


def twin(python: str, path: Path, batch: int, framework: str) -> dict:
    """The same samples in PyTorch, with a framework's cells."""
    script = HERE / "cases" / "peers" / "convolution_torch.py"
    line = [python, "-W", "ignore", str(script), str(path), str(batch), framework]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(args: argparse.Namespace, samples: list) -> None:
    """A table: a line for each activity and batch."""
    python = str(Path(args.peers).expanduser() / ".venv-torch" / "bin" / "python")
    print("| activity | batch | cells of | operations per sample | neurosim CPU-ms | theirs "
          "| ratio | samples with other spikes |")  # fmt: skip
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for activity in args.activity:
        gains = gains_for(activity, samples[:4])
        sim = simulator(gains)
        run(sim, samples[:2])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samples.npz"
            case.save(path, samples, gains)
            for batch in args.batch:
                own: list[dict] = []
                others: dict[str, list[dict]] = {name: [] for name in args.frameworks}
                for _ in range(args.repeat):
                    own.append(run(sim, samples))
                    for name, runs in others.items():
                        runs.append(twin(python, path, batch, name))
                for name, runs in others.items():
                    a, b = (float(np.median([r["cpu_s"] for r in rs])) for rs in (own, runs))
                    pairs = zip(own[0]["spikes"], runs[0]["spikes"], strict=True)
                    print(
                        f"| {activity:g} | {batch} | {name} | {own[0]['operations']:.3g} | "
                        f"{1e3 * a:.2f} | {1e3 * b:.1f} | {b / a:.1f} | "
                        f"{sum(x != y for x, y in pairs)} of {len(samples)} |",
                        flush=True,
                    )


def thinned(samples: list, share: float) -> list:
    """A random part of the events of each recording."""
    rng = np.random.default_rng(1)
    kept = [rng.random(ids.size) < share for _, ids in samples]
    return [(times[k], ids[k]) for (times, ids), k in zip(samples, kept, strict=True)]


def sweep(samples: list, picture: str | None) -> None:
    """Time over synaptic operations, over three decades of activity."""
    gains = gains_for(0.03, samples[:4])
    made = {
        "clock engine": simulator(gains),
        "clock engine, sleep=True": simulator(gains, sleep=True),
        "event engine": simulator(gains, "event"),
    }
    print("| engine | share of events | operations per sample | CPU-ms | ns per operation |")
    print("|---|---:|---:|---:|---:|")
    rows: dict[str, list] = {name: [] for name in made}
    for share in SWEEP:
        part = thinned(samples, share)
        for name, sim in made.items():
            found = [run(sim, part) for _ in range(3)]
            cpu = float(np.median([f["cpu_s"] for f in found]))
            operations = found[0]["operations"]
            rows[name].append((operations, cpu))
            each = 1e9 * cpu / operations
            print(f"| {name} | {share:g} | {operations:.3g} | {1e3 * cpu:.2f} | {each:.2f} |",
                  flush=True)  # fmt: skip
    if picture:
        draw({name: np.array(found) for name, found in rows.items()}, picture)


def draw(rows: dict[str, np.ndarray], picture: str) -> None:
    """CPU time over operations, on log axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, found in rows.items():
        axes.loglog(found[:, 0], 1e3 * found[:, 1], "o-", label=name)
    low, high = (f(found[:, 0]) for f in (min, max))
    for each in (1e-9, 1e-8, 1e-7):
        axes.loglog([low, high], [1e3 * each * low, 1e3 * each * high], ":", color="0.7", lw=1)
        axes.text(high, 1e3 * each * high, f" {1e9 * each:.0f} ns each", color="0.5", fontsize=8)
    axes.set(xlabel="synaptic operations per sample", ylabel="CPU-ms per sample")
    axes.set_title("34x34x2 - 16c5 - p2 - 32c3 - p2 - 10, 310 steps", fontsize=10)
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=120)


def main() -> None:
    """Read the recordings, and compare or sweep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", help="N-MNIST recordings, .tar.gz")
    parser.add_argument("--activity", type=float, nargs="+", default=[0.03, 0.003])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32], help="of torch")
    parser.add_argument("--frameworks", nargs="+", default=["torch"],
                        help="torch sinabs snntorch norse spikingjelly")  # fmt: skip
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--out", help="picture of the sweep")
    parser.add_argument("--peers", default=PEERS_FOLDER)
    args = parser.parse_args()
    samples = read(args.archive, args.samples)
    if args.sweep:
        sweep(samples, args.out)
    else:
        compare(args, samples)


if __name__ == "__main__":
    main()
