"""How is a long run continued whose process was killed? From the checkpoint in its folder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FormatError, ParameterError
from ..network import Network
from .exact.longrun import switches_of
from .exact.simulator import EventSimulator
from .result import Result
from .runfolder import read_settings
from .simulator import Simulator
from .stop import Condition


def resume(
    network: Network,
    folder: str | Path,
    *,
    stop: Condition | Sequence[Condition] | None = None,
    threads: int | None = None,
    progress: bool | str | Callable[[float, float], Any] = "auto",
    inputs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Result:
    """Go on with a run of ``simulate(..., out=folder, checkpoint_every=...)`` to its planned end.

    The result is that of a run that was never interrupted, bit for bit: what came after the
    last checkpoint is computed again. A run that is over already is only read.

    Parameters
    ----------
    network, folder
        The same description; dt, dtype and the other settings are those of ``run.json``.
    stop : condition, function, or list of these, optional
        Stop conditions from now on. None keeps those of the run; functions cannot be kept and
        must be given again. With conditions given (an empty list, too), a run that a
        condition had stopped goes on.
    threads : int, optional
        Default: as before; the results do not depend on it.
    inputs : mapping, optional
        The streams that the run was reading, by source and from their beginning: they are
        skipped forward. Spikes given as (times, ids) are in the checkpoint.
    **options
        Options of :class:`Simulator` that run.json does not hold, such as ``max_memory``.

    Raises
    ------
    FormatError
        The folder is not of a run with checkpoints, is damaged, or belongs to another network.
    ParameterError
        A process is still at work in the folder; a stream is not given, or is another one.

    Examples
    --------
    >>> import tempfile, neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> noise = net.add(ns.PoissonSource(5, rate=50.0), "noise")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cut = ns.simulate(net, 500.0, out=folder, checkpoint_every=100.0,
    ...                       stop=ns.engine.StopAtWall(0.0))
    ...     result = resume(net, folder, stop=[])
    ...     spikes = result.spikes["noise"].times
    >>> cut.t_stop, result.t_stop
    (100.0, 500.0)
    >>> bool((spikes == ns.simulate(net, 500.0).spikes["noise"].times).all())
    True
    """
    settings = read_settings(folder)
    threads = settings["threads"] if threads is None else threads
    if network.seed != settings["seed"]:
        raise FormatError(
            f"{folder}: must belong to this network, but its seed is {settings['seed']}; "
            f"build the network with it, got seed {network.seed}"
        )
    if settings.get("engine", "clock") == "event":
        return _resume_event(network, folder, settings, threads, stop, progress, options)
    names = ("dt", "dtype", "round_delays", "max_rate", "sleep", "weights", "learning")
    kept = {name: settings[name] for name in names}
    simulator = Simulator(network, threads=threads, **(kept | options))
    return simulator.resume(folder, stop=stop, progress=progress, inputs=inputs)


def _resume_event(
    network: Network, folder: str | Path, settings: Mapping[str, Any], threads: int, stop: Any,
    progress: Any, options: Mapping[str, Any],
) -> Result:  # fmt: skip
    """The same for a run of the event engine: its inputs are all in the checkpoint."""
    for name in options:
        raise ParameterError(
            f"resume.{name} must be left out for a run of the event engine: all of it is in "
            "the folder"
        )
    scheduler = settings.get("scheduler")
    if scheduler not in ("windows", "heap"):
        raise FormatError(f"{folder}: scheduler must be 'windows' or 'heap', got {scheduler!r}")
    simulator = EventSimulator(
        network, threads=threads, scheduler=scheduler, max_rate=settings["max_rate"],
        switches=switches_of(settings, folder),
    )  # fmt: skip
    return simulator.resume(folder, stop=stop, progress=progress)
