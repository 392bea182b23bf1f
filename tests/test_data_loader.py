"""PyTorch's own DataLoader over our data sets: worker processes, seeds, a cache they share."""

import numpy as np
import pytest

from neurosim import events as ev
from neurosim.datasets import Cached, EventFolder, EventWindows, collate, split

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

PIPELINE = ev.Compose(
    [ev.SpatialJitter(seed=1), ev.UniformNoise(n=20, seed=2), ev.RandomFlipLR(seed=3),
     ev.DropPixel(hot_pixel_frequency=900.0), ev.Denoise(5000)]
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(9):
        n = 300 + 10 * k
        e = ev.Events(
            x=rng.integers(0, 16, n),
            y=rng.integers(0, 12, n),
            t=np.cumsum(rng.integers(0, 60, n)),
            p=rng.integers(0, 2, n),
            sensor_size=(16, 12),
        )
        ev.write(e, tmp_path / f"{k}_label{k % 3}.raw")
    return tmp_path


def of(folder, transform):
    return EventFolder(root=folder, pattern="*.raw", label=r"_label([0-9])", transform=transform)


def batches(data, start, **options):
    """Batches of two worker processes, or of this one, as arrays."""
    workers = {} if start is None else {"num_workers": 2, "multiprocessing_context": start}
    loader = torch.utils.data.DataLoader(data, batch_size=4, collate_fn=collate, **workers)
    return [(batch, targets) for batch, targets in loader]


def same(found, expected):
    assert len(found) == len(expected) > 1
    for (batch, targets), (other, theirs) in zip(found, expected, strict=True):
        for a, b in zip(batch, other, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(targets, theirs)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_the_events_that_one_process_gives(folder, start):
    train, test = split(of(folder, PIPELINE), (0.67, 0.33))
    assert (len(train), len(test)) == (6, 3)
    same(batches(train, start), batches(train, None))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_fill_and_read_one_cache(folder, start):
    data = Cached(of(folder, ev.ToFrame(n_time_bins=3)), folder / "cache", key="frames")
    found = batches(data, start)
    assert len(list((folder / "cache").glob("*.sample"))) == 9
    assert found[0][0].shape == (4, 3, 2, 12, 16)
    same(found, batches(data, None))


def test_unseeded_draws_differ_between_workers_and_epochs(folder):
    data = of(folder, ev.SpatialJitter())
    one, two = batches(data, "fork"), batches(data, "fork")
    assert not np.array_equal(one[0][0].x, two[0][0].x)
    twins = EventWindows(
        recordings=[ev.Events(x=[8] * 60, y=[6] * 60, t=range(60), sensor_size=(16, 12))] * 8,
        targets_of=range(8), time_window=100, transform=ev.SpatialJitter(var_x=4, var_y=4),
    )  # fmt: skip
    seen = {tuple(x.tolist()) for batch, _ in batches(twins, "fork") for x in
            np.split(batch.x, batch.offsets[1:-1])}  # fmt: skip
    assert len(seen) == 8


def test_windows_of_lazy_recordings_go_through_workers_as_tensors(folder):
    recordings = [ev.open(folder / f"{k}_label{k % 3}.raw") for k in range(3)]
    frames = EventWindows(
        recordings=recordings, targets_of=range(3), time_window=2000,
        transform=ev.ToFrame(n_event_bins=4),
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(
        frames, batch_size=6, num_workers=2, multiprocessing_context="spawn"
    )
    found = list(loader)
    assert found[0][0].shape == (6, 4, 2, 12, 16) and found[0][0].dtype == torch.int16
    expected = np.stack([frames[k][0] for k in range(len(frames))])
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in found]), expected)
    assert sorted({t for _, targets in found for t in targets.tolist()}) == [0, 1, 2]
