"""What do ``neurosim compare`` and ``estimate`` do? A network file, run and priced on chips."""

import json
import os
from pathlib import Path
from typing import Any

from .. import plot
from ..engine import read_spikes, simulate
from ..errors import ParameterError
from ..hardware import Comparison, Recording, compare, validate
from ..netfile import read_network
from ..report import output_folder, write_comparison

FILES = ("energy.csv", "energy.json", "energy.png", "energy.html")


def compare_file(
    path: Path,
    *,
    duration: float,
    chips: tuple[str, ...],
    spikes: Path | None,
    dt: float | None,
    tick: float | None,
    realtime: bool,
    seed: int | None,
    threads: int,
    n_inferences: int | None,
    out: Path | None,
    progress: bool | str,
    validation: bool = False,
) -> tuple[dict[str, Any], Comparison]:
    """Run a network file, or take its spikes from a file, and price it; (summary, comparison).

    Raises
    ------
    NeurosimError
        The file, the spikes, a chip or the output folder is at fault.
    """
    described = read_network(path, seed=seed)
    network = described.network
    if spikes is not None:
        result = Recording(network, read_spikes(spikes), duration)
    else:
        options: dict[str, Any] = {"inputs": described.inputs, "threads": threads}
        if dt is not None and network.time == "continuous":
            options["dt"] = dt
        result = simulate(network, duration, progress=progress, **options)
    named = [Path(chip) if os.sep in chip else chip for chip in chips] or None
    table = compare(result, chips=named, tick=tick, realtime=realtime, n_inferences=n_inferences)
    summary = {"file": str(path), **json.loads(table.to_json())}
    if out is not None:
        with output_folder(out) as folder:
            write_files(table, folder, path.name, validation=validation)
        summary |= {"out": str(out), "files": list(FILES)}
    return summary, table


def write_files(table: Comparison, folder: Path, name: str, *, validation: bool) -> None:
    """Write the table, the picture and the page."""
    table.to_csv(folder / "energy.csv")
    table.to_json(folder / "energy.json")
    plot.save(plot.energy(table), folder / "energy.png")
    title = f"What {name} would cost on chips"
    measured = validate(*table.chips.values()) if validation else None
    write_comparison(folder / "energy.html", table, title=title, validation=measured)


def estimate_text(table: Comparison, chip: str, part: str | None) -> str:
    """The explanation of one chip, and what stands beside it."""
    row = next(row for row in table.rows if row.kind == "chip" or row.chip == chip)
    text = table.explain(row.chip, part)
    if row.break_even is not None and part is None:
        text += f"\n  {row.break_even}"
    return text


def only_chip(chips: tuple[str, ...]) -> str:
    """The one chip of an estimate.

    Raises
    ------
    ParameterError
        None, or several.
    """
    if len(chips) != 1:
        raise ParameterError(
            f"--chip must be given once, got {len(chips)}; neurosim compare takes several"
        )
    return chips[0]
