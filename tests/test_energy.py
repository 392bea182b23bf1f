"""Claims about prices: every joule and second is a count times a published constant."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chip import TEXT, chip_text, write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import ParameterError
from neurosim.hardware.chip import BASES


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return hw.load_chip(write_chip(tmp_path_factory.mktemp("chip")))


def run(chip, *, time="continuous", seed=0, n_out=10, tick=None, delay=1.0):
    """A census of a small random run on a chip: 5 inputs, 6 neurons, then ``n_out``."""
    rng = np.random.default_rng(seed)
    net = ns.Network(time=time)
    pops = [net.add(ns.SpikeSource(5), "in"), net.add(ns.IF(6), "hid")]
    pops.append(net.add(ns.IF(n_out), "out"))
    net.connect(pops[0], pops[1], weight=1.0)
    net.connect(pops[1], pops[2], ns.OneToOne() if n_out == 6 else None, weight=1.0, delay=delay)
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
    expected = {"static": static, "neuron": neuron, "synapse": synapse, "memory": 0.0}
    expected["network"] = network
    assert found.breakdown == pytest.approx(expected, rel=1e-12)
    assert found.energy_j.nominal == pytest.approx(sum(expected.values()), rel=1e-12)
    assert found.power_w == pytest.approx(found.energy_j.nominal / seconds, rel=1e-12)
    assert found.step_s == pytest.approx(seconds / 20, rel=1e-12)


def test_constants_of_a_group_are_drawn_together_and_groups_apart(small):
    counts = run(small)
    found = hw.price(counts, small)

    def energy(synop, active, static, latency, sync):
        seconds = seconds_by_hand(counts, latency, sync)
        hops = 3e-12 * (counts.hops_x + counts.hops_y)
        events = synop * counts.synops + active * counts.active + hops
        return events + static * seconds * counts.n_chips

    nominal = energy(20e-12, 80e-12, 10e-3, 2e-9, 100e-9)
    # The same model by hand, with many plain draws: one normal number for each group.
    z = np.random.default_rng(1).standard_normal((3, 40_000)) / 1.6448536

    def drawn(value, low, high, z):
        return value * np.where(z > 0, (high / value) ** z, (value / low) ** z)

    seconds = [seconds_by_hand(counts, *one) for one in ((1.0, 0.0), (0.0, 1.0))]
    time = drawn(2e-9, 1e-9, 4e-9, z[2]) * seconds[0]
    time = time + drawn(100e-9, 50e-9, 200e-9, z[2]) * seconds[1]
    energies = (
        drawn(20e-12, 10e-12, 40e-12, z[0]) * counts.synops
        + drawn(80e-12, 70e-12, 90e-12, z[0]) * counts.active
        + 3e-12 * (counts.hops_x + counts.hops_y)
        + drawn(10e-3, 5e-3, 20e-3, z[1]) * time * counts.n_chips
    )
    low, high = np.quantile(energies, [0.05, 0.95])
    assert found.energy_j.nominal == pytest.approx(nominal, rel=1e-12)
    assert found.energy_j.low == pytest.approx(low, rel=0.02)
    assert found.energy_j.high == pytest.approx(high, rel=0.02)
    apart = energy(20e-12, 80e-12, 10e-3, 1e-9, 50e-9), energy(20e-12, 80e-12, 10e-3, 4e-9, 200e-9)
    assert list(found.time_s) == pytest.approx(
        [seconds_by_hand(counts, 10**-9, 50e-9), found.time_s.nominal,
         seconds_by_hand(counts, 4e-9, 200e-9)], rel=1e-9,
    )  # fmt: skip
    assert found.energy_j.low < apart[0] < apart[1] < found.energy_j.high


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
    # A message is one row; a spike without synapses is one row too.
    assert counts.without_target > 0
    events = counts.messages + counts.external + counts.without_target
    assert events == counts.spikes + counts.source_spikes
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
    seconds = 10 * (4.9e-6 + 1024 * 5.3e-9)
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
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_low_nominal_high_are_in_order_and_terms_sum_to_the_energy(name, seed):
    chip = hw.load_chip(name)
    delay = 0.0 if chip.synapse.delay_max == 0 else 1.0
    found = hw.price(run(chip, seed=seed, n_out=6, delay=delay), chip)
    assert 0 <= found.energy_j.low <= found.energy_j.nominal <= found.energy_j.high
    assert sum(term.energy_j for term in found.terms) == pytest.approx(found.energy_j.nominal)
    assert sum(found.breakdown.values()) == pytest.approx(found.energy_j.nominal)


def test_a_chip_without_prices_estimates_nothing_and_says_so(tmp_path):
    path = tmp_path / "bare.toml"
    bare = TEXT[: TEXT.index("[energy.synop.dense]")]
    path.write_text(bare + '[energy.synop.dense]\nbasis = "unpublished"\n')
    chip = hw.load_chip(path)
    counts = run(chip)
    found = hw.price(counts, chip)
    assert found.energy_j.nominal == 0
    assert found.terms == ()
    assert found.basis == "unpublished"
    assert any(line.startswith("energy.synop.dense") for line in found.unpriced)
    assert any(line.startswith("power.chip_static") for line in found.unpriced)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_bands_lie_between_all_constants_low_and_all_high(seed, n, tmp_path_factory):
    rng = np.random.default_rng(seed)
    text = chip_text()
    for _ in range(n):
        kind = ("20 pJ", "80 pJ", "10 mW", "2 ns", "100 ns", "3 pJ")[int(rng.integers(6))]
        value, unit = kind.split()
        low, high = float(value) * rng.random() * 1e-3, float(value) * 10 ** (4 * rng.random())
        at = text.index(f'value = "{kind}"')
        end = text.index("scope", at)
        text = (
            text[:at]
            + f'value = "{kind}"\nlow = "{low:.9f} {unit}"\n'
            + (f'high = "{high:.9f} {unit}"\n' + text[end:])
        )
    path = tmp_path_factory.mktemp("band") / "band.toml"
    path.write_text(text)
    chip = hw.load_chip(path)
    counts = run(chip, seed=seed)
    found = hw.price(counts, chip)

    def at_their(end):
        prices = {
            name: replace(price, value=getattr(price, end)) if price.status == "priced" else price
            for name, price in chip.prices.items()
        }
        ends = {
            name: replace(price, low=price.value, high=price.value)
            if price.status == "priced"
            else price
            for name, price in prices.items()
        }
        return hw.price(counts, replace(chip, prices=ends))

    least, most = at_their("low"), at_their("high")
    for name in ("energy_j", "time_s"):
        band = getattr(found, name)
        assert 0 <= getattr(least, name).nominal <= band.low * (1 + 1e-12)
        assert band.low <= band.nominal <= band.high
        assert band.high <= getattr(most, name).nominal * (1 + 1e-12)


def test_a_loihi_run_that_only_leaks_has_no_negative_low_end():
    net = ns.Network(time="steps")
    a, b = net.add(ns.SpikeSource(2, times=[1.0, 4.0], ids=[0, 1]), "a"), net.add(ns.IF(3), "b")
    net.connect(a, b, weight=0.5)
    row = ns.compare(ns.simulate(net, 10, progress=False), chips="loihi").row("loihi")
    assert 0 < row.energy_j.low < row.energy_j.nominal < row.energy_j.high


def charged(net, chip, duration=10, **options):
    result = ns.simulate(net, duration, progress=False)
    return ns.compare(result, chips=[chip], **options)


def test_odin_handles_every_spike_even_one_without_synapses():
    net = ns.Network(time="steps")
    net.add(ns.IF(10, i_ext=1.0), "b")
    silent = ns.Network(time="steps")
    silent.add(ns.SpikeSource(1, times=np.arange(10.0), ids=[0] * 10), "a")
    silent.add(ns.IF(10), "b")
    silent.connect("a", "b", weight=0.0)
    for network in (net, silent):
        row = charged(network, "odin").row("odin")
        table = charged(network, "odin")
        events = table.censuses["odin"].events
        assert events == table.censuses["odin"].without_target >= 10
        assert row.time_s.nominal == pytest.approx(events * 513 / 75e6)


def test_sources_of_both_signs_cost_on_odin_what_two_sources_cost():
    signs = np.where(np.random.default_rng(0).random((100, 50)) < 0.5, -1.0, 1.0)
    times, ids = np.repeat(np.arange(20.0), 100), np.tile(np.arange(100), 20)

    def energy(split):
        net = ns.Network(time="steps")
        sources = ("plus", "minus") if split else ("both",)
        for name in sources:
            net.add(ns.SpikeSource(100, times=times, ids=ids), name)
        # A threshold out of reach: the neurons fire no spikes of their own.
        net.add(ns.IF(50, v_th=1e9), "b")
        for name in sources:
            part = {"plus": np.maximum(signs, 0), "minus": np.minimum(signs, 0), "both": signs}
            net.connect(name, "b", weight=part[name])
        return charged(net, "odin", 20).row("odin").energy_j.nominal

    assert energy(split=False) == pytest.approx(energy(split=True), rel=1e-12)


@pytest.mark.parametrize(("n", "tiles"), [(1024, 1), (1024 * 4, 1), (1024 * 5, 2), (131_072, 32)])
def test_loihis_barrier_grows_from_one_tile_to_all(n, tiles):
    net = ns.Network(time="steps")
    net.add(ns.IF(n), "a")
    mapping = hw.map_network(net, "loihi")
    counts = hw.census(net, mapping, {"a": (np.empty(0), np.empty(0, int))}, duration=3)
    found = hw.price(counts, hw.load_chip("loihi"))
    barrier = 113e-9 + (465e-9 - 113e-9) * (tiles - 1) / 31
    assert found.step_s == pytest.approx(1024 * 5.3e-9 + barrier, rel=1e-12)


def test_realtime_waits_in_short_steps_and_not_for_long_ones(small):
    counts = run(small)
    tick = 103e-9  # between an empty step of 100 ns and a busy one
    held = hw.price(replace(counts, tick_s=tick), small, realtime=True)
    steps = [100e-9 + 2e-9 * max(map(int, row)) for row in counts.steps.synops]
    assert min(steps) < tick < max(steps)
    assert held.time_s.nominal == pytest.approx(sum(max(step, tick) for step in steps))
    assert held.overruns == sum(step > tick for step in steps)
    assert any(f"OVERRUN: {held.overruns} of 20 steps" in note for note in held.notes)


def test_a_clocked_chip_says_its_pace_and_its_overruns():
    chip = hw.load_chip("odin")
    counts = run(chip)
    fast = hw.price(counts, chip)
    assert any("one after the other" in note for note in fast.notes)
    held = hw.price(replace(counts, tick_s=10e-6), chip, realtime=True)
    busy = [int(n) * 513 / 75e6 for n in counts.steps.events]
    assert held.time_s.nominal == pytest.approx(sum(max(step, 10e-6) for step in busy))
    assert held.overruns == sum(step > 10e-6 for step in busy) > 0


def test_a_tick_of_the_chip_longer_than_the_networks_is_said_and_flagged():
    chip = hw.load_chip("truenorth")
    counts = replace(run(chip, n_out=6), tick_s=1e-4)
    notes = " / ".join(hw.price(counts, chip).notes)
    assert "tick is 0.1 ms: 10 times slower than real time" in notes
    held = hw.price(counts, chip, realtime=True)
    assert held.overruns == counts.n_steps
    assert "OVERRUN" in " / ".join(held.notes)
    slow = hw.price(replace(counts, tick_s=1e-2), chip, realtime=True)
    assert (slow.overruns, slow.time_s.nominal) == (0, pytest.approx(20e-2))


@pytest.mark.parametrize("value", ["x", 1, None])
def test_realtime_is_yes_or_no(small, value):
    with pytest.raises(ParameterError, match="price.realtime must be True or False"):
        hw.price(run(small), small, realtime=value)
