"""Paired classes: the same spikes on the same channels, forwards and backwards in time."""

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError


class PairedMotifs:
    """Spatio-temporal motifs whose classes come in pairs that no count can tell apart.

    Class 2k is a random motif: spikes at random times of random channels. Class 2k + 1 is the
    same motif played backwards: equal counts of every channel, equal intervals between all spikes;
    only their order differs. Every sample jitters each spike.

    Parameters
    ----------
    n : int                 samples, all classes equally often
    classes : int           even
    channels, spikes : int  of a motif
    length : float          of a motif [ms]; jittered spikes stay inside
    jitter : float          standard deviation [ms]
    seed : int              of the samples
    motif_seed : int        of the motifs: equal for training and test

    Examples
    --------
    >>> data = PairedMotifs(40, seed=1)
    >>> (times, ids), label = data[0]
    >>> len(data), times.size, int(data.labels.max())
    (40, 40, 19)
    >>> forwards, backwards = data.motifs[4][1], data.motifs[5][1]
    >>> bool((np.bincount(forwards) == np.bincount(backwards)).all())
    True
    """

    def __init__(
        self, n: int, *, classes: int = 20, channels: int = 70, spikes: int = 40,
        length: float = 100.0, jitter: float = 5.0, seed: int = 0, motif_seed: int = 0,
    ) -> None:  # fmt: skip
        owner = "PairedMotifs"
        n = checks.integer(owner, "n", n, low=1)
        pairs, odd = divmod(checks.integer(owner, "classes", classes, low=2), 2)
        if odd:
            raise ParameterError(f"PairedMotifs.classes must be even, got {classes}")
        spikes = checks.integer(owner, "spikes", spikes, low=1)
        jitter = checks.number(owner, "jitter", jitter, low=0, unit="ms")
        seed = checks.integer(owner, "seed", seed, low=0)
        motif_seed = checks.integer(owner, "motif_seed", motif_seed, low=0)
        self.length = checks.number(owner, "length", length, above=0, unit="ms")
        self.channels = checks.integer(owner, "channels", channels, low=1)
        rng = np.random.default_rng([motif_seed, 0])
        self.motifs: list[tuple[np.ndarray, np.ndarray]] = []
        for _ in range(pairs):
            times = rng.uniform(0.0, length, spikes)
            ids = rng.integers(0, channels, spikes).astype(np.int32)
            self.motifs += [(times, ids), (length - times, ids)]
        self.labels = np.arange(n) % (2 * pairs)
        self._jitter = jitter * np.random.default_rng([seed, 1]).standard_normal((n, spikes))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, k: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
        times, ids = self.motifs[self.labels[k]]
        times = np.clip(times + self._jitter[k], 0.0, np.nextafter(self.length, 0.0))
        order = np.argsort(times, kind="stable")
        return (times[order], ids[order]), int(self.labels[k])
