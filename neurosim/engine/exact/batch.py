"""How do many samples go through one network? Each from its initial state, on several threads."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ...errors import ParameterError
from ...progress import Progress
from ..result import Result

if TYPE_CHECKING:
    from .simulator import EventSimulator


def run_batch(
    make: "Callable[[], EventSimulator]",
    samples: Sequence[Mapping[str, Any]],
    duration: float,
    threads: int,
    progress: Any,
    options: Mapping[str, Any],
) -> list[Result]:
    """Run all samples; the results are those of one after the other.

    Parameters
    ----------
    make : function
        Makes a simulator with a state of its own.
    samples : sequence of inputs, see `EventSimulator.run`
    """
    for k, sample in enumerate(samples):
        if not isinstance(sample, Mapping):
            raise ParameterError(
                f"EventSimulator.batch: inputs[{k}] must be a mapping of source names to (times, "
                f"ids), got {type(sample).__name__}"
            )
    workers = [make() for _ in range(min(threads, len(samples)))]
    results: list[Result | None] = [None] * len(samples)
    done = 0
    with Progress(progress, len(samples), "samples") as bar:

        def work(worker: int) -> None:
            nonlocal done
            sim = workers[worker]
            for k in range(worker, len(samples), len(workers)):
                sim.reset()
                sim.loop.resample(k)
                results[k] = sim.run(duration, inputs=samples[k], progress=False, **options)
                done += 1
                if worker == 0:  # bars are for one thread
                    bar.update(done)

        if len(workers) > 1:
            with ThreadPoolExecutor(len(workers)) as pool:
                for job in [pool.submit(work, w) for w in range(len(workers))]:
                    job.result()
        elif workers:
            work(0)
        bar.update(done)
    return [r for r in results if r is not None]
