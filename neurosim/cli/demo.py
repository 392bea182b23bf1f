"""What does ``neurosim demo`` do? Digits, camera, spikes, chips, and a folder of results."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, plot
from ..engine import Spikes, write_spikes
from ..events import open as open_events
from ..report import output_folder
from ..units import format_quantity
from .demo_inputs import Outcome, evaluate_digits, run_recording
from .demo_page import write_page
from .demo_train import Stages, train

FILES = ("summary.json", "spikes.h5", "energy.csv", "raster.png", "energy.png", "report.html")


def run_demo(
    out: Path, *, events: Path | None, seed: int, threads: int, progress: bool | str = "auto"
) -> dict[str, Any]:
    """Run the whole demo and write its folder; return the summary.

    Raises
    ------
    NeurosimError
        A bad recording, an unwritable folder, or scikit-learn missing.
    """
    watch = Stages(progress)
    begin = time.perf_counter()
    recording = None if events is None else open_events(events).events  # a bad file: fail at once
    with output_folder(out) as folder:
        trained = train(seed, watch)
        if recording is None:
            outcome = evaluate_digits(trained, threads, watch)
        else:
            outcome = run_recording(trained, recording, str(events), threads, watch)
        with watch.stage("draw"):
            write_pictures(outcome, folder)
        summary = summarise(outcome, seed, watch.seconds)
        summary["out"] = str(out)
        summary["wall_s"] = round(time.perf_counter() - begin, 2)
        write_files(outcome, summary, folder)
    return summary


def summarise(outcome: Outcome, seed: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Return the numbers of the demo, ready for JSON."""
    snn = outcome.trained.snn
    results = outcome.results
    names = list(snn.network.populations)
    summary = {
        "neurosim": __version__,
        "seed": seed,
        "input": outcome.recording,
        "network": {name: population.n for name, population in snn.network.populations.items()},
        "steps": snn.steps,
        "step_ms": round(outcome.trained.encoder.duration / snn.steps, 4),
        "trained_on": outcome.trained.n_train,
        "spikes_per_inference": {
            name: _mean(result.counts[name].sum() for result in results) for name in names
        },
        "synaptic_events_per_inference": {
            name: _mean(result.synaptic_events[name] for result in results)
            for name in snn.network.projections
        },
        "energy_per_inference": [_energy(row) for row in outcome.comparison.rows],
        "stages_s": seconds,
        "files": list(FILES),
    }
    if outcome.evaluation is not None:
        accuracy = outcome.evaluation.accuracy
        summary["accuracy"] = {
            "snn": accuracy,
            "ann_on_the_same_events": outcome.ann_accuracy,
            "difference_points": round(100 * (accuracy - outcome.ann_accuracy), 3),
            "held_out_scans": len(outcome.evaluation.labels),
        }
    return summary


def _mean(values: Iterable[Any]) -> float:
    return float(np.mean(list(values)))


def _energy(row: Any) -> dict[str, Any]:
    low, nominal, high = row.per_inference_j or (None, None, None)
    return {
        "chip": row.chip,
        "tier": row.tier,
        "fits": row.fits,
        "reason": row.reason,
        "low_j": low,
        "nominal_j": nominal,
        "high_j": high,
        "unpriced": list(row.unpriced),
    }


def write_pictures(outcome: Outcome, folder: Path) -> None:
    """Write raster.png, of the first inference, and energy.png."""
    plot.save(plot.raster(outcome.results[0]), folder / "raster.png")
    plot.save(plot.energy(outcome.comparison), folder / "energy.png")


def write_files(outcome: Outcome, summary: dict[str, Any], folder: Path) -> None:
    """Write the other files; the page is last because it shows all of them."""
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    write_spikes(folder / "spikes.h5", back_to_back(outcome.results), unit="step")
    outcome.comparison.to_csv(folder / "energy.csv")
    write_page(outcome, summary, folder)


def back_to_back(results: list[Any]) -> dict[str, Spikes]:
    """Put runs one after the other: run k starts at step k times its duration."""
    merged = {}
    for name, first in results[0].spikes.items():
        times = [r.spikes[name].times + k * r.duration for k, r in enumerate(results)]
        ids = [r.spikes[name].ids for r in results]
        merged[name] = Spikes(np.concatenate(times), np.concatenate(ids), first.n)
    return merged


def summary_text(summary: dict[str, Any]) -> str:
    """Lay out the summary for people."""
    lines = []
    if "accuracy" in summary:
        found = summary["accuracy"]
        lines.append(
            f"accuracy on {found['held_out_scans']} held-out scans, seen as events: "
            f"SNN {100 * found['snn']:.1f} %, ANN on the same events "
            f"{100 * found['ann_on_the_same_events']:.1f} %"
        )
    else:
        facts = summary["input"]
        lines.append(
            f"{facts['file']}: {facts['events']} events in {facts['inferences']} inference(s); "
            "spike counts and energy, no class is claimed"
        )
    spikes = ", ".join(
        f"{name} {count:.0f}" for name, count in summary["spikes_per_inference"].items()
    )
    lines += [f"spikes per inference: {spikes}", "energy per inference, estimates by model:"]
    width = max(len(row["chip"]) for row in summary["energy_per_inference"])
    for row in summary["energy_per_inference"]:
        text = f"does not fit: {row['reason']}"
        if row["fits"] and row["nominal_j"] is None:
            text = f"no price, tier {row['tier']}"
        elif row["fits"]:
            low, nominal, high = (
                format_quantity(row[f"{end}_j"], "J") for end in ("low", "nominal", "high")
            )
            text = f"{nominal} ({low} .. {high}), tier {row['tier']}"
        lines.append(f"  {row['chip'].ljust(width)}  {text}")
    lines.append(f"{summary['wall_s']:.1f} s; results in {summary['out']}: report.html and more")
    return "\n".join(lines)
