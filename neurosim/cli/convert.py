"""What does ``neurosim convert`` do? Read a model and samples, convert, run, write a folder."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from .. import plot
from ..conversion import Converted, Evaluation, convert, evaluate
from ..engine import write_spikes
from ..errors import FormatError
from ..files import write_whole
from ..report import output_folder
from .samples import read_samples


def convert_file(
    model: Path,
    *,
    calibration: Path,
    test: Path | None,
    n_test: int,
    out: Path | None,
    threads: int,
    progress: bool | str,
    options: dict[str, Any],
) -> tuple[dict[str, Any], str]:
    """Convert the model of a file; return (summary, text for people).

    Raises
    ------
    NeurosimError
        The model, the samples, an option or the output folder is at fault.
    """
    x, _ = read_samples(calibration)
    labelled = None if test is None else _labelled(test, n_test)
    # A folder that cannot be written is found before the work, not behind it.
    with nullcontext() if out is None else output_folder(out) as folder:
        made = convert(str(model), x, **options)
        found = None
        if labelled is not None:
            found = evaluate(made, *labelled, keep=False, threads=threads, progress=progress)
        summary = summarise(model, made, found)
        if folder is not None:
            _write(folder, made, found, summary, x)
            summary["out"] = str(out)
    return summary, _text(made, found, out)


def _labelled(test: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``n`` samples of a file, and their labels."""
    samples, labels = read_samples(test)
    if labels is None:
        raise FormatError(
            f"{test}: must have labels beside the samples: an .npz file with the arrays x and "
            "y, or a .csv file with a column named label"
        )
    return samples[:n], labels[:n]


def summarise(model: Path, made: Converted, found: Evaluation | None) -> dict[str, Any]:
    """Return what was made and measured, ready for JSON."""
    report = made.report
    columns, rows = report.rows()
    summary = {
        "model": str(model),
        "method": report.method,
        "steps": made.steps,
        "duration": made.duration,
        "time": made.network.time,
        "populations": {p.name: list(p.shape) for p in made.network.populations.values()},
        "thresholds": made.thresholds,
        "layers": [dict(zip(columns, row, strict=True)) for row in rows],
        "calibration_samples": report.samples,
        "same_decision": report.agreement,
        "output_error": report.output_error,
        "operations_per_sample": report.operations,
    }
    if found is not None:
        summary["test"] = {
            "samples": len(found.labels),
            found.metric: found.score,
            "spikes_per_sample": found.spikes,
            "curve": [
                {
                    "steps": p.steps,
                    found.metric: p.score,
                    "spikes": float(p.spikes),
                    "operations": float(p.operations),
                }
                for p in found.curve
            ],
        }
    return summary


def _text(made: Converted, found: Evaluation | None, out: Path | None) -> str:
    parts = [str(made.report)]
    if found is not None:
        parts += [f"on {len(found.labels)} test samples:", found.table()]
    return "\n".join(parts + ([] if out is None else [f"results in {out}"]))


def _write(
    folder: Path, made: Converted, found: Evaluation | None, summary: dict[str, Any], x: np.ndarray
) -> None:
    """The network, the report, the first sample's spikes, and the curve where it was measured."""
    owner = "neurosim convert"
    write_whole(folder / "report.txt", (_text(made, found, None) + "\n").encode(), owner=owner)
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_whole(folder / "summary.json", text.encode(), owner=owner)
    made.save(folder / "network.h5")
    first = next(made.runs(x[:1]))
    write_spikes(folder / "first_sample.h5", first)
    if found is not None:
        lines = [f"steps,{found.metric},spikes,operations"]
        lines += [f"{p.steps},{p.score:.6g},{p.spikes:.6g},{p.operations:.6g}" for p in found.curve]
        write_whole(folder / "curve.csv", ("\n".join(lines) + "\n").encode(), owner=owner)
        plot.save(plot.latency(found), folder / "curve.png")
