"""How much happened in a run? Spikes, synaptic operations and silence, layer by layer."""

from dataclasses import dataclass

import numpy as np

from .engine.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one population did in a run.

    Attributes
    ----------
    name : str
    neurons, spikes : int
    operations : int        synapses that spikes have reached on the way into it; of a kernel those
                            that there are at the place of each spike, edges included
    silent : float          share of its neurons that did not fire: sparsity in space
    quiet : float           share of (neuron, step) pairs without a spike: sparsity in time;
                            NaN for the event engine, which has no steps
    """

    name: str
    neurons: int
    spikes: int
    operations: int
    silent: float
    quiet: float


@dataclass(frozen=True, slots=True)
class Activity:
    """The layers of a run, and a table of them.

    Attributes
    ----------
    layers : dict of name to Layer
    """

    layers: dict[str, Layer]

    def __getitem__(self, name: str) -> Layer:
        return self.layers[name]

    @property
    def operations(self) -> int:
        """Synaptic operations of all."""
        return sum(layer.operations for layer in self.layers.values())

    @property
    def spikes(self) -> int:
        """Spikes of all."""
        return sum(layer.spikes for layer in self.layers.values())

    def __str__(self) -> str:
        width = max(len(name) for name in (*self.layers, "layer"))
        lines = [
            f"{'layer':<{width}}{'neurons':>12}{'spikes':>12}{'operations':>14}{'silent':>9}"
            f"{'quiet':>9}"
        ]
        lines += [
            f"{a.name:<{width}}{a.neurons:>12,}{a.spikes:>12,}{a.operations:>14,}"
            f"{a.silent:>9.1%}{a.quiet:>9.2%}"
            for a in self.layers.values()
        ]
        return "\n".join(lines)


def activity(result: Result) -> Activity:
    """Count what happened in a run: exactly, from its counts.

    Parameters
    ----------
    result : Result         of either engine; spikes need not have been recorded

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Sequential(ns.SpikeSource((4, 4, 1), times=[0, 1], ids=[0, 5]))
    >>> _ = net.add(ns.Convolution(np.ones((2, 1, 3, 3)), padding=1), ns.IF, name="conv",
    ...             v_th=1.5, tau_syn=None)
    >>> found = activity(ns.simulate(net.network, 4, progress=False))
    >>> found["conv"].operations  # 4 and 9 places of 2 channels
    26
    >>> print(found)
    layer     neurons      spikes    operations   silent    quiet
    input          16           2             0    87.5%   96.88%
    conv           32           8            26    75.0%   93.75%
    """
    network, layers = result.network, {}
    steps = (result.t_stop - result.t_start) / result.dt if result.dt else np.nan
    for name, population in network.populations.items():
        counts = result.counts[name]
        into = [p.name for p in network.projections.values() if p.post is population]
        pairs = counts.size * steps
        layers[name] = Layer(
            name=name, neurons=counts.size, spikes=int(counts.sum()),
            operations=sum(result.synaptic_events[p] for p in into),
            silent=float(np.mean(counts == 0)),
            quiet=float(1.0 - counts.sum() / pairs) if pairs else float("nan"),
        )  # fmt: skip
    return Activity(layers)
