"""What does the demo's network see? Held-out digits, or a user's recording."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..conversion import Evaluation, evaluate
from ..encoders import EventsToSpikes
from ..events import Events
from ..hardware import Comparison, compare
from .demo_train import SIDE, Stages, Trained, recordings

MAX_WINDOWS = 200  # of a recording given by the user


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that the folder and the page show.

    ``evaluation`` and ``ann_accuracy`` are None for a user's recording.
    """

    trained: Trained
    events: Events
    results: list[Any]
    comparison: Comparison
    evaluation: Evaluation | None
    ann_accuracy: float | None
    recording: dict[str, Any]


def evaluate_digits(trained: Trained, threads: int, watch: Stages) -> Outcome:
    """Run every held-out scan, seen only as events, and price the runs."""
    test = trained.test
    with watch.stage("record held-out events"):
        seen = list(recordings(test, watch))
        samples = [trained.encoder(recording) for recording in seen]
    counts = np.array([sample.counts().ravel() for sample in samples])
    ann_accuracy = float(trained.ann.score(counts * trained.scale, test.targets))
    with watch.stage("run the spiking network"):
        evaluation = evaluate(
            trained.snn, samples, test.targets, threads=threads, progress=watch.progress
        )
    with watch.stage("price on chips"):
        comparison = compare(list(evaluation.results))
    return Outcome(
        trained=trained,
        events=seen[0],
        results=list(evaluation.results),
        comparison=comparison,
        evaluation=evaluation,
        ann_accuracy=ann_accuracy,
        recording={"what": "held-out digit scans, as events", "inferences": len(samples)},
    )


def run_recording(
    trained: Trained,
    recording: Events,
    name: str,
    threads: int,
    watch: Stages,
) -> Outcome:
    """Run a user's recording, pooled and cut to the network's input; no class is claimed."""
    pooled, pool = pool_to(recording, SIDE)
    samples, left_out = windows(pooled, trained.encoder)
    with watch.stage("run the spiking network"):
        results = list(trained.snn.runs(samples, threads=threads, progress=watch.progress))
    with watch.stage("price on chips"):
        comparison = compare(results)
    facts = {
        "what": "a recording: spike counts and energy, no class is claimed",
        "file": name,
        "format": recording.source,
        "sensor": list(recording.sensor_size),
        "events": len(recording),
        "duration_ms": recording.duration_us / 1e3,
        "pool": pool,
        "inferences": len(samples),
        "windows_left_out": left_out,
    }
    return Outcome(
        trained=trained,
        events=recording,
        results=results,
        comparison=comparison,
        evaluation=None,
        ann_accuracy=None,
        recording=facts,
    )


def pool_to(recording: Events, side: int) -> tuple[Events, int]:
    """Pool pixels until the longer side fits ``side``, and centre the rest; (events, pool)."""
    pool = -(-max(recording.sensor_size) // side)
    pooled = recording.downsample(pool)
    left, top = ((side - size) // 2 for size in pooled.sensor_size)
    x, y = pooled.x.astype(np.int64) + left, pooled.y.astype(np.int64) + top
    return replace(pooled, x=x, y=y, sensor_size=(side, side)), pool


def windows(recording: Events, encoder: EventsToSpikes) -> tuple[list[Any], int]:
    """Cut a recording into inputs of the network's length; (inputs, how many left out).

    Windows without events are skipped, and at most MAX_WINDOWS are taken.
    """
    if not len(recording):
        return [encoder(recording)], 0
    length = int(encoder.duration * 1000.0)
    start = int(recording.t[0])
    index = np.unique((recording.t - start) // length)
    chosen = index[:MAX_WINDOWS]
    samples = [
        encoder(recording.time_slice(begin, begin + length).shift_time(-begin))
        for begin in (start + int(k) * length for k in chosen)
    ]
    return samples, len(index) - len(chosen)
