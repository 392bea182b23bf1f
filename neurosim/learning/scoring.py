"""How good is a network on a data set? Loss, accuracy and spikes, without learning."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..network import Network
from .batch import Batch
from .gradient import ExactGradient
from .losses import Loss, checked
from .samples import Samples
from .surrogate import SurrogateGradient, machine_of

_AT_ONCE = 500  # samples


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """What `score` found.

    Attributes
    ----------
    loss, accuracy : float      means over the samples
    predicted : int64 (n,)      -1: no answer
    spikes : float              per sample, those of the input included
    """

    loss: float
    accuracy: float
    predicted: np.ndarray
    spikes: float

    def __repr__(self) -> str:
        return (
            f"Score(accuracy {self.accuracy:.4g}, loss {self.loss:.4g}, {self.predicted.size} "
            f"samples, {self.spikes:.1f} spikes each)"
        )


def score(
    network: Network, data: Any, *, loss: Loss, duration: float, threads: int = 1,
    method: SurrogateGradient | str = "exact",
) -> Score:  # fmt: skip
    """Run a data set through a network, as `fit` does.

    Parameters
    ----------
    network, data, loss, duration, threads, method : see :func:`fit`

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> inp = net.add(ns.SpikeSource(2), "in")
    >>> out = net.add(ns.LIF(2, tau_m=10.0, tau_syn=5.0), "out")
    >>> _ = net.connect(inp, out, ns.OneToOne(), weight=5.0)
    >>> data = [(([1.0], [0]), 0), (([1.0], [1]), 1), (([1.0], [1]), 0)]
    >>> ns.score(net, data, loss=ns.FirstSpikeCrossEntropy(), duration=20.0).predicted.tolist()
    [0, 1, 1]
    """
    duration = checks.number("score", "duration", duration, above=0, unit="ms")
    threads = checks.integer("score", "threads", threads, low=1, high=1024)
    if not isinstance(network, Network) or not network.populations:
        raise ParameterError(f"score.network must be a Network with populations, got {network!r}")
    if not isinstance(loss, Loss):
        raise ParameterError(f"score.loss must be a Loss, got {loss!r}")
    loss.output(network)
    machine = machine_of(method, network, duration, threads=threads)
    return score_of(machine, Samples(network, data, duration, owner="score"), loss)


def score_of(machine: ExactGradient, samples: Samples, loss: Loss) -> Score:
    """The same for a network that is built."""
    losses, predicted, right, spikes = [], [], 0, 0
    for begin in range(0, len(samples), _AT_ONCE):
        order = np.arange(begin, min(begin + _AT_ONCE, len(samples)))
        given, numbers, labels = samples.batch(order)
        batch = Batch(machine, machine.forward(given, numbers, False))
        scored = checked(loss, loss.score(batch, labels, False), order.size)
        losses.append(scored.losses)
        predicted.append(scored.predicted)
        right += int((scored.predicted == labels).sum())
        spikes += sum(r.times.size for r in batch.records)
    n = len(samples)
    mean = float(np.concatenate(losses).mean())
    return Score(mean, right / n, np.concatenate(predicted), spikes / n)
