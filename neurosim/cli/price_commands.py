"""``neurosim compare``, ``estimate`` and ``chips``: what networks cost on chips."""

from pathlib import Path
from typing import Any

import click

from .group import Commands, answer, as_json, cli, example, seed_option, threads_option


def _pricing(command: Any) -> Any:
    """The options that ``compare`` and ``estimate`` share."""
    options = [
        click.argument("network", type=click.Path(path_type=Path), metavar="NETWORK.toml"),
        click.option("--t", "duration", type=float, required=True, help="Duration in ms or steps."),
        click.option(
            "--chip",
            "chips",
            multiple=True,
            metavar="NAME|FILE.toml",
            help="A chip; may be repeated.  [default: all]",
        ),
        click.option(
            "--spikes",
            type=click.Path(path_type=Path),
            help="A SONATA file with the spikes of every population, in place of a run.",
        ),
        click.option("--dt", type=float, help="Grid step of the run in ms.  [default: 0.1]"),
        click.option("--tick", type=float, help="Tick of the chips in ms.  [default: 1]"),
        click.option("--realtime", is_flag=True, help="Hold every step for the network's tick."),
        click.option("--inferences", "n_inferences", type=int, help="Inferences in the run."),
        click.option("--out", type=click.Path(path_type=Path), help="Folder for results."),
        seed_option,
        threads_option,
        as_json,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@cli.command(
    "compare",
    epilog=example(
        "neurosim compare net.toml --t 1000\n"
        "neurosim compare net.toml --t 1000 --chip loihi --chip mine.toml --out energy\n"
        "neurosim compare net.toml --t 1000 --spikes spikes.h5 --json"
    ),
)
@_pricing
@click.option("--validate", "validation", is_flag=True, help="Add what was measured on the chips.")
def compare_chips(as_json: bool, network: Path, validation: bool, **options: Any) -> None:
    """Run a network file and price it on chips, the ANN twins beside them.

    With --out a folder gets energy.csv, energy.json, energy.png and energy.html, a page with
    every constant behind the numbers. Energies are estimates by model, not measurements.
    """
    from .price import compare_file

    progress = False if as_json else "auto"
    summary, table = compare_file(network, progress=progress, validation=validation, **options)
    answer(summary, str(table), as_json)


@cli.command(
    epilog=example(
        "neurosim estimate net.toml --t 1000 --chip loihi\n"
        "neurosim estimate net.toml --t 1000 --chip truenorth --part exc"
    )
)
@_pricing
@click.option("--part", help="A population or projection, for its share alone.")
def estimate(as_json: bool, network: Path, part: str | None, **options: Any) -> None:
    """Price a network file on one chip, and say which constants make up the number."""
    from .price import compare_file, estimate_text, only_chip

    chip = only_chip(options["chips"])
    progress = False if as_json else "auto"
    summary, table = compare_file(network, progress=progress, **options)
    answer(summary, estimate_text(table, chip, part), as_json)


@cli.group(cls=Commands)
def chips() -> None:
    """Chips that networks can be mapped on and priced for."""


@chips.command("list", epilog=example("neurosim chips list"))
@as_json
def chips_list(as_json: bool) -> None:
    """List the chips that come with neurosim."""
    from .chips import chip_rows

    rows = chip_rows()
    width = max(len(row["name"]) for row in rows)
    text = "\n".join(f"{row['name'].ljust(width)}  {row['title']}" for row in rows)
    answer({"chips": rows}, text, as_json)


@chips.command("show", epilog=example("neurosim chips show loihi\nneurosim chips show mine.toml"))
@click.argument("chip", metavar="NAME|FILE.toml")
@as_json
def chips_show(chip: str, as_json: bool) -> None:
    """Show every constant of a chip with its band, scope, basis and source."""
    from .chips import chip_details, chip_text

    details = chip_details(chip)
    answer(details, chip_text(details), as_json)


@chips.command("check", epilog=example("neurosim chips check mine.toml"))
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))
@as_json
def chips_check(file: Path, as_json: bool) -> None:
    """Validate a chip file; every problem is listed, exit code 2 if there is any."""
    from .chips import check_file

    answer(check_file(file), f"{file}: a valid chip file", as_json)
