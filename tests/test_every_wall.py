"""Claim: every wall of every chip binds; the refusal names it, and its remedies, applied, fit.

The walls are read from the chip files, so that a wall without a case fails this module. A
case is one real chip (not the largest board of them) unless it says otherwise.
"""

from dataclasses import dataclass, replace
from functools import partial

import pytest
from wall_networks import (
    branches,
    deep,
    dense_chain,
    each_its_own,
    fan,
    hub,
    layered,
    lone,
    looped,
    one_each,
    onto_one,
    ranges,
    read,
    shaped,
)

import neurosim.hardware as hw
from neurosim.hardware.mapping import place
from neurosim.hardware.wiring import wire

CHIPS = [name for name in hw.list_chips() if hw.load_chip(name).kind == "chip"]
# A wall that others always meet first, and why.
BEHIND = {
    ("xylo-audio2", "neurons"): ("hidden", "outputs"),
    ("xylo-imu", "neurons"): ("hidden", "outputs"),
}


@dataclass(frozen=True)
class Case:
    """A network too large by little: which walls it shows, and what the refusal says."""

    chip: str
    walls: str
    build: object
    sizes: dict
    need: int
    limit: int
    core: int | None = None
    names: str = ""  # the resource of the refusal, where it is not the wall
    small: dict | None = None  # resources of a core that were changed
    n_cores: int | None = None  # fewer cores than the chip has
    slow: bool = False

    @property
    def board(self):
        chip = hw.load_chip(self.chip)
        if self.small is not None:
            core = replace(chip.core, resources=dict(chip.core.resources) | self.small)
            return replace(chip, cores=(core,))
        if self.n_cores is not None:
            chip = replace(chip, cores=(replace(chip.core, count=self.n_cores),))
        return replace(chip, topology=replace(chip.topology, max_chips=1))


def cores(chip, walls, build, n, n_cores, **options):
    """Cores filled up by a wall, of which one more than the chip has would be needed."""
    return Case(chip, walls, build, {"a": n}, n_cores + 1, n_cores, names="cores", **options)


def delay(chip, limit):
    sizes = {"in": 4, "a": 3, "delay": limit + 3}
    return Case(chip, "delay ticks", layered, sizes, limit + 3, limit)


def inputs(chip, wall, n, limit, need=None):
    """A single neuron with too many inputs for a core."""
    return Case(chip, wall, layered, {"in": n, "a": 1}, need or n, limit, core=0)


def shape(chip, wall, sizes, need, limit):
    return Case(chip, wall, shaped, sizes, need, limit)


CASES = [
    cores("loihi", "neurons cores", lone, 128 * 1024 + 1, 128, slow=True),
    inputs("loihi", "axons_in", 4097, 4096),
    # 4098 cores of one neuron instead of 4 million neurons.
    Case("loihi", "axons_out", hub, {"a": 4097}, 4097, 4096, core=0, small={"neurons": 1}),
    # One core: 1000 lists of 200 weights take 3 blocks of 9 words and one of 2.
    Case("loihi", "synapse_words", layered, {"in": 1000, "a": 200}, 29_000, 16_384, core=0,
         n_cores=1),
    cores("loihi", "compartment_profiles", each_its_own("tau_m"), 128 * 32 + 1, 128),
    cores("loihi", "threshold_profiles", each_its_own("v_th"), 128 * 16 + 1, 128),
    Case("loihi", "synapse_profiles", ranges, {}, 17, 16, core=0),
    delay("loihi", 62),
    cores("loihi2", "neurons cores", lone, 128 * 8192 + 1, 128, slow=True),
    # 16 bytes of the neuron, 8 of each axon and 2 of each synapse.
    inputs("loihi2", "bytes", 19_660, 196_608, 16 + 10 * 19_660),
    delay("loihi2", 62),
    cores("truenorth", "neurons cores", lone, 4096 * 256 + 1, 4096, slow=True),
    inputs("truenorth", "axons_in", 257, 256),
    Case("truenorth", "targets_per_neuron", layered, {"in": 10, "a": 20, "b": 600}, 3, 1, core=0),
    delay("truenorth", 15),
    cores("spinnaker", "neurons cores", lone, 816 * 256 + 1, 816),
    inputs("spinnaker", "bytes", 5451, 65_536, 128 + 12 * 5451),
    # 815 full cores and 210 sources reach the chip of the last core.
    Case("spinnaker", "router_entries", onto_one, {"a": 815 * 256}, 1025, 1023, slow=True),
    delay("spinnaker", 144),
    cores("spinnaker2", "neurons cores", lone, 152 * 1024 + 1, 152),
    inputs("spinnaker2", "bytes", 10_918, 131_072, 64 + 12 * 10_918),
    delay("spinnaker2", 16),
    # 300 inputs take two circuits of 256.
    Case("brainscales2", "neurons", layered, {"in": 300, "a": 257}, 514, 512, core=0),
    delay("brainscales2", 0),
    cores("dynapse2", "neurons cores", lone, 4 * 256 + 1, 4),
    cores("dynapse2", "compartment_profiles", each_its_own("tau_m"), 5, 4),
    cores("dynapse2", "threshold_profiles", each_its_own("v_th"), 5, 4),
    Case("dynapse2", "cam_entries", layered, {"in": 65, "a": 3}, 65, 64),
    Case("dynapse2", "sources", one_each, {"in": 2049}, 2049, 2048),
    delay("dynapse2", 1),
    shape("speck", "kernel_words", {"c_in": 64, "c": 128, "input_side": 4}, 64 * 2**11, 65_536),
    shape("speck", "state_words", {"c": 65, "input_side": 34}, 65 * 2**10, 65_536),
    Case("speck", "cores", deep, {"layers": 10}, 10, 9),
    shape("speck", "kernel_side", {"kernel_side": 17, "input_side": 20}, 17, 16),
    shape("speck", "kernel_asymmetry", {"kernel_asymmetry": 2}, 2, 0),
    shape("speck", "stride", {"stride": 3}, 3, 2),
    shape("speck", "padding", {"padding": 8}, 8, 7),
    shape("speck", "pool", {"pool": 3}, 3, 2),
    shape("speck", "channels", {"c": 1025, "kernel_side": 1, "input_side": 1}, 1025, 1024),
    shape("speck", "input_side", {"input_side": 132, "stride": 4}, 132, 128),
    shape("speck", "output_side", {"output_side": 65, "kernel_side": 1}, 65, 64),
    Case("speck", "destinations", branches, {"destinations": 3}, 3, 2),
    delay("speck", 1),
    # 2 million weights of 4 bits.
    Case("akida", "weight_bytes", layered, {"in": 2000, "a": 1000}, 23, 22, names="cores",
         slow=True),
    # 540 000 inputs of 4 bits in 7 pieces, with 13 pieces of weights each.
    Case("akida", "input_bytes", shaped,
         {"c_in": 540_000, "c": 2, "kernel_side": 1, "input_side": 1}, 91, 78, names="cores"),
    Case("akida", "cores", deep, {"layers": 79}, 79, 78),
    Case("akida", "cores", dense_chain, {"layers": 23}, 23, 22),
    shape("akida", "kernel_side", {"kernel_side": 4}, 4, 3),
    shape("akida", "stride", {"stride": 3}, 3, 2),
    shape("akida", "strided_kernel_side", {"strided_kernel_side": 5, "stride": 2}, 5, 3),
    Case("akida", "dense_inputs", layered, {"in": 57_335, "a": 2}, 57_335, 57_334),
    Case("akida", "recurrent_projections", looped,
         {"in": 4, "hid": 10, "out": 2, "feed_forward": 1}, 1, 0),
    delay("akida", 1),
    cores("tianjic", "neurons cores", lone, 156 * 256 + 1, 156),
    inputs("tianjic", "axons_in", 257, 256),
    Case("tianjic", "targets_per_neuron", layered, {"in": 10, "a": 20, "b": 600}, 3, 1, core=0),
    delay("tianjic", 1),
    Case("odin", "neurons", lone, {"a": 257}, 257, 256, core=0),
    inputs("odin", "axons_in", 257, 256),
    delay("odin", 1),
    Case("xylo-audio2", "inputs", layered, {"in": 17, "hid": 10, "out": 2}, 17, 16),
    Case("xylo-audio2", "hidden", layered, {"in": 4, "hid": 1001, "out": 2}, 1001, 1000),
    Case("xylo-audio2", "outputs", layered, {"in": 4, "hid": 10, "out": 9}, 9, 8),
    # 33 recurrent synapses of a neuron.
    Case("xylo-audio2", "recurrent_synapses", partial(looped, fan_out=33),
         {"in": 4, "hid": 970, "out": 2}, 970 * 33, 32_000),
    Case("xylo-audio2", "fan_out", partial(fan, k=65), {"hid": 65}, 65, 64),
    delay("xylo-audio2", 1),
    Case("xylo-imu", "inputs", layered, {"in": 17, "hid": 10, "out": 2}, 17, 16),
    Case("xylo-imu", "hidden", layered, {"in": 4, "hid": 497, "out": 2}, 497, 496),
    Case("xylo-imu", "outputs", layered, {"in": 4, "hid": 10, "out": 17}, 17, 16),
    Case("xylo-imu", "recurrent_synapses", looped, {"in": 1, "hid": 179, "out": 2},
         179**2, 31_744),
    Case("xylo-imu", "fan_out", fan, {"hid": 300}, 600, 512),
    Case("xylo-imu", "input_targets", layered, {"in": 4, "hid": 129, "out": 2}, 129, 128),
    Case("xylo-imu", "output_sources", read, {"b": 129}, 129, 128),
    delay("xylo-imu", 1),
    cores("darwin3", "neurons cores", lone, 575 * 4096 + 1, 575, slow=True),
    inputs("darwin3", "axons_in", 4097, 4096),
    delay("darwin3", 15),
]  # fmt: skip


def walls(name):
    """The walls that a chip file names."""
    chip = hw.load_chip(name)
    found = {resource for kind in chip.kinds for resource in kind.resources} | set(chip.limits)
    if chip.synapse.delay_max is not None:
        found.add("delay ticks")
    if chip.topology.multicast == "single_target":
        found.add("targets_per_neuron")
    if chip.n_cores > 1:
        found.add("cores")
    return found


def changed(sizes, remedy):
    """The sizes with a remedy applied, and whether splitters are to be placed."""
    sizes, splitters = dict(sizes), False
    for part in remedy.parts or (remedy,):
        if part.kind in ("size", "channels"):
            sizes[part.owner] = int(part.value)
        elif part.kind == "splitters":
            splitters = True
        else:
            sizes[part.kind] = int(part.value)
    return sizes, splitters


@pytest.mark.parametrize("name", CHIPS)
def test_every_wall_of_a_chip_has_a_case(name):
    named = [case.walls for case in CASES if case.chip == name]
    shown = {wall for text in named for wall in (text.split() if text != "delay ticks" else [text])}
    behind = {wall for chip, wall in BEHIND if chip == name}
    assert shown | behind == walls(name)
    assert not shown & behind


@pytest.mark.parametrize(("name", "wall"), BEHIND)
def test_a_wall_without_a_case_lies_behind_others(name, wall):
    chip = hw.load_chip(name)
    assert chip.core.resources[wall] >= sum(chip.limits[first] for first in BEHIND[name, wall])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.chip}-{case.walls}", marks=[pytest.mark.slow] * case.slow)
        for case in CASES
    ],
)
def test_a_wall_binds_is_named_and_its_remedies_fit(case):
    chip = case.board
    with pytest.raises(hw.DoesNotFit, match="cannot hold the network") as caught:
        hw.map_network(case.build(case.sizes), chip)
    error, first = caught.value, case.walls.split()[0]
    name = case.names or case.walls.split()[-1] if case.walls != "delay ticks" else case.walls
    assert error.resource.startswith(name), str(error)
    assert (error.need, error.limit, error.core) == (case.need, case.limit, case.core)
    said = [f"needs {error.need} ", f"limit {error.limit}", error.resource]
    said += [f"core {error.core} "] if error.core is not None else []
    said += [f"filled up by {first}"] if case.build in (lone,) and name == "cores" else []
    for part in said:
        assert part in str(error)
    assert error.remedies, str(error)
    for remedy in error.remedies:
        # Fewer inputs of every neuron are tried by their own tests, in test_mapping.
        if remedy.kind in ("fan_in", "same_inputs"):
            continue
        sizes, splitters = changed(case.sizes, remedy)
        hw.map_network(case.build(sizes), chip, splitters=splitters)
        if remedy.kind in ("size", "channels", "layers"):
            more = sizes | {key: n + 1 for key, n in sizes.items() if n != case.sizes[key]}
            with pytest.raises(hw.DoesNotFit):
                place(wire(case.build(more)), chip)
    assert {remedy.kind for remedy in error.remedies} - {"fan_in", "same_inputs"}
