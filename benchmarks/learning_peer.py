"""What does an epoch of delay learning cost here, and with dilated convolutions in PyTorch?

Usage::

    python benchmarks/peers/setup.py torch
    python benchmarks/learning_peer.py [--longest 250] [--density 1 0.1] [--samples 32]

One thread each, in a process each; CPU-seconds of an epoch, and the peak of the resident memory
beyond what the process had before the network was made. For the network see `cases/delays.py`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "cases"))
import delays as case  # noqa: E402
from measure import PEERS_FOLDER  # noqa: E402


def ours() -> None:
    """The case in neurosim: one epoch to warm up, one measured."""
    import neurosim as ns

    args = case.options(sys.argv[2:])
    made: dict = {}

    def prepare() -> None:
        net = ns.Network(seed=1)
        cell = {"tau_m": case.TAU_M, "tau_syn": case.TAU_SYN}
        layers = [net.add(ns.SpikeSource(case.N_IN), "in")]
        layers += [net.add(ns.LIF(case.N_HIDDEN, **cell), name) for name in ("one", "two")]
        rule = ns.AllToAll() if args.density == 1.0 else ns.FixedProbability(args.density)
        delay = ns.Uniform(0.0, args.longest)
        for pre, post in zip(layers, layers[1:], strict=False):
            weight = ns.Normal(*case.weights(pre.n, args.density))
            net.connect(pre, post, rule, weight=weight, delay=delay)
        out = net.add(ns.LI(case.N_OUT, tau_m=case.TAU_OUT, tau_syn=case.TAU_SYN), "out")
        net.connect(layers[-1], out, weight=ns.Normal(0.0, 0.1))
        made["net"] = net
        made["data"] = [(x, k % case.N_OUT) for k, x in enumerate(case.spikes(args.samples))]

    def epoch() -> float:
        delayed = list(made["net"].projections)[:2]
        history = ns.fit(
            made["net"], made["data"], loss=ns.IntegralCrossEntropy(scale=case.SCALE),
            duration=case.LENGTH + args.longest, epochs=1, batch=args.batch, silent=False,
            learn=[
                ns.Learnable(what="weight", rate=case.RATES["weight"]),
                ns.Learnable(
                    what="delay", rate=case.RATES["delay"], high=args.longest, of=delayed
                ),
            ],
        )  # fmt: skip
        return history.rows[-1]["spikes"]

    case.report(prepare, epoch)


def run(python: str, *line: str) -> dict[str, float]:
    """The JSON object that a process prints."""
    done = subprocess.run([python, *line], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run both, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest", type=int, nargs="+", default=[250], help="[ms]")
    parser.add_argument("--density", type=float, nargs="+", default=[1.0, 0.1])
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3, help="of neurosim; the median counts")
    parser.add_argument("--peers", default=PEERS_FOLDER)
    args = parser.parse_args()
    torch = str(Path(args.peers).expanduser() / ".venv-torch" / "bin" / "python")
    twin = str(HERE / "cases" / "peers" / "delays_torch.py")
    print("| delay ms | density | engine | CPU-s per epoch | ratio | peak MB | ratio | spikes |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    for longest in args.longest:
        for density in args.density:
            given = [f"--{name}={value}" for name, value in (
                ("longest", longest), ("density", density), ("samples", args.samples),
            )]  # fmt: skip
            own = [run(sys.executable, __file__, "ours", *given) for _ in range(args.repeat)]
            own = {name: float(np.median([one[name] for one in own])) for name in own[0]}
            rows = {"neurosim": own}
            for by in ("direct", "fourier"):
                rows[f"torch, {by}"] = run(torch, twin, *given, f"--by={by}")
            for name, m in rows.items():
                print(
                    f"| {longest} | {density:g} | {name} | {m['cpu_s']:.2f} | "
                    f"{m['cpu_s'] / own['cpu_s']:.1f} | {m['peak_mb']:.0f} | "
                    f"{m['peak_mb'] / own['peak_mb']:.1f} | {m['spikes']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    ours() if sys.argv[1:2] == ["ours"] else main()
