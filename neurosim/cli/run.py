"""What do ``neurosim run`` and ``resume`` do? Read a network file, simulate, write a folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from .. import plot
from ..engine import resume, simulate, write_spikes
from ..engine.runfolder import SETTINGS, free_folder, read_settings
from ..errors import FormatError, ParameterError
from ..files import write_whole
from ..netfile import read_network
from ..report import output_folder

NETWORK = "net.toml"  # copy of the network file in the folder of a long run
MOST_DRAWN = 2_000_000  # spikes of a long run that still fit a raster plot


def run_file(
    path: Path,
    *,
    duration: float,
    dt: float | None,
    engine: str,
    seed: int | None,
    threads: int,
    out: Path | None,
    progress: bool | str,
    checkpoint_every: float | None = None,
) -> tuple[dict[str, Any], str]:
    """Simulate the network of a TOML file; return (summary, text for people).

    Raises
    ------
    NeurosimError
        The file, a parameter or the output folder is at fault.
    """
    described = read_network(path, seed=seed)
    options: dict[str, Any] = {"engine": engine}
    if dt is not None and described.network.time == "continuous":
        options["dt"] = dt
    options |= {"record": described.record, "threads": threads, "progress": progress}
    options["inputs"] = described.inputs
    if checkpoint_every is not None:
        if out is None:
            raise ParameterError("--checkpoint-every must come with --out, the folder to write to")
        options |= {"out": out, "checkpoint_every": checkpoint_every}
        with _long_folder(out, path):
            result = simulate(described.network, duration, **options)
        return _finish_long(result, path, out)
    with _folder(out) as folder:
        result = simulate(described.network, duration, **options)
        summary = summarise(result) | {"file": str(path)}
        if folder is not None:
            summary["out"] = str(out)
            write_result(result, summary, folder)
    text = str(result) if out is None else f"{result}\nresults in {out}"
    return summary, text


def resume_folder(
    folder: Path, *, threads: int | None, progress: bool | str
) -> tuple[dict[str, Any], str]:
    """Go on with a long run in its folder; return (summary, text for people).

    Raises
    ------
    NeurosimError
        The folder is not of such a run, or is damaged.
    """
    settings = read_settings(folder)
    path = folder / NETWORK
    if not path.is_file():
        raise FormatError(
            f"{folder}: must hold {NETWORK}, the network of the run, but does not; a run begun "
            "in Python is resumed there, by neurosim.resume"
        )
    described = read_network(path, seed=settings["seed"])
    options = {"threads": threads, "progress": progress, "inputs": described.inputs}
    result = resume(described.network, folder, **options)
    return _finish_long(result, path, folder)


def _finish_long(result: Any, path: Path, out: Path) -> tuple[dict[str, Any], str]:
    """Write summary.json and raster.png beside the numbered files."""
    summary = summarise(result) | {"file": str(path), "out": str(out)}
    drawn = bool(result.spikes) and sum(summary["spikes"].values()) <= MOST_DRAWN
    if drawn:
        write_whole(out / "raster.png", plot.png(plot.raster(result)), owner="neurosim run")
    write_whole(out / "summary.json", _json(summary), owner="neurosim run")
    return summary, f"{result}\nresults in {out}"


@contextmanager
def _long_folder(out: Path, network: Path) -> Iterator[None]:
    """Make the folder with its copy of the network; take both back if no run begins in it."""
    new = [path for path in (out, *out.parents) if not path.exists()]
    free_folder(out)
    try:
        write_whole(out / NETWORK, network.read_bytes(), owner="neurosim run")
        yield
    except BaseException:
        if not (out / SETTINGS).exists():
            (out / NETWORK).unlink(missing_ok=True)
            for path in new:
                with suppress(OSError):
                    path.rmdir()
        raise


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
        "engine_reason": result.engine_reason,
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
    (folder / "summary.json").write_text(_json(summary))
    if result.spikes:
        write_spikes(folder / "spikes.h5", result)
        plot.save(plot.raster(result), folder / "raster.png")


def _json(summary: dict[str, Any]) -> str:
    return json.dumps(summary, indent=2, allow_nan=False) + "\n"
