"""Who runs the pieces? Threads, processes, a Dask cluster, or any ``concurrent.futures`` executor.

All are asked in one way: ``submit(piece)`` gives a future. What a killed worker had begun is
run again, by another.
"""

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from ..errors import NeurosimError, ParameterError, SimulationError
from .job import Job, Piece, run_piece

_DEATHS = 3  # of worker processes, one after the other without a piece done, that end a batch
_job: Job | None = None  # of a worker process


class Crew:
    """Workers, and how a piece gets to them.

    Attributes
    ----------
    size : int          pieces that can be run at once
    submit : function   of a piece; gives a future of its outcomes
    """

    def __init__(self, size: int, submit: Callable[[Piece], Future]) -> None:
        self.size, self.submit, self.deaths = size, submit, 0

    def revive(self, error: Exception) -> None:
        """Be ready again after workers died.

        Raises
        ------
        NeurosimError
            Where it was something else, or nothing helps: the error of a sample as it is, others
            as a `SimulationError`.
        """
        if isinstance(error, NeurosimError):
            raise error
        raise SimulationError(f"Batch.run: workers failed: {error!r}") from error


class _Processes(Crew):
    """Processes of their own interpreter, started anew when one is killed."""

    def __init__(self, job: Job, size: int) -> None:
        try:
            pickle.dumps(job)
        except Exception as error:
            raise ParameterError(
                "Batch.run: on='processes' must get functions and networks that can be pickled: "
                f"functions of a module, not lambdas ({error}); or take on='threads'"
            ) from None
        super().__init__(size, lambda piece: self.pool.submit(_work, piece))
        self.job = job
        self.pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.size,
            get_context("spawn"),
            initializer=_begin,
            initargs=(self.job,),
        )

    def revive(self, error: Exception) -> None:
        if not isinstance(error, BrokenProcessPool):
            super().revive(error)
        self.deaths += 1
        if self.deaths == _DEATHS:
            raise SimulationError(
                f"Batch.run: worker processes died {_DEATHS} times before they had done anything: "
                "killed from outside or for want of memory, or unable to start (a script needs "
                "its main part under `if __name__ == '__main__':`); try fewer workers, or "
                "on='threads'"
            ) from None
        self.pool.shutdown(wait=False)
        self.pool = self._start()


def _begin(job: Job) -> None:
    global _job
    _job = job


def _work(piece: Piece) -> Any:
    return run_piece(_job, piece)


def _same(value: Any) -> Any:
    return value


@contextmanager
def crew_of(on: Any, job: Job, workers: int) -> Iterator[Crew]:
    """The workers that ``on`` asks for; they are let go at the end, begun or not.

    Raises
    ------
    ParameterError
    """
    if on == "threads":
        pool = ThreadPoolExecutor(workers, thread_name_prefix="neurosim-batch")
        try:
            yield Crew(workers, lambda piece: pool.submit(run_piece, job, piece))
        finally:
            pool.shutdown(cancel_futures=True)
    elif on == "processes":
        crew = _Processes(job, workers)
        try:
            yield crew
        finally:
            crew.pool.shutdown(cancel_futures=True)
    elif type(on).__module__.startswith("distributed."):
        with _dask(on, job) as crew:
            yield crew
    elif isinstance(on, Executor):
        yield Crew(workers, lambda piece: on.submit(run_piece, job, piece))
    else:
        raise ParameterError(
            "Batch.run: on must be 'threads', 'processes', a dask.distributed.Client or an "
            f"executor of concurrent.futures, got {on!r}"
        )


@contextmanager
def _dask(client: Any, job: Job) -> Iterator[Crew]:
    """A Dask cluster: it starts pieces of a lost worker again; the job is kept as a task is."""
    if not hasattr(client, "get_executor"):
        raise ParameterError(
            f"Batch.run: on must be a Client of dask.distributed, got its {type(client).__name__}"
        )
    if getattr(client, "asynchronous", False):
        raise ParameterError("Batch.run: on must be a Client with asynchronous=False")
    everywhere = client.submit(_same, job, pure=False)  # as a task: it outlives its workers
    pool = client.get_executor(pure=False)
    try:
        threads = sum(client.nthreads().values())
        yield Crew(max(1, threads), lambda piece: pool.submit(run_piece, everywhere, piece))
    finally:
        pool.shutdown(wait=False)
        everywhere.release()
