"""Where did the accuracy go? Errors of each spiking layer, taken apart on calibration samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.procedural import Procedural
from ..network import Network, Projection
from .rates import Run

if TYPE_CHECKING:
    from .codes import RateCode
    from .plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """One spiking layer on the calibration data; errors are in thresholds.

    Attributes
    ----------
    name : str
    units : int
    threshold : float
        activation of the ANN that one spike per step stands for.
    clipped : float
        fraction of activations above the largest that the spikes can say.
    clipping_error, quantisation_error, unevenness_error : float
        mean absolute error from limiting activations to the largest that can be said; from
        rounding them to what can be said; and from spikes that arrive unevenly, so
        that the layer says something else than is best for the input that really came.
    total_error : float
        mean absolute difference to the ANN's activation, errors of the layers before
        included (errors may cancel, so this is not the sum of the others).
    dead, saturated : int
        units that never fire, and units that say the largest in some sample.
    spikes, operations : float
        mean number of spikes of the layer, and of synaptic operations on the way into it, per
        sample.
    """

    name: str
    units: int
    threshold: float
    clipped: float
    clipping_error: float
    quantisation_error: float
    unevenness_error: float
    total_error: float
    dead: int
    saturated: int
    spikes: float
    operations: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionReport:
    """What :func:`neurosim.convert` did; ``print`` it for a table.

    Attributes
    ----------
    source : str
    method : str
    percentile : float
    steps : int
        T; 0 in continuous time.
    samples : int
        calibration samples that the errors are measured on.
    layers : tuple of LayerReport
    agreement : float or None
        fraction of those samples with the ANN's decision; None for regression.
    output_error : float
        mean absolute difference of the outputs, over the ANN's mean absolute output.
    operations : float
        synaptic operations per sample, those into the read-out included.
    note : str
        how input was given for the measurement.
    """

    source: str
    method: str
    percentile: float
    steps: int
    samples: int
    layers: tuple[LayerReport, ...]
    agreement: float | None
    output_error: float
    operations: float
    note: str

    def rows(self) -> tuple[list[str], list[list[str | int | float]]]:
        """Return (column names, one row per layer), for tables."""
        columns = [
            "layer",
            "units",
            "threshold",
            "clipped %",
            "clipping",
            "quantisation",
            "unevenness",
            "total",
            "dead",
            "saturated",
            "spikes",
            "operations",
        ]
        rows = [
            [
                layer.name,
                layer.units,
                float(f"{layer.threshold:.4g}"),
                round(100 * layer.clipped, 2),
                round(layer.clipping_error, 4),
                round(layer.quantisation_error, 4),
                round(layer.unevenness_error, 4),
                round(layer.total_error, 4),
                layer.dead,
                layer.saturated,
                round(layer.spikes, 1),
                round(layer.operations),
            ]
            for layer in self.layers
        ]
        return columns, rows

    def __str__(self) -> str:
        columns, rows = self.rows()
        how = f"{self.method} {self.percentile:g}" if self.method == "percentile" else self.method
        time = f", T = {self.steps}" if self.steps else ", continuous time"
        head = (
            f"{self.source} -> {len(self.layers)} spiking layer(s), {how}{time}; "
            f"{self.samples} calibration samples, {self.note}"
        )
        same = "" if self.agreement is None else f"; same decision: {100 * self.agreement:.1f} %"
        tail = (
            f"errors: mean absolute, in thresholds; {self.operations:,.0f} synaptic operations per "
            f"sample; relative error of the outputs: {100 * self.output_error:.2g} %{same}"
        )
        return "\n".join([head, *aligned([columns, *rows]), tail])


def aligned(rows: list[list[Any]]) -> list[str]:
    """Lay rows of cells out in columns: the first to the left, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(w) if k == 0 else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]


def measure(
    plan: "Plan",
    code: "RateCode",
    how: Any,
    network: Network,
    *,
    thresholds: Mapping[str, float],
    biases: Mapping[str, np.ndarray],
    x: np.ndarray,
    method: str,
    percentile: float,
    note: str,
) -> ConversionReport:
    """Run calibration samples through the layers and take their errors apart.

    Parameters
    ----------
    plan, code, how, thresholds, biases : as the network was built of
    network : Network
        whose synapses are counted.
    x : float64[samples, *input shape]
        inputs of the ANN.
    method, percentile, note : for the report
    """
    run = Run.of(plan, code, thresholds, biases, how, x)
    exact = plan.activations(x)
    counter = Operations(plan, network)
    counter.fired(plan.input, _fired_inputs(run))
    reports = []
    for layer in plan.layers[:-1]:
        run.through(layer)
        spikes = np.count_nonzero(run.sent[layer.name], axis=0)
        counter.fired(layer.name, spikes)
        if layer.pool is not None:
            continue
        theta = thresholds[layer.name]
        reports.append(
            layer_report(
                layer.name, theta, code,
                ann=exact[layer.name] / theta,
                wanted=run.wanted(layer) / theta,
                said=run.said(layer.name) / theta,
                spikes=spikes,
                operations=counter.into(layer.name),
            )
        )  # fmt: skip
    read_out = plan.layers[-1]
    outputs = run.wanted(read_out).reshape(len(x), -1)
    agreement, error = compared(plan, outputs, exact[read_out.name].reshape(len(x), -1))
    return ConversionReport(
        source=plan.source,
        method=method,
        percentile=percentile,
        steps=code.steps,
        samples=len(x),
        layers=tuple(reports),
        agreement=agreement,
        output_error=error,
        operations=counter.total(),
        note=note,
    )


def measure_first_spike(
    plan: "Plan",
    code: Any,
    network: Network,
    *,
    thresholds: Mapping[str, float],
    x: np.ndarray,
    method: str,
    percentile: float,
) -> ConversionReport:
    """The report of a code that is exact: there is no other error than what is clipped."""
    values = {plan.input: plan.arrange(x)}
    counter = Operations(plan, network)
    counter.fired(plan.input, values[plan.input] != 0.0)
    exact, reports = plan.activations(x), []
    for layer in plan.layers[:-1]:
        z = values[layer.terms[0].source] if layer.pool else layer.drive(values)
        values[layer.name] = layer.activate(z)
        fired = values[layer.name] > 0.0
        counter.fired(layer.name, fired)
        if layer.pool is not None:
            continue
        theta = thresholds[layer.name]
        ann, wanted = exact[layer.name] / theta, z / theta
        values[layer.name] = said = np.minimum(values[layer.name], theta)
        reports.append(
            layer_report(
                layer.name, theta, code, ann=ann, wanted=wanted, said=said / theta, spikes=fired,
                operations=counter.into(layer.name),
            )
        )  # fmt: skip
    outputs = plan.layers[-1].drive(values).reshape(len(x), -1)
    agreement, error = compared(plan, outputs, exact[plan.layers[-1].name].reshape(len(x), -1))
    return ConversionReport(
        source=plan.source,
        method=method,
        percentile=percentile,
        steps=0,
        samples=len(x),
        layers=tuple(reports),
        agreement=agreement,
        output_error=error,
        operations=counter.total(),
        note="as times of spikes",
    )


def _fired_inputs(run: Run) -> np.ndarray:
    if run.constant is not None:
        return run.constant != 0.0
    return np.count_nonzero(run.sent[run.plan.input], axis=0)


def compared(plan: "Plan", outputs: np.ndarray, exact: np.ndarray) -> tuple[float | None, float]:
    """(share of equal decisions or None, relative error) of outputs (samples, n_out)."""
    scale = float(np.abs(exact).mean()) or 1.0
    error = float(np.abs(outputs - exact).mean()) / scale
    if plan.classes is None:
        return None, error
    return float((plan.decide(outputs) == plan.decide(exact)).mean()), error


def layer_report(
    name: str,
    theta: float,
    code: "RateCode",
    *,
    ann: np.ndarray,
    wanted: np.ndarray,
    said: np.ndarray,
    spikes: np.ndarray,
    operations: float,
) -> LayerReport:
    """Compare what a layer said with its input's best and the ANN's, (samples, *shape)."""
    limited = np.minimum(ann, code.highest)
    most = code.say(np.full(1, code.highest))[0]
    return LayerReport(
        name=name,
        units=int(np.prod(ann.shape[1:])),
        threshold=theta,
        clipped=float((ann > code.highest).mean()),
        clipping_error=float((ann - limited).mean()),
        quantisation_error=float(np.abs(code.say(limited) - limited).mean()),
        unevenness_error=float(np.abs(said - code.say(wanted)).mean()),
        total_error=float(np.abs(said - ann).mean()),
        dead=int((spikes.sum(axis=0) == 0).sum()),
        saturated=int((said.max(axis=0) >= most * (1 - 1e-9)).sum()),
        spikes=float(spikes.sum() / len(spikes)),
        operations=operations,
    )


class Operations:
    """Counts the synapses that spikes reach, per sample, layer by layer."""

    def __init__(self, plan: "Plan", network: Network) -> None:
        self.network = network
        self.of: dict[str, float] = {}  # projection to operations
        layers = {plan.input, *(layer.name for layer in plan.layers)}
        for p in network.projections.values():
            if p.pre.name not in layers:  # timers, which fire once
                self.of[p.name] = float(out_degrees(p).sum())

    def fired(self, layer: str, spikes: np.ndarray) -> None:
        """Note spikes of a layer, (samples, *shape)."""
        mean = spikes.reshape(len(spikes), -1).mean(axis=0)
        for p in self.network.projections.values():
            if p.pre.name == layer:
                self.of[p.name] = float(mean @ out_degrees(p))

    def into(self, layer: str) -> float:
        """Operations per sample on the way into a layer."""
        found = self.network.projections.values()
        return sum(self.of[p.name] for p in found if p.post.name == layer)

    def total(self) -> float:
        """Operations per sample."""
        return sum(self.of.values())


def out_degrees(projection: Projection) -> np.ndarray:
    """Synapses of each source neuron."""
    rule, pre, post = projection.rule, projection.pre, projection.post
    if isinstance(rule, Procedural):
        return rule.taps.counts()
    return rule.edges(projection.name, pre.n, post.n, np.uint64(0), pre is post).counts
