"""Spoken digits and commands as spikes: SHD and SSC, from local files, read by tonic."""

from pathlib import Path
from typing import Any

import numpy as np

from neurosim import checks
from neurosim.errors import FormatError, MissingExtraError, ParameterError

_CHANNELS = 700
_SPLITS = {"SHD": ("train", "test"), "SSC": ("train", "valid", "test")}


class SpokenSpikes:
    """The Heidelberg data sets, ``data[i] -> ((times [ms], ids), label)``; nothing is downloaded.

    SHD: 20 spoken digits, SSC: 35 spoken commands, through a model of the inner ear with 700
    channels (Cramer et al. 2020, doi 10.1109/TNNLS.2020.3044364).

    Parameters
    ----------
    folder : path           holds ``SHD/shd_train.h5`` and so on, as tonic leaves them: with the
                            archive, ``SHD/shd_train.h5.zip``, beside it
    name : {"SHD", "SSC"}
    split : {"train", "test"}, for SSC "valid", too
    merge : int             so many neighbouring channels become one
    until : float, optional what comes later is left out [ms]

    Raises
    ------
    FormatError
        The files are not there; says where they come from.
    MissingExtraError
        tonic is not installed: ``pip install neurosim[speech]``.
    """

    def __init__(
        self, folder: str | Path, name: str = "SHD", split: str = "train", *, merge: int = 5,
        until: float | None = None,
    ) -> None:  # fmt: skip
        owner = "SpokenSpikes"
        checks.choice(owner, "name", name, tuple(_SPLITS))
        checks.choice(owner, "split", split, _SPLITS[name])
        self.merge = checks.integer(owner, "merge", merge, low=1, high=_CHANNELS)
        if until is not None:
            until = checks.number(owner, "until", until, above=0, unit="ms")
        self.until = until
        path = Path(folder) / name / f"{name.lower()}_{split}.h5"
        for needed in (path, path.with_suffix(".h5.zip")):
            if not needed.is_file():
                raise FormatError(
                    f"{needed}: must be a file; {name} is at https://zenkelab.org/datasets/"
                    f"{path.name}.zip, to be unpacked beside its archive"
                )
        try:
            from tonic import datasets
        except ImportError as error:
            raise MissingExtraError.of("tonic", extra="speech", purpose=owner) from error
        chosen = {"train": split == "train"} if name == "SHD" else {"split": split}
        self.data = getattr(datasets, name)(save_to=str(folder), **chosen)
        self.classes = [
            key.decode() if isinstance(key, bytes) else str(key) for key in self.data.classes
        ]

    @property
    def channels(self) -> int:
        """How many there are after merging."""
        return -(-_CHANNELS // self.merge)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, k: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
        events, label = self.data[int(k)]
        times = 1e-3 * np.asarray(events["t"], np.float64)
        ids: Any = np.asarray(events["x"])
        if ids.size and not (ids.min() >= 0 and ids.max() < _CHANNELS and times.min() >= 0):
            raise ParameterError(
                f"SpokenSpikes: sample {k} must have times >= 0 and channels in "
                f"0..{_CHANNELS - 1}, got {times.min():g} ms and {ids.min()} to {ids.max()}"
            )
        order = np.argsort(times, kind="stable")
        times, ids = times[order], (ids[order] // self.merge).astype(np.int32)
        inside = slice(None) if self.until is None else slice(np.searchsorted(times, self.until))
        return (times[inside], ids[inside]), int(label)
