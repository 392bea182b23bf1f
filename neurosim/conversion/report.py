"""Where does the accuracy go? Errors of a conversion, layer by layer."""

from dataclasses import dataclass

import numpy as np

from .chain import Dense, LayerGraph
from .rates import quantised, spike_counts


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
        mean absolute error from limiting activations to the largest rate; from
        rounding them to multiples of 1/T; and from spikes that arrive unevenly, so
        that the count differs from the best one for the input that really came.
    total_error : float
        mean absolute difference to the ANN's activation, errors of the layers before
        included (errors may cancel, so this is not the sum of the others).
    dead, saturated : int
        units that never fire, and units that reach the largest rate in some sample.
    spikes : float
        mean number of spikes per sample.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionReport:
    """What :func:`neurosim.convert` did; ``print`` it for a table.

    Attributes
    ----------
    source : str
    method : str
    percentile : float
    steps : int
    samples : int
        calibration samples that the errors are measured on.
    layers : tuple of LayerReport
    agreement : float or None
        fraction of those samples with the ANN's decision; None for regression.
    output_error : float
        mean absolute difference of the outputs, over the ANN's mean absolute output.
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
            ]
            for layer in self.layers
        ]
        return columns, rows

    def __str__(self) -> str:
        columns, rows = self.rows()
        cells = [columns, *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
        lines = [
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in cells
        ]
        how = f"{self.method} {self.percentile:g}" if self.method == "percentile" else self.method
        head = (
            f"{self.source} -> {len(self.layers)} spiking layer(s), {how}, T = {self.steps}; "
            f"{self.samples} calibration samples, {self.note}"
        )
        same = "" if self.agreement is None else f"; same decision: {100 * self.agreement:.1f} %"
        tail = (
            "errors: mean absolute, in thresholds; "
            f"relative error of the outputs: {100 * self.output_error:.2f} %{same}"
        )
        return "\n".join([head, *lines, tail])


def measure(
    graph: LayerGraph,
    layers: tuple[Dense, ...],
    thresholds: tuple[float, ...],
    x: np.ndarray,
    spikes: np.ndarray,
    *,
    hold: float,
    method: str,
    percentile: float,
    note: str,
) -> ConversionReport:
    """Run the layers on calibration samples and take their errors apart.

    Parameters
    ----------
    graph : LayerGraph
        the ANN.
    layers : tuple of Dense
        the same, normalised, as built into the network.
    thresholds : tuple of float
    x : float64[samples, n_in]
        inputs of the ANN.
    spikes : float64[steps, samples, sources]
        the same inputs as spikes.
    """
    steps = len(spikes)
    counts, total = spike_counts(layers, spikes, hold=hold)
    activations = graph.activations(x)
    before = spikes.sum(axis=0) / steps
    reports = []
    for k, theta in enumerate(thresholds):
        wanted = layers[k](before)  # what the layer should say, given what really came
        rate = counts[k] / steps
        ann = activations[k] / theta
        limits = (steps, 1.0 - hold)
        reports.append(_layer_report(layers[k].name, theta, ann, wanted, counts[k], limits))
        before = rate
    outputs = total / steps
    exact = activations[-1]
    scale = float(np.abs(exact).mean()) or 1.0
    agreement = None
    if graph.classes is not None:
        agreement = float((graph.decide(outputs) == graph.decide(exact)).mean())
    return ConversionReport(
        source=graph.source,
        method=method,
        percentile=percentile,
        steps=steps,
        samples=len(x),
        layers=tuple(reports),
        agreement=agreement,
        output_error=float(np.abs(outputs - exact).mean()) / scale,
        note=note,
    )


def _layer_report(
    name: str,
    theta: float,
    ann: np.ndarray,
    wanted: np.ndarray,
    counts: np.ndarray,
    limits: tuple[int, float],
) -> LayerReport:
    """Compare activations ``ann``, best rates ``wanted`` and ``counts``; all per unit."""
    steps, highest = limits
    rate = counts / steps
    limited = np.minimum(ann, highest)
    best = quantised(wanted, steps, highest)
    return LayerReport(
        name=name,
        units=ann.shape[1],
        threshold=theta,
        clipped=float((ann > highest).mean()),
        clipping_error=float((ann - limited).mean()),
        quantisation_error=float(np.abs(quantised(limited, steps, highest) - limited).mean()),
        unevenness_error=float(np.abs(rate - best).mean()),
        total_error=float(np.abs(rate - ann).mean()),
        dead=int((counts.sum(axis=0) == 0).sum()),
        saturated=int((counts.max(axis=0) >= np.floor(highest * steps)).sum()),
        spikes=float(counts.sum(axis=1).mean()),
    )
