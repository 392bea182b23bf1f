"""``neurosim convert``: a trained ANN becomes a spiking network."""

from pathlib import Path
from typing import Any

import click

from .group import answer, as_json, cli, example, threads_option

# As neurosim.conversion has them; named here so that --help need not load it.
METHODS = (
    "percentile", "max", "mse", "calibrated", "qcfs", "signed", "burst", "phase", "few-spike",
    "quantised", "first-spike",
)  # fmt: skip


@cli.command(
    epilog=example(
        "neurosim convert model.onnx --calibration train.npz\n"
        "neurosim convert model.onnx --calibration train.npz --method calibrated --steps 4 \\\n"
        "    --test test.npz --out out"
    )
)
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    required=True,
    help="Samples as the ANN takes them: .npz (arrays x and y), .npy or .csv.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="percentile",
    show_default=True,
    help="What spikes say, and how thresholds are chosen.",
)
@click.option("--steps", type=int, help="T, or bits of few-spike.  [default: 32; 8]")
@click.option("--percentile", type=float, default=99.9, show_default=True)
@click.option(
    "--threshold",
    type=click.Choice(["percentile", "max", "mse", "trained"]),
    help="Rule for thresholds.  [default: that of the method]",
)
@click.option("--per-channel", is_flag=True, help="A threshold for every channel.")
@click.option("--v0", type=float, default=0.5, show_default=True, help="Potential at first.")
@click.option("--reset", type=click.Choice(["subtract", "zero"]), default="subtract")
@click.option("--correct/--no-correct", default=None, help="Correct biases from the samples.")
@click.option("--input", "input_", type=click.Choice(["direct", "rate"]), default="direct")
@click.option("--burst", type=int, default=5, help="Spikes in a step at most.")
@click.option("--period", type=int, default=8, help="Steps of a period of phases.")
@click.option("--bits", type=int, help="Bits of quantised activations.")
@click.option("--test", type=click.Path(path_type=Path), help="Labelled samples to run.")
@click.option("--samples", type=click.IntRange(1), default=1000, help="Test samples at most.")
@threads_option
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for results.")
@as_json
def convert(
    model: Path, calibration: Path, test: Path | None, samples: int, threads: int,
    out: Path | None, as_json: bool, input_: str, **options: Any,
) -> None:  # fmt: skip
    """Convert a trained ANN into a spiking network, and say where it differs.

    Prints the error of each layer taken apart, and with --test accuracy, spikes and synaptic
    operations by number of steps. With --out a folder gets network.h5 (for Converted.load),
    report.txt, summary.json, first_sample.h5 (the spikes of the first calibration sample),
    curve.csv and curve.png.
    """
    from .convert import convert_file

    summary, text = convert_file(
        model, calibration=calibration, test=test, n_test=samples, out=out, threads=threads,
        progress=False if as_json else "auto", options={**options, "input": input_},
    )  # fmt: skip
    answer(summary, text, as_json)
