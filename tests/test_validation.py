"""Claims about published measurements: simulated, mapped, counted, scaled, priced."""

import pytest

import neurosim.hardware as hw
from neurosim.hardware.workloads import random_recurrent


@pytest.fixture(scope="module")
def table():
    return hw.validate()


def row(table, chip, part):
    return next(row for row in table.rows if row.chip == chip and part in row.id)


@pytest.mark.parametrize(
    ("part", "label", "measured"),
    [
        ("11.58 Hz", "calibrated", 68e-3),
        ("20.07 Hz", "predicted", 71e-3),
        ("95.93 Hz", "calibrated", 94e-3),
    ],
)
def test_truenorths_sweep_is_reproduced_within_one_percent(table, part, label, measured):
    found = row(table, "truenorth", part)
    assert (found.label, found.measured) == (label, measured)
    assert abs(found.model / measured - 1) < 0.01
    assert found.how.startswith("simulated, mapped")


@pytest.mark.parametrize(("part", "measured"), [("37.5 MSOP/s", 477e-6), ("650 kSOP/s", 35e-6)])
def test_odins_operating_points_are_reproduced_within_one_percent(table, part, measured):
    found = row(table, "odin", part)
    assert (found.label, found.measured) == ("calibrated", measured)
    assert abs(found.model / measured - 1) < 0.01


def test_loihis_nearest_neighbour_energy_is_predicted_within_a_quarter(table):
    found = row(table, "loihi", "V3")
    by_hand = 76_800 * (708 * 23.6e-12 + 60 * 52e-12)
    assert found.model == pytest.approx(by_hand, rel=1e-12)
    assert found.label == "predicted"
    assert abs(found.error) < 0.25
    # At the active price of the updates, too, which the docs give beside it.
    assert 76_800 * (708 * 23.6e-12 + 60 * 81e-12) / found.measured - 1 == pytest.approx(
        0.245, abs=5e-4
    )


def test_loihis_time_per_step_is_the_barrier_that_was_fitted_and_the_work_of_a_core(table):
    found = row(table, "loihi", "time per step")
    by_hand = 76_800 / 4096 * (708 / 60 * 3.5e-9 + 5.3e-9) + 4.9e-6
    assert found.model == pytest.approx(by_hand, rel=1e-12)
    assert (found.label, found.measured) == ("calibrated", 5.8e-6)
    assert "loihi calibrated: latency.sync_multichip" in str(table)


def test_every_row_is_within_its_tolerance_and_the_table_says_how_it_was_made(table):
    assert all(row.ok for row in table.rows)
    text = str(table)
    for part in ("calibrated", "predicted", "simulated, mapped, x 1024", "published counts"):
        assert part in text


def test_the_piece_of_the_sweep_fires_at_its_rate_and_fills_whole_cores():
    parameters = {
        "cores": 4096,
        "neurons_per_core": 256,
        "synapses_per_neuron": 128,
        "rate": 20.07,
    }
    import neurosim as ns

    piece = random_recurrent(parameters, seed=5)
    result = ns.simulate(piece.network, piece.duration, dt=piece.dt, progress=False)
    rate = result.counts["neurons"].sum() / 1024 / (piece.duration * 1e-3)
    assert rate == pytest.approx(20.07, rel=0.01)
    mapping = hw.map_network(piece.network, "truenorth")
    assert mapping.usage["neurons"].tolist() == [256] * 4
    assert mapping.usage["axons_in"].tolist() == [256] * 4
    assert piece.scale == 1024


def test_a_row_outside_its_tolerance_is_not_ok(table):
    from dataclasses import replace

    one = table.rows[0]
    assert not replace(one, model=2 * one.measured).ok
