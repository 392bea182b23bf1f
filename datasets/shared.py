"""Motifs on shared addresses: only delays tell them apart, somewhere in a noisy stream."""

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError


class SharedMotifs:
    """Spatio-temporal motifs that all use the same channels, once each, at other times.

    A sample is noise on all channels and, from a random moment on, one motif: a spike on each of
    the shared channels. Counting tells classes apart at chance; detectors need the delays (the
    task of Grimaldi and Perrinet 2023, doi 10.1007/s00422-023-00975-8).

    Parameters
    ----------
    n : int                 samples, all classes equally often
    classes, channels : int
    spikes : int            channels that the motifs share
    span : float            of a motif [ms]
    duration : float        of a sample [ms]; a motif lies inside
    background : float      rate of the noise per channel [Hz]
    jitter : float          standard deviation of the motif's spikes [ms]
    seed : int              of the samples
    motif_seed : int        of the motifs: equal for training and test

    Examples
    --------
    >>> data = SharedMotifs(8, background=0.0, jitter=0.0)
    >>> (times, ids), label = data[1]
    >>> (np.sort(ids) == np.sort(data[2][0][1])).all(), label
    (np.True_, 1)
    """

    def __init__(
        self, n: int, *, classes: int = 4, channels: int = 100, spikes: int = 12,
        span: float = 31.0, duration: float = 100.0, background: float = 10.0,
        jitter: float = 1.0, seed: int = 0, motif_seed: int = 0,
    ) -> None:  # fmt: skip
        owner = "SharedMotifs"
        n = checks.integer(owner, "n", n, low=1)
        classes = checks.integer(owner, "classes", classes, low=1)
        self.channels = checks.integer(owner, "channels", channels, low=1)
        spikes = checks.integer(owner, "spikes", spikes, low=1)
        span = checks.number(owner, "span", span, above=0, unit="ms")
        self.duration = checks.number(owner, "duration", duration, above=0, unit="ms")
        self.background = checks.number(owner, "background", background, low=0, high=1e5, unit="Hz")
        self.jitter = checks.number(owner, "jitter", jitter, low=0, unit="ms")
        self.seed = checks.integer(owner, "seed", seed, low=0)
        motif_seed = checks.integer(owner, "motif_seed", motif_seed, low=0)
        if spikes > channels or span > duration:
            raise ParameterError(
                f"SharedMotifs: spikes must be <= channels and span <= duration, got {spikes} "
                f"spikes on {channels} channels, {span:g} ms in {duration:g} ms"
            )
        rng = np.random.default_rng([motif_seed, 0])
        self.addresses = np.sort(rng.choice(self.channels, spikes, replace=False)).astype(np.int32)
        self.motifs = rng.uniform(0.0, span, (classes, spikes))
        self.labels = np.arange(n) % classes
        self.onsets = np.random.default_rng([self.seed, 1]).uniform(0.0, duration - span, n)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, k: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
        label, k = int(self.labels[k]), int(k) % len(self)
        rng = np.random.default_rng([self.seed, 2, k])
        times = self.onsets[k] + self.motifs[label]
        times = times + self.jitter * rng.standard_normal(times.size)
        n_noise = rng.poisson(self.background * 1e-3 * self.duration * self.channels)
        times = np.concatenate((times, rng.uniform(0.0, self.duration, n_noise)))
        noise = rng.integers(0, self.channels, n_noise).astype(np.int32)
        ids = np.concatenate((self.addresses, noise))
        times = np.clip(times, 0.0, np.nextafter(self.duration, 0.0))
        order = np.argsort(times, kind="stable")
        return (times[order], ids[order]), label
