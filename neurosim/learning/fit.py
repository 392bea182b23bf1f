"""How is a network trained? Batches forward and back, a step, and again: `fit`."""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError, SimulationError
from ..network import Network
from ..progress import Progress
from .batch import Batch
from .gradient import LEAST_SLOPE
from .history import History
from .losses import Loss, RateTarget, checked
from .optimizers import SGD, Adam
from .parameters import OF_FLOW, Learnable, learnables, learnt_network, parameters_of
from .samples import Samples
from .saving import load_training, save_training
from .scoring import score_of
from .silent import Bumper, BumpSilent
from .surrogate import SurrogateGradient, machine_of

_FAR = 1e9  # no parameter of a network that works is beyond


def fit(
    network: Network,
    data: Any,
    *,
    loss: Loss,
    duration: float,
    learn: Any,
    epochs: int = 10,
    batch: int = 50,
    validation: Any = None,
    optimizer: Adam | SGD | None = None,
    rate_targets: Sequence[RateTarget] = (),
    silent: BumpSilent | bool | None = None,
    largest_gradient: float = math.inf,
    least_slope: float = LEAST_SLOPE,
    patience: int | None = None,
    seed: int = 0,
    threads: int = 1,
    chunks: int = 4,
    keep: bool = True,
    method: SurrogateGradient | str = "exact",
    checkpoint: str | Path | None = None,
    progress: bool | str | Callable[[float, float], Any] = "auto",
) -> History:
    """Learn weights, delays and cell parameters with exact gradients of spike times.

    Every sample runs in the event engine, from time 0; the gradient is that of the very spike
    times, to rounding, through recurrent connections and refractory periods. For other models,
    and for comparison, there is `SurrogateGradient`.

    Parameters
    ----------
    network : Network
        SpikeSources, and LIF or IF cells with exponential synapses (any model's with
        `SurrogateGradient`). It stays as it is.
    data : sequence of (spikes, label)
        Anything with a length and items. Spikes: (times [ms], ids), or an object with ``times``
        and ``ids``; with several sources a mapping of their names to these.
    loss : Loss
        Such as `FirstSpikeCrossEntropy`.
    duration : float
        Length of a sample [ms].
    learn : mapping or list of Learnable
        What learns, and how fast: ``{"weight": 5e-3, "delay": 0.05}``.
    epochs, batch : int
    validation : sequence of (spikes, label), optional
        Scored after every epoch; the network returned is that of the best epoch (lowest error,
        then lowest loss), else that of the last one.
    optimizer : Adam or SGD, optional
        Default: Adam().
    rate_targets : list of RateTarget, optional
    silent : BumpSilent, optional
        The remedy for neurons that never fire; default ``BumpSilent()``; False: none.
    largest_gradient : float
        Longer gradients (the norm over all numbers of one Learnable and name) are shortened to it.
    least_slope : float
        See `ExactGradient`.
    patience : int, optional
        Stop after so many epochs without a better validation score.
    seed : int
        Of the order of samples; equal seeds give equal results, on any number of threads.
    threads, chunks : int
        See `ExactGradient`.
    keep : bool
        Ask the data for each item once; False: anew in each epoch, for augmentation.
    method : "exact" or SurrogateGradient
        Exact gradients of spike times, or steps on a grid with a stand-in for the spike.
    checkpoint : path, optional
        A file that is written after every epoch; a call with the same arguments goes on from
        it, bit for bit.
    progress : "auto", bool or callable

    Returns
    -------
    History
        Where a training breaks down (a parameter leaves all bounds, a neuron fires without end),
        or is interrupted by Ctrl-C, after its first epoch: what there is of it, with a warning,
        and the reason in ``stop_reason``.

    Raises
    ------
    ParameterError, BuildError, FormatError

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> inp = net.add(ns.SpikeSource(2), "in")
    >>> out = net.add(ns.LIF(2, tau_m=10.0, tau_syn=5.0), "out")
    >>> _ = net.connect(inp, out, weight=ns.Uniform(2.0, 3.0), delay=1.0)
    >>> data = [(([0.0, 4.0], [0, 1]), 0), (([0.0, 4.0], [1, 0]), 1)]
    >>> history = ns.fit(net, data, loss=ns.FirstSpikeCrossEntropy(), duration=30.0,
    ...                  learn={"weight": 0.05, "delay": 0.05}, epochs=40)
    >>> history.rows[-1]["accuracy"]
    1.0
    """
    training = Training(
        network, data, loss=loss, duration=duration, learn=learn, batch=batch,
        validation=validation, optimizer=optimizer, rate_targets=rate_targets, silent=silent,
        largest_gradient=largest_gradient, least_slope=least_slope, seed=seed, threads=threads,
        chunks=chunks, keep=keep, method=method,
    )  # fmt: skip
    return training.go(epochs, patience, checkpoint, progress)


def _tell(bar: Progress, before: int, done: int) -> None:
    bar.update(before + done)


def _remedies(silent: Any, rate_targets: Any, network: Network) -> tuple[BumpSilent, tuple]:
    """The checked remedies against silence and against too many spikes."""
    if silent is None or silent is True:
        silent = BumpSilent()
    elif silent is False:
        silent = BumpSilent(step=0.0)
    if not isinstance(silent, BumpSilent):
        raise ParameterError(f"fit.silent must be a BumpSilent, or False, got {silent!r}")
    targets = (rate_targets,) if isinstance(rate_targets, RateTarget) else tuple(rate_targets)
    for target in targets:
        if not isinstance(target, RateTarget) or target.population not in network.populations:
            raise ParameterError(
                f"fit.rate_targets must be RateTarget of populations of the network, got {target!r}"
            )
    return silent, targets


class Training:
    """A training under way; for the parameters see :func:`fit`."""

    def __init__(
        self, network: Network, data: Any, *, loss: Loss, duration: float, learn: Any, batch: int,
        validation: Any, optimizer: Any, rate_targets: Sequence[RateTarget],
        silent: BumpSilent | bool | None, largest_gradient: float, least_slope: float, seed: int,
        threads: int, chunks: int, keep: bool, method: Any,
    ) -> None:  # fmt: skip
        owner = "fit"
        if not isinstance(network, Network) or not network.populations:
            raise ParameterError(f"{owner}.network must be a Network with populations")
        if not isinstance(loss, Loss):
            raise ParameterError(f"{owner}.loss must be a Loss, got {type(loss).__name__}")
        duration = checks.number(owner, "duration", duration, above=0, unit="ms")
        self.batch_size = checks.integer(owner, "batch", batch, low=1)
        self.seed = checks.integer(owner, "seed", seed, low=0)
        threads = checks.integer(owner, "threads", threads, low=1, high=1024)
        chunks = checks.integer(owner, "chunks", chunks, low=1, high=1024)
        self.least_slope = checks.number(owner, "least_slope", least_slope, low=0)
        self.description, self.loss, self.duration = network, loss, duration
        output = loss.output(network)
        specs = learnables(learn)
        silent, rate_targets = _remedies(silent, rate_targets, network)
        if not isinstance(largest_gradient, (int, float)) or not largest_gradient > 0:
            raise ParameterError(
                f"{owner}.largest_gradient must be a number > 0, got {largest_gradient!r}"
            )
        if optimizer is not None and not isinstance(optimizer, (Adam, SGD)):
            raise ParameterError(f"{owner}.optimizer must be Adam() or SGD(), got {optimizer!r}")
        self.method = method
        self.machine = machine_of(
            method, network, duration, threads=threads, chunks=chunks, least_slope=least_slope
        )
        self.parameters = parameters_of(self.machine, specs)
        self.machine.of_cells = any(p.spec.what in OF_FLOW for p in self.parameters)
        self.optimizer = Adam() if optimizer is None else optimizer
        self.states = [self.optimizer.begin(p.raw.size) for p in self.parameters]
        self.bumper = Bumper(silent, self.machine, self.parameters, output)
        self.rate_targets, self.largest = rate_targets, float(largest_gradient)
        self.samples = Samples(network, data, duration, keep)
        self.held_out = None
        if validation is not None:
            self.held_out = Samples(network, validation, duration, owner="fit.validation")
        self.history = History(network)
        self.best: tuple | None = None
        for p in self.parameters:
            p.put()
        self.machine.changed()

    # ------------------------------------------------------------------ one batch

    def step(self, order: np.ndarray, epoch: int) -> tuple[float, int, int]:
        """Learn from one batch; returns its summed loss, right predictions, and spikes."""
        given, numbers, labels = self.samples.batch(order)
        batch = Batch(self.machine, self.machine.forward(given, numbers))
        scored = checked(self.loss, self.loss.score(batch, labels, True), order.size)
        for target in self.rate_targets:
            target.push(batch)
        n_spikes = sum(r.times.size for r in batch.records)
        totals = self.machine.backward(
            batch.records, batch.drives, batch.pushes, batch.pulls, batch.wishes
        )
        for p, state in zip(self.parameters, self.states, strict=True):
            self._move(p, state, p.gradient(totals), epoch)
        self.bumper.apply(batch)
        self.machine.changed()
        right = int((scored.predicted == labels).sum())
        return float(scored.losses.sum()), right, n_spikes

    def _move(self, p: Any, state: dict, gradient: np.ndarray, epoch: int) -> None:
        norm = math.sqrt(float(np.square(gradient).sum()))  # not by BLAS: it sums as threads go
        if norm > self.largest:
            gradient = gradient * (self.largest / norm)
        spec: Learnable = p.spec
        rate = spec.rate * (1.0 if spec.schedule is None else spec.schedule(epoch))
        p.move(rate * self.optimizer.step(state, gradient))
        if not np.abs(p.raw).max(initial=0.0) < _FAR:  # nan, too
            raise SimulationError(
                f"fit: Learnable({spec.what!r}) of {p.name!r} must stay finite, but left all "
                f"bounds in epoch {epoch + 1}; lower its rate = {rate:g}, or set largest_gradient"
            )
        p.put()

    # ------------------------------------------------------------------ epochs

    def epoch(self, epoch: int, report: Callable[[int], None]) -> dict[str, float]:
        """Learn from all samples once, in an order drawn for this epoch."""
        order = np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(
            len(self.samples)
        )
        self.machine.begin_epoch(epoch)
        sums = np.zeros(3)
        for begin in range(0, order.size, self.batch_size):
            piece = order[begin : begin + self.batch_size]
            sums += self.step(piece, epoch)
            report(begin + piece.size)
        means = dict(zip(("loss", "accuracy", "spikes"), (sums / order.size).tolist(), strict=True))
        row = {"epoch": epoch + 1, **means}
        if self.held_out is not None:
            found = score_of(self.machine, self.held_out, self.loss)
            row |= {"val_loss": found.loss, "val_accuracy": found.accuracy}
        return row

    def go(
        self, epochs: int, patience: int | None, checkpoint: str | Path | None, progress: Any
    ) -> History:
        """All epochs that are left; goes on from the checkpoint if there is one."""
        epochs = checks.integer("fit", "epochs", epochs, low=1)
        if patience is not None:
            patience = checks.integer("fit", "patience", patience, low=1)
            if self.held_out is None:
                raise ParameterError("fit: patience must come with validation samples")
        if checkpoint is not None:
            (load_training if Path(checkpoint).exists() else save_training)(self, checkpoint)
        history = self.history
        history.stop_reason = ""
        with Progress(progress, epochs * len(self.samples), "samples") as bar:
            while len(history.rows) < epochs and not self._has_waited(patience):
                try:
                    self._one_more(bar)
                except (SimulationError, ParameterError, KeyboardInterrupt) as error:
                    if not history.rows:
                        raise
                    history.stop_reason = f"stopped in epoch {len(history.rows) + 1}: {error!r}"
                    warnings.warn(f"fit {history.stop_reason}", RuntimeWarning, stacklevel=3)
                    break
                if checkpoint is not None:
                    save_training(self, checkpoint)
        done = len(history.rows) >= epochs
        by_itself = "all epochs" if done else f"no better for {patience} epochs"
        history.stop_reason = history.stop_reason or by_itself
        self._take_best()
        history.network = learnt_network(self.description, self.machine)
        return history

    def _one_more(self, bar: Progress) -> None:
        rows = self.history.rows
        rows.append(self.epoch(len(rows), partial(_tell, bar, len(rows) * len(self.samples))))
        self._keep_best()

    def _has_waited(self, patience: int | None) -> bool:
        rows = len(self.history.rows)
        return patience is not None and rows - self.history.best_epoch >= patience and rows > 0

    def _keep_best(self) -> None:
        """Remember the parameters, if the validation score is the best so far, or there is none."""
        row = self.history.rows[-1]
        score = (-row["val_accuracy"], row["val_loss"]) if "val_loss" in row else ()
        if self.best is None or not score or score < self.best[0]:
            self.best = score, [p.raw.copy() for p in self.parameters]
            self.history.best_epoch = int(row["epoch"])

    def _take_best(self) -> None:
        if self.best is not None:
            for p, raw in zip(self.parameters, self.best[1], strict=True):
                p.raw[:] = raw
                p.put()
            self.machine.changed()
