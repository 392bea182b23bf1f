"""Which spikes are given while a simulation runs? Sets of spikes, and streams that are read."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ParameterError
from .drive import ListDrive
from .loop import ClockLoop
from .stream import OPEN, ORIGIN, SpikeReader, given_spikes, is_pair


def prepare_inputs(owner: str, loop: ClockLoop, inputs: Mapping[str, Any]) -> Callable[[], None]:
    """Check inputs, all of them, and return what hands them to their sources.

    Raises
    ------
    ParameterError
    """
    ready: list[tuple[ListDrive, Any]] = []
    for name, value in inputs.items():
        drive = _source(owner, loop, name)
        if is_pair(value):
            label = f"inputs[{name!r}]"
            ready.append((drive, given_spikes(owner, label, value, drive.n, drive.graded)))
        elif drive.reader is not None and not drive.reader.is_done():
            raise ParameterError(
                f"{owner}: inputs[{name!r}] must wait for the end of the stream that is being "
                f"read, of which {drive.reader.taken} spikes are taken; give one stream with all "
                "of them, or call reset()"
            )
        else:
            reader = SpikeReader(name, value, drive.n, drive.dt, loop.step, graded=drive.graded)
            ready.append((drive, reader))

    def hand_over() -> None:
        for drive, found in ready:
            if isinstance(found, SpikeReader):
                drive.reader = found
            else:
                drive.add(found, loop.step)

    return hand_over


def _source(owner: str, loop: ClockLoop, name: str) -> ListDrive:
    sources = {d.name: d for d in loop.drives.values() if isinstance(d, ListDrive)}
    if name not in sources:
        raise ParameterError(
            f"{owner}: inputs must name a SpikeSource, one of {list(sources)}, got {name!r}"
        )
    return sources[name]


def read_streams(loop: ClockLoop, end: int) -> None:
    """Take from all streams what may lie before step ``end``.

    Raises
    ------
    ParameterError
        See `SpikeReader.take`. No state has moved then.
    """
    for drive in loop.drives.values():
        if isinstance(drive, ListDrive):
            drive.read(loop.step, end)


def restored_streams(
    owner: str, loop: ClockLoop, inputs: Mapping[str, Any], saved: dict[int, dict[str, Any]]
) -> None:
    """Put into ``saved`` states of drives the streams that they were reading, skipped forward.

    Raises
    ------
    ParameterError
        A stream is not given, or is another one.
    """
    for name in inputs:
        _source(owner, loop, name)
    for k, drive in loop.drives.items():
        if not isinstance(drive, ListDrive) or not saved[k]["stream"][OPEN]:
            continue
        if drive.name not in inputs:
            raise ParameterError(
                f"{owner}: inputs must have the stream of source {drive.name!r}, which the saved "
                f"simulation was reading; pass inputs={{{drive.name!r}: stream}}, from its "
                "beginning, or None to go on without it"
            )
        stream = inputs[drive.name]
        if stream is not None:
            origin = int(saved[k]["stream"][ORIGIN])
            reader = SpikeReader(drive.name, stream, drive.n, drive.dt, origin, graded=drive.graded)
            saved[k]["reader"] = reader.skip(saved[k])
