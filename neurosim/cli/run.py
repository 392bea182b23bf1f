"""What does ``neurosim run`` do? Read a network file, simulate, write a folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from .. import plot
from ..engine import simulate, write_spikes
from ..netfile import read_network
from ..report import output_folder


def run_file(
    path: Path,
    *,
    duration: float,
    dt: float,
    seed: int | None,
    threads: int,
    out: Path | None,
    progress: bool | str,
) -> tuple[dict[str, Any], str]:
    """Simulate the network of a TOML file; return (summary, text for people).

    Raises
    ------
    NeurosimError
        The file, a parameter or the output folder is at fault.
    """
    described = read_network(path, seed=seed)
    step = {"dt": dt} if described.network.time == "continuous" else {}
    with _folder(out) as folder:
        result = simulate(
            described.network,
            duration,
            record=described.record,
            threads=threads,
            progress=progress,
            **step,
        )
        summary = summarise(result) | {"file": str(path)}
        if folder is not None:
            summary["out"] = str(out)
            write_result(result, summary, folder)
    text = str(result) if out is None else f"{result}\nresults in {out}"
    return summary, text


@contextmanager
def _folder(out: Path | None) -> Iterator[Path | None]:
    with nullcontext() if out is None else output_folder(out) as folder:
        yield folder


def summarise(result: Any) -> dict[str, Any]:
    """Return counts, rates and settings of a result, ready for JSON."""
    unit = "hz" if result.time == "continuous" else "per_step"
    return {
        "time": result.time,
        "duration": float(result.duration),
        "dt": float(result.dt),
        "seed": int(result.seed),
        "threads": int(result.threads),
        "engine": result.engine,
        "dtype": str(result.dtype),
        "stop_reason": result.stop_reason,
        "neurons": {name: len(counts) for name, counts in result.counts.items()},
        "spikes": {name: int(counts.sum()) for name, counts in result.counts.items()},
        f"rate_{unit}": {name: float(rate) for name, rate in result.rates().items()},
        "synaptic_events": {name: int(n) for name, n in result.synaptic_events.items()},
        "wall_s": float(result.wall_s),
    }


def write_result(result: Any, summary: dict[str, Any], folder: Path) -> None:
    """Write summary.json, spikes.h5 and raster.png (where spikes were recorded)."""
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if result.spikes:
        write_spikes(folder / "spikes.h5", result)
        plot.save(plot.raster(result), folder / "raster.png")
