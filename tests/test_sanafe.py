"""Claims about SANA-FE: its architectures are read, and its counts and energies are ours."""

import numpy as np
import pytest
import sanafe_oracle as oracle

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import FormatError

pytest.importorskip("yaml")
STEPS = 60


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("arch") / "parity.yaml"
    file.write_text(oracle.architecture())
    return file


def test_an_architecture_becomes_a_chip_with_its_prices_and_no_more(path):
    chip = hw.import_sanafe(path)
    assert (chip.name, chip.n_cores, chip.core.resources["neurons"]) == ("parity", 12, 40)
    assert chip.synapse.formats == ("dense", "sparse", "conv")
    for cost, value in {
        # A synaptic operation updates the dendrite: 5 pJ.
        "energy.synop.conv": (24 + 5) * 1e-12,
        "energy.neuron_idle": 51e-12,
        "energy.neuron_active": 72e-12,
        "energy.spike_out": 69e-12,
        "energy.axon_in": 7e-12,
        "energy.axon_out": 111e-12,
        "energy.hop.x": 3e-12,
        "energy.hop.y": 4e-12,
        "latency.sync": 1e-6,
        "latency.synop": 3e-9,
    }.items():
        price = chip.price(cost)
        assert price.value == pytest.approx(value, rel=1e-12), cost
        assert price.basis == "fitted"
    assert chip.price("power.chip_static").status == "unpublished"


@pytest.mark.parametrize("kind", ["dense", "convolutional", "recurrent"])
def test_counts_are_sana_fes_and_energy_within_a_percent(kind, path):
    sanafe = pytest.importorskip("sanafe")
    # Our engine runs the network by itself; the census has the input on cores, as there.
    result = ns.simulate(oracle.network(kind, placed=False), STEPS, progress=False)
    net = oracle.network(kind, placed=True)
    chip = hw.import_sanafe(path)
    mapping = hw.map_network(net, chip)
    assert mapping.n_cores >= 3
    counts = hw.census(net, mapping, result.spikes, duration=STEPS)
    # The end is silent, so that nothing is still under way in one of the two.
    assert max(s.times.max() for s in result.spikes.values()) < STEPS - 2
    there = oracle.run(sanafe, path, net, mapping, STEPS)
    raster = sorted(
        (step, str(neuron)) for step, fired in enumerate(there["spike_trace"]) for neuron in fired
    )
    ours = sorted(
        (int(t), f"{name}.{i}")
        for name, s in result.spikes.items()
        for t, i in zip(s.times, s.ids, strict=True)
    )
    assert raster == ours
    assert there["neurons_fired"] == counts.spikes
    assert there["spikes"] == counts.synops
    assert there["packets_sent"] == counts.messages
    assert there["neurons_updated"] == counts.active
    assert sum(there["perf_trace"]["hops"]) == counts.hops_x + counts.hops_y
    found = hw.price(counts, chip)
    assert found.energy_j.nominal == pytest.approx(there["energy"]["total"], rel=0.01)
    parts = there["energy"]
    parts["synapse"] += parts["dendrite"]  # updated by each operation, and part of its price
    for name, ours in {"synapse": "synapse", "soma": "neuron", "network": "network"}.items():
        assert found.breakdown[ours] == pytest.approx(parts[name], rel=0.01), name


def test_the_shipped_loihi_of_sana_fe_is_read():
    pytest.importorskip("sanafe")
    from importlib.resources import files

    chip = hw.import_sanafe(str(files("sanafe.examples") / "loihi.yaml"))
    assert chip.price("energy.axon_out").value == pytest.approx(111e-12)
    assert chip.price("latency.sync_one_tile").value == pytest.approx(0.6e-6)
    assert chip.price("latency.sync").value == pytest.approx(1.8e-6)


def test_the_imported_chip_stands_in_a_comparison(path):
    net = ns.Network(time="steps")
    net.connect(net.add(ns.SpikeSource(2, times=[1], ids=[0]), "a"), net.add(ns.IF(3), "b"))
    table = ns.compare(ns.simulate(net, 5, progress=False), chips=[hw.import_sanafe(path)])
    assert table.row("parity").fits
    assert any("chip_static" in line for line in table.row("parity").unpriced)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "network: {}", "architecture must be a table"),
        (lambda text: "[1, 2", "is not YAML"),
        (lambda text: text.replace("35.0e-12", "-1.0"), "energy_process_spike must be a number"),
        (lambda text: text.replace("35.0e-12", "lots"), "must be a number that is not negative"),
        (lambda text: text.replace("width: 3", "width: 1"), "has room for 4 cores"),
        (lambda text: "a: &x [1]\nb: *x\n", "YAML alias is not read"),
        (lambda text: text.replace("name: parity", "name: !!python/name:os.system"), "is not YAML"),
        (lambda text: text.replace("35.0e-12", "true"), "must be a number that is not negative"),
        (lambda text: text.replace("tile[0..5]", "tile[5..0]"), "ends before it begins"),
        (
            lambda text: text.replace("buffer_position: soma", "buffer_position: dendrite"),
            "dendrites.energy_update has a price where the buffer_position is 'dendrite'",
        ),
        (lambda text: "x" * 70_000, "must have at most 65536 bytes"),
    ],
)
def test_files_that_are_no_architecture_are_refused_in_a_sentence(change, says, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(change(oracle.architecture()))
    with pytest.raises(FormatError, match=says):
        hw.import_sanafe(file)


def test_what_a_file_does_not_give_is_unpublished_and_units_that_are_not_read_are_named(tmp_path):
    # Older forms of these files have other names for the same prices.
    file = tmp_path / "old.yaml"
    text = oracle.architecture().replace("energy_update_neuron", "energy_active")
    text = text.replace("energy_message_out", "energy").replace("latency_sync: 1.0e-6", "a: 1")
    file.write_text(text.replace("max_neurons_supported: 40", "blocking: true"))
    chip = hw.import_sanafe(file)
    assert chip.price("energy.neuron_idle").value == pytest.approx(51e-12)
    for path in ("energy.neuron_active", "energy.axon_out", "latency.sync"):
        assert chip.price(path).status == "unpublished", path
    assert "Not read: soma inputs[0..39]" in chip.evidence
    net = ns.Network(time="steps")
    net.connect(net.add(ns.SpikeSource(2, times=[1], ids=[0]), "a"), net.add(ns.IF(3), "b"))
    row = ns.compare(ns.simulate(net, 5, progress=False), chips=[chip]).rows[0]
    assert any(line.startswith("energy.neuron_active (3") for line in row.unpriced)


def test_spikes_of_the_input_are_given_to_both():
    times, ids = oracle.inputs()
    assert np.all(times < 30)
    assert ids.max() < 36
