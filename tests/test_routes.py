"""Claims about routes and times: shortest ways, exact link loads, each model of time by hand."""

from collections import Counter, deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
import neurosim.hardware as hw
from neurosim.hardware.routes import MESH, TRI_TORUS, toward

STEPS = {MESH: [(1, 0), (-1, 0), (0, 1), (0, -1)]}
STEPS[TRI_TORUS] = [*STEPS[MESH], (1, 1), (-1, -1)]


def shortest(kind, width, height, start):
    """Distances by breadth-first search."""
    found, front = {start: 0}, deque([start])
    while front:
        x, y = front.popleft()
        for dx, dy in STEPS[kind]:
            to = x + dx, y + dy
            if kind == TRI_TORUS:
                to = to[0] % width, to[1] % height
            inside = 0 <= to[0] < width and 0 <= to[1] < height
            if inside and to not in found:
                found[to] = found[x, y] + 1
                front.append(to)
    return found


def route(kind, width, height, start, goal):
    x, y = start
    links = []
    while (x, y) != goal:
        dx, dy, way = toward(kind, width, height, x, y, *goal)
        assert (dx, dy) == [*STEPS[MESH], (1, 1), (-1, -1)][way]
        links.append((x, y, way))
        x, y = (x + dx) % width, (y + dy) % height
    return links


@pytest.mark.parametrize("kind", [MESH, TRI_TORUS])
def test_routes_end_and_are_short(kind):
    width, height = 7, 5
    for start in ((0, 0), (3, 2), (6, 4)):
        found = shortest(kind, width, height, start)
        assert len(found) == width * height
        for goal, distance in found.items():
            length = len(route(kind, width, height, start, goal))
            # A mesh is crossed by a shortest way; a torus by the shorter way of each axis.
            assert length == distance if kind == MESH else distance <= length <= distance + 2


def meshed(multicast="per_target_core", kind="mesh"):
    """A chip of 3 x 3 tiles with one core of two neurons each."""
    chip = hw.load_chip("darwin3")
    place = replace(chip.topology, tiles_x=3, tiles_y=3, multicast=multicast, kind=kind)
    core = replace(chip.core, count=9, resources={"neurons": 2}, cost_rules=chip.core.cost_rules)
    return replace(chip, topology=place, cores=(core,))


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["mesh", "tri_torus"]),
       multicast=st.sampled_from(["per_target_core", "tree"]))  # fmt: skip
def test_hops_and_link_loads_are_those_of_walking_every_message(seed, kind, multicast):
    rng = np.random.default_rng(seed)
    net = ns.Network(time="steps")
    net.add(ns.IF(18), "a")
    pre, post = np.nonzero(rng.random((18, 18)) < 0.2)
    net.connect("a", "a", ns.FromArrays(pre, post), weight=1.0, delay=1.0)
    mapping = hw.map_network(net, meshed(multicast, kind))
    times, ids = rng.integers(0, 6, 25).astype(float), rng.integers(0, 18, 25)
    counts = hw.census(net, mapping, {"a": (times, ids)}, duration=6)
    place = [tuple(row[:2]) for row in mapping.positions().tolist()]
    core, number = mapping.core_of.tolist(), TRI_TORUS if kind == "tri_torus" else MESH
    whole, per_tick = Counter(), [Counter() for _ in range(6)]
    for t, i in zip(times.astype(int), ids, strict=True):
        targets = sorted({core[int(j)] for j in post[pre == i]})
        ways = [route(number, 3, 3, place[core[i]], place[target]) for target in targets]
        links = [link for way in ways for link in way]
        if multicast == "tree":
            links = set(links)
        whole.update(links)
        per_tick[t].update(links)
    assert counts.hops_x + counts.hops_y == sum(whole.values())
    assert counts.busiest_link == max(whole.values(), default=0)
    assert counts.steps.links.tolist() == [max(tick.values(), default=0) for tick in per_tick]


def two_layers(n, weight=1.0):
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(4), "in")
    net.add(ns.IF(n), "a")
    net.connect("in", "a", weight=weight)
    return net


def counted(net, chip, spikes, duration):
    return hw.census(net, hw.map_network(net, chip), spikes, duration=duration)


NONE = (np.empty(0), np.empty(0, int))


def test_a_step_of_loihi_waits_for_its_busiest_link():
    # 1024 neurons of core 0 each send to a core of another tile in one tick.
    net = ns.Network(time="steps")
    net.add(ns.IF(5 * 1024), "a")
    pre = np.arange(1024)
    net.connect("a", "a", ns.FromArrays(pre, pre + 4 * 1024), weight=1.0, delay=1.0)
    spikes = {"a": (np.zeros(1024), pre)}
    chip = hw.load_chip("loihi")
    counts = counted(net, chip, spikes, 3)
    assert counts.steps.links.tolist() == [1024, 0, 0]
    slowest = [1024 * 8.4e-9, 1024 * (8.4e-9 + 3.5e-9), 1024 * 5.3e-9]
    barrier = 113e-9 + (465e-9 - 113e-9) / 31
    expected = sum(slowest) + 3 * barrier + 1024 * 4.1e-9
    assert hw.price(counts, chip).time_s.nominal == pytest.approx(expected, rel=1e-12)


def test_analog_circuits_take_the_networks_time_over_their_speed_up():
    spikes = {"in": ([0.0], [0]), "a": NONE}
    fast = hw.price(
        counted(two_layers(5), "brainscales2", spikes, 20), hw.load_chip("brainscales2")
    )
    assert fast.time_s.nominal == pytest.approx(20e-3 / 1000)
    assert fast.energy_j.nominal == pytest.approx(0.2 * 20e-6)
    slow = hw.price(counted(two_layers(5), "dynapse2", spikes, 20), hw.load_chip("dynapse2"))
    assert slow.time_s.nominal == pytest.approx(20e-3)
    assert any("a step is taken for 1 ms" in note for note in slow.notes)


def test_events_of_speck_pass_the_pipeline_of_the_cores_in_use():
    net = two_layers(5)
    net.add(ns.IF(3), "b")
    net.connect("a", "b", weight=1.0)
    chip = hw.load_chip("speck")
    counts = counted(net, chip, {"in": ([0.0, 4.0], [0, 1]), "a": NONE, "b": NONE}, 10)
    found = hw.price(counts, chip)
    # Two of ten steps have events; they pass two cores.
    assert found.time_s.nominal == pytest.approx(2 * counts.n_cores * 373e-9)
    assert any("latency.synop" in line for line in found.unpriced)


def test_a_core_of_spinnaker_that_misses_its_tick_is_named_with_need_and_limit():
    # 200 inputs onto 250 neurons of one core: 50 000 operations of 100 ns in one tick of 1 ms.
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(200), "in")
    net.add(ns.IF(250), "a")
    net.connect("in", "a", weight=1e-6, delay=1.0)
    spikes = {"in": (np.zeros(200), np.arange(200)), "a": NONE}
    chip = hw.load_chip("spinnaker")
    found = hw.price(counted(net, chip, spikes, 5), chip)
    assert found.overruns == 1
    assert found.time_s.nominal == pytest.approx(5e-3)
    note = next(note for note in found.notes if "OVERRUN" in note)
    assert "1 of 5 steps" in note
    assert "core 0 needs 0.00525 s of a tick of 0.001 s" in note
    assert "with at most 47 neurons on a core it would be done" in note
    resources = {**chip.core.resources, "neurons": 47}
    smaller = replace(chip, cores=(replace(chip.core, resources=resources),))
    assert hw.price(counted(net, smaller, spikes, 5), smaller).overruns == 0


def test_spinnaker_copies_a_spike_in_its_routers_and_pays_for_busy_cores():
    net = ns.Network(time="steps")
    net.add(ns.IF(256 * 40), "a")
    # Neuron 0 reaches every core.
    post = np.arange(40) * 256
    net.connect("a", "a", ns.FromArrays(np.zeros(40, int), post), weight=1.0, delay=1.0)
    chip = hw.load_chip("spinnaker")
    counts = counted(net, chip, {"a": ([0.0], [0])}, 2)
    assert counts.messages == 40
    # 40 cores lie on three chips: two links, and one packet that leaves the core.
    assert counts.hops_x + counts.hops_y == 2
    assert counts.cores["axons_out"].sum() == 1
    found = hw.price(counts, chip)
    assert found.breakdown["static"] == pytest.approx(2e-3 * (31.88 + 40 * 34e-3))
