"""Claims about prices: every joule and second is a count times a published constant."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chip import TEXT, chip_text, write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import ParameterError
from neurosim.hardware.chip import BASES


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return hw.load_chip(write_chip(tmp_path_factory.mktemp("chip")))


def run(chip, *, time="continuous", seed=0, n_out=10, tick=None):
    """A census of a small random run on a chip: 5 inputs, 6 neurons, then ``n_out``."""
    rng = np.random.default_rng(seed)
    net = ns.Network(time=time)
    pops = [net.add(ns.SpikeSource(5), "in"), net.add(ns.IF(6), "hid")]
    pops.append(net.add(ns.IF(n_out), "out"))
    net.connect(pops[0], pops[1], weight=1.0)
    net.connect(pops[1], pops[2], ns.OneToOne() if n_out == 6 else None, weight=1.0, delay=1.0)
    mapping = hw.map_network(net, chip, tick=tick)
    raster = {
        name: (np.sort(rng.integers(0, 20, 30)).astype(float), rng.integers(0, p.n, 30))
        for name, p in net.populations.items()
    }
    return hw.census(net, mapping, raster, duration=20.0)


def seconds_by_hand(counts, synop, sync):
    busy = 0.0
    for step in range(counts.n_steps):
        busy += max(synop * int(n) for n in counts.steps.synops[step])
    return busy + sync * counts.n_steps


def test_energy_and_time_are_counts_times_constants(small):
    counts = run(small)
    assert counts.hops_x + counts.hops_y > 0
    found = hw.price(counts, small)
    seconds = seconds_by_hand(counts, 2e-9, 100e-9)
    assert found.time_s.nominal == pytest.approx(seconds, rel=1e-12)
    static = 10e-3 * seconds * counts.n_chips
    synapse = 20e-12 * counts.synops
    neuron = 80e-12 * counts.active
    network = 3e-12 * (counts.hops_x + counts.hops_y)
    expected = {"static": static, "neuron": neuron, "synapse": synapse, "network": network}
    assert found.breakdown == pytest.approx(expected, rel=1e-12)
    assert found.energy_j.nominal == pytest.approx(sum(expected.values()), rel=1e-12)
    assert found.power_w == pytest.approx(found.energy_j.nominal / seconds, rel=1e-12)
    assert found.step_s == pytest.approx(seconds / 20, rel=1e-12)


def test_constants_of_a_group_move_together_and_groups_add_in_squares(small):
    counts = run(small)
    found = hw.price(counts, small)

    def energy(synop, active, static, latency, sync):
        seconds = seconds_by_hand(counts, latency, sync)
        hops = 3e-12 * (counts.hops_x + counts.hops_y)
        events = synop * counts.synops + active * counts.active + hops
        return events + static * seconds * counts.n_chips

    nominal = energy(20e-12, 80e-12, 10e-3, 2e-9, 100e-9)
    low = [
        energy(10e-12, 70e-12, 10e-3, 2e-9, 100e-9),  # group "table"
        energy(20e-12, 80e-12, 5e-3, 2e-9, 100e-9),  # static power by itself
        energy(20e-12, 80e-12, 10e-3, 1e-9, 50e-9),  # group "times"
    ]
    high = [
        energy(40e-12, 90e-12, 10e-3, 2e-9, 100e-9),
        energy(20e-12, 80e-12, 20e-3, 2e-9, 100e-9),
        energy(20e-12, 80e-12, 10e-3, 4e-9, 200e-9),
    ]
    below = math.sqrt(sum((nominal - one) ** 2 for one in low))
    above = math.sqrt(sum((one - nominal) ** 2 for one in high))
    assert found.energy_j.nominal == pytest.approx(nominal, rel=1e-12)
    assert found.energy_j.low == pytest.approx(nominal - below, rel=1e-9)
    assert found.energy_j.high == pytest.approx(nominal + above, rel=1e-9)


def test_what_happened_without_a_price_is_listed_and_not_counted(small):
    counts = run(small)
    unpriced = "\n".join(hw.price(counts, small).unpriced)
    assert f"energy.neuron_idle ({counts.idle:,} idle neuron updates)" in unpriced
    assert f"energy.io ({counts.external:,} messages from outside)" in unpriced
    assert "latency.neuron_active" in unpriced
    # Told to be inside another price, or absent: not missing.
    assert "energy.axon_in" not in unpriced
    assert "energy.intra_tile" not in unpriced
    # On one chip nothing crosses between chips.
    assert counts.n_chips > 1 or "energy.chip_link" not in unpriced


def test_the_worst_basis_used_is_reported(small):
    found = hw.price(run(small), small)
    used = {"measured", "simulated", "vendor"}
    assert found.basis == max(used, key=BASES.index) == "vendor"


def test_realtime_holds_every_step_and_leaks_for_it(small):
    counts = run(small)
    fast, held = hw.price(counts, small), hw.price(counts, small, realtime=True)
    assert held.time_s.nominal == pytest.approx(20e-3)
    assert held.breakdown["static"] == pytest.approx(10e-3 * 20e-3 * counts.n_chips)
    assert held.breakdown["synapse"] == fast.breakdown["synapse"]
    assert held.energy_j.nominal > 100 * fast.energy_j.nominal


def test_realtime_is_refused_where_steps_have_no_duration(small):
    with pytest.raises(ParameterError, match="price.realtime must be False"):
        hw.price(run(small, time="steps"), small, realtime=True)


def test_one_all_in_price_stands_alone(tmp_path):
    text = chip_text()
    path = tmp_path / "all.toml"
    path.write_text(
        text[: text.index("[energy.synop.dense]")]
        + '[energy.all_in]\nvalue = "26 pJ"\nlow = "20 pJ"\nhigh = "30 pJ"\n'
        'scope = "all_in"\nbasis = "measured"\nread = "primary"\n'
        'source = { ref = "Tests", at = "Table 1" }\n'
    )
    chip = hw.load_chip(path)
    counts = run(chip)
    found = hw.price(counts, chip)
    expected = [price * counts.synops for price in (20e-12, 26e-12, 30e-12)]
    assert list(found.energy_j) == pytest.approx(expected)
    assert [term.path for term in found.terms] == ["energy.all_in"]
    assert any("valid only near" in note for note in found.notes)


def test_a_fixed_tick_takes_its_time_whatever_happens():
    chip = hw.load_chip("truenorth")
    counts = run(chip, n_out=6)
    found = hw.price(counts, chip)
    assert list(found.time_s) == [pytest.approx(20e-3)] * 3
    expected = 64.43e-3 * 20e-3 + 2.297e-12 * counts.synops
    assert found.energy_j.nominal == pytest.approx(expected, rel=1e-12)


def test_odin_is_charged_a_full_row_per_event_in_energy_and_cycles():
    chip = hw.load_chip("odin")
    counts = run(chip)
    events = counts.messages + counts.external
    found = hw.price(counts, chip)
    seconds = events * (1 + 512) / 75e6
    assert found.time_s.nominal == pytest.approx(seconds, rel=1e-12)
    expected = 8.43e-12 * 256 * events + seconds * (27.3e-6 + 1.78e-12 * 75e6)
    assert found.energy_j.nominal == pytest.approx(expected, rel=1e-12)


def test_the_dense_twin_multiplies_every_synapse_once_per_inference():
    chip = hw.load_chip("ann-45nm-mac")
    counts = replace(run(chip), n_inferences=7)
    macs = 5 * 6 + 6 * 10
    assert counts.dense_macs == 7 * macs
    found = hw.price(counts, chip)
    assert found.energy_j.nominal == pytest.approx(7 * macs * 4.6e-12)
    assert found.time_s is None
    assert found.power_w is None


def test_the_accumulate_baseline_is_additions_only():
    chip = hw.load_chip("snn-45nm-ac")
    counts = run(chip)
    updates = counts.active + counts.idle
    assert hw.price(counts, chip).energy_j.nominal == pytest.approx(
        0.9e-12 * (counts.synops + updates)
    )


def test_several_chips_use_the_slower_barrier_and_leak_each():
    net = ns.Network(time="steps")
    net.add(ns.IF(1024 * 130), "a")
    mapping = hw.map_network(net, "loihi")
    assert mapping.n_chips == 2
    empty = {"a": (np.empty(0), np.empty(0, int))}
    counts = hw.census(net, mapping, empty, duration=10)
    found = hw.price(counts, hw.load_chip("loihi"))
    seconds = 10 * (15.2e-6 + 1024 * 5.3e-9)
    assert found.time_s.nominal == pytest.approx(seconds, rel=1e-12)
    assert found.breakdown["static"] == pytest.approx(2 * 0.104 * seconds)


def test_silence_costs_leakage_and_idle_updates_only():
    net = ns.Network(time="steps")
    net.connect(net.add(ns.SpikeSource(3), "a"), net.add(ns.IF(4), "b"), weight=1.0)
    empty = (np.empty(0), np.empty(0, int))
    counts = hw.census(net, hw.map_network(net, "loihi"), {"a": empty, "b": empty}, duration=10)
    found = hw.price(counts, hw.load_chip("loihi"))
    assert found.breakdown["synapse"] == found.breakdown["network"] == 0
    assert found.breakdown["neuron"] == pytest.approx(40 * 52e-12)


@pytest.mark.parametrize("name", hw.list_chips())
@given(seed=st.integers(0, 10_000))
def test_low_nominal_high_are_in_order_and_terms_sum_to_the_energy(name, seed):
    chip = hw.load_chip(name)
    found = hw.price(run(chip, seed=seed, n_out=6), chip)
    assert 0 <= found.energy_j.low <= found.energy_j.nominal <= found.energy_j.high
    assert sum(term.energy_j for term in found.terms) == pytest.approx(found.energy_j.nominal)
    assert sum(found.breakdown.values()) == pytest.approx(found.energy_j.nominal)


def test_a_chip_without_prices_estimates_nothing_and_says_so(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(TEXT[: TEXT.index("[energy.synop.dense]")])
    chip = hw.load_chip(path)
    counts = run(chip)
    found = hw.price(counts, chip)
    assert found.energy_j.nominal == 0
    assert found.terms == ()
    assert found.basis == "unpublished"
    assert any(line.startswith("energy.synop.dense") for line in found.unpriced)
    assert any(line.startswith("power.chip_static") for line in found.unpriced)
