"""How is a layered network put together? Rule by rule; what comes out is an ordinary Network."""

from collections.abc import Callable
from typing import Any

from .connectivity.pooling import SumPool, WindowPlace
from .connectivity.procedural import Procedural
from .connectivity.rules import OneToOne, Rule
from .errors import ParameterError
from .estimate import estimate_memory, readable
from .maxpool import MaxPool
from .models.base import Neurons
from .models.sources import Source
from .network import Network, Population, Projection


class Sequential:
    """Layers one behind the other, with branches where they are named.

    Parameters
    ----------
    source : SpikeSource or PoissonSource
        Its shape is (\\*space, channels), channels last.
    name : str
    time : {"steps", "continuous"}
    seed : int

    Attributes
    ----------
    network : Network       what has been built so far
    last : Population       behind which the next layer comes

    Examples
    --------
    >>> import numpy as np, neurosim as ns
    >>> net = ns.Sequential(ns.SpikeSource((8, 8, 2)))
    >>> net.add(ns.Convolution(np.ones((4, 2, 3, 3)), padding=1), ns.IF, name="conv", v_th=9.0)
    Population('conv', IF, 8x8x4)
    >>> net.add(ns.SumPool((2, 2)), ns.IF, name="pool", v_th=2.0)
    Population('pool', IF, 4x4x4)
    >>> net.add(ns.Dense(np.ones((64, 10))), ns.IF, name="out", v_th=5.0)
    Population('out', IF, 10)
    >>> net.network
    Network(4 populations, 458 neurons, 3 projections, time='steps', seed=0)
    """

    def __init__(
        self, source: Source, *, name: str = "input", time: str = "steps", seed: int = 0
    ) -> None:
        if not isinstance(source, Source):
            raise ParameterError(
                f"Sequential.source must be a source such as SpikeSource((34, 34, 2)), got "
                f"{type(source).__name__}"
            )
        self.network = Network(time=time, seed=seed)
        self.last: Population = self.network.add(source, name)

    def add(
        self,
        rule: Rule | MaxPool,
        neurons: Callable[..., Neurons] | None = None,
        *,
        name: str | None = None,
        after: Population | str | None = None,
        delay: Any = 0.0,
        port: int | str | None = None,
        **params: Any,
    ) -> Population:
        """Add a layer behind the last one, or behind the one that is named.

        Parameters
        ----------
        rule : Rule or MaxPool
            A convolution or its like, which says what shape the layer has, or OneToOne.
        neurons : function
            Makes neurons of a shape: ``ns.IF``, ``ns.LIF``, ``model.neurons`` ...; MaxPool has
            its own.
        name : str, optional        default: the rule's name and a number
        after : Population or name  where a branch begins; default the last layer
        delay, port                 see `Network.connect`
        **params                    of the neurons

        Raises
        ------
        ParameterError
            Shapes that do not fit, unknown names, parameters that the model refuses; nothing
            has been added then.
        """
        before = self._find(self.last if after is None else after)
        name = (
            f"{type(rule).__name__.lower()}{len(self.network.populations)}"
            if name is None
            else name
        )
        owner = f"Sequential.add({name!r})"
        if isinstance(rule, MaxPool):
            self.last = _pooled(owner, self.network, before, rule, name, neurons, delay, params)
            return self.last
        if neurons is None:
            raise ParameterError(f"{owner}.neurons must make neurons of a shape, such as ns.IF")
        shape = _shape_behind(owner, rule, before.shape)
        made = neurons(shape if len(shape) > 1 else shape[0], **params)
        layer = self.network.add(made, name)
        try:
            self.network.connect(before, layer, rule, delay=delay, port=port)
        except Exception:
            del self.network.populations[name]
            raise
        self.last = layer
        return layer

    def join(
        self,
        pre: Population | str,
        post: Population | str,
        rule: Rule | None = None,
        **options: Any,
    ) -> Projection:
        """A further way into a layer, past others: a residual connection.

        By default each neuron reaches its twin; with a rule of its own (a convolution by one
        tap) shapes may differ. ``options`` (weight, delay, port) are those of `Network.connect`.
        """
        pre, post = self._find(pre), self._find(post)
        rule = OneToOne() if rule is None else rule
        shape = _shape_behind(f"Sequential.join({pre.name!r}, {post.name!r})", rule, pre.shape)
        if shape != post.shape:
            raise ParameterError(
                f"Sequential.join: {type(rule).__name__} makes the shape {shape} of {pre.name!r}, "
                f"but {post.name!r} has {post.shape}; give a rule such as a Convolution by one tap"
            )
        return self.network.connect(pre, post, rule, **options)

    def summary(self, *, dtype: str = "float32") -> str:
        """A table of the layers: shape, neurons, parameters, synapses and their memory."""
        estimate = estimate_memory(self.network, dtype=dtype)
        head = ("layer", "rule", "shape", "neurons", "parameters", "synapses", "memory")
        lines = [head]
        total = [0, 0, 0]
        for population in self.network.populations.values():
            into = [p for p in self.network.projections.values() if p.post is population]
            known = [estimate.projections.get(p.name, (0, 0)) for p in into]
            synapses, size = (
                (sum(values) for values in zip(*known, strict=True)) if known else (0, 0)
            )
            parameters = sum(_parameters(p, estimate.projections[p.name][0]) for p in into)
            counts = population.n, parameters, synapses
            total = [a + b for a, b in zip(total, counts, strict=True)]
            rules = " + ".join(type(p.rule).__name__ for p in into) or population.kind
            shape = "x".join(map(str, population.shape))
            lines.append((population.name, rules, shape, *_counted(counts), readable(size)))
        lines.append(("total", "", "", *_counted(tuple(total)), readable(estimate.total)))
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        return "\n".join(
            "  ".join(
                cell.ljust(w) if k < 3 else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _find(self, layer: Population | str) -> Population:
        name = layer.name if isinstance(layer, Population) else layer
        found = self.network.populations.get(name) if isinstance(name, str) else None
        if found is None or (isinstance(layer, Population) and layer is not found):
            raise ParameterError(
                f"Sequential: layers are {', '.join(map(repr, self.network.populations))}, got "
                f"{layer!r}"
            )
        return found

    def __repr__(self) -> str:
        return f"Sequential({' -> '.join(self.network.populations)})"


def _pooled(owner, network, before, pool, name, neurons, delay, params) -> Population:
    """Pooling neurons, which have neither a model to choose nor parameters."""
    if neurons is not None or params:
        raise ParameterError(
            f"{owner}: MaxPool has neurons of its own, so that neurons and parameters must be left "
            f"out, got {neurons or params}"
        )
    return pool.attach(network, before, name, delay=delay)


def _shape_behind(owner: str, rule: Rule, shape: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(rule, OneToOne):
        return shape
    if isinstance(rule, Procedural):
        return rule.output_shape(shape)
    raise ParameterError(
        f"{owner}: rule must say which shape it makes, as Convolution, TransposedConvolution, "
        f"SumPool, AveragePool, Dense and OneToOne do, got {rule!r}; for others use Network.connect"
    )


def _parameters(projection: Projection, synapses: int) -> int:
    """Numbers that could be learnt: those of a kernel, or one for each synapse."""
    if isinstance(projection.rule, (SumPool, WindowPlace)):
        return 0
    rule = projection.rule
    return rule.kernel.size if isinstance(rule, Procedural) else synapses


def _counted(counts: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{count:,}" for count in counts)
