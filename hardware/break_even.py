"""How rarely must neurons fire to cost less than the ANN twin? The break-even spike rate.

An estimate is split into what follows the spikes (operations, messages, routes, and what an
active neuron costs more than an idle one) and what does not (leakage, updates, the barrier).
If all rates were scaled by ``s``, the energy would be ``E_rest + s E_spikes``, so it meets
that of the twin at ``s = (E_twin - E_rest) / E_spikes``.
"""

from dataclasses import dataclass

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError

from .counts import Census
from .energy import Estimate
from .twins import bits_of_counts

# Costs that do not follow the spikes, whatever their count.
_REST = ("energy.neuron_idle", "energy.neuron_active", "energy.state_access", "energy.sync")


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The rate at which a run would cost what a twin costs.

    Attributes
    ----------
    against : str               the baseline
    rate : float                spikes per neuron (or source) and step; at most 0 where the run
                                costs more than the twin even in silence
    measured : float            of this run
    """

    against: str
    rate: float
    measured: float

    def __str__(self) -> str:
        if self.rate <= 0:
            return f"dearer than {self.against} at any rate (this run: {self.measured:.2%})"
        return (
            f"meets {self.against} at {self.rate:.2%} of the steps with a spike "
            f"(this run: {self.measured:.2%})"
        )


def spike_rate(census: Census) -> float:
    """Spikes per neuron or source and step."""
    pairs = sum(p.n for p in census.populations.values()) * census.n_steps
    return (census.spikes + census.source_spikes) / pairs if pairs else 0.0


def break_even(census: Census, estimate: Estimate, twin: Estimate) -> BreakEven | None:
    """The break-even rate of a run against a twin; None where nothing follows its spikes."""
    with_spikes = sum(
        term.energy_j
        for term in estimate.terms
        if term.category != "static" and term.path not in _REST
    )
    prices = {term.path: term.constant.value for term in estimate.terms}
    more = prices.get("energy.neuron_active", 0.0) - prices.get("energy.neuron_idle", 0.0)
    with_spikes += max(0.0, more) * census.active
    rate = spike_rate(census)
    if with_spikes <= 0 or rate == 0 or twin.energy_j.nominal <= 0:
        return None
    rest = estimate.energy_j.nominal - with_spikes
    return BreakEven(twin.chip, rate * (twin.energy_j.nominal - rest) / with_spikes, rate)


def step_break_even(
    steps: int,
    fan_in: float,
    *,
    bits: int | None = None,
    bit_density: float = 0.5,
    e_ac: float = 0.9e-12,
    e_mem: float = 3.12e-12,
    memory: bool = True,
    operands: bool = False,
) -> float:
    """The break-even rate of the STEP-style model, in spikes per neuron and step.

    With N operations, F = ``fan_in`` of them per neuron, T ``steps`` and B ``bits`` of which
    the share R_b is set::

        E_snn = T R_s N E_ac + T (N / F) 2 E_mem     [+ T R_s N E_mem]
        E_qnn = B R_b N E_ac                          [+ N E_mem]
        R_s   = (B R_b E_ac - 2 T E_mem / F [+ E_mem]) / (T (E_ac [+ E_mem]))

    Parameters
    ----------
    steps : int
    fan_in : float              synapses per neuron
    bits : int, optional        default ceil(log2(T + 1)), the bits of a count of T steps
    bit_density : float         R_b, 0 < R_b <= 1
    e_ac, e_mem : float         [J]
    memory : bool               membranes are read and written in every step
    operands : bool             a weight is read for each operation: the terms in brackets

    Returns
    -------
    float                       below 0 where the spiking network costs more even in silence

    Examples
    --------
    >>> round(step_break_even(5, 1152, bit_density=0.1, memory=False), 4)
    0.06
    >>> round(step_break_even(5, 2304, bit_density=0.1), 4)
    0.057
    """
    bits = bits_of_counts(steps) if bits is None else bits
    gain = bits * bit_density * e_ac
    if memory:
        gain -= 2 * steps * e_mem / fan_in
    if operands:
        gain += e_mem
    return gain / (steps * (e_ac + (e_mem if operands else 0.0)))


def bit_density(counts: np.ndarray, steps: int) -> float:
    """The share of set bits in spike counts, R_b of the bit-serial twin of the same values.

    A rate of T steps and a number of ceil(log2(T + 1)) bits stand for the same values (Yan et
    al., arXiv 2409.08290). As no number has more set bits than its value, T R_s >= B R_b: in
    additions alone such a twin is never dearer, whatever the rate.

    Parameters
    ----------
    counts : array of int       spikes of each neuron in ``steps`` steps, 0 ... steps
    steps : int

    Raises
    ------
    ParameterError
        A count is no whole number of 0 to ``steps``.

    Examples
    --------
    >>> bit_density(np.array([0, 1, 4, 5]), 5)      # 000, 001, 100, 101
    0.3333333333333333
    """
    steps = checks.integer("bit_density", "steps", steps, low=1)
    found = checks.array("bit_density", "counts", counts)
    whole = found.astype(np.int64)
    if not found.size or (whole != found).any() or whole.min() < 0 or whole.max() > steps:
        raise ParameterError(
            f"bit_density.counts must be whole numbers from 0 to the {steps} steps, got "
            f"{found.size} from {found.min(initial=0):g} to {found.max(initial=0):g}"
        )
    n = bits_of_counts(steps)
    return float(np.mean([(whole >> k) & 1 for k in range(n)]))
