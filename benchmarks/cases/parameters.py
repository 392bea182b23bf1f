"""What networks are compared? The parameters that all engines of a case share.

Times in ms, potentials in mV, rates in Hz. NumPy only.
"""

import numpy as np

# Options of the cases beside the common ones, with their defaults.
OPTIONS = {
    "cuba": {"neurons": 4000, "delay": 0.1, "spread": 0.0, "ports": 2},
    "brunel": {"neurons": 12_500},
    "sparse_activity": {"neurons": 100_000},
    "microcircuit": {"scale": 0.1, "external": "poisson", "warmup": 0.5},
}

# Brette et al. (2007), benchmark 2: J. Comput. Neurosci. 23:349-398,
# doi:10.1007/s10827-007-0038-6. In-degree 80 whatever the size.
CUBA = {
    "tau_m": 20.0, "tau_exc": 5.0, "tau_inh": 10.0, "t_ref": 5.0,
    "v_rest": -49.0, "v_th": -50.0, "v_reset": -60.0,
    "w_exc": 1.62, "w_inh": -9.0, "in_degree": 80, "share_exc": 0.8,
}  # fmt: skip

# Brunel (2000), model A, inhibition-dominated: J. Comput. Neurosci. 8:183-208,
# doi:10.1023/A:1008925309027; g = 5, external rate twice the threshold rate.
BRUNEL = {
    "tau_m": 20.0, "t_ref": 2.0, "v_th": 20.0, "v_reset": 10.0, "v_rest": 0.0,
    "w": 0.1, "g": 5.0, "delay": 1.5, "external_hz": 20_000.0,
    "share_exc": 0.8, "share_connected": 0.1,
}  # fmt: skip

# Low activity: every spike is forced by a precomputed, suprathreshold input spike.
SPARSE = {
    "tau_m": 20.0, "t_ref": 2.0, "v_th": 20.0, "v_reset": 0.0, "v_rest": 0.0,
    "w": 0.1, "w_input": 30.0, "delay": 1.5, "in_degree": 100, "rate": 0.5, "dt": 0.1,
}  # fmt: skip


def cuba_taus(ports: int) -> tuple[float, float]:
    """Synaptic time constants: with one port inhibition is as fast as excitation."""
    return CUBA["tau_exc"], CUBA["tau_inh"] if ports == 2 else CUBA["tau_exc"]


def cuba_sizes(neurons: int) -> tuple[int, int, float]:
    """Excitatory and inhibitory neurons, and the connection probability."""
    exc = round(neurons * CUBA["share_exc"])
    return exc, neurons - exc, min(1.0, CUBA["in_degree"] / neurons)


def brunel_sizes(neurons: int) -> tuple[int, int, int, int]:
    """Excitatory and inhibitory neurons, in-degrees from both."""
    exc = round(neurons * BRUNEL["share_exc"])
    inh = neurons - exc
    share = BRUNEL["share_connected"]
    return exc, inh, round(exc * share), round(inh * share)


def sparse_input(neurons: int, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(times [ms] on the grid, neurons) of the input spikes: the same for all engines.

    Poisson trains; of two spikes of a neuron on one grid point one is left out. The first
    is at 0.1 ms, as not every engine can spike at 0.
    """
    rng = np.random.default_rng([seed, 20140813])
    n = rng.poisson(neurons * SPARSE["rate"] * seconds)
    steps = rng.integers(1, max(2, round(seconds * 1000.0 / SPARSE["dt"])), n)
    ids = rng.integers(0, neurons, n)
    both = np.unique(steps * neurons + ids)
    return (both // neurons) * SPARSE["dt"], both % neurons
