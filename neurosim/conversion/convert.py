"""How does a trained ANN become a spiking network? `convert`: read, choose thresholds, build."""

import dataclasses
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .balance import balanced
from .build import build
from .codes import SignedCode
from .converted import Converted
from .correct import corrected_biases
from .first_spike import (
    FirstSpikeCode,
    build_first_spike,
    first_spike_input,
    with_margin,
)
from .methods import (
    FIRST_SPIKE,
    METHODS,
    NAMES,
    make_code,
    make_input,
    refuse_unused,
    threshold_rule,
)
from .plan import Plan
from .planning import make_plan
from .rates import biases_of, deepest
from .readers import read
from .report import measure, measure_first_spike
from .threshold import calibration_data, choose_thresholds, with_pools


def convert(
    model: Any,
    calibration: np.ndarray,
    *,
    method: str = "percentile",
    percentile: float = 99.9,
    threshold: str | None = None,
    per_channel: bool = False,
    steps: int | None = None,
    v0: float = 0.5,
    reset: str = "subtract",
    correct: bool | None = None,
    input: str = "direct",
    input_scale: float | np.ndarray = 1.0,
    window: float | None = None,
    hold: float | None = None,
    burst: int = 5,
    period: int = 8,
    bits: int | None = None,
    classes: np.ndarray | str | None = "auto",
    seed: int = 0,
) -> Converted:
    """Convert a trained ANN of ReLU layers into a network of spiking neurons.

    With thresholds theta_l from the calibration data, a spike of layer l stands for
    theta_l / T of the ANN's activation, so over T steps, for rates,

        count_l / T  ~  min(relu(W_l a_(l-1) + b_l) / theta_l, 1 - hold)
        v(0) = v0 - hold T,   constant current  b_l / theta_l + hold

    and a read-out adds up in its membrane potential and never fires: no rounding there. What
    other methods send is told in :mod:`neurosim.conversion.codes`.

    ================  =====================================================================
    method            spikes of a layer
    ================  =====================================================================
    ``percentile``    counts; thresholds by ``percentile`` (Rueckauer 2017; with v0 = 1/2
                      Bu 2022)
    ``max``           the same by the largest activation (Diehl 2015 with ``reset="zero",
                      v0=0``)
    ``mse``           the same with the least squared error of what can be said
    ``calibrated``    ``mse``, and biases corrected by what the spikes say too little or too
                      much (Li 2021, light)
    ``qcfs``          counts; thresholds that were trained with a quantised activation
                      (Bu 2022)
    ``signed``        counts that can be taken back, by spikes of -1
    ``burst``         up to ``burst`` spikes in a step (Li & Zeng 2022)
    ``phase``         binary fractions in periods of ``period`` steps (Kim 2018)
    ``few-spike``     ``steps`` bits, layer after layer (Stoeckl & Maass 2021)
    ``quantised``     signed counts of T = 2^bits - 1 steps, for activations of ``bits`` bits
    ``first-spike``   one spike at most, exact, in continuous time (Stanojevic 2022)
    ================  =====================================================================

    Parameters
    ----------
    model : torch.nn.Module, path of an ONNX file, scikit-learn MLP or Pipeline, LayerGraph, Plan
        trained. See :mod:`neurosim.conversion.readers` for what is read.
    calibration : array (samples, *shape)
        inputs as the ANN takes them; some hundred are enough.
    method : str
    percentile : float
        in (0, 100].
    threshold : {"percentile", "max", "mse", "trained"}, optional
        rule for the thresholds; default that of the method.
    per_channel : bool
        give every channel a threshold of its own, by the same percentile (or the largest):
        worth it for few steps. The layers of ``plan`` are then in units of these.
    steps : int, optional
        T, up to 65 536. More steps: finer, slower, more spikes. Default 32; 8 for
        ``few-spike``.
    v0 : float
        potential at the beginning, in units of the smallest thing that can be said; 1/2 rounds
        to the nearest, 0 down.
    reset : {"subtract", "zero"}
        for counts of 0 and 1.
    correct : bool, optional
        correct biases? Default for ``calibrated`` only.
    input : {"direct", "rate", "events"}
        ``"direct"``: a sample is what the ANN takes; constant currents, set by one graded spike
        of each input in step 0.
        ``"rate"``: the same as evenly spaced spikes, the largest calibration value in every step.
        ``"events"``: a sample is a stream of sensor events, each one an input spike.
    input_scale : float or array of the input's shape
        with events: the ANN saw ``input_scale`` times the event counts.
    window : float
        with events: length of a sample, in the unit of its times; default ``steps``.
    hold : float, optional
        in [0, 1); by default 0; for events, unless neurons are signed, 0.5 with one hidden layer
        and 0.2 with more. It keeps neurons from firing on early input that later input takes back
        (a spike cannot be taken back), which is most of the error with sensor events. Costs
        resolution: rates above ``1 - hold`` spikes per step cannot be said, so thresholds grow
        accordingly; and what is held back comes late for the next layer.
    burst, period, bits : int
        see the table; for these methods only.
    classes : array, None or "auto"
        labels by output, of models that do not say them; None: the outputs are values.
    seed : int
        of the network; the conversion itself draws nothing.

    Returns
    -------
    Converted

    Raises
    ------
    ParameterError
        A model, an option, or calibration data that cannot be used; the message says
        which and what to do.
    UnsupportedOperations
        Operations that cannot become spikes, all of them at once.
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
    checks.choice("convert", "method", method, NAMES)
    v0 = checks.number("convert", "v0", v0, low=0.0, high=1.0)
    percentile = checks.number("convert", "percentile", percentile, above=0.0, high=100.0)
    x = checks.array("convert", "calibration", calibration)
    plan = _plan(model, x, classes)
    x = calibration_data(plan, x)
    refuse_unused(method, input, burst=burst, period=period, window=window, input_scale=input_scale)
    if method == FIRST_SPIKE:
        given = {"threshold": threshold, "steps": steps, "correct": correct, "bits": bits}
        given |= {"per_channel": per_channel or None, "hold": hold}
        given |= {"v0": None if v0 == 0.5 else v0, "reset": None if reset == "subtract" else reset}
        return _first_spike(plan, x, input, percentile, given, seed)
    hold = _default_hold(method, plan, input) if hold is None else _hold(hold)
    code = make_code(
        method, plan, steps=steps, v0=v0, reset=reset, hold=hold, burst=burst, period=period,
        bits=bits,
    )  # fmt: skip
    how = make_input(input, plan, code, x, method=method, scale=input_scale, window=window)
    rule = threshold_rule(method, plan, threshold)
    if per_channel:
        plan = balanced(plan, x, 100.0 if rule == "max" else percentile)
        how = dataclasses.replace(how, plan=plan)
    thresholds = choose_thresholds(plan, x, rule=rule, percentile=percentile, code=code)
    thresholds = with_pools(plan, thresholds)
    some = x[: _report_samples(plan, code.last(deepest(plan)))]
    biases = biases_of(plan)
    if METHODS[method].corrects if correct is None else correct:
        biases = corrected_biases(plan, code, thresholds, how, some)
    network = build(plan, code, how, thresholds=thresholds, biases=biases, seed=seed)
    report = measure(
        plan, code, how, network, thresholds=thresholds, biases=biases, x=some, method=method,
        percentile=percentile, note=_NOTES[input],
    )  # fmt: skip
    return Converted(
        network=network,
        plan=plan,
        report=report,
        thresholds=thresholds,
        biases=biases,
        input=how,
        code=code,
        duration=code.last(deepest(plan)) + 1,
    )


def _first_spike(
    plan: Plan, x: np.ndarray, kind: str, percentile: float, given: dict[str, Any], seed: int
) -> Converted:
    for name, value in given.items():
        if value is not None:
            raise ParameterError(
                f"convert.{name} must be left out for method='first-spike', got {value!r}"
            )
    checks.choice("convert", "input", kind, ("direct",))
    code, how = FirstSpikeCode(depth=deepest(plan)), first_spike_input(plan, x)
    largest = choose_thresholds(plan, x, rule="max", percentile=percentile, code=code)
    thresholds = with_pools(plan, with_margin(plan, largest))
    network = build_first_spike(plan, how, thresholds=thresholds, seed=seed)
    report = measure_first_spike(
        plan, code, network, thresholds=thresholds, x=x[: _report_samples(plan, 1)],
        method="first-spike", percentile=percentile,
    )  # fmt: skip
    return Converted(
        network=network, plan=plan, report=report, thresholds=thresholds,
        biases=biases_of(plan), input=how, code=code, duration=code.end + 1.0,
    )  # fmt: skip


_NOTES = {
    "direct": "as constant currents",
    "rate": "rate-coded",
    "events": "events spread evenly over the window",
}
_REPORT_SAMPLES = 128  # enough for the means in the report, and a fraction of a second
_REPORT_VALUES = 30_000_000  # spikes of the widest layer that are kept for it, as bytes


def _report_samples(plan: Plan, last: int) -> int:
    """Calibration samples that the report looks at: fewer of wide layers and many steps."""
    widest = max(layer.n for layer in plan.layers)
    fewest = 1 if widest * last > _REPORT_VALUES else 8
    return int(np.clip(_REPORT_VALUES // (widest * (last + 1)), fewest, _REPORT_SAMPLES))


def _plan(model: Any, x: np.ndarray, classes: Any) -> Plan:
    if isinstance(model, Plan):
        return model
    return make_plan(read(model, x.shape[1:] or None, classes=classes))


def _default_hold(method: str, plan: Plan, kind: str) -> float:
    """How much to hold back; benchmarks/early_input.py measures it."""
    if kind != "events" or METHODS[method].code is SignedCode:
        return 0.0
    return 0.5 if deepest(plan) == 1 else 0.2


def _hold(hold: float) -> float:
    hold = checks.number("convert", "hold", hold, low=0.0)
    if hold >= 1.0:
        raise ParameterError(f"convert.hold must be >= 0 and < 1, got {hold!r}; try 0.2")
    return hold
