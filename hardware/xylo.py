"""How many cycles does a step of Xylo take? The vendor's published count, from a census.

With N_in inputs, N_hid hidden neurons and N_out outputs, p the share of ticks in which one
of them fires, and F the mean number of hidden neurons that a hidden neuron reaches::

    cycles = N_in (p_in N_inexp c_is + c_i) + N_hid (F p_hid c_hs + c_h)
           + N_outexp p_hid (c_o + N_out c_os) + N_hid (c_f + c_s p_hid) + N_out c_on

On Audio 2 every hidden neuron is an expansion neuron (N_inexp = N_outexp = N_hid); on the
IMU, those with synapses from inputs, and those with synapses to outputs. Several spikes of a
tick cost what one costs. Without aliases, which this package does not make.
"""

from .counts import Census


def cycles_of_step(
    model: str,
    *,
    n_in: int,
    n_hidden: int,
    n_out: int,
    fan_out: float,
    p_in: float = 1.0,
    p_hidden: float = 1.0,
    input_targets: int | None = None,
    output_sources: int | None = None,
) -> dict[str, float]:
    """How often each constant of a Xylo chip counts in a mean step.

    Parameters
    ----------
    model : {"xylo_audio2", "xylo_imu"}
    n_in, n_hidden, n_out : int
    fan_out : float                 mean hidden targets of a hidden neuron
    p_in, p_hidden : float          share of (channel, step) with a spike; 1 is the worst case
    input_targets, output_sources : int, optional
        Hidden neurons that inputs reach, and that outputs read; all of them on Audio 2.

    Examples
    --------
    >>> count = cycles_of_step("xylo_audio2", n_in=16, n_hidden=100, n_out=8, fan_out=10.0)
    >>> count["cycles.input_synop"], count["cycles.hidden_neuron"]
    (1600.0, 100.0)
    """
    inputs, outputs = input_targets, output_sources
    if model == "xylo_audio2" or inputs is None or outputs is None:
        inputs = outputs = n_hidden
    # A hidden neuron has one constant for c_h and c_f, which always count together.
    return {
        "cycles.input": float(n_in),
        "cycles.input_synop": n_in * p_in * inputs,
        "cycles.synop": n_hidden * fan_out * p_hidden,
        "cycles.hidden_neuron": float(n_hidden),
        "cycles.spike_out": n_hidden * p_hidden,
        "cycles.output_spike": outputs * p_hidden,
        "cycles.output_synop": outputs * p_hidden * n_out,
        "cycles.output_neuron": float(n_out),
    }


def cycles_of_run(census: Census, model: str) -> dict[str, float]:
    """How often each constant of a Xylo chip counts in a run."""
    found = census.inference
    if found is None:
        return {}
    steps = max(1, census.n_steps)
    each = cycles_of_step(
        model,
        n_in=found.n_in,
        n_hidden=found.n_hidden,
        n_out=found.n_out,
        fan_out=found.hidden_synapses / max(1, found.n_hidden),
        p_in=found.input_firing / max(1, found.n_in * steps),
        p_hidden=found.hidden_firing / max(1, found.n_hidden * steps),
        input_targets=found.input_targets,
        output_sources=found.output_sources,
    )
    return {path: count * census.n_steps for path, count in each.items()}
