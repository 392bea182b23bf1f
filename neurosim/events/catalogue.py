"""How are tonic's data sets opened here? By name, from a folder, without a silent download."""

import os
from collections.abc import Callable
from typing import Any

from neurosim.errors import MissingExtraError, ParameterError
from neurosim.files import checked_path

from .adapters import TonicDataset


def tonic_dataset(
    name: str,
    path: str | os.PathLike,
    *,
    transform: Callable[[Any], Any] | None = None,
    download: bool = False,
    **keywords: Any,
) -> TonicDataset:
    """A data set of tonic's catalogue whose samples are `Events`, read when asked for.

    Parameters
    ----------
    name : str
        As tonic calls it: NMNIST, DVSGesture, CIFAR10DVS, POKERDVS, ...
    path : path
        Where its files are: tonic's ``save_to``.
    transform : callable, optional
        Of `Events`; an operation with a seed gets the sample's index too.
    download : bool
        Whether missing files may be fetched. Otherwise they are an error.
    keywords
        Of tonic's data set, such as ``train=False``.

    Raises
    ------
    MissingExtraError
        tonic (GPL-3) is not installed.
    ParameterError
        For a name that tonic does not have, or files that are not there.
    """
    path = checked_path("tonic_dataset", path)
    try:
        from tonic import datasets as catalogue
        from tonic.dataset import Dataset
    except ImportError:
        raise MissingExtraError.of("tonic", extra="speech", purpose="tonic_dataset") from None
    known = {
        key: one
        for key, one in vars(catalogue).items()
        if isinstance(one, type) and issubclass(one, Dataset) and one is not Dataset
    }
    if name not in known:
        raise ParameterError(
            f"tonic_dataset.name must be one of {', '.join(sorted(known))}, got {name!r}"
        )
    kind = known[name]

    def refuse(*_: Any, **__: Any) -> None:
        raise ParameterError(
            f"tonic_dataset.path must hold the files of {name}, got {path!r} without them; "
            "put them there, or say download=True"
        )

    # Its constructor downloads what it misses: the name stays, as it is part of the path.
    made = kind if download else type(kind.__name__, (kind,), {"download": refuse})
    dataset = made(save_to=path, **keywords)
    dataset.__class__ = kind  # so that it can be pickled
    return TonicDataset(dataset, transform=transform)
