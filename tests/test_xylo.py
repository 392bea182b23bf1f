"""Claims about Xylo: its cycles are those of the vendor's own function."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import neurosim as ns
import neurosim.hardware as hw
from neurosim.hardware.xylo import cycles_of_step

CHIPS = {"xylo-audio2": "syns61201", "xylo-imu": "syns63300"}


@pytest.fixture(scope="module")
def vendors():
    """The vendor's functions, from Rockpool's files.

    They name types of samna, which cannot be had from PyPI, in their signatures and nowhere
    else: empty names stand for those types. What is called is Rockpool's own code.
    """
    pytest.importorskip("rockpool.typehints")
    found = importlib.util.find_spec("rockpool")
    kinds = ModuleType("samna")
    for name in ("xyloCore2", "xyloImu", "xyloAudio3"):
        configuration = SimpleNamespace(XyloConfiguration=object)
        setattr(kinds, name, SimpleNamespace(configuration=configuration))
    there, sys.modules["samna"] = sys.modules.get("samna"), kinds
    functions = {}
    for chip, device in CHIPS.items():
        path = f"{found.submodule_search_locations[0]}/devices/xylo/{device}/power_cycles_model.py"
        spec = importlib.util.spec_from_file_location(f"vendor_{device}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        functions[chip] = module.cycles_model
    if there is None:
        del sys.modules["samna"]
    else:
        sys.modules["samna"] = there
    return functions


def random_network(seed):
    """Sizes, weights with zeros, and rasters of a network within the walls of both chips."""
    rng = np.random.default_rng(seed)
    n_in, n_hidden = int(rng.integers(1, 17)), int(rng.integers(2, 120))
    n_out, steps = int(rng.integers(1, 9)), int(rng.integers(2, 30))
    sparse = lambda *shape: rng.integers(-9, 10, shape) * (rng.random(shape) < 0.3)  # noqa: E731
    weights = {"in": sparse(n_in, n_hidden), "hid": sparse(n_hidden, n_hidden)}
    weights["out"] = sparse(n_hidden, n_out)
    # The census numbers hidden neurons by what they reach: none without a synapse.
    weights["hid"][:, 0] = weights["out"][:, 0] = 1
    weights["in"][:, 0] = 1
    rasters = [rng.random((steps, n)) < rng.random() for n in (n_in, n_hidden, n_out)]
    return weights, rasters


def configuration(weights):
    neurons = [SimpleNamespace(alias_target=None) for _ in range(weights["hid"].shape[0])]
    hidden = SimpleNamespace(weights=weights["hid"], neurons=neurons)
    return SimpleNamespace(
        input=SimpleNamespace(weights=weights["in"]),
        reservoir=hidden,
        hidden=hidden,
        readout=SimpleNamespace(weights=weights["out"]),
        synapse2_enable=False,
    )


def of_the_vendor(function, weights, rasters):
    found = function(configuration(weights), *rasters)
    return float(found[0] if isinstance(found, tuple) else found)


def by_the_chip_file(name, counts):
    chip = hw.load_chip(name)
    return sum(chip.price(path).value * count for path, count in counts.items())


@pytest.mark.parametrize("name", CHIPS)
def test_cycles_of_a_hundred_random_networks_are_the_vendors(name, vendors):
    for seed in range(100):
        weights, rasters = random_network(seed)
        # From the network and its spikes: mapped, counted and priced.
        net = ns.Network(time="steps")
        n_in, n_hidden = weights["in"].shape
        net.add(ns.SpikeSource(n_in), "in")
        net.add(ns.IF(n_hidden), "hid")
        net.add(ns.IF(weights["out"].shape[1]), "out")
        net.connect("in", "hid", weight=weights["in"].astype(float))
        net.connect("hid", "hid", weight=weights["hid"].astype(float), delay=1.0)
        net.connect("hid", "out", weight=weights["out"].astype(float))
        mapping = hw.map_network(net, relaxed(name))
        spikes = {
            key: tuple(np.array(part) for part in np.nonzero(raster))
            for key, raster in zip(("in", "hid", "out"), rasters, strict=True)
        }
        steps = rasters[0].shape[0]
        counts = hw.census(net, mapping, spikes, duration=steps)
        found = hw.price(counts, hw.load_chip(name))
        cycles = found.step_s * hw.load_chip(name).time.clock_hz
        expected = of_the_vendor(vendors[name], weights, rasters)
        assert cycles == pytest.approx(expected, rel=1e-12), seed


def relaxed(name):
    """The chip without its walls: the vendor's function counts whatever it is given."""
    from dataclasses import replace

    return replace(hw.load_chip(name), limits={})


@pytest.mark.parametrize("name", CHIPS)
def test_the_worst_case_needs_the_vendors_clock(name, vendors):
    weights, _ = random_network(7)
    n_in, n_hidden = weights["in"].shape
    counts = cycles_of_step(
        hw.load_chip(name).time.cycles,
        n_in=n_in,
        n_hidden=n_hidden,
        n_out=weights["out"].shape[1],
        fan_out=np.count_nonzero(weights["hid"]) / n_hidden,
        input_targets=np.count_nonzero(weights["in"].any(axis=0)),
        output_sources=np.count_nonzero(weights["out"].any(axis=1)),
    )
    expected = of_the_vendor(vendors[name], weights, (1.0, 1.0, 1.0))
    assert by_the_chip_file(name, counts) == pytest.approx(expected, rel=1e-12)


def test_several_spikes_of_a_tick_cost_what_one_costs():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(2), "in")
    net.add(ns.IF(3), "hid")
    net.add(ns.IF(1), "out")
    net.connect("in", "hid", weight=1.0)
    net.connect("hid", "out", weight=1.0)
    mapping = hw.map_network(net, "xylo-audio2")

    def seconds(times, ids):
        spikes = {"in": (times, ids), "hid": ([1.0], [0]), "out": ([], [])}
        counts = hw.census(net, mapping, spikes, duration=4)
        return hw.price(counts, hw.load_chip("xylo-audio2")).time_s.nominal

    assert seconds([1.0, 1.0, 1.0], [0, 0, 0]) == seconds([1.0], [0])
    assert seconds([1.0, 1.0], [0, 1]) > seconds([1.0], [0])


def test_cycles_by_hand():
    # 2 inputs, 3 hidden neurons, 1 output; one input and one hidden spike in 4 steps.
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(2), "in")
    net.add(ns.IF(3), "hid")
    net.add(ns.IF(1), "out")
    net.connect("in", "hid", weight=1.0)
    net.connect("hid", "out", weight=1.0)
    mapping = hw.map_network(net, "xylo-audio2")
    spikes = {"in": ([1.0], [0]), "hid": ([1.0], [0]), "out": ([], [])}
    counts = hw.census(net, mapping, spikes, duration=4)
    cycles = 4 * (2 * 1 + 3 * 22 + 12) + 1 * 3 * 3.5 + 1 * (1 + 8) + 3
    found = hw.price(counts, hw.load_chip("xylo-audio2"))
    assert found.time_s.nominal == pytest.approx(cycles / 6.25e6, rel=1e-12)
    expected = cycles / 6.25e6 * 48e-6 + cycles * 86.9e-12
    assert found.energy_j.nominal == pytest.approx(expected, rel=1e-12)


def test_a_last_layer_with_a_loop_is_hidden_and_its_synapses_cost_cycles():
    # Outputs of the chip do not reach themselves.
    def made(loop):
        net = ns.Network(time="steps")
        net.connect(net.add(ns.SpikeSource(2), "in"), net.add(ns.IF(20), "last"), weight=1.0)
        if loop:
            net.connect("last", "last", weight=1.0, delay=1.0)
        return net

    counts = hw.census(
        made(True),
        hw.map_network(made(True), "xylo-audio2"),
        {"in": ([], []), "last": ([1.0], [0])},
        duration=4,
    )
    assert (counts.inference.n_hidden, counts.inference.n_out) == (20, 0)
    assert counts.inference.hidden_synapses == 400
    with pytest.raises(hw.DoesNotFit, match="needs 20 outputs"):
        hw.map_network(made(False), "xylo-audio2")
