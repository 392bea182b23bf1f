"""How does a folder of results appear whole, or not at all?

Everything is written into a hidden folder beside the target and renamed at the
end, so an error, a full disk or Ctrl-C leaves no half-written results behind.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ParameterError


@contextmanager
def output_folder(path: str | Path) -> Iterator[Path]:
    """Give a scratch folder to write into; it becomes ``path`` when the block ends.

    A new or empty ``path`` appears by one rename. Into a folder that already has
    files, each written file is moved on its own, replacing its namesake and
    touching no other file. When the block raises, nothing is left behind.

    Parameters
    ----------
    path : str or Path
        the folder to make; missing parents are made too.

    Yields
    ------
    Path
        the scratch folder, on the same disk as ``path``.

    Raises
    ------
    ParameterError
        ``path`` is a file or cannot be written. Raised before the block runs, so
        no work is lost.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out"
    >>> with output_folder(target) as folder:
    ...     _ = (folder / "a.txt").write_text("hello")
    >>> (target / "a.txt").read_text()
    'hello'
    """
    target = Path(os.path.abspath(path))
    if target.exists() and not target.is_dir():
        raise ParameterError(
            f"output folder {str(path)!r} is a file; name a new or existing folder"
        )
    made = _missing_parents(target)
    scratch = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        _discard(scratch, made)
        raise ParameterError(
            f"output folder {str(path)!r} cannot be written: {error.strerror}; "
            "choose another folder"
        ) from None
    try:
        yield scratch
        _publish(scratch, target, str(path))
    except BaseException:
        _discard(scratch, made)
        raise


def _missing_parents(target: Path) -> list[Path]:
    """Parents that do not exist yet, innermost first: ours to remove on failure."""
    return [parent for parent in target.parents if not parent.exists()]


def _publish(scratch: Path, target: Path, shown: str) -> None:
    try:
        if target.exists() and not any(target.iterdir()):
            target.rmdir()  # a rename onto an empty folder works on POSIX only
        if not target.exists():
            os.replace(scratch, target)
            return
        for source in sorted(scratch.rglob("*")):
            if source.is_file():
                goal = target / source.relative_to(scratch)
                goal.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, goal)
        shutil.rmtree(scratch)
    except OSError as error:
        raise ParameterError(
            f"output folder {shown!r} cannot be written: {error.strerror}; choose another folder"
        ) from None


def _discard(scratch: Path, made: list[Path]) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    for parent in made:
        try:
            parent.rmdir()
        except OSError:  # something else was put there meanwhile: leave it
            return
