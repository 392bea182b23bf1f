"""The same network on the same architecture in SANA-FE: an oracle for counts and energy."""

import numpy as np

import neurosim as ns

# Written for these tests: a mesh of 3 x 2 tiles of two cores, every price different.
ARCHITECTURE = """
architecture:
  name: parity
  attributes: {topology: mesh, width: 3, height: 2, link_buffer_size: 16, latency_sync: 1.0e-6}
  tile:
    - name: tile[0..5]
      attributes: {energy_north_hop: 4.0e-12, latency_north_hop: 6.0e-9,
                   energy_south_hop: 4.0e-12, latency_south_hop: 6.0e-9,
                   energy_east_hop: 3.0e-12, latency_east_hop: 4.0e-9,
                   energy_west_hop: 3.0e-12, latency_west_hop: 4.0e-9}
      core:
        - name: core[0..1]
          attributes: {buffer_position: soma, max_neurons_supported: 40}
          axon_in:
            - {name: axons, attributes: {energy_message_in: 7.0e-12, latency_message_in: 9.0e-9}}
          synapse:
            - name: dense_synapse
              attributes: {model: current_based, energy_process_spike: 35.0e-12,
                           latency_process_spike: 3.0e-9}
            - name: sparse_synapse
              attributes: {model: current_based, energy_process_spike: 31.0e-12,
                           latency_process_spike: 4.0e-9}
            - name: conv_synapse
              attributes: {model: current_based, energy_process_spike: 24.0e-12,
                           latency_process_spike: 2.0e-9}
          dendrite:
            - name: dendrites
              attributes: {model: accumulator, energy_update: 5.0e-12, latency_update: 0.0}
          soma:
            - name: lif
              attributes: &SOMA
          axon_out:
            - name: out
              attributes: {energy_message_out: 111.0e-12, latency_message_out: 5.0e-9}
"""
_SOMA = (
    "{energy_access_neuron: 51.0e-12, latency_access_neuron: 6.0e-9, "
    "energy_update_neuron: 21.0e-12, latency_update_neuron: 3.0e-9, "
    "energy_spike_out: 69.0e-12, latency_spike_out: 30.0e-9, model: MODEL}"
)
# SANA-FE updates a neuron while its potential is not zero, which a raster does not tell. Here
# whatever arrives makes a neuron fire, so that each is updated when something arrives.
THRESHOLD = 0.5


def architecture() -> str:
    """The file; inputs cost what other neurons cost, and each has a unit of its own."""
    lif = _SOMA.replace("MODEL", "leaky_integrate_fire")
    source = _SOMA.replace("MODEL", "input")
    more = f"\n            - name: inputs[0..39]\n              attributes: {source}"
    return ARCHITECTURE.replace("&SOMA", lif + more)


def network(kind: str, *, placed: bool) -> ns.Network:
    """An input and layers: "dense", "convolutional" or "recurrent"; weights 0 to 2, delays of 1.

    With ``placed`` the input is a population on cores, whose spikes are given by hand.
    """
    rng = np.random.default_rng(3)
    net = ns.Network(time="steps")
    shape = (6, 6, 1) if kind == "convolutional" else 36
    size = {"neurons": ns.IF(shape, v_th=1e9)} if placed else {}
    times, ids = inputs()
    source = ns.SpikeSource(shape, times=times, ids=ids)
    net.add(size.get("neurons", source), "in")
    cell = {"v_th": THRESHOLD, "reset": "value"}
    if kind == "convolutional":
        net.add(ns.IF((4, 4, 3), **cell), "a")
        kernel = _weights(rng, (3, 1, 3, 3), 0.4)
        net.connect("in", "a", ns.Convolution(kernel), delay=1.0)
    else:
        net.add(ns.IF(50, **cell), "a")
        weight = _weights(rng, (36, 50), 0.05)
        # There, all synapses of a neuron are of one format: with a loop, sparse ones.
        if kind == "recurrent":
            pre, post = np.nonzero(weight)
            rule = ns.FromArrays(pre, post)
            net.connect("in", "a", rule, weight=weight[pre, post], delay=1.0)
        else:
            net.connect("in", "a", weight=weight, delay=1.0)
    net.add(ns.IF(30, **cell), "b")
    n = net.populations["a"].n
    net.connect("a", "b", weight=_weights(rng, (n, 30), 0.05), delay=1.0)
    if kind == "recurrent":
        # Each neuron reaches later ones only, so that activity ends.
        pairs = np.unique(np.sort(rng.integers(0, 50, (2, 60)), axis=0), axis=1)
        pairs = pairs[:, pairs[0] != pairs[1]]
        net.connect("a", "a", ns.FromArrays(*pairs), weight=1.0, delay=1.0)
    return net


def _weights(rng: np.random.Generator, shape: tuple[int, ...], density: float) -> np.ndarray:
    return rng.integers(1, 3, shape) * (rng.random(shape) < density).astype(float)


def inputs() -> tuple[np.ndarray, np.ndarray]:
    """Times and ids of the input's spikes: 30 steps, and silence after them."""
    rng = np.random.default_rng(4)
    return tuple(np.array(np.nonzero(rng.random((30, 36)) < 0.05)))


def run(sanafe, path, net, mapping, steps: int) -> dict:
    """Run the placed network in SANA-FE, each neuron on the core of the mapping."""
    arch = sanafe.load_arch(str(path))
    there = sanafe.Network()
    groups, height = {}, 2
    place = mapping.positions()
    free = dict.fromkeys(range(mapping.n_cores), 0)
    times, ids = inputs()
    train = np.zeros((36, steps), int)
    train[ids, times] = 1
    for name, population in net.populations.items():
        group = there.create_neuron_group(
            name, population.n, model_attributes={"threshold": THRESHOLD, "leak_decay": 1.0}
        )
        groups[name] = group
        for i, core in enumerate(mapping.cores(name).tolist()):
            if name == "in":
                group[i].set_attributes(
                    soma_hw_name=f"inputs[{free[core]}]",
                    model_attributes={"spikes": train[i].tolist()},
                )
                free[core] += 1
            else:
                group[i].set_attributes(soma_hw_name="lif")
            group[i].set_attributes(log_spikes=True)
    for name, projection in net.projections.items():
        synapses = ns.expand(net, projection)
        pre, post = groups[projection.pre.name], groups[projection.post.name]
        unit = f"{mapping.wiring.kinds[name]}_synapse"
        for neuron in post:
            neuron.set_attributes(default_synapse_hw_name=unit)
        for i, j, weight in zip(synapses.pre, synapses.post, synapses.weight, strict=True):
            if weight:
                pre[int(i)].connect_to_neuron(post[int(j)], {"weight": float(weight)})
    for name in net.populations:
        for i, core in enumerate(mapping.cores(name).tolist()):
            x, y, _ = place[core]
            tile = arch.tiles[int(x) * height + int(y)]
            groups[name][i].map_to_core(tile.cores[core % 2])
    chip = sanafe.SpikingChip(arch)
    chip.load(there)
    return chip.sim(
        timesteps=steps, timing_model="simple", spike_trace=True, perf_trace=True,
        processing_threads=1,
    )  # fmt: skip
