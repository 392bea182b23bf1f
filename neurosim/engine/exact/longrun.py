"""How does a long run of the event engine survive? Numbered files, and checkpoints that know them.

The folder is that of the clock engine's runs (:mod:`neurosim.engine.runfolder`): spikes and
traces in files that are closed before the next is begun, ``state.h5`` the last checkpoint.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import checks
from ...errors import FormatError, ParameterError
from ..recording import check_record, parse_record
from ..runfolder import STATE, RunFolder
from ..spikefile import SpikeFolder, write_spikes
from ..stop import described, from_description
from ..stream import is_pair
from ..tracefile import TraceFolder, write_traces
from .checkpoint import fingerprint, load_state, save_state
from .recording import SpikeLists, StateLists
from .switching import Switch

if TYPE_CHECKING:
    from .running import ExactRun
    from .simulator import EventSimulator

_ENOUGH = 4_000_000  # spikes or values in memory, for a file of their own


class LongRun:
    """The files of one run.

    Parameters
    ----------
    folder : RunFolder
    every : float           between checkpoints [ms]; 0: there are none
    record : str            the recordings asked for, as JSON
    """

    def __init__(self, folder: RunFolder, every: float, record: str) -> None:
        self.folder, self.every, self.record = folder, every, record
        self.n_files = {"spikes": 0, "traces": 0}

    @property
    def path(self) -> Path:
        """Of the last checkpoint."""
        return self.folder.path / STATE

    def begin(self, run: "ExactRun") -> None:
        """From now on the run can be resumed."""
        if self.every:
            self.save(run, "")
        self.folder.begin()

    def next_checkpoint(self, run: "ExactRun") -> float:
        """Time of the next one; inf without."""
        if not self.every:
            return np.inf
        k = np.floor((run.loop.t - run.start) / self.every + 1e-9) + 1.0
        return run.start + k * self.every

    def write(self, run: "ExactRun", *, at_once: bool = False) -> None:
        """Bring what is waiting to files, where it is enough, or at once."""
        if run.lists.n_waiting >= (1 if at_once else _ENOUGH):
            name = f"spikes-{self.n_files['spikes']:06d}.h5"
            write_spikes(self.folder.path / name, run.lists.finish(), unit="ms")
            run.lists.clear()
            self.n_files["spikes"] += 1
        if run.states.n_waiting >= (1 if at_once else _ENOUGH):
            name = f"traces-{self.n_files['traces']:06d}.h5"
            write_traces(self.folder.path / name, run.states.finish())
            run.states.clear()
            self.n_files["traces"] += 1

    def save(self, run: "ExactRun", reason: str) -> None:
        """Close the files of this moment, then write the checkpoint that knows them."""
        self.write(run, at_once=True)
        self.folder.sync()
        saved = {
            "start": run.start, "end": run.end, "record": self.record, "stop_reason": reason,
            "samples": run.states.times, "n_done": run.states.n_done, **run.stops.saved(),
        } | {f"n_{kind}": n for kind, n in self.n_files.items()}  # fmt: skip
        saved |= {f"counts {k}": counts for k, counts in enumerate(run.before)}
        save_state(run.loop, self.path, run=saved)

    def results(self, run: "ExactRun") -> tuple[Mapping, Mapping]:
        """Spikes and traces, to be read on demand."""
        self.write(run, at_once=True)
        if self.n_files["spikes"] == 0:
            write_spikes(self.folder.path / "spikes-000000.h5", run.lists.finish(), unit="ms")
        recorded: dict[str, list[str]] = {}
        for _, name, variable, _ in run.states.lines:
            recorded.setdefault(name, []).append(variable)
        if recorded and self.n_files["traces"] == 0:
            write_traces(self.folder.path / "traces-000000.h5", run.states.finish())
        traces = TraceFolder(self.folder.path, recorded) if recorded else {}
        return SpikeFolder(self.folder.path, list(run.lists.found)), traces


def new_run(
    sim: "EventSimulator", out: Any, every: float | None, record: Any, rest: dict[str, Any]
) -> LongRun | None:
    """The folder of a run that begins, or None.

    ``rest`` holds what a folder has to know, or what cannot be kept in one.

    Raises
    ------
    ParameterError
    """
    owner = "EventSimulator.run"
    if out is None:
        if every is not None:
            raise ParameterError(f"{owner}: checkpoint_every must come with out=, the folder")
        return None
    every = 0.0 if every is None else checks.number(owner, "checkpoint_every", every, above=0)
    if rest["at_spikes"]:
        raise ParameterError(f"{owner}: at_spikes must be left out with out=, whose files have no "
                             "place for it")  # fmt: skip
    for name, value in rest["inputs"].items():
        if not is_pair(value):
            raise ParameterError(
                f"{owner}: inputs[{name!r}] must be (times, ids) with out=, got a stream, which a "
                "checkpoint cannot hold; push() it, or take the clock engine"
            )
    check_record(record)
    settings = {
        "neurosim": _version(), "engine": "event", "fingerprint": fingerprint(sim.loop),
        "t_start": sim.t, "duration": rest["duration"], "checkpoint_every": every or None,
        "dt": 0.0, "dtype": "float64", "seed": sim.network.seed, "threads": sim.threads,
        "round_delays": False, "max_rate": sim.max_rate, "sleep": False, "weights": "exact",
        "learning": [], "stop": described(rest["stop"]), "scheduler": sim.scheduler,
        "switches": [_described(s) for s in sim.switches.switches],
    }  # fmt: skip
    words = None if record is None else {
        str(k): w if isinstance(w, str) else list(w) for k, w in record.items()
    }  # fmt: skip
    return LongRun(RunFolder.new(out, settings), every, json.dumps(words))


def _version() -> str:
    from ... import __version__

    return __version__


def _described(switch: Switch) -> dict[str, Any]:
    params = {k: np.asarray(v, np.float64).tolist() for k, v in switch.params.items()}
    return {"at": switch.at, "population": switch.population, "params": params}


def switches_of(settings: Mapping[str, Any], path: Any) -> list[Switch]:
    """The switches that a folder holds.

    Raises
    ------
    FormatError
    """
    try:
        return [
            Switch(str(s["population"]), float(s["at"]), {
                str(k): v if np.ndim(v) == 0 else np.array(v, np.float64)
                for k, v in s["params"].items()
            })
            for s in settings["switches"]
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path}: switches must be those of a run ({error})") from None


def resume_run(sim: "EventSimulator", folder: Any, stop: Any, progress: Any) -> Any:
    """Load the last checkpoint of a folder into ``sim``, and go on to the planned end.

    Raises
    ------
    FormatError, ParameterError
    """
    from .running import ExactRun

    kept = RunFolder.open(folder)
    try:
        if kept.settings["checkpoint_every"] is None:
            raise FormatError(f"{kept.path}: has no checkpoints; run with checkpoint_every=")
        stops = from_description(str(kept.path), kept.settings["stop"]) if stop is None else stop
        path = kept.path / STATE
        saved = load_state(sim.loop, path)
        sim.switches.reset(sim.t)
        try:
            record = json.loads(saved["record"])
            start, end, reason = (
                float(saved["start"]), float(saved["end"]), str(saved["stop_reason"])
            )  # fmt: skip
            n_files = {kind: int(saved[f"n_{kind}"]) for kind in ("spikes", "traces")}
            samples, n_done = np.asarray(saved["samples"], np.float64), int(saved["n_done"])
            before = [np.asarray(saved[f"counts {k}"]) for k in range(len(sim.built.populations))]
            whole = start <= sim.t <= end and min(n_files.values()) >= 0
            if not whole or not 0 <= n_done <= samples.size:
                raise ValueError("its numbers do not fit each other")
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path}: must be a checkpoint of a run ({error})") from None
        names, traced = parse_record(sim.network, record)
        files = LongRun(kept, float(kept.settings["checkpoint_every"]), saved["record"])
        files.n_files = n_files
        states = StateLists(sim.built, traced, samples, n_done)
        run = ExactRun(sim, SpikeLists(sim.built, names, {}), states, stops, end, files)
        run.start = start
        for own, counts in zip(run.before, before, strict=True):
            own[:] = counts
        kept.remove_after(n_files["spikes"], n_files["traces"])
        run.stops.restore(saved)
        return run.go(progress, None, reason if stop is None else "")
    finally:
        kept.close()
