"""How does a pixel's photoreceptor smooth the light? A first-order low-pass, exactly.

With the input L(t) linear between two images and tau = 1 / (2 pi f),

    tau dy/dt = L - y,   y(t) = L(t) - s tau + (y(0) - L(0) + s tau) exp(-t / tau)

for the slope s. Between images y is bent, so each interval is cut into parts of at most
tau / 8 or so, at whose ends y is exact; between them it is taken as linear, which is off by
less than 0.2 % of how far y is from L.
"""

import math
from itertools import pairwise

import numpy as np

from neurosim.errors import ParameterError

from .inputs import MAX_PIXELS

_PARTS = 8  # per time constant
_SETTLED = 8.0  # time constants after which y follows L with a constant lag


def low_pass(
    logs: np.ndarray, times: np.ndarray, cutoff_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed intensities, and the times at which they are given.

    Parameters
    ----------
    logs : float64 (n, T)
        Log intensity of each pixel at each image.
    times : float64 (T,)
        [us], ascending.
    cutoff_hz : float
        Where the response has fallen to 1 / sqrt 2 [Hz].

    Returns
    -------
    (n, T'), (T',)
        The images' own times are among the new ones.
    """
    tau = 1e6 / (2 * math.pi * cutoff_hz)
    moments = np.unique(np.concatenate([_parts(a, b, tau) for a, b in pairwise(times)]))
    if len(moments) * len(logs) > MAX_PIXELS:
        raise ParameterError(
            f"CameraModel.bandwidth must leave at most {MAX_PIXELS:,} values, got {len(logs):,} "
            f"pixels at {len(moments):,} moments; feed shorter sequences"
        )
    driven = np.empty((len(moments), len(logs)))
    for k, log in enumerate(logs):
        driven[:, k] = np.interp(moments, times, log)
    out = np.empty_like(driven)
    out[0] = driven[0]
    for k, dt in enumerate(np.diff(moments)):
        lag = (driven[k + 1] - driven[k]) / dt * tau
        out[k + 1] = driven[k + 1] - lag + (out[k] - driven[k] + lag) * math.exp(-dt / tau)
    return np.ascontiguousarray(out.T), moments


def _parts(start: float, stop: float, tau: float) -> np.ndarray:
    """Moments from start to stop, dense while y still bends."""
    bent = min(stop, start + _SETTLED * tau)
    n = max(1, math.ceil((bent - start) / tau * _PARTS))
    return np.append(np.linspace(start, bent, n + 1), stop)
