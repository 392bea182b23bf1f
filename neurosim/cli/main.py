"""What can be done from a shell? The ``neurosim`` command.

Exit codes: 0 it worked; 1 it was interrupted or has a bug; 2 the input is at fault, with one
sentence on stderr that says what to change.
"""

import sys
from pathlib import Path
from typing import Any

import click

from . import convert_command, data_commands, price_commands  # noqa: F401 - they add commands
from .group import answer, as_json, cli, example, lines, seed_option, threads_option


@cli.command(epilog=example("neurosim demo\nneurosim demo --events recording.es --out out"))
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    help="A recording (.bin of N-MNIST, .es) to run in place of the held-out digits.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for results.",
)
@seed_option
@threads_option
@as_json
def demo(events: Path | None, out: Path, seed: int | None, threads: int, as_json: bool) -> None:
    """Digits through an event camera and a spiking network, to energy on chips.

    Trains an ANN on event counts of scikit-learn's digit scans, converts it, evaluates
    it on held-out scans that it sees only as events, and prices every spike on the chips.
    Writes summary.json, spikes.h5, energy.csv, raster.png, energy.png and report.html.

    With --events any recording goes through the same network: spike counts and energy
    only, no class is claimed.
    """
    from .demo import run_demo, summary_text

    progress = False if as_json else "auto"
    summary = run_demo(
        out, events=events, seed=0 if seed is None else seed, threads=threads, progress=progress
    )
    answer(summary, summary_text(summary), as_json)


@cli.command(
    epilog=example(
        "neurosim run net.toml --t 1000\nneurosim run net.toml --t 500 --engine event --json\n"
        "neurosim run net.toml --t 100000 --out out --checkpoint-every 1000"
    )
)
@click.argument("network", type=click.Path(path_type=Path), metavar="NETWORK.toml")
@click.option("--t", "duration", type=float, required=True, help="Duration in ms (or steps).")
@click.option("--dt", type=float, help="Grid step in ms, of the clock engine.  [default: 0.1]")
@click.option(
    "--engine",
    type=click.Choice(["auto", "clock", "event"]),
    default="auto",
    show_default=True,
    help="Steps on a grid, or exact events in continuous time.",
)
@seed_option
@threads_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder for results.")
@click.option(
    "--checkpoint-every",
    type=float,
    help="Save the state into --out after each so many ms (or steps), for neurosim resume.",
)
@as_json
def run(as_json: bool, network: Path, **options: Any) -> None:
    """Simulate a network written in a TOML file.

    The layout of the file is in docs/cli.md and in the module neurosim.netfile. With --out
    a folder gets summary.json, spikes.h5 and raster.png.

    With --checkpoint-every the folder is filled while the run goes on, with numbered files
    in place of spikes.h5; when the process is killed, neurosim resume goes on from there.
    """
    from .run import run_file

    summary, text = run_file(network, progress=False if as_json else "auto", **options)
    answer(summary, text, as_json)


@cli.command(epilog=example("neurosim resume out\nneurosim resume out --threads 2 --json"))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads of the simulation; as before when left out.",
)
@as_json
def resume(folder: Path, threads: int | None, as_json: bool) -> None:
    """Go on with a run that was killed, from its last checkpoint to its planned end.

    DIR is the folder of neurosim run --checkpoint-every. The result is that of a run
    that was never interrupted. A run that is over is only read.
    """
    from .run import resume_folder

    progress = False if as_json else "auto"
    summary, text = resume_folder(folder, threads=threads, progress=progress)
    answer(summary, text, as_json)


@cli.command(epilog=example("neurosim doctor\nneurosim doctor --json"))
@as_json
def doctor(as_json: bool) -> None:
    """Print versions, processor, threads, caches and extras, for bug reports."""
    from .doctor import examine

    found = examine()
    answer(found, lines(found), as_json)
    if found["problems"]:
        sys.exit(2)


def main() -> None:
    """Entry point of the ``neurosim`` command."""
    cli(prog_name="neurosim")
