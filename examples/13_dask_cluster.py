"""A data set over a cluster: digits through a converted classifier, on local Dask workers.

The same call runs on threads, on processes, or on a cluster of many machines, and gives the same
numbers; what a worker that dies had begun is run again by another. Outcomes are kept in a
folder: when the script is killed, running it again goes on.

python examples/13_dask_cluster.py --out pictures
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

import neurosim as ns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for pictures")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for outcomes; default a temporary one")
    args = parser.parse_args()
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SystemExit("this example needs Dask: pip install 'neurosim[dask]'") from None

    data = load_digits()
    images, labels = data.data / 16.0, data.target
    model = MLPClassifier((64,), max_iter=80, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few epochs do not converge
        model.fit(images[:1200], labels[:1200])
    converted = ns.convert(model, images[:1200], steps=24)
    batch = ns.Batch(
        converted.network, converted.duration, encode=converted.encode,
        measure=ns.RunningOutputs("output", "v"), record={"output": ["v"]},
    )  # fmt: skip
    test = images[1200:]
    alone = batch.run(test[:40])
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=args.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        result = batch.run(test, on=client, out=args.keep or folder)
    outputs = result.values["value"]  # (samples, steps, classes)
    right = outputs.argmax(axis=2) == labels[1200:, None]
    print(result)
    print(f"{100 * right[:, -1].mean():.1f} % right after {converted.steps} steps "
          f"(the ANN: {100 * model.score(test, labels[1200:]):.1f} %)")  # fmt: skip
    same = np.array_equal(outputs[:40], alone.values["value"])
    print(f"the first 40 samples are those of one process, bit for bit: {same}")

    if args.out:
        from matplotlib.figure import Figure

        args.out.mkdir(parents=True, exist_ok=True)
        figure = Figure(figsize=(5, 3.2), layout="constrained")
        ax = figure.subplots()
        ax.plot(np.arange(1, outputs.shape[1] + 1), 100 * right.mean(axis=0), ".-")
        ax.axhline(100 * model.score(test, labels[1200:]), color="0.5", lw=1, label="the ANN")
        ax.set_xlabel("steps")
        ax.set_ylabel("accuracy [%]")
        ax.legend(frameon=False)
        figure.savefig(args.out / "dask_cluster.png", dpi=120)


if __name__ == "__main__":  # workers import this file
    main()
