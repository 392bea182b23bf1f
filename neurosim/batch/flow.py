"""Which pieces are under way? Those of the next samples; finished ones wait for their turn."""

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import Any

from .crew import Crew
from .folder import BatchFolder
from .outcome import Outcome

_AHEAD = 3  # pieces for each worker that are under way, or done and waiting for their turn
_KEEP_S = 2.0  # seconds between two parts on the disk


class Flow:
    """Pieces on their way through the workers, in the order of their samples.

    Parameters
    ----------
    crew : Crew
    pieces : iterator       of lists of (index, sample), and of outcomes that are there already
    folder : BatchFolder, optional
    """

    def __init__(self, crew: Crew, pieces: Iterator[Any], folder: BatchFolder | None) -> None:
        self.crew, self.pieces, self.folder = crew, pieces, folder
        self.queue: list[tuple[Any, Future | None]] = []  # None: an outcome, not a piece
        self.kept: set[Future] = set()
        self.left: list[Outcome] = []  # handed on, but not written yet
        self.since = time.monotonic()

    def outcomes(self) -> Iterator[Outcome]:
        """All outcomes, in the order of the samples."""
        while self._fill():
            piece, future = self.queue[0]
            if future is None:
                self.queue.pop(0)
                yield piece
                continue
            self._wait(future)
            found = self._collect(future)
            if found is not None:
                self._keep()
                yield from found

    def _fill(self) -> bool:
        """Hand out pieces; is there anything left?"""
        for piece in islice(self.pieces, max(0, _AHEAD * self.crew.size() - len(self.queue))):
            under_way = isinstance(piece, list)
            self.queue.append((piece, self._submit(piece) if under_way else None))
        return bool(self.queue)

    def _submit(self, piece: Any) -> Future:
        try:
            return self.crew.submit(piece)
        except Exception as error:  # a worker died, and took the others with it
            self.crew.revive(error, None)
            return self.crew.submit(piece)

    def _wait(self, future: Future) -> None:
        """Wait for the next piece; write meanwhile what others have done."""
        while not future.done():
            futures = [f for _, f in self.queue if f is not None and not f.done()]
            wait(futures, timeout=_KEEP_S, return_when=FIRST_COMPLETED)
            self._keep()

    def _collect(self, future: Future) -> list[Outcome] | None:
        """Outcomes of the first piece; None if its worker died, and it is under way again."""
        try:
            found = future.result()
        except Exception as error:
            self.crew.revive(error, future)
            self.queue = [
                (piece, f if f is None or _finished(f) else self._submit(piece))
                for piece, f in self.queue
            ]
            return None
        self.crew.deaths = 0
        self.queue.pop(0)
        if self.folder is not None and future not in self.kept:
            self.left += found
        self.kept.discard(future)
        return found

    def _keep(self, *, now: bool = False) -> None:
        """Write finished outcomes to the folder, every few seconds."""
        if self.folder is None or (not now and time.monotonic() - self.since < _KEEP_S):
            return
        fresh = [f for _, f in self.queue if f is not None and f not in self.kept and _finished(f)]
        self.folder.add([*self.left, *(o for future in fresh for o in future.result())])
        self.kept.update(fresh)
        self.left, self.since = [], time.monotonic()

    def close(self) -> None:
        """Write what is done, and give up the rest."""
        try:
            self._keep(now=True)
        finally:
            self.crew.give_up([future for _, future in self.queue if future is not None])
            if self.folder is not None:
                self.folder.close()


def _finished(future: Future) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
