"""Where do chips come from? The files shipped with the package, and a user's own.

A chip file may come from a stranger: only regular files of bounded size are opened, TOML
holds no code, and every text in it is bounded.
"""

import difflib
import os
import stat
import tomllib
from functools import lru_cache
from pathlib import Path

from neurosim.errors import FormatError, ParameterError

from .chip import Chip
from .problems import Problem
from .schema import parse_chip

MAX_BYTES = 64 * 1024
_FOLDER = Path(__file__).parent / "chips"


def list_chips() -> tuple[str, ...]:
    """The names of the chips and baselines that come with the package.

    Examples
    --------
    >>> import neurosim.hardware as hw
    >>> "loihi" in hw.list_chips()
    True
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def _problem(file: str, value: str, rule: str, remedy: str) -> list[Problem]:
    return [Problem(file=file, table="file", key="", value=value, rule=rule, remedy=remedy)]


def read_bounded(path: Path) -> bytes | list[Problem]:
    """The bytes of a regular file of bounded size, or what is wrong with it."""
    name = str(path)
    try:
        # Look before opening: opening a pipe would wait for its writer for ever.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return _problem(name, "", "is not a regular file", "give the path of a TOML file")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _problem(name, "", f"cannot be read ({reason})", "check the path")
    if len(content) > MAX_BYTES:
        rule = f"must have at most {MAX_BYTES} bytes"
        return _problem(name, f"{status.st_size} bytes", rule, "give a chip file, not data")
    return content


def check_chip(path: str | os.PathLike) -> Chip | list[Problem]:
    """Validate a chip file.

    Parameters
    ----------
    path
        A TOML file.

    Returns
    -------
    Chip or list of Problem
        The chip if the file is right, else every problem found in it; ``str(problem)`` is
        one sentence naming file, table, key, value, rule and remedy.

    Examples
    --------
    >>> [str(problem) for problem in check_chip("nowhere.toml")]
    ['nowhere.toml: [file] cannot be read (No such file or directory); check the path']
    """
    path = Path(path)
    content = read_bounded(path)
    if isinstance(content, list):
        return content
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        return _problem(str(path), "", "is not UTF-8 text", "save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _problem(str(path), "", f"is not TOML ({error})", "correct the syntax there")
    except (RecursionError, ValueError):
        return _problem(str(path), "", "is nested too deep or has a huge number", "simplify it")
    chip, problems = parse_chip(document, str(path))
    return problems if chip is None else chip


@lru_cache(maxsize=64)
def _shipped(name: str) -> Chip:
    return _load(_FOLDER / f"{name}.toml")


def _load(path: Path) -> Chip:
    found = check_chip(path)
    if isinstance(found, Chip):
        return found
    lines = "\n".join(f"  {problem}" for problem in found)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    raise FormatError(f"chip file {str(path)!r} has {count}:\n{lines}")


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    return {alias: name for name in list_chips() for alias in _shipped(name).aliases}


def load_chip(name_or_path: str | os.PathLike) -> Chip:
    """A chip by the name of a shipped file, by an alias, or from a user's file.

    Parameters
    ----------
    name_or_path
        ``"loihi"``, or a path; text ending in ``.toml`` or holding a slash is a path.

    Raises
    ------
    ParameterError
        No chip has that name, or it is neither a name nor a path.
    FormatError
        The file breaks the schema; the message lists every problem.

    Examples
    --------
    >>> load_chip("odin").synapse.charged
    'full_row'
    """
    if isinstance(name_or_path, Chip):
        return name_or_path
    try:
        text = os.fspath(name_or_path)
    except TypeError:
        text = b""
    if not isinstance(text, str):
        raise ParameterError(
            "chip must be a name, the path of a .toml file or a Chip, "
            f"got {type(name_or_path).__name__}"
        )
    if not isinstance(name_or_path, str) or text.endswith(".toml") or os.sep in text:
        return _load(Path(text))
    if text in list_chips():
        return _shipped(text)
    if text in _aliases():
        return _shipped(_aliases()[text])
    known = list_chips()
    close = difflib.get_close_matches(text, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ParameterError(
        f"chip must be one of {', '.join(known)}, or the path of a .toml file, got {text!r}{hint}"
    )
