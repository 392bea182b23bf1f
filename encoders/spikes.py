"""How do sensor events become input spikes? Pooled, numbered, and in milliseconds."""

import math
from dataclasses import dataclass

import numpy as np

from neurosim.checks import choice, integer, number
from neurosim.events import Events
from neurosim.events.columns import STAMP_LIMIT

from .encoded import Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsToSpikes:
    """One input neuron per (polarity, row, column), after spatial pooling.

    An event (x, y, t, p) becomes a spike of neuron ``(p H' + y') W' + x'`` with
    ``x' = x // pool``, ``y' = y // pool``, at ``(t - start_us) / 1000`` ms. This is the
    one place where microseconds become milliseconds.

    Parameters
    ----------
    pool : int
        Side of the squares of pixels that share a neuron.
    polarity : {"split", "merge"}
        A neuron for each polarity, or one for both.
    start_us : int, optional
        Time stamp that becomes 0 ms, within +-2**62; the first event's when left out.
        Earlier events are dropped.
    duration : float, optional
        Length of the presentation [ms]; events at its end or later are dropped. When left
        out, the least whole number of ms that is more than 0.5 ms after the last event:
        a run of that length plays every event at any dt of 1 / k ms, k = 1, 2, ....

    Examples
    --------
    >>> e = Events(x=[0, 3], y=[0, 1], t=[1000, 3500], p=[0, 1], sensor_size=(4, 2))
    >>> spikes = EventsToSpikes(pool=2)(e)
    >>> spikes.shape, spikes.ids.tolist(), spikes.times.tolist()
    ((2, 1, 2), [0, 3], [0.0, 2.5])
    """

    pool: int = 1
    polarity: str = "split"
    start_us: int | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        owner = "EventsToSpikes"
        integer(owner, "pool", self.pool, low=1, high=65535)
        choice(owner, "polarity", self.polarity, ("split", "merge"))
        if self.start_us is not None:
            integer(owner, "start_us", self.start_us, low=-STAMP_LIMIT, high=STAMP_LIMIT)
        if self.duration is not None:
            number(owner, "duration", self.duration, above=0, unit="ms")

    def __call__(self, events: Events) -> Encoded:
        """Encode a recording."""
        if self.polarity == "merge":
            events = events.merge_polarity()
        events = events.downsample(self.pool)
        start = self.start_us
        if start is None:
            start = int(events.t[0]) if len(events) else 0
        times = (events.t - start) / 1000.0
        keep = times >= 0
        if self.duration is None:
            # On the grid of a run a stamp is rounded, by half a step at most, and the end of
            # a run is no part of it: so far behind the last event no rounding reaches it.
            duration = math.floor(times[-1] + 0.5) + 1.0 if keep.any() else 0.0
        else:
            duration = float(self.duration)
            keep &= times < duration
        width, height = events.sensor_size
        ids = (events.p.astype(np.int64) * height + events.y) * width + events.x
        return Encoded(
            times=times[keep],
            ids=ids[keep],
            shape=(events.n_polarities, height, width),
            duration=duration,
        )
