"""How many steps does a converted classifier need if it may stop when it is sure?

Usage::

    python benchmarks/dynamic_confidence.py [FOLDER] [--steps 24] [--on processes] [--out PICTURES]

FOLDER has the four idx files of MNIST; without it the 1797 digits of scikit-learn are used. An
MLP is trained on the images of training but the last fifth of 10 000 (or a fifth), which choose
temperatures and threshold. The test images are run twice: to the end, and with the rule as a
``stop`` condition; the second run is also compared with what the rule says of the first.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns


def mnist_images(folder: Path) -> tuple[np.ndarray, ...]:
    """(training images, labels, held out images, labels, test images, labels), pixels in 0..1."""
    train, test = (ns.datasets.mnist(folder, split) for split in ("train", "test"))
    x = train.images.reshape(len(train.images), -1) / 255.0
    y = test.images.reshape(len(test.images), -1) / 255.0
    return x[:55_000], train.labels[:55_000], x[55_000:], train.labels[55_000:], y, test.labels


def digit_images() -> tuple[np.ndarray, ...]:
    """The same of the digits that come with scikit-learn."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x, labels = data.data / 16.0, data.target
    return x[:900], labels[:900], x[900:1300], labels[900:1300], x[1300:], labels[1300:]


def outputs_of(converted: Any, images: np.ndarray, args: argparse.Namespace, **more: Any) -> Any:
    """All samples through the network; what is kept are the potentials of the read-out."""
    batch = ns.Batch(
        converted.network, converted.duration, encode=converted.encode,
        measure=ns.RunningOutputs("output", "v"), record={"output": ["v"]}, **more,
    )  # fmt: skip
    return batch.run(images, workers=args.workers, on=args.on, piece=32)


def frontier_picture(rule: ns.DynamicConfidence, full: float, path: Path) -> None:
    """Accuracy against mean number of steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    ax = figure.subplots()
    _, accuracy, steps = np.array(rule.frontier).T
    ax.plot(steps, 100 * accuracy, ".-", color="tab:blue", label="thresholds, held-out images")
    ax.plot(rule.steps, 100 * rule.accuracy, "o", color="tab:red", label="chosen")
    ax.axhline(100 * full, color="0.5", lw=1, label="all steps")
    ax.set_xlabel("mean steps per image")
    ax.set_ylabel("accuracy [%]")
    ax.set_ylim(100 * full - 6, 100.2)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 128])
    parser.add_argument("--epochs", type=int, help="default 10, or 100 without FOLDER")
    parser.add_argument("--loss", type=float, default=0.001, help="share, on held-out images")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--on", choices=("threads", "processes"), default="processes")
    parser.add_argument("--out", type=Path, help="folder for the picture")
    args = parser.parse_args()
    from sklearn.neural_network import MLPClassifier

    data = mnist_images(args.folder) if args.folder else digit_images()
    train, train_labels, held, held_labels, test, test_labels = data
    epochs = args.epochs or (10 if args.folder else 100)
    model = MLPClassifier(tuple(args.hidden), max_iter=epochs, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few epochs do not converge
        model.fit(train, train_labels)
    converted = ns.convert(model, train[:2000], steps=args.steps)
    before = time.perf_counter()
    held_out = outputs_of(converted, held, args).values["value"]
    rule = ns.DynamicConfidence.calibrated(held_out, held_labels, loss=args.loss)
    whole = outputs_of(converted, test, args)
    middle = time.perf_counter()
    early = outputs_of(converted, test, args, stop=rule.stop("output", "v"), chunk=1)
    after = time.perf_counter()
    outputs = whole.values["value"]
    decided = np.array([o[-1].argmax() for o in early.values["value"]])
    classes, steps = rule.apply(outputs)
    oracle = ns.oracle_steps(outputs, test_labels)
    right = {
        "ANN": model.score(test, test_labels),
        "all steps": float((outputs[:, -1].argmax(1) == test_labels).mean()),
        "early": float((decided == test_labels).mean()),
        "oracle": float((outputs.argmax(2) == test_labels[:, None]).any(axis=1).mean()),
    }
    means = {
        "all steps": whole.durations.mean(), "early": early.durations.mean(),
        "oracle": oracle.mean(),
    }  # fmt: skip
    operations = {"all steps": whole, "early": early}
    print(rule)
    print(f"{'':<12}{'accuracy':>10}{'steps':>8}{'operations':>14}")
    for name, accuracy in right.items():
        done = operations.get(name)
        work = sum(v.mean() for v in done.operations.values()) if done else float("nan")
        print(
            f"{name:<12}{100 * accuracy:>9.2f}%{means.get(name, float('nan')):>8.2f}{work:>14,.0f}"
        )
    same = np.array_equal(decided, classes) and np.array_equal(early.durations, steps)
    print(f"steps saved {100 * (1 - means['early'] / means['all steps']):.1f} %, "
          f"accuracy lost {100 * (right['all steps'] - right['early']):.2f} points on "
          f"{len(test)} test images; real stops equal the rule on whole runs: {same}; "
          f"wall {middle - before:.0f} s for whole runs (held-out images too), "
          f"{after - middle:.0f} s for early ones")  # fmt: skip
    if args.out:
        full = float((held_out[:, -1].argmax(1) == held_labels).mean())
        frontier_picture(rule, full, args.out / "dynamic_confidence.png")


if __name__ == "__main__":
    main()
