"""Which methods of conversion are there? Each is a code, a rule for thresholds, and numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .codes import BurstCode, FewSpikeCode, PhaseCode, RateCode, SignedCode
from .inputs import DirectInput, EventInput, Input, RateInput

if TYPE_CHECKING:
    from .plan import Plan

FIRST_SPIKE = "first-spike"
MOST_STEPS = 65_536  # a count of so many says 5 digits, more than float32 weights deserve


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a name stands for.

    Attributes
    ----------
    code : type
    threshold : str         see :func:`~.threshold.choose_thresholds`
    corrects : bool         are biases corrected from calibration samples?
    steps : int             T by default
    """

    code: type = RateCode
    threshold: str = "percentile"
    corrects: bool = False
    steps: int = 32


METHODS = {
    "percentile": Method(),
    "max": Method(threshold="max"),
    "mse": Method(threshold="mse"),
    "calibrated": Method(threshold="mse", corrects=True),
    "qcfs": Method(threshold="trained"),
    "signed": Method(code=SignedCode),
    "burst": Method(code=BurstCode),
    "phase": Method(code=PhaseCode, threshold="max"),
    "few-spike": Method(code=FewSpikeCode, threshold="max", steps=8),
    "quantised": Method(code=SignedCode, threshold="mse", steps=15),
}
NAMES = (*METHODS, FIRST_SPIKE)


def refuse_unused(method: str, kind: str, **given: Any) -> None:
    """Refuse options that would change nothing: those of another method, or of events.

    Raises
    ------
    ParameterError
    """
    for name, (plain, where, used) in {
        "burst": (5, "method='burst'", method == "burst"),
        "period": (8, "method='phase'", method == "phase"),
        "window": (None, "input='events'", kind == "events"),
        "input_scale": (1.0, "input='events'", kind == "events"),
    }.items():
        if not used and not np.array_equal(given[name], plain):
            raise ParameterError(
                f"convert.{name} must be left out unless {where}, got {given[name]!r}"
            )


def make_code(
    method: str,
    plan: "Plan",
    *,
    steps: int | None,
    v0: float,
    reset: str,
    hold: float,
    burst: int,
    period: int,
    bits: int | None,
) -> RateCode:
    """Return the code of a method, with its options checked.

    Raises
    ------
    ParameterError
        An option that the method has not, or that is out of bounds.
    """
    known = METHODS[method]
    steps = _steps(method, plan, steps, bits)
    given: dict[str, Any] = {"steps": steps, "v0": v0, "hold": hold}
    if known.code is RateCode:
        given["reset"] = checks.choice("convert", "reset", reset, ("subtract", "zero"))
    elif reset != "subtract":
        raise ParameterError(
            f"convert.reset must be 'subtract' for method={method!r}, got {reset!r}; take "
            "method='percentile' or 'max'"
        )
    if known.code is BurstCode:
        given["most"] = checks.integer("convert", "burst", burst, low=1, high=100)
    if known.code is PhaseCode:
        given["period"] = checks.integer("convert", "period", period, low=1, high=20)
        if steps % period:
            raise ParameterError(
                f"convert.steps must be a multiple of the period, {period}, for method='phase', "
                f"got {steps}"
            )
    if known.code is FewSpikeCode and steps > 20:
        raise ParameterError(
            f"convert.steps must be <= 20 for method='few-spike', where it is bits, got {steps}"
        )
    if hold and known.code in (PhaseCode, FewSpikeCode):
        raise ParameterError(f"convert.hold must be 0 for method={method!r}, got {hold!r}")
    return known.code(**given)


def _steps(method: str, plan: "Plan", steps: int | None, bits: int | None) -> int:
    """T as it was given, or as the method has it; that of a quantised ANN is its levels."""
    if method != "quantised":
        if bits is not None:
            raise ParameterError(
                f"convert.bits must be left out unless method='quantised', got {bits!r}"
            )
        steps = METHODS[method].steps if steps is None else steps
        return checks.integer("convert", "steps", steps, low=1, high=MOST_STEPS)
    trained = {layer.levels for layer in plan.spiking} - {None}
    if bits is not None:
        levels = 2 ** checks.integer("convert", "bits", bits, low=1, high=12) - 1
    else:
        levels = max(trained, default=METHODS[method].steps)
    if trained - {levels}:
        raise ParameterError(
            f"convert.bits must say the {sorted(trained)} levels that {plan.source} was trained "
            f"with, got {levels} levels; leave it out, or take method='qcfs'"
        )
    if steps not in (None, levels):
        raise ParameterError(
            f"convert.steps must be left out for method='quantised', which takes {levels}, got "
            f"{steps}"
        )
    return levels


def threshold_rule(method: str, plan: "Plan", threshold: str | None) -> str:
    """The rule for thresholds: as given, or that of the method."""
    if threshold is not None:
        return threshold
    trained = method == "quantised" and all(layer.levels for layer in plan.spiking)
    return "trained" if trained else METHODS[method].threshold


def make_input(
    kind: str,
    plan: "Plan",
    code: RateCode,
    x: np.ndarray,
    *,
    method: str,
    scale: float | np.ndarray,
    window: float | None,
) -> Input:
    """Return the way in which samples come, checked.

    Raises
    ------
    ParameterError
    """
    checks.choice("convert", "input", kind, ("direct", "rate", "events"))
    if kind not in code.inputs:
        raise ParameterError(
            f"convert.input must be one of {', '.join(map(repr, code.inputs))} for "
            f"method={method!r}, got {kind!r}"
        )
    if kind == "direct":
        return DirectInput(plan=plan)
    if kind == "rate":
        unit = float(np.abs(x).max()) or 1.0
        return RateInput(plan=plan, steps=code.steps, unit=unit, signed=bool((x < 0).any()))
    length = code.steps if window is None else window
    length = checks.number("convert", "window", length, above=0.0)
    scale = checks.array("convert", "input_scale", scale, above=0.0)
    if scale.ndim:
        scale = checks.array("convert", "input_scale", scale, shape=plan.input_shape)
        scale = plan.arrange(scale[np.newaxis]).ravel()
    return EventInput(
        plan=plan, steps=code.steps, window=length, scale=scale if scale.ndim else float(scale)
    )
