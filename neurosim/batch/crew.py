"""Who runs the pieces? Threads, processes, a Dask cluster, or any ``concurrent.futures`` executor.

All are asked in one way: ``submit(piece)`` gives a future. What a killed worker had begun is
run again, by another.
"""

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from ..errors import NeurosimError, ParameterError, SimulationError
from .job import Job, Piece, run_piece

_DEATHS = 3  # of worker processes, one after the other without a piece done, that end a batch
_WAIT_S = 60  # for the first worker of a cluster
_LOOK_S = 2.0  # seconds between two looks at how large a cluster is
_job: Job | None = None  # of a worker process
_stop: Any = None


class Crew:
    """Workers, and how a piece gets to them.

    Attributes
    ----------
    size : function     pieces that can be run at once
    submit : function   of a piece; gives a future of its outcomes
    deaths : int        of workers, since a piece was done
    """

    def __init__(self, size: Callable[[], int], submit: Callable[[Piece], Future]) -> None:
        self.size, self.submit, self.deaths = size, submit, 0

    def revive(self, error: Exception, future: Future | None) -> None:
        """Be ready again after workers died, of whom ``future`` was one piece.

        Raises
        ------
        NeurosimError
            Where it was something else, or nothing helps: the error of a sample as it is, others
            as a `SimulationError`.
        """
        if isinstance(error, NeurosimError):
            raise error
        raise SimulationError(f"Batch.run: workers failed: {error!r}") from error

    def give_up(self, futures: list[Future]) -> None:
        """Begin no further pieces; those under way end behind their present sample."""
        for future in futures:
            future.cancel()


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
        super().__init__(lambda: size, self._submit)
        self.job, self.n = job, size
        self.stop = get_context("spawn").Event()
        self.pool = self._start()
        self.pools: dict[Future, ProcessPoolExecutor] = {}

    def _start(self) -> ProcessPoolExecutor:
        given = {"initializer": _begin, "initargs": (self.job, self.stop)}
        return ProcessPoolExecutor(self.n, get_context("spawn"), **given)

    def _submit(self, piece: Piece) -> Future:
        future = self.pool.submit(_work, piece)
        self.pools[future] = self.pool
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future) -> None:
        if future.cancelled() or future.exception() is None:
            self.pools.pop(future, None)

    def revive(self, error: Exception, future: Future | None) -> None:
        if not isinstance(error, BrokenProcessPool):
            super().revive(error, future)
        if future is not None and self.pools.pop(future, self.pool) is not self.pool:
            return  # the pool that it was in has been replaced since
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

    def give_up(self, futures: list[Future]) -> None:
        self.stop.set()
        super().give_up(futures)


class _Threads(Crew):
    def __init__(self, pool: ThreadPoolExecutor, job: Job, size: int) -> None:
        self.stop = threading.Event()
        super().__init__(lambda: size, lambda piece: pool.submit(run_piece, job, piece, self.stop))

    def give_up(self, futures: list[Future]) -> None:
        self.stop.set()
        super().give_up(futures)


class _Cluster(Crew):
    """A Dask cluster: it starts pieces of a lost worker again; it may grow and shrink."""

    def __init__(self, client: Any, pool: Executor, job: Any) -> None:
        super().__init__(self._size, lambda piece: pool.submit(run_piece, job, piece))
        self.client, self.since, self.last = client, -_LOOK_S, 1

    def _size(self) -> int:
        if time.monotonic() - self.since >= _LOOK_S:
            self.last = max(1, sum(self.client.nthreads().values()))
            self.since = time.monotonic()
        return self.last

    def give_up(self, futures: list[Future]) -> None:
        pass  # the pool's shutdown tells the scheduler


def _begin(job: Job, stop: Any) -> None:
    global _job, _stop
    _job, _stop = job, stop


def _work(piece: Piece) -> Any:
    return run_piece(_job, piece, _stop)


def _same(value: Any) -> Any:
    return value


@contextmanager
def crew_of(on: Any, job: Job, workers: int) -> Iterator[Crew]:
    """The workers that ``on`` asks for; they are let go at the end.

    Raises
    ------
    ParameterError
    """
    if isinstance(on, str) and on == "threads":
        pool = ThreadPoolExecutor(workers, thread_name_prefix="neurosim-batch")
        try:
            yield _Threads(pool, job, workers)
        finally:
            pool.shutdown(cancel_futures=True)
    elif isinstance(on, str) and on == "processes":
        crew = _Processes(job, workers)
        try:
            yield crew
        finally:
            crew.pool.shutdown(cancel_futures=True)
    elif type(on).__module__.startswith("distributed."):
        with _dask(on, job) as crew:
            yield crew
    elif isinstance(on, Executor):
        yield Crew(lambda: workers, lambda piece: on.submit(run_piece, job, piece))
    else:
        raise ParameterError(
            "Batch.run: on must be 'threads', 'processes', a dask.distributed.Client or an "
            f"executor of concurrent.futures, got {on!r}"
        )


@contextmanager
def _dask(client: Any, job: Job) -> Iterator[Crew]:
    if not hasattr(client, "get_executor"):
        raise ParameterError(
            f"Batch.run: on must be a Client of dask.distributed, got its {type(client).__name__}"
        )
    if getattr(client, "asynchronous", False):
        raise ParameterError("Batch.run: on must be a Client with asynchronous=False")
    try:
        client.wait_for_workers(1, timeout=_WAIT_S)
    except TimeoutError:
        raise SimulationError(
            f"Batch.run: the cluster must have workers, but none came within {_WAIT_S} s"
        ) from None
    everywhere = client.submit(_same, job, pure=False)  # as a task: it outlives its workers
    pool = client.get_executor(pure=False)
    try:
        yield _Cluster(client, pool, everywhere)
    finally:
        pool.shutdown(wait=False)
        everywhere.release()
