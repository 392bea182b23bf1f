"""Who is at work in a folder? One process at a time, as long as it lives."""

from pathlib import Path
from typing import IO

from .errors import ParameterError

try:
    import fcntl
except ImportError:  # Windows: two processes in one folder go unnoticed
    fcntl = None


def hold(path: Path, *, work: str) -> IO[bytes] | None:
    """Lock a file until the handle is closed, or the process ends in whatever way.

    Parameters
    ----------
    path : Path
        A file of the folder.
    work : str
        What the folder is of: "run", "batch".

    Returns
    -------
    file or None
        None where the system, or the file system, has no locks.

    Raises
    ------
    ParameterError
        Another process holds it.
    """
    if fcntl is None:
        return None
    file = open(path, "rb")  # noqa: SIM115 (held until it is closed)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ParameterError(
            f"{path.parent}: must be the folder of a {work} that has ended, but a process is at "
            "work in it; wait for it, or end it"
        ) from None
    except OSError:  # a file system without locks
        file.close()
        return None
    return file
