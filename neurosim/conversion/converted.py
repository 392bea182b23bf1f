"""How does a trained ANN become a spiking network? `convert` and what it returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..network import Network
from .build import build, first_layer
from .chain import LayerGraph, fold_linear, read_sklearn
from .inputs import EventInput, RateInput, SpikeArrays
from .report import ConversionReport, measure
from .threshold import calibration_data, choose_thresholds, normalise

READ_OUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Converted:
    """A spiking network made from an ANN, and how to talk to it.

    Attributes
    ----------
    network : Network
        ordinary, ``time="steps"``: populations ``"input"``, ``"hidden1"`` ..., ``"output"``.
    graph : LayerGraph
        the ANN, linear layers folded.
    report : ConversionReport
    thresholds : tuple of float
        per spiking layer, in the units of the ANN's activations.
    input : RateInput or EventInput
    steps : int
        T, the steps in which input comes and biases act.
    """

    network: Network
    graph: LayerGraph
    report: ConversionReport
    thresholds: tuple[float, ...]
    input: RateInput | EventInput
    steps: int

    @property
    def duration(self) -> int:
        """Steps of a run: the initial state is step 0, then T steps."""
        return self.steps + 1

    def encode(self, sample: Any) -> SpikeArrays:
        """Return the input spikes of a sample: (times in steps, ids).

        ``neurosim.simulate`` and ``Simulator.run`` take them as
        ``inputs={"input": converted.encode(sample)}``, with ``converted.duration``.
        """
        return self.input.encode(sample)

    def outputs(self, result: Any) -> np.ndarray:
        """Return the ANN's outputs as the spiking network has them, float64[n_out].

        The read-out adds T times the output into its potential, so this is
        ``v[output] / T`` at the end of a run with ``record={"output": ["v"], ...}``.
        """
        return result.traces[READ_OUT]["v"].values[-1].astype(np.float64) / self.steps

    def predict(self, samples: Any, *, progress: bool | str = "auto") -> np.ndarray:
        """Return the class of each sample, or its value for regression, as the ANN does."""
        from .evaluate import runs  # which knows this class

        found = [self.outputs(result) for result in runs(self, samples, progress=progress)]
        return self.graph.decide(np.reshape(found, (len(found), self.graph.n_out)))

    def __repr__(self) -> str:
        sizes = "-".join(str(population.n) for population in self.network.populations.values())
        kind = "rates" if isinstance(self.input, RateInput) else "events"
        return f"Converted({self.graph.source}, {sizes}, T={self.steps}, input as {kind})"


def convert(
    model: Any,
    calibration: np.ndarray,
    *,
    method: str = "percentile",
    percentile: float = 99.9,
    steps: int = 32,
    input: str = "rate",
    input_scale: float | np.ndarray = 1.0,
    window: float | None = None,
    hold: float | None = None,
    seed: int = 0,
) -> Converted:
    """Convert a trained scikit-learn MLP into a network of integrate-and-fire neurons.

    With thresholds theta_l from the calibration data, a spike of layer l stands for
    theta_l / T of the ANN's activation, so over T steps

        count_l / T  ~  min(relu(W_l a_(l-1) + b_l) / theta_l, 1 - hold)
        v(0) = 1/2 - hold T,   constant current  b_l / theta_l + hold

    Reset by subtraction, and a read-out that adds up in its membrane potential and never
    fires: no rounding there. The sum of what a neuron receives does not depend on
    ``hold``; it only keeps neurons from firing on early input that later input takes
    back (a spike cannot be taken back), which is most of the error with sensor events.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, or a Pipeline
        fitted, hidden activation ``relu`` (``identity`` layers are folded away). A
        pipeline may have StandardScaler, MinMaxScaler or MaxAbsScaler before the MLP;
        they are folded into the first layer.
    calibration : array (samples, n_in)
        inputs as ``model.predict`` takes them; some hundred are enough.
    method : {"percentile", "max"}
        threshold of a layer: that percentile of its positive activations, or the largest.
    percentile : float
        in (0, 100].
    steps : int
        T. More steps: finer, slower, more spikes.
    input : {"rate", "events"}
        ``"rate"``: a sample is what ``model.predict`` takes; an input fires evenly spaced
        spikes, the largest calibration value in every step.
        ``"events"``: a sample is a stream of sensor events, each one an input spike.
    input_scale : float or array (n_in,)
        with events: the ANN saw ``input_scale`` times the event counts.
    window : float
        with events: length of a sample, in the unit of its times; default ``steps``.
    hold : float
        in [0, 1); by default 0 for rates and 0.5 for events. Costs resolution: rates
        above ``1 - hold`` spikes per step cannot be said, so thresholds grow accordingly.
    seed : int
        of the network; the conversion itself draws nothing.

    Returns
    -------
    Converted

    Raises
    ------
    ParameterError
        A model, activation, or calibration data that cannot be used; the message says
        which and what to do.
    NothingConverted
        The model has no ReLU layer.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
    >>> ann = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(x, [0, 1, 0, 1])
    >>> snn = convert(ann, calibration=x, steps=16)
    >>> [population.name for population in snn.network.populations.values()]
    ['input', 'hidden1', 'output']
    >>> snn.report.agreement
    1.0
    """
    checks.choice("convert", "input", input, ("rate", "events"))
    steps = checks.integer("convert", "steps", steps, low=1)
    hold = _hold(hold, input)
    graph = fold_linear(read_sklearn(model))
    x = calibration_data(graph, calibration)
    largest = choose_thresholds(graph, x, method=method, percentile=percentile)
    thresholds = tuple(theta / (1.0 - hold) for theta in largest)
    if input == "rate":
        how, gain = _rate_input(x, steps), None
        unit = how.unit
    else:
        how = _event_input(graph, steps, window)
        gain = _event_gain(input_scale, graph.n_in, steps)
        unit = 1.0
    layers = normalise(graph, thresholds, unit)
    signed = isinstance(how, RateInput) and how.signed
    layers = (first_layer(layers[0], 1.0 if gain is None else gain, signed=signed), *layers[1:])
    report = measure(
        graph,
        layers,
        thresholds,
        x[:_REPORT_SAMPLES],
        _calibration_spikes(x[:_REPORT_SAMPLES], how, gain),
        hold=hold,
        method=method,
        percentile=float(percentile),
        note="rate-coded" if gain is None else "events spread evenly over the window",
    )
    return Converted(
        network=build(layers, sources=how.sources, steps=steps, hold=hold, seed=seed),
        graph=graph,
        report=report,
        thresholds=thresholds,
        input=how,
        steps=steps,
    )


def _hold(hold: float | None, kind: str) -> float:
    if hold is None:
        return 0.5 if kind == "events" else 0.0
    hold = checks.number("convert", "hold", hold, low=0.0)
    if hold >= 1.0:
        raise ParameterError(f"convert.hold must be >= 0 and < 1, got {hold!r}; try 0.5")
    return hold


_REPORT_SAMPLES = 128  # enough for the means in the report, and a fraction of a second


def _rate_input(x: np.ndarray, steps: int) -> RateInput:
    unit = float(np.abs(x).max()) or 1.0
    return RateInput(n=x.shape[1], steps=steps, unit=unit, signed=bool((x < 0).any()))


def _event_input(graph: LayerGraph, steps: int, window: float | None) -> EventInput:
    length = steps if window is None else window
    length = checks.number("convert", "window", length, above=0.0)
    return EventInput(n=graph.n_in, steps=steps, window=length)


def _event_gain(scale: float | np.ndarray, n_in: int, steps: int) -> np.ndarray:
    """Return what one event adds to the ANN's input, times T, since counts are not rates."""
    scale = checks.array("convert", "input_scale", scale, above=0.0)
    if scale.ndim:
        scale = checks.array("convert", "input_scale", scale, shape=(n_in,))
    return steps * np.broadcast_to(scale, (n_in,))


def _calibration_spikes(
    x: np.ndarray, how: RateInput | EventInput, gain: np.ndarray | None
) -> np.ndarray:
    """Return calibration inputs as spikes, float64[steps, samples, sources]."""
    if isinstance(how, RateInput):
        total = np.stack([how.counts(sample) for sample in x], axis=1)
    else:
        counts = x * how.steps / gain  # events per sample; x need not be whole counts
        ramp = np.arange(how.steps + 1)[:, np.newaxis, np.newaxis] / how.steps
        total = np.floor(counts * ramp + 0.5)
    return np.diff(total, axis=0).astype(np.float64)
