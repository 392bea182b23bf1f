"""``neurosim events`` and ``cloud``: recordings and point clouds."""

from pathlib import Path
from typing import Any

import click

from .group import Commands, answer, as_json, cli, example, lines


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


def _split(given: dict[str, Any], quiet: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is done to a recording, and how it is opened."""
    reading = ("topic", "stream", "dataset", "columns", "time_unit")
    how = {name: given.pop(name) for name in reading}
    how = {name: value for name, value in how.items() if value is not None}
    return given, how | {"progress": False if quiet else "auto"}


@events.command(
    "info", epilog=example("neurosim events info recording.raw\nneurosim events info a.bag --json")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="A damaged file is an error.")
@_with(_READING)
@as_json
def events_info(file: Path, strict: bool, as_json: bool, **options: Any) -> None:
    """Say what a recording holds: format, sensor, events, time span, rate, what was dropped."""
    from .recordings import describe_events

    data = describe_events(file, strict=strict, **_split(options, as_json)[1])
    answer(data, lines(data), as_json)


@events.command(
    "convert",
    epilog=example(
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

    data = convert_events(source, target, form, *_split(given, as_json))
    answer(data, lines(data), as_json)


@events.command(
    "view",
    epilog=example(
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

    data = view_events(file, out, kind, *_split(given, as_json))
    answer(data, lines(data), as_json)


@cli.group(cls=Commands)
def cloud() -> None:
    """Point clouds."""


@cloud.command("info", epilog=example("neurosim cloud info scan.ply"))
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def cloud_info(file: Path, as_json: bool) -> None:
    """Say what a point cloud holds: points, extent, intensity."""
    from .files import describe_cloud

    data = describe_cloud(file)
    answer(data, lines(data), as_json)
