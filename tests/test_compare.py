"""Claims about comparisons: rows for all chips, refusals explained, files whole or not there."""

import csv
import io
import json

import numpy as np
import pytest
from small_chip import write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.errors import ParameterError
from neurosim.hardware.table import as_csv
from neurosim.units import parse_quantity


def simulated(n_in=40, n_hid=30, duration=50.0, seed=0):
    net = ns.Network(seed=seed)
    inp = net.add(ns.PoissonSource(n_in, rate=100.0), "in")
    hid, out = net.add(ns.LIF(n_hid), "hid"), net.add(ns.LIF(5), "out")
    net.connect(inp, hid, weight=0.2, delay=1.0)
    net.connect(hid, out, weight=0.2, delay=1.0)
    return ns.simulate(net, duration, progress=False)


@pytest.fixture(scope="module")
def result():
    return simulated()


@pytest.fixture(scope="module")
def table(result):
    return ns.compare(result, chips=["loihi", "truenorth", "odin"])


def test_baselines_stand_beside_the_chips_asked_for(table):
    names = [row.chip for row in table.rows]
    twins = ["snn-45nm-ac", "ann-45nm-mac", "ann-int8", "ann-bitserial", "ann-sparse-2of4"]
    assert names == ["loihi", "truenorth", "odin", *twins]
    assert [row.kind for row in table.rows] == ["chip"] * 3 + ["baseline"] * 5


def test_all_rows_count_the_same_run(table, result):
    assert {row.n_spikes for row in table.rows} == {
        int(result.counts["hid"].sum() + result.counts["out"].sum())
    }
    assert {row.n_synops for row in table.rows} == {sum(result.synaptic_events.values())} or (
        # The engine may count arrivals that lie beyond the end of the run.
        table.rows[0].n_synops <= sum(result.synaptic_events.values())
    )


def test_the_printed_table_says_that_it_is_an_estimate_with_band_tier_and_gaps(table):
    text = str(table)
    assert "Estimates by model, not measurements of the chips" in text
    for row in table.rows:
        assert row.chip in text
    assert " .. " in text
    assert "loihi: without a price: energy.spike_out" in text
    assert max(map(len, text.splitlines()[:8])) < 160


def test_a_network_that_does_not_fit_has_a_row_with_limit_need_and_what_fits():
    table = ns.compare(simulated(n_in=300), chips=["odin", "loihi"])
    row = table.row("odin")
    assert not row.fits
    assert row.energy_j is None
    assert "core 0 needs 330 axons_in, limit 256" in row.reason
    assert "at most 226 neurons in 'in' (now 300)" in row.reason
    assert "fits on loihi as it is" in row.reason
    assert row.reason in str(table)
    assert "does not fit" in table.explain("odin")
    assert ns.compare(simulated(n_in=226), chips=["odin"]).row("odin").fits


def test_several_results_are_inferences_of_one_network(result):
    net = result.network
    sim = ns.Simulator(net)
    results = []
    for _ in range(3):
        results.append(sim.run(50.0, progress=False))
        sim.reset()
    table = ns.compare(results, chips=["loihi"])
    row = table.row("loihi")
    assert row.n_inferences == 3
    assert row.n_steps == 150
    assert row.n_spikes == sum(
        int(one.counts["hid"].sum() + one.counts["out"].sum()) for one in results
    )
    assert row.per_inference_j.nominal == pytest.approx(row.energy_j.nominal / 3)
    assert "per inference" in str(table)
    dense = table.row("ann-45nm-mac")
    assert dense.per_inference_j.nominal == pytest.approx((40 * 30 + 30 * 5) * 4.6e-12)


def test_a_run_cut_in_pieces_can_be_priced_by_its_pieces(result):
    sim = ns.Simulator(result.network)
    pieces = [sim.run(25.0, progress=False), sim.run(25.0, progress=False)]
    assert pieces[1].t_start == 25.0
    row = ns.compare(pieces, chips=["loihi"], n_inferences=1).row("loihi")
    whole = ns.compare(result, chips=["loihi"]).row("loihi")
    assert (row.n_spikes, row.n_steps) == (whole.n_spikes, whole.n_steps)
    # Spikes under way at the cut arrive behind it.
    assert row.n_synops == whole.n_synops
    assert row.energy_j == whole.energy_j


def test_pieces_join_at_the_time_where_one_ended_and_other_runs_do_not(result):
    sim = ns.Simulator(result.network)
    # A tick may be cut in two, and is still one.
    early, late = sim.run(25.5, progress=False), sim.run(24.5, progress=False)
    assert ns.compare([early, late], chips=["loihi"]).row("loihi").n_steps == 50
    sim.reset()
    again = sim.run(25.5, progress=False)
    row = ns.compare([early, late, again], chips=["loihi"]).row("loihi")
    assert (row.n_steps, row.n_inferences) == (50 + 26, 3)


def test_sources_without_neurons_have_rows():
    net = ns.Network()
    net.add(ns.SpikeSource(3, times=[1.0], ids=[0]), "a")
    for realtime in (False, True):
        table = ns.compare(ns.simulate(net, 20.0, progress=False), realtime=realtime)
        assert {row.cores for row in table.rows if row.kind == "chip"} == {0}
        loihi = table.row("loihi")
        assert loihi.energy_j.nominal == pytest.approx(loihi.time_s.nominal * 0.104, rel=1e-9)


def test_a_users_chip_file_stands_beside_the_shipped_ones(tmp_path):
    roomy = ("axons_in = 12, axons_out = 16, synapse_words = 24", "axons_in = 4000")
    rule = ('cost_rules = { synapse_words = { rule = "loihi_synlist" } }\n', "")
    path = write_chip(tmp_path, roomy, rule, ("neurons = 4,", "neurons = 64,"))
    table = ns.compare(simulated(), chips=[str(path), "loihi"])
    assert table.row("small").fits
    assert "Tests, Table 1" in table.explain("small")


def test_explain_names_constant_source_basis_and_scope(table):
    text = table.explain("loihi")
    for part in ("23.6 pJ", "Davies 2018, Table 2", "incremental", "simulated", "not a meas"):
        assert part in text
    assert "26 pJ" in table.explain("truenorth")


def test_explain_gives_the_share_of_a_population_or_projection(table):
    counts = table.censuses["loihi"]
    text = table.explain("loihi", "hid->out")
    assert f"energy.synop.dense: {counts.projections['hid->out'].synops:,}" in text
    text = table.explain("loihi", "hid")
    assert f"energy.neuron_active: {counts.populations['hid'].active:,}" in text
    with pytest.raises(ParameterError, match="name must be one of hid, out, in, .*got 'hidden'"):
        table.explain("loihi", "hidden")
    # A row of the crossbar is no projection's, its constant and source are shown all the same.
    text = table.explain("odin", "hid->out")
    assert "not told apart by projection" in text
    assert "8.43 pJ" in text
    with pytest.raises(ParameterError, match="chip must be one of loihi.*got 'xylo'"):
        table.explain("xylo")


@pytest.mark.parametrize(
    "chip", ["snn-step", "snn-45nm-ac", "ann-int8", "ann-bitserial", "tianjic"]
)
def test_the_shares_of_all_parts_are_the_energy_of_synapses_neurons_and_memory(result, chip):
    table = ns.compare(result, chips=[chip])
    counts, estimate = table.censuses[chip], table.estimates[chip]
    total = 0.0
    for part in (*counts.projections, *counts.populations):
        head = table.explain(chip, part).splitlines()[0]
        if head.endswith("no cost of its own"):
            continue
        amount, unit = head.rsplit(": ", 1)[1].split(" in events")[0].split(" ")
        total += parse_quantity(f"{amount} {unit}", owner="test", name="share").value
    whole = sum(
        term.energy_j
        for term in estimate.terms
        # Spikes read are those of neurons and sources, not of a projection.
        if term.category != "network" and not (chip[0] == "s" and "activation" in term.path)
    )
    assert total == pytest.approx(whole, rel=0.02)


def test_explain_of_a_source_or_under_an_all_in_price_says_where_its_cost_is(result):
    table = ns.compare(result, chips=["loihi", "tianjic"])
    assert "on no core: its " in table.explain("loihi", "in")
    assert "inside energy.all_in" in table.explain("tianjic", "hid")
    assert "unpublished" not in table.explain("tianjic", "hid->out")


def test_csv_and_json_hold_the_rows(table, tmp_path):
    table.to_csv(tmp_path / "energy.csv")
    with open(tmp_path / "energy.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["chip"] for line in lines] == [row.chip for row in table.rows]
    for line, row in zip(lines, table.rows, strict=True):
        assert float(line["energy_j"]) == row.energy_j.nominal
        assert int(line["synops"]) == row.n_synops
    document = json.loads(table.to_json(tmp_path / "energy.json"))
    assert document == json.loads((tmp_path / "energy.json").read_text())
    assert "not measurements" in document["what"]
    assert document["rows"][0]["energy_j"]["nominal"] == table.rows[0].energy_j.nominal
    assert sorted(p.name for p in tmp_path.iterdir()) == ["energy.csv", "energy.json"]


def test_an_unwritable_place_is_one_sentence_and_leaves_nothing(table, tmp_path):
    with pytest.raises(ParameterError, match="cannot be written .*give a path in a folder"):
        table.to_csv(tmp_path / "none" / "energy.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ParameterError, match="cannot be written"):
        table.to_json(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_spikes_that_were_not_recorded_are_asked_for(result):
    bare = ns.simulate(result.network, 10.0, record={}, progress=False)
    with pytest.raises(ParameterError, match="has no population 'hid'; record the spikes"):
        ns.compare(bare, chips=["loihi"])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda r: ns.compare([], chips=["loihi"]), "at least one Result"),
        (lambda r: ns.compare(7, chips=["loihi"]), "must be a Result of simulate.*got int"),
        (lambda r: ns.compare([r, simulated(seed=9)], chips=["loihi"]), "of one network"),
        (lambda r: ns.compare(r, chips=["loihee"]), "did you mean 'loihi'"),
        (lambda r: ns.compare(r, n_inferences=0), "n_inferences must be >= 1"),
        (lambda r: ns.compare(r, chips=5), "compare.chips must be a chip or a list.*got int"),
        (lambda r: ns.compare(r, chips=b""), "compare.chips must be a chip or a list.*got bytes"),
        (lambda r: ns.compare(r, chips=[None]), "chip must be a name.*got NoneType"),
        (lambda r: ns.compare(r, realtime="x"), "compare.realtime must be True or False"),
        (lambda r: ns.compare(r, chips=[], tick=1e-7), "at most 100,000,000 ticks, got 1e-07"),
        (lambda r: ns.compare(r, tick=-1.0), "hardware.tick must be > 0 ms"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, match, result):
    with pytest.raises(ParameterError, match=match):
        call(result)


def test_two_different_chips_of_one_name_are_refused(result, tmp_path):
    path = write_chip(tmp_path, ('name = "small"', 'name = "loihi"'))
    with pytest.raises(ParameterError, match="two chips named 'loihi'.*rename one"):
        ns.compare(result, chips=["loihi", path])


def test_a_finer_tick_means_more_steps_and_the_same_synaptic_operations(result):
    coarse = ns.compare(result, chips=["loihi"]).row("loihi")
    fine = ns.compare(result, chips=["loihi"], tick=0.1).row("loihi")
    assert (coarse.n_steps, fine.n_steps) == (50, 500)
    assert fine.n_spikes == coarse.n_spikes
    assert fine.energy_j.nominal > coarse.energy_j.nominal


def test_silent_runs_have_rows():
    net = ns.Network(time="steps")
    net.connect(net.add(ns.SpikeSource(3), "a"), net.add(ns.IF(2), "b"), weight=1.0)
    table = ns.compare(ns.simulate(net, 5, progress=False))
    assert {row.fits for row in table.rows} == {True}
    assert {row.n_synops for row in table.rows} == {0}
    assert all(row.per_synop_j is None for row in table.rows)
    assert all(np.isfinite(row.energy_j.nominal) for row in table.rows if row.energy_j)
    # Chips that wait for events take no time, and say so; those with a tick or a barrier leak.
    waiting = {row.chip for row in table.rows if any("nothing leaks" in note for note in row.notes)}
    assert waiting == {"odin", "speck"}
    assert table.row("truenorth").energy_j.nominal > 0
    assert table.row("tianjic").energy_j.nominal == 0
    shown = [text.get_text() for text in ns.plot.energy(table).texts]
    assert shown[[row.chip for row in table.rows].index("tianjic")] == "0 J"


def test_what_has_no_price_is_no_zero_in_any_table(result):
    table = ns.compare(result, chips=["akida", "darwin3", "loihi"])
    akida, darwin, loihi = (table.row(name) for name in ("akida", "darwin3", "loihi"))
    assert (akida.energy_j, akida.per_inference_j, akida.breakdown) == (None, None, None)
    assert (darwin.breakdown["static"], darwin.breakdown["neuron"]) == (None, None)
    assert loihi.breakdown["memory"] == 0  # inside its prices
    shares = str(table).splitlines()[4].split()
    assert any(cell.startswith("?/?/100") for cell in shares)
    lines = {line["chip"]: line for line in csv.DictReader(io.StringIO(as_csv(table.rows)))}
    assert lines["akida"]["energy_j"] == lines["darwin3"]["static_j"] == ""
    assert json.loads(table.to_json())["rows"][0]["energy_j"] is None


def test_graded_spikes_are_named_where_a_chip_has_none():
    source = ns.SpikeSource(2, times=[1], ids=[0], payloads=[2.5])
    for made in (source, ns.GradedUnit(2, threshold=0.1)):
        net = ns.Network(time="steps")
        net.connect(net.add(made, "a"), net.add(ns.IF(2), "b"), weight=1.0)
        table = ns.compare(ns.simulate(net, 5, progress=False), chips=["truenorth", "loihi2"])
        noted = [row.chip for row in table.rows if "spikes that carry numbers" in str(row.notes)]
        assert noted == ["truenorth"]


def test_models_that_chip_files_name_are_models_of_the_package():
    named = {model for name in hw.list_chips() for model in hw.load_chip(name).neuron.models}
    assert all(callable(getattr(ns, model, None)) for model in named)
    net = ns.Network(time="steps")
    net.connect(net.add(ns.SpikeSource(2), "a"), net.add(ns.LoihiLIF(2), "b"), weight=1.0)
    notes = hw.map_network(net, "loihi").notes
    assert not any("assumed to run" in note for note in notes)


def test_list_chips_are_the_default(result):
    assert {row.chip for row in ns.compare(result).rows} == set(hw.list_chips())


@pytest.mark.parametrize(
    ("path", "match"),
    [
        (5, "to_csv: path must be a str or Path of a file, got 5"),
        ("", "to_csv: path must be a str or Path of a file, got ''"),
        ("/", "to_csv: path must be a file in a writable folder, but '/' cannot be written"),
        ("a\0b", r"to_csv: path must be a str or Path of a file, got 'a\\x00b'"),
    ],
)
def test_what_is_no_file_is_refused_by_name(table, path, match):
    with pytest.raises(ParameterError, match=match):
        table.to_csv(path)


def test_a_network_that_fits_only_when_quantised_says_so_in_the_table():
    net = ns.Network(time="steps", seed=1)
    net.connect(net.add(ns.SpikeSource(9), "a"), net.add(ns.IF(9), "b"), weight=ns.Normal(0, 1))
    table = ns.compare(ns.simulate(net, 5, progress=False), chips=["truenorth", "odin"])
    assert table.row("truenorth").needs_quantisation
    assert not table.row("snn-45nm-ac").needs_quantisation
    assert "after quantisation" in str(table).splitlines()[3]
    assert "needs_quantisation" in table.to_json()
    # Where it fits only then, no refusal says that it fits there as it is.
    net = ns.Network(time="steps", seed=1)
    net.connect(net.add(ns.SpikeSource(20), "a"), net.add(ns.IF(9), "b"), weight=ns.Normal(0, 1))
    chips = ["truenorth", "spinnaker", "xylo-imu"]
    table = ns.compare(ns.simulate(net, 5, progress=False), chips=chips)
    quantised = {row.chip for row in table.rows if row.needs_quantisation}
    assert "truenorth" in quantised
    named = table.row("xylo-imu").reason.partition("fits on ")[2]
    assert not any(chip in named for chip in quantised)


def test_explain_shows_calibrations_and_the_sources_of_the_structure(table):
    text = table.explain("truenorth")
    assert "calibrated: power.chip_static and energy.synop.crossbar" in text
    assert "topology: Akopyan 2015" in text


def test_counts_that_chips_share_are_those_of_each_alone(result):
    chips = ["odin", "truenorth", "loihi", "spinnaker", "xylo-audio2", "speck"]
    together = ns.compare(result, chips=chips)
    for name, counts in together.censuses.items():
        alone = hw.census(
            result.network, together.mappings[name], result.spikes, duration=result.duration
        )
        for field in ("spikes", "synops", "active", "idle", "messages", "external", "hops_x"):
            assert getattr(counts, field) == getattr(alone, field)
        assert counts.inference == alone.inference
        for key, values in alone.cores.items():
            assert np.array_equal(counts.cores[key], values)
