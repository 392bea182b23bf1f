"""How do sensor events become input spikes? Pooled, numbered, and in milliseconds."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from neurosim.checks import choice, integer, number
from neurosim.errors import ParameterError
from neurosim.events import Events, Recording
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

    def stream(self, source: Recording | Events | Iterable[Events]) -> "SpikeStream":
        """Encode a recording, or windows of a live camera, piece by piece while a run asks.

        Parameters
        ----------
        source : Recording, Events or iterable of Events
            In order of time. A recording can be played again and again, a generator once.
            Stamps that reach back behind a piece that was played are moved to its end.

        Raises
        ------
        ParameterError
            Here, for what cannot be iterated over; in the run, for a piece that is no `Events`
            or of another sensor than the first.

        Examples
        --------
        >>> import tempfile
        >>> import neurosim as ns
        >>> e = Events(x=[0, 1, 1], y=[0, 0, 0], t=[0, 500, 2500], p=[1, 1, 0])
        >>> net = ns.Network()
        >>> camera = net.add(ns.SpikeSource(4), "camera")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recording = ns.events.open(ns.events.write_es(e, f"{folder}/a.es"))
        ...     spikes = EventsToSpikes(start_us=0).stream(recording)
        ...     ns.simulate(net, 10.0, inputs={"camera": spikes}).counts["camera"].tolist()
        [0, 1, 1, 1]
        """
        if self.duration is not None:
            raise ParameterError(
                "EventsToSpikes.duration must be None for a stream, which ends with the run, got "
                f"{self.duration}; cut the recording with crop(t=(start, stop))"
            )
        if isinstance(source, Events):
            source = (source,)
        if not isinstance(source, Recording | Iterable) or isinstance(source, str | bytes):
            raise ParameterError(
                "EventsToSpikes.stream: source must be a Recording or an iterable of Events, got "
                f"{type(source).__name__}; open a path with neurosim.events.open"
            )
        return SpikeStream(encoder=self, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeStream:
    """Spikes of a recording, encoded piece by piece; made by `EventsToSpikes.stream`."""

    encoder: EventsToSpikes
    source: Recording | Iterable[Events]

    def __iter__(self) -> Iterator[Encoded]:
        encoder, last, sensor = self.encoder, None, None
        pieces = self.source.pieces() if isinstance(self.source, Recording) else self.source
        for events in pieces:
            if not isinstance(events, Events):
                raise ParameterError(
                    "EventsToSpikes.stream: every piece of source must be Events, got "
                    f"{type(events).__name__}"
                )
            if not len(events):
                continue
            sensor = sensor or (*events.sensor_size, events.n_polarities)
            if sensor != (*events.sensor_size, events.n_polarities):
                raise ParameterError(
                    "EventsToSpikes.stream: every piece must have the first one's (W, H, P) "
                    f"{sensor}, got {(*events.sensor_size, events.n_polarities)}; make the pieces "
                    "with sensor_size="
                )
            if encoder.start_us is None:
                encoder = replace(encoder, start_us=int(events.t[0]))
            if last is not None and events.t[0] < last:
                events = events.replaced(t=np.maximum(events.t, last))
            last = int(events.t[-1])
            yield encoder(events)
