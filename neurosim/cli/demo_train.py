"""How does the demo's network come about? Recorded scans, a trained ANN, its conversion."""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import click
import numpy as np

from ..conversion import Converted, convert
from ..datasets import MovingDigits
from ..encoders import EventsToSpikes
from ..errors import MissingExtraError
from ..events import Events

SIDE = 14  # pixels of the simulated sensor, a side; one input neuron each
HIDDEN = 48  # 196 inputs and 48 hidden neurons fit the 256 axons of the small chips
STEPS = 60


@dataclass(slots=True)
class Stages:
    """What is done now, for people; how long each stage took, for the summary."""

    progress: bool | str = "auto"
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block; name it on a terminal while it runs."""
        shown = sys.stderr.isatty() if self.progress == "auto" else bool(self.progress)
        if shown:
            click.echo(f"{name} ...", err=True)
        begin = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begin, 2)

    def bar(self, items: Iterable[Any], title: str) -> Iterable[Any]:
        """Go through ``items`` with a bar that appears after a second."""
        from tqdm.auto import tqdm

        hide = None if self.progress == "auto" else not self.progress
        return tqdm(items, desc=title, disable=hide, delay=1.0, leave=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The network of the demo, before any evaluation.

    Attributes
    ----------
    ann : Pipeline              trained on event counts
    snn : Converted
    encoder : EventsToSpikes    from a recording of the sensor to input spikes
    scale : float               the ANN sees ``scale`` times the counts
    test : MovingDigits         held out, never used for training or calibration
    n_train : int
    """

    ann: Any
    snn: Converted
    encoder: EventsToSpikes
    scale: float
    test: MovingDigits
    n_train: int


def train(seed: int, watch: Stages) -> Trained:
    """Record the training scans, train the ANN on their event counts, convert it."""
    try:
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise MissingExtraError.of(
            "scikit-learn", extra="convert", purpose="neurosim demo"
        ) from None
    motion = replace(MovingDigits().motion, canvas=(SIDE, SIDE), scale=1.25)
    digits, test = (
        MovingDigits(split=split, motion=motion, seed=seed) for split in ("train", "test")
    )
    # A stamp may fall on the very end of the movement: one more millisecond keeps it.
    window = digits.duration_us / 1000.0 + 1.0
    encoder = EventsToSpikes(polarity="merge", start_us=0, duration=window)
    with watch.stage("record training events"):
        counts = np.array(
            [encoder(sample).counts().ravel() for sample in recordings(digits, watch)]
        )
    scale = 0.5 / float(counts.std(axis=0).mean())
    with watch.stage("train the ANN"):
        ann = make_pipeline(
            StandardScaler(with_std=False),
            MLPClassifier(
                (HIDDEN,), alpha=1.0, learning_rate_init=2e-3, max_iter=80, random_state=seed
            ),
        )
        _fit(ann, counts * scale, digits.targets)
    with watch.stage("convert"):
        snn = convert(
            ann,
            counts * scale,
            steps=STEPS,
            input="events",
            input_scale=scale,
            window=window,
            seed=seed,
        )
    return Trained(ann=ann, snn=snn, encoder=encoder, scale=scale, test=test, n_train=len(digits))


def _fit(ann: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Fit on one thread: the matrices are small, and waiting threads cost more than work."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped on purpose
        ann.fit(x, y)


def recordings(digits: MovingDigits, watch: Stages) -> Iterator[Events]:
    for k in watch.bar(range(len(digits)), "recording digits"):
        yield digits[k][0]
