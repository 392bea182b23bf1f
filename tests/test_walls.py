"""Claims about walls: what a refusal names, and what is offered; see also test_every_wall."""

from dataclasses import replace

import numpy as np
import pytest
from wall_networks import convolutional, fan, layered, lone, looped

import neurosim as ns
import neurosim.hardware as hw
from neurosim.hardware.layer_needs import Layer, Way, kernel_words, state_words


def one_core(name):
    """The chip with a single one of its cores, so that a full core is a refusal."""
    chip = hw.load_chip(name)
    cores = tuple(replace(core, count=1) for core in chip.cores if "neurons" in core.roles)
    return replace(chip, cores=cores, topology=replace(chip.topology, max_chips=1))


def refusal(net, chip):
    with pytest.raises(hw.DoesNotFit, match="cannot hold the network") as caught:
        hw.map_network(net, chip)
    error = caught.value
    assert error.need > error.limit
    for part in (str(error.need), str(error.limit), error.resource):
        assert part in str(error)
    assert error.remedies, str(error)
    return error


def check_wall(build, sizes, chip, resource, need, limit, core):
    """Refused for this wall; with a remedy applied it fits, and with one neuron more not."""
    error = refusal(build(sizes), chip)
    assert (error.resource, error.need, error.limit) == (resource, need, limit), str(error)
    assert error.core == core
    for remedy in error.remedies:
        if remedy.kind != "size":
            continue
        hw.map_network(build(sizes | {remedy.owner: int(remedy.value)}), chip)
        refusal(build(sizes | {remedy.owner: int(remedy.value) + 1}), chip)
        return remedy
    raise AssertionError(f"no smaller population is offered: {error}")


# chip, network, sizes, resource, need, limit, of a single core
CORE_WALLS = [
    ("loihi", lone, {"a": 1100}, "neurons", 1100, 1024),
    ("loihi2", lone, {"a": 8200}, "neurons", 8200, 8192),
    # 16 bytes of each neuron, 8 of each axon and 2 of each synapse.
    ("loihi2", layered, {"in": 1000, "a": 100}, "bytes", 1600 + 8000 + 200_000, 196_608),
    ("truenorth", lone, {"a": 300}, "neurons", 300, 256),
    ("spinnaker", lone, {"a": 300}, "neurons", 300, 256),
    ("spinnaker", layered, {"in": 5000, "a": 60}, "bytes", 60 * 128 + 5000 * 12, 65_536),
    ("spinnaker2", lone, {"a": 1100}, "neurons", 1100, 1024),
    ("spinnaker2", layered, {"in": 400, "a": 80}, "bytes", 80 * 64 + 3200 + 128_000, 131_072),
    ("brainscales2", lone, {"a": 520}, "neurons", 520, 512),
    # 300 inputs take two circuits of 256.
    ("brainscales2", layered, {"in": 300, "a": 260}, "neurons", 520, 512),
    ("dynapse2", lone, {"a": 300}, "neurons", 300, 256),
    ("tianjic", lone, {"a": 300}, "neurons", 300, 256),
    ("tianjic", layered, {"in": 300, "a": 3}, "axons_in", 300, 256),
    ("odin", lone, {"a": 300}, "neurons", 300, 256),
    ("odin", layered, {"in": 300, "a": 3}, "axons_in", 300, 256),
    ("darwin3", lone, {"a": 5000}, "neurons", 5000, 4096),
    ("darwin3", layered, {"in": 5000, "a": 3}, "axons_in", 5000, 4096),
]  # fmt: skip


@pytest.mark.parametrize(("name", "build", "sizes", "resource", "need", "limit"), CORE_WALLS)
def test_a_full_core_is_named_with_what_fits(name, build, sizes, resource, need, limit):
    check_wall(build, sizes, one_core(name), resource, need, limit, core=0)


@pytest.mark.parametrize(
    ("name", "build", "sizes", "resource"),
    [case[:4] for case in CORE_WALLS if case[0] not in ("brainscales2", "odin", "tianjic")
     and case[3] != "axons_in"],
)  # fmt: skip
def test_what_fills_one_core_goes_on_to_the_next(name, build, sizes, resource):
    mapping = hw.map_network(build(sizes), name)
    assert mapping.n_cores == 2
    assert mapping.usage[resource].max() <= mapping.chip.core.resources[resource]


def test_a_board_of_dynap_se2_has_so_many_cores():
    chip = hw.load_chip("dynapse2")
    chip = replace(chip, topology=replace(chip.topology, max_chips=1))
    check_wall(layered, {"in": 60, "a": 1100}, chip, "cores", 5, 4, core=None)


def test_dynap_se2_recognises_64_inputs_of_a_neuron():
    remedy = check_wall(layered, {"in": 100, "a": 3}, "dynapse2", "cam_entries", 100, 64, None)
    assert (remedy.owner, remedy.value) == ("in", 64)
    error = refusal(layered({"in": 100, "a": 3}), "dynapse2")
    fan_in = next(remedy for remedy in error.remedies if remedy.kind == "fan_in")
    assert fan_in.value == 64


def test_a_hidden_neuron_of_xylo_imu_reaches_512():
    error = refusal(fan({"hid": 300}), "xylo-imu")
    assert (error.resource, error.need, error.limit) == ("fan_out", 600, 512)
    assert "population 'few', neuron 0" in str(error)
    remedy = next(r for r in error.remedies if r.kind == "size")
    assert remedy.owner == "hid"
    hw.map_network(fan({"hid": int(remedy.value)}), "xylo-imu")


@pytest.mark.parametrize("name", ["truenorth", "tianjic"])
def test_a_neuron_that_would_reach_two_cores_is_named(name):
    error = refusal(layered({"in": 10, "a": 20, "b": 600}), name)
    assert error.resource.startswith("targets_per_neuron")
    assert error.need == 3
    assert "splitter neurons" in str(error)
    remedy = next(r for r in error.remedies if r.kind == "size")
    hw.map_network(layered({"in": 10, "a": 20, "b": 600} | {remedy.owner: remedy.value}), name)


# ------------------------------------------------------------------ layers on Speck and Akida


def test_needs_of_a_layer_are_the_vendors_formulas():
    # 3 x 3 is charged as 16, 10 channels as 16, and 12 x 20 places as 16 x 32.
    layer = Layer("a", 10, (12, 20), (Way(6, (3, 3), (12, 20)),), 1)
    assert kernel_words(layer) == 6 * 2 ** (4 + 4)
    assert state_words(layer) == 10 * 2 ** (4 + 5)


def test_speck_puts_each_layer_on_the_core_with_room_for_it():
    # c0 needs much state, c2 many weights: each fits cores that the other does not.
    layers = ns.Sequential(ns.SpikeSource((32, 32, 2)))
    for name, shape, stride in (("c0", (64, 2), 1), ("c1", (32, 64), 4), ("c2", (64, 32), 1)):
        side = 1 if stride == 4 else 3
        rule = ns.Convolution(np.ones((*shape, side, side)), padding=side // 2, stride=stride)
        layers.add(rule, ns.IF, name=name)
    net = layers.network
    mapping = hw.map_network(net, "speck")
    assert mapping.n_cores <= 9
    for name in ("c0", "c1", "c2"):
        assert np.unique(mapping.cores(name)).size == 1
    held = [int(mapping.cores(name)[0]) for name in ("c0", "c1", "c2")]
    assert len(set(held)) == 3
    kinds = [kind for kind in mapping.chip.kinds for _ in range(kind.count)]
    for core in held:
        for resource, limit in kinds[core].resources.items():
            assert 0 < mapping.usage[resource][core] <= limit
    assert mapping.usage["kernel_words"][held[2]] == 32 * 2 ** (4 + 6)


@pytest.mark.parametrize(
    ("chip", "channels", "side", "resource", "layer"),
    [
        ("speck", [64, 128], 8, "kernel_words", "c1"),
        ("speck", [80], 32, "state_words", "c0"),
    ],
)
def test_a_layer_that_no_core_of_speck_holds_is_named_and_narrowed_fits(
    chip, channels, side, resource, layer
):
    error = refusal(convolutional(channels, side=side), chip)
    assert error.resource == resource
    assert f"layer '{layer}'" in str(error)
    remedy = next(remedy for remedy in error.remedies if remedy.kind == "channels")
    index = int(layer[1:])
    narrow = [*channels[:index], int(remedy.value), *channels[index + 1 :]]
    hw.map_network(convolutional(narrow, side=side), chip)
    narrow[index] += 1
    refusal(convolutional(narrow, side=side), chip)


def test_layers_of_speck_that_compete_for_cores_are_named():
    # Four layers of 64 channels of 32 x 32 want the three cores with 64 K of state.
    net = ns.Sequential(ns.SpikeSource((32, 32, 1)))
    for k in range(4):
        rule = ns.Convolution(np.ones((40, 1, 1, 1)))
        net.add(rule, ns.IF, name=f"c{k}", after="input")
    error = refusal(net.network, "speck")
    assert (error.resource, error.need, error.limit) == ("cores", 4, 3)
    assert "'c0', 'c1', 'c2', 'c3'" in str(error)
    remedy = next(remedy for remedy in error.remedies if remedy.kind == "channels")
    assert remedy.value == 32


def test_nine_cores_of_speck_hold_nine_layers():
    hw.map_network(convolutional([1] * 9, side=4), "speck")
    with pytest.raises(hw.DoesNotFit, match="needs 10 cores, limit 9"):
        hw.map_network(convolutional([1] * 10, side=4), "speck")


@pytest.mark.parametrize(
    ("chip", "resource", "need", "limit"),
    [("speck", "kernel_side", 17, 16), ("akida", "kernel_side", 9, 7)],
)
def test_kernels_that_are_too_wide_are_named(chip, resource, need, limit):
    error = refusal(convolutional([2], kernel=need, side=20), chip)
    assert (error.resource, error.need, error.limit) == (resource, need, limit)
    remedy = error.remedies[0]
    first = remedy.parts[0] if remedy.parts else remedy
    assert (first.kind, first.value) == ("kernel_side", limit)
    hw.map_network(convolutional([2], kernel=limit - 1 + limit % 2, side=20), chip)


def test_outputs_and_channels_and_destinations_of_speck_have_limits():
    error = refusal(convolutional([1], kernel=1, side=70), "speck")
    assert (error.resource, error.need, error.limit) == ("output_side", 70, 64)
    hw.map_network(convolutional([1], kernel=1, side=64), "speck")

    def wide(side):
        net = ns.Sequential(ns.SpikeSource((side, side, 1)))
        net.add(ns.Convolution(np.ones((1, 1, 1, 1)), stride=4), ns.IF, name="a")
        return net.network

    error = refusal(wide(132), "speck")
    assert (error.resource, error.need, error.limit) == ("input_side", 132, 128)
    hw.map_network(wide(int(error.remedies[0].value)), "speck")
    error = refusal(layered({"in": 4, "a": 1100}), "speck")
    assert (error.resource, error.need, error.limit) == ("channels", 1100, 1024)
    hw.map_network(layered({"in": 4, "a": 1024}), "speck")
    net = layered({"in": 4, "a": 5})
    for name in "bcd":
        net.add(ns.IF(3), name)
        net.connect("a", name, weight=1.0)
    error = refusal(net, "speck")
    assert (error.resource, error.need, error.limit) == ("destinations", 3, 2)


def test_akida_cuts_layers_into_processors_and_refuses_loops():
    # 512 x 512 weights of 4 bits are 131 072 bytes: three processors of 44 800.
    mapping = hw.map_network(layered({"in": 512, "a": 512, "out": 10}), "akida")
    assert np.unique(mapping.cores("a")).tolist() == [0, 1, 2]
    assert mapping.usage["weight_bytes"].max() <= 44_800
    error = refusal(looped({"in": 4, "hid": 10, "out": 2}), "akida")
    assert (error.resource, error.need, error.limit) == ("recurrent_projections", 1, 0)
    assert error.remedies[0].kind == "feed_forward"
    assert error.remedies[0].owner == "hid->hid"
    hw.map_network(layered({"in": 4, "hid": 10, "out": 2}), "akida")
    chip = hw.load_chip("akida")
    few = replace(chip, cores=(replace(chip.core, count=2),))
    check_wall(layered, {"in": 300, "a": 700}, few, "cores", 3, 2, None)


def test_convolution_tiles_take_fewer_cores_than_rows_of_neurons():
    net = convolutional([8, 8], side=32)
    row, tiled = (hw.map_network(net, "loihi", by=by) for by in ("sequential", "layers"))
    assert tiled.n_cores <= row.n_cores
    assert tiled.targets.size < row.targets.size
    # The same neurons and synapses, elsewhere.
    assert sorted(np.bincount(tiled.core_of)) != sorted(np.bincount(row.core_of))
    assert tiled.core_of.size == row.core_of.size


def test_dense_layers_of_kernels_are_cut_too():
    net = ns.Sequential(ns.SpikeSource(64))
    net.add(ns.Dense(np.ones((64, 32))), ns.IF, name="h")
    net.add(ns.Dense(np.ones((32, 10))), ns.IF, name="out")
    error = refusal(net.network, "xylo-imu")
    assert [(r.kind, r.owner, r.value) for r in error.remedies] == [("size", "input", 16)]
    smaller = ns.Sequential(ns.SpikeSource(16))
    smaller.add(ns.Dense(np.ones((16, 32))), ns.IF, name="h")
    smaller.add(ns.Dense(np.ones((32, 10))), ns.IF, name="out")
    hw.map_network(smaller.network, "xylo-imu")
