"""Which time constants has a chip? Decays by a mantissa of some bits, or by a shift."""

import numpy as np

from .chip import Quantise


def rounded_taus(tau: np.ndarray, dt: float, rules: Quantise) -> float | np.ndarray:
    """The time constants that the chip's decays stand for, nearest to ``tau`` [ms].

    A mantissa of b bits keeps (2^b - d) / 2^b of a state in a step, with d = rint(2^b (1 -
    exp(-dt / tau))), at least 1; a shift keeps 1 - 2^-k with k = rint(log2(tau / dt)), at
    least 1; analog circuits keep what they are set to.

    Examples
    --------
    >>> shift = Quantise(decay="shift")
    >>> k = 4                                       # 20 ms in steps of 1 ms: 2^4 is nearest
    >>> bool(np.isclose(rounded_taus(np.array(20.0), 1.0, shift), -1 / np.log(1 - 2.0**-k)))
    True
    """
    tau = np.asarray(tau, float)
    if rules.decay == "analog":
        found = tau
    elif rules.decay == "shift":
        k = np.maximum(1, np.rint(np.log2(tau / dt)))
        found = -dt / np.log1p(-(2.0**-k))
    else:
        one = 2.0**rules.decay_bits
        lost = np.clip(np.rint(-one * np.expm1(-dt / tau)), 1, one - 1)
        found = -dt / np.log1p(-lost / one)
    return float(found) if found.ndim == 0 else found
