"""What can be done from a shell? The ``neurosim`` command.

Exit codes: 0 it worked; 1 it was interrupted or has a bug; 2 the input is at fault, with one
sentence on stderr that says what to change.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import NeurosimError

# As neurosim.conversion has them; named here so that --help need not load it.
METHODS = (
    "percentile", "max", "mse", "calibrated", "qcfs", "signed", "burst", "phase", "few-spike",
    "quantised", "first-spike",
)  # fmt: skip


class Refused(click.ClickException):
    """An error of the input: shown as one sentence, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"neurosim: {self.message}", err=True)


class Commands(click.Group):
    """A group whose commands turn neurosim's own errors into sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NeurosimError as error:
            raise Refused(str(error)) from error


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from .. import __version__

        click.echo(f"neurosim {__version__}")
        ctx.exit()


def _example(text: str) -> str:
    """Help text of examples; click keeps line breaks after the mark."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in text.strip().splitlines())


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object only.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=None,
    help="Seed of all random choices.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Threads of the simulation.",
)


def answer(data: dict[str, Any], text: str, json_wanted: bool) -> None:
    """Print ``data`` as one JSON object, or ``text`` for people."""
    click.echo(json.dumps(data, indent=2, allow_nan=False) if json_wanted else text)


def lines(data: dict[str, Any], indent: str = "") -> str:
    """Lay out a nested dict as aligned lines."""
    width = max((len(str(key)) for key in data), default=0)
    out = []
    for key, value in data.items():
        if isinstance(value, dict) and value:
            out += [f"{indent}{key}:", lines(value, indent + "  ")]
        else:
            shown = "-" if value is None or value == {} or value == [] else value
            out.append(f"{indent}{str(key).ljust(width)}  {shown}")
    return "\n".join(out)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version.",
)
def cli() -> None:
    """Spiking networks: from sensor events to energy on neuromorphic chips."""


@cli.command(epilog=_example("neurosim demo\nneurosim demo --events recording.es --out out"))
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
    epilog=_example(
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


@cli.command(epilog=_example("neurosim resume out\nneurosim resume out --threads 2 --json"))
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


@cli.command(
    epilog=_example(
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
    operations by number of steps. With --out a folder gets report.txt, summary.json,
    first_sample.h5 (the spikes of the first calibration sample), curve.csv and curve.png.
    """
    from .convert import convert_file

    summary, text = convert_file(
        model, calibration=calibration, test=test, n_test=samples, out=out, threads=threads,
        progress=False if as_json else "auto", options={**options, "input": input_},
    )  # fmt: skip
    answer(summary, text, as_json)


@cli.group(cls=Commands)
def chips() -> None:
    """Chips that networks can be mapped on and priced for."""


@chips.command("list", epilog=_example("neurosim chips list"))
@as_json
def chips_list(as_json: bool) -> None:
    """List the chips that come with neurosim."""
    from .chips import chip_rows

    rows = chip_rows()
    width = max(len(row["name"]) for row in rows)
    text = "\n".join(f"{row['name'].ljust(width)}  {row['title']}" for row in rows)
    answer({"chips": rows}, text, as_json)


@chips.command("show", epilog=_example("neurosim chips show loihi\nneurosim chips show mine.toml"))
@click.argument("chip", metavar="NAME|FILE.toml")
@as_json
def chips_show(chip: str, as_json: bool) -> None:
    """Show every constant of a chip with its band, scope, basis and source."""
    from .chips import chip_details, chip_text

    details = chip_details(chip)
    answer(details, chip_text(details), as_json)


@chips.command("check", epilog=_example("neurosim chips check mine.toml"))
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path))
@as_json
def chips_check(file: Path, as_json: bool) -> None:
    """Validate a chip file; every problem is listed, exit code 2 if there is any."""
    from .chips import check_file

    answer(check_file(file), f"{file}: a valid chip file", as_json)


@cli.group(cls=Commands)
def events() -> None:
    """Event-camera recordings."""


_READING = (
    click.option("--topic", help="Topic of a bag with several."),
    click.option("--stream", type=int, help="Stream of an AEDAT 4 file with several."),
    click.option("--dataset", help="Group or table of an HDF5 file with several."),
    click.option("--columns", help="Order of columns without names, such as txyp."),
    click.option("--time-unit", type=click.Choice(["s", "ms", "us", "ns"])),
)
_CHANGING = (
    click.option("--from", "start", help="Begin so long after the first event: 1.5s, 20ms, 300us."),
    click.option("--to", "stop", help="End so long after the first event."),
    click.option("--crop", help="X,Y,WIDTH,HEIGHT in pixels."),
    click.option("--denoise", help="Drop events without a neighbour within this time."),
    click.option("--refractory", help="Drop events of a pixel within this time of its last one."),
    click.option("--max-rate", type=float, help="Keep at most so many events per second."),
    click.option("--downsample", type=click.IntRange(1, 65535), help="Pool squares of pixels."),
    click.option("--zero", is_flag=True, help="Let time begin at 0."),
)


def _with(options: tuple) -> Any:
    """A decorator that adds some options."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _split(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is done to a recording, and how it is read."""
    reading = ("topic", "stream", "dataset", "columns", "time_unit")
    how = {name: given.pop(name) for name in reading}
    return given, {name: value for name, value in how.items() if value is not None}


@events.command(
    "info", epilog=_example("neurosim events info recording.raw\nneurosim events info a.bag --json")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="A damaged file is an error.")
@_with(_READING)
@as_json
def events_info(file: Path, strict: bool, as_json: bool, **options: Any) -> None:
    """Say what a recording holds: format, sensor, events, time span, rate, what was dropped."""
    from .recordings import describe_events

    data = describe_events(file, strict=strict, **_split(options)[1])
    answer(data, lines(data), as_json)


@events.command(
    "convert",
    epilog=_example(
        "neurosim events convert drive.raw drive.h5 --from 1s --to 5s\n"
        "neurosim events convert a.aedat4 a.raw --form evt2 --zero --denoise 5ms"
    ),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--form", help="es, nmnist, dat, evt2, evt3, aedat2, hdf5, npz, npy, csv or txt.")
@_with(_CHANGING)
@_with(_READING)
@as_json
def events_convert(source: Path, target: Path, form: str | None, as_json: bool, **given) -> None:
    """Write a recording in another format, told by the ending of TARGET or by --form.

    Long recordings are read and written piece by piece. What is cut or filtered on the way is
    said by the options.
    """
    from .recordings import convert_events

    data = convert_events(source, target, form, *_split(given))
    answer(data, lines(data), as_json)


@events.command(
    "view",
    epilog=_example(
        "neurosim events view drive.raw --to 50ms --out drive.png\n"
        "neurosim events view drive.raw --kind film --out drive.gif"
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["frame", "scatter", "surface", "pixels", "film"]),
    default="frame",
    show_default=True,
    help="Counts per pixel, points in 3-D, how recently each pixel fired, a raster, or a GIF.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write.")
@_with(_CHANGING)
@_with(_READING)
@as_json
def events_view(file: Path, kind: str, out: Path, as_json: bool, **given: Any) -> None:
    """Draw a recording into a picture."""
    from .recordings import view_events

    data = view_events(file, out, kind, *_split(given))
    answer(data, lines(data), as_json)


@cli.group(cls=Commands)
def cloud() -> None:
    """Point clouds."""


@cloud.command("info", epilog=_example("neurosim cloud info scan.ply"))
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def cloud_info(file: Path, as_json: bool) -> None:
    """Say what a point cloud holds: points, extent, intensity."""
    from .files import describe_cloud

    data = describe_cloud(file)
    answer(data, lines(data), as_json)


@cli.command(epilog=_example("neurosim doctor\nneurosim doctor --json"))
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
