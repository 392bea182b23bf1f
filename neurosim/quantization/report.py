"""What did quantisation change? Relative errors and clipped counts, part by part."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Fit:
    """How well integers stand for one kind of number.

    Attributes
    ----------
    max_error, mean_error : float       relative, over the numbers that are not zero
    n_clipped : int                     numbers that met the end of their range
    n_zeroed : int                      numbers that became zero
    n : int
    """

    max_error: float
    mean_error: float
    n_clipped: int
    n_zeroed: int
    n: int


def fit(wanted: np.ndarray, got: np.ndarray, n_clipped: int = 0) -> Fit:
    """Compare what was wanted with what the integers stand for.

    >>> fit([2.0, 0.0, -4.0], [2.0, 0.0, -3.0])
    Fit(max_error=0.25, mean_error=0.125, n_clipped=0, n_zeroed=0, n=3)
    """
    wanted, got = np.broadcast_arrays(np.ravel(wanted), np.ravel(got))
    some = wanted != 0
    error = np.abs(got[some] - wanted[some]) / np.abs(wanted[some])
    largest, mean = (float(error.max()), float(error.mean())) if error.size else (0.0, 0.0)
    return Fit(largest, mean, int(n_clipped), int((got[some] == 0).sum()), wanted.size)


@dataclass(frozen=True, slots=True)
class PopulationReport:
    """One population on the integer grid.

    Attributes
    ----------
    scale : float               units of v per mV (or per unit of the float network)
    weight_exp : int            exponent of the unit of its weights
    fits : dict of str to Fit   "tau_m", "tau_syn" (unless delta), "v_th", "bias"
    """

    scale: float
    weight_exp: int
    fits: dict[str, Fit]


@dataclass(frozen=True, slots=True)
class ProjectionReport:
    """One projection on the integer grid.

    Attributes
    ----------
    weight_exp : int            exponent that its mantissas share
    weight : Fit
    max_delay_error : float     [ms], or [steps]; the step that stands for a synaptic
                                current's own lag is not an error
    """

    weight_exp: int
    weight: Fit
    max_delay_error: float


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """What became of every population and projection; ``print`` shows a table.

    Attributes
    ----------
    dt : float                  length of a step [ms], or 1
    weight_bits, state_bits : int
    populations : dict of str to PopulationReport
    projections : dict of str to ProjectionReport
    """

    dt: float
    weight_bits: int
    state_bits: int
    populations: dict[str, PopulationReport]
    projections: dict[str, ProjectionReport]

    @property
    def n_clipped(self) -> int:
        """Numbers that met the end of their range, in all."""
        fits = [f for p in self.populations.values() for f in p.fits.values()]
        return sum(f.n_clipped for f in [*fits, *(p.weight for p in self.projections.values())])

    def __str__(self) -> str:
        head = f"{'':<28} {'max error':>10} {'mean error':>10} {'clipped':>8} {'zeroed':>8}"
        lines = [f"step {self.dt:g}, weights {self.weight_bits} bits", head]
        rows = [(f"{n}.{k}", f) for n, p in self.populations.items() for k, f in p.fits.items()]
        rows += [(f"{name}.weight", p.weight) for name, p in self.projections.items()]
        lines += [
            f"{name:<28} {f.max_error:>10.2%} {f.mean_error:>10.2%} "
            f"{f.n_clipped:>8} {f.n_zeroed:>8}"
            for name, f in rows
        ]
        return "\n".join(lines)
