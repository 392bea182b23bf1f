"""What lies in the folder of a long run? Settings, numbered files, and the last checkpoint.

====================  ==================================================================
``run.json``          what is run: times, dt, dtype, seed, version, fingerprint, conditions
``spikes-000000.h5``  spikes, in the order of time
``traces-000000.h5``  state traces, where they are recorded
``state.h5``          the last checkpoint, and how many of the files belong to it
====================  ==================================================================

A checkpoint is written right after the files of the same moment were closed, and says
how many there are. Files beyond it belong to a process that was killed; they are removed
when the run goes on, which computes them again.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FormatError, ParameterError
from ..files import write_whole
from ..locks import hold

SETTINGS, STATE = "run.json", "state.h5"
_VERSION = 1
_KEYS: dict[str, tuple[type, ...]] = {
    "neurosim": (str,), "fingerprint": (str,), "t_start": (int, float), "duration": (int, float),
    "dt": (int, float), "dtype": (str,), "seed": (int,), "threads": (int,),
    "round_delays": (bool,), "max_rate": (int, float, type(None)), "stop": (list,),
    "sleep": (bool, str), "weights": (str,), "learning": (list,),
    "checkpoint_every": (int, float, type(None)),
}  # fmt: skip


@dataclass(eq=False)
class RunFolder:
    """The folder of one run, held by one process at a time.

    Attributes
    ----------
    path : Path
    settings : dict             content of run.json
    """

    path: Path
    settings: dict[str, Any]
    _lock: Any = field(default=None, repr=False)

    @classmethod
    def new(cls, out: str | Path, settings: dict[str, Any]) -> "RunFolder":
        """Make a folder; run.json comes last, see :meth:`begin`.

        Raises
        ------
        ParameterError
            It cannot be written, or has a recording already.
        """
        return cls(free_folder(out), {"neurosim_run": _VERSION} | settings)

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Take over a folder whose process has ended, in whatever way.

        Raises
        ------
        FormatError
            It is not the folder of a run, or its settings are damaged.
        ParameterError
            Another process is at work in it.
        """
        folder = cls(Path(path), read_settings(path))
        folder._take()
        _remove_leftovers(folder.path)
        return folder

    def begin(self) -> None:
        """Write run.json: from now on the run can be resumed."""
        text = json.dumps(self.settings, indent=2, allow_nan=False) + "\n"
        write_whole(self.path / SETTINGS, text, owner="Simulator.run")
        self._take()

    def sync(self) -> None:
        """Bring names of files to the disk, so that a power failure keeps their order."""
        with suppress(OSError):  # some systems cannot open a folder, and do it themselves
            handle = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _take(self) -> None:
        self._lock = hold(self.path / SETTINGS, work="run")

    def close(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove_after(self, n_spikes: int, n_traces: int) -> None:
        """Remove the files that the last checkpoint does not know, the newest first.

        Raises
        ------
        FormatError
            A file that it does know is missing.
        """
        for kind, n in (("spikes", n_spikes), ("traces", n_traces)):
            files = sorted(self.path.glob(f"{kind}-*.h5"), reverse=True)
            known = {f"{kind}-{k:06d}.h5" for k in range(n)}
            missing = sorted(known - {file.name for file in files})
            if missing:
                raise FormatError(f"{self.path}: folder must hold {missing[0]}, which is missing")
            for file in files:
                if file.name not in known:
                    file.unlink()


def free_folder(out: str | Path) -> Path:
    """Make a folder for a recording, or find one that has none.

    Raises
    ------
    ParameterError
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = (folder / SETTINGS).exists()
        taken = begun or any(folder.glob("spikes-*.h5")) or any(folder.glob("traces-*.h5"))
        _remove_leftovers(folder)
    except OSError as error:
        raise ParameterError(f"out must be a writable folder, got {str(out)!r} ({error})") from None
    if taken:
        raise ParameterError(
            f"out must be a folder without a recording, but {str(out)!r} has "
            + ("run.json; resume it, or name a new folder" if begun else
               "spikes-*.h5 or traces-*.h5 files; name a new folder or move them")
        )  # fmt: skip
    return folder


def _remove_leftovers(folder: Path) -> None:
    """Remove files that a killed process had begun."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings of a run, with every entry checked for its type.

    Raises
    ------
    FormatError
    """
    path = Path(path)
    try:
        settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError(
            f"{path}: must be the folder of a run, but has no {SETTINGS}; a run that ended "
            "before it wrote one has computed nothing: start it again"
        ) from None
    except (OSError, ValueError) as error:
        raise FormatError(f"{path / SETTINGS}: must be a readable JSON file ({error})") from None
    if not isinstance(settings, dict) or settings.get("neurosim_run") != _VERSION:
        raise FormatError(f"{path / SETTINGS}: must be of a neurosim run, version {_VERSION}")
    for key, kinds in _KEYS.items():
        value = settings.get(key, ...)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise FormatError(
                f"{path / SETTINGS}: {key} must be {' or '.join(k.__name__ for k in kinds)}, "
                f"got {'nothing' if value is ... else repr(value)}"
            )
    return settings
