"""Plots draw what was recorded, label it with units, and leave no global state behind."""

import subprocess
import sys

import numpy as np
import pytest

import neurosim as ns
from neurosim import plot
from neurosim.engine.result import Result, Spikes, Trace
from neurosim.errors import ParameterError
from neurosim.events import Events


def result(time="continuous", n_spikes=50):
    """A result with known spikes, made by hand."""
    rng = np.random.default_rng(0)
    net = ns.Network(time=time)
    net.add(ns.SpikeSource(4), "in")
    net.add(ns.IF(6), "out")
    spikes = {
        name: Spikes(
            np.sort(rng.uniform(0, 100, n_spikes)), rng.integers(0, n, n_spikes).astype(np.int32), n
        )
        for name, n in (("in", 4), ("out", 6))
    }
    values = np.linspace(0, 1, 30).reshape(10, 3)
    trace = Trace(np.arange(10) * 10.0, np.array([0, 2, 5]), values, "mV")
    return Result(
        network=net,
        t_start=0.0,
        t_stop=100.0,
        dt=0.1,
        engine="clock",
        dtype="float32",
        threads=1,
        spikes=spikes,
        counts={name: np.bincount(s.ids, minlength=s.n) for name, s in spikes.items()},
        traces={"out": {"v": trace}},
        synaptic_events={},
    )


def drawn(ax):
    """All marks of a raster: (times, heights)."""
    lines = [line for line in ax.lines if line.get_linestyle() == "None"]
    return [np.concatenate([line.get_data()[k] for line in lines]) for k in (0, 1)]


def test_raster_stacks_populations_and_draws_every_spike():
    data = result()
    ax = plot.raster(data)
    times, heights = drawn(ax)
    expected = np.concatenate([data.spikes["in"].ids, data.spikes["out"].ids + 4])
    np.testing.assert_array_equal(heights, expected)
    assert len(times) == 100
    assert ax.get_xlabel() == "time (ms)" and "neuron" in ax.get_ylabel()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["out (50)", "in (50)"]


def test_raster_of_one_population_and_a_span_draws_only_that():
    data = result("steps")
    ax = plot.raster(data, "out", t=(20, 60))
    times, _ = drawn(ax)
    spikes = data.spikes["out"].times
    np.testing.assert_array_equal(times, spikes[(spikes >= 20) & (spikes < 60)])
    assert ax.get_xlim() == (20, 60) and ax.get_xlabel() == "time (steps)"


def test_raster_thins_out_long_recordings_and_says_so():
    ax = plot.raster(result(n_spikes=500), max_spikes=300)
    assert len(drawn(ax)[0]) <= 300
    assert ax.get_title(loc="left") == "every 4th of 1000 spikes"


def test_traces_draw_one_labelled_line_per_neuron():
    ax = plot.traces(result(), "out", "v")
    assert ax.get_ylabel() == "v (mV)"
    assert [line.get_label() for line in ax.lines] == ["out[0]", "out[2]", "out[5]"]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), np.linspace(0, 1, 30)[1::3])


def test_rates_count_every_neuron_once():
    data = result()
    ax = plot.rates(data, ["in", "out"], bins=7)
    heights = [patch.get_xy()[:, 1].max() for patch in ax.patches]
    assert heights and "Hz" in ax.get_xlabel()
    label = ax.get_legend().get_texts()[0].get_text()
    assert label == f"in: mean {50 / 4 / 0.1:.3g} Hz"


def test_rates_leave_sources_out_unless_named():
    labels = [text.get_text() for text in plot.rates(result()).get_legend().get_texts()]
    assert len(labels) == 1 and labels[0].startswith("out:")


def test_frame_is_white_red_blue_where_it_should_be():
    events = Events(x=[0, 1], y=[0, 0], t=[5, 10], p=[1, 0], sensor_size=(3, 2))
    picture = plot.frame(events).images[0].get_array()
    assert picture.shape == (2, 3, 3)
    assert picture[0, 0].argmax() == 0 and picture[0, 1].argmax() == 2
    np.testing.assert_array_equal(picture[1], 1.0)


def test_frame_of_a_span_and_of_no_events():
    events = Events(x=[0, 1], y=[0, 0], t=[5, 10], p=[1, 0], sensor_size=(3, 2))
    ax = plot.frame(events, t=(0, 6))
    np.testing.assert_array_equal(ax.images[0].get_array()[0, 1], 1.0)
    empty = Events(x=[], y=[], t=[], p=[], sensor_size=(3, 2))
    np.testing.assert_array_equal(plot.frame(empty).images[0].get_array(), 1.0)


def comparison(n_inputs):
    net = ns.Network()
    times, ids = np.arange(1.0, 40.0), np.arange(39) % n_inputs
    a = net.add(ns.SpikeSource(n_inputs, times=times, ids=ids), "a")
    b = net.add(ns.LIF(3), "b")
    net.connect(a, b, weight=2.0, delay=1.0)
    return ns.compare(ns.simulate(net, 50.0, dt=1.0, progress=False))


def test_energy_bars_end_at_the_nominal_value_and_error_bars_at_low_and_high():
    table = comparison(2)
    ax = plot.energy(table)
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "energy of the run (J)"
    labels = [label.get_text().split("\n")[0] for label in ax.get_yticklabels()]
    assert labels == [row.chip for row in table.rows]
    segments = [path for c in ax.collections for path in c.get_segments()]
    for k, row in enumerate(table.rows):
        if not row.fits or not row.energy_j or not row.energy_j.nominal:
            continue  # a chip without prices is named, and has no bar
        bars = [patch for patch in ax.patches if round(patch.get_y() + 0.3) == k]
        ends = [patch.get_x() + patch.get_width() for patch in bars]
        assert max(ends) == pytest.approx(row.energy_j.nominal, rel=1e-6)
        assert len(bars) == sum(bool(value) for value in row.breakdown.values())
        (line,) = (s for s in segments if s[0][1] == k)
        low, high = sorted(point[0] for point in line)
        assert (low, high) == pytest.approx((row.energy_j.low, row.energy_j.high), rel=1e-6)


def test_energy_names_the_chip_that_does_not_fit_and_its_limit():
    table = comparison(300)
    assert not table.row("odin").fits
    texts = " ".join(text.get_text() for text in plot.energy(table).texts)
    assert "does not fit" in texts and "limit 256" in texts.replace("\n", " ")


def test_plots_draw_on_the_axes_given():
    from matplotlib.figure import Figure

    data = result()
    for draw in (plot.raster, plot.rates, lambda r, ax: plot.traces(r, "out", "v", ax=ax)):
        ax = Figure().subplots()
        assert draw(data, ax=ax) is ax


def test_saved_pictures_are_png_files(tmp_path):
    path = plot.save(plot.raster(result()), tmp_path / "raster.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ParameterError, match="cannot be written"):
        plot.save(plot.raster(result()), tmp_path / "none" / "raster.png")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda r: plot.raster(r, "exc"), "'exc'; recorded: 'in', 'out'"),
        (lambda r: plot.raster(r, t=(5, 5)), "start < end"),
        (lambda r: plot.raster(r, max_spikes=0), "max_spikes must be >= 1"),
        (lambda r: plot.traces(r, "out", "u"), r"recorded: out\.v"),
        (lambda r: plot.rates(r, "exc"), "no population 'exc'"),
    ],
)
def test_what_was_not_recorded_is_named(draw, message):
    with pytest.raises(ParameterError, match=message):
        draw(result())


def test_importing_plots_imports_no_matplotlib_and_drawing_no_pyplot():
    code = (
        "import sys, neurosim.plot as plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from neurosim.events import Events\n"
        "plot.frame(Events(x=[0], y=[0], t=[0], p=[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("draw", [plot.scatter, plot.pixels])
def test_neither_polarity_hides_the_other(draw):
    e = Events(x=[0, 1, 2, 3], y=[0] * 4, t=[0, 5, 6, 9], p=[1, 0, 1, 0])
    ax = draw(e)
    ax.figure.draw_without_rendering()  # in space the nearest comes last
    (points,) = ax.collections  # all of them together, not one polarity over the other
    colours = points.get_facecolors()
    assert len(np.unique(colours[:, :3], axis=0)) == 2
    if draw is plot.pixels:
        assert np.all(colours[0] == colours[2]) and np.all(colours[1] == colours[3])


@pytest.mark.parametrize("size", [(240, 180), (34, 34), (640, 100)])
@pytest.mark.parametrize("draw", [plot.frame, plot.time_surface, plot.pixels])
def test_pictures_of_recordings_cut_no_label_off(draw, size):
    n = 4000
    rng = np.random.default_rng(0)
    columns = {c: rng.integers(0, most, n) for c, most in zip("xy", size, strict=True)}
    events = Events(**columns, t=np.arange(n), p=rng.integers(0, 2, n), sensor_size=size)
    ax = draw(events)
    ax.figure.draw_without_rendering()  # lays it out, as saving does
    whole = ax.figure.bbox
    names = ax.get_legend().get_texts() if ax.get_legend() else []
    for label in (ax.xaxis.label, ax.yaxis.label, *names):
        box = label.get_window_extent()
        assert whole.x0 <= box.x0 and whole.y0 <= box.y0
        assert box.x1 <= whole.x1 and box.y1 <= whole.y1
