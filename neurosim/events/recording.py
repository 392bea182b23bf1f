"""What is a recording on disk? Events that are decoded when asked for, piece by piece."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from neurosim.errors import FormatError, ParameterError
from neurosim.progress import Choice, Progress

from .container import Events
from .formats.source import PIECE, Columns, Source
from .formats.stored import check_memory
from .formats.tally import Tally
from .steps import Method, Step, runner, stop_of, through

_SHORT = 1 << 18  # bytes of a file that are read before a bar could appear
_SMALL = 64 << 20  # bytes of a file that `repr` runs through unasked
_NONE: dict[str, Any] = Columns.room(0)._asdict()


class Facts(NamedTuple):
    """What one pass through a recording finds.

    ``n_events``, ``n_on``; ``t_first``, ``t_last`` [us] in order of time, None without
    events; ``longest_gap`` [us] between two events; ``reach``, one more than the largest x
    and y; ``n_unsorted`` and ``notes`` as in `Events`.
    """

    n_events: int
    n_on: int
    t_first: int | None
    t_last: int | None
    longest_gap: int
    reach: tuple[int, int]
    n_unsorted: int
    notes: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Recording:
    """A recording that is decoded when it is needed. Made by :func:`neurosim.events.open`.

    Operations (`crop`, `downsample`, `then`, ...) return a new recording at once and are
    carried out on each piece when it is read. There are three ways to the events:

    - :meth:`pieces` and :meth:`windows` give `Events` one after the other, in constant memory;
    - :meth:`facts`, ``len``, ``counts()``, ``sensor_size``, ``rate`` run through the file, in
      constant memory, and remember what they find;
    - :attr:`events`, and the columns ``x``, ``y``, ``t``, ``p``, read all of it into memory,
      once, when it fits: from then on the recording is as good as an `Events`.

    Parameters
    ----------
    origin : Source
        The decoder of the format.
    strict : bool
        Damage is an error when it is met; otherwise it is counted in ``notes``.
    piece : int
        Bytes of the file that are read at a time.
    steps : tuple
        What is done to each piece.
    progress : "auto", bool or callable
        For passes of its own, such as :meth:`facts` and :attr:`events`: "auto" shows a bar in a
        terminal after a second; a function is called with megabytes done and in all.
    """

    origin: Source
    strict: bool = False
    piece: int = PIECE
    steps: tuple[Step, ...] = ()
    progress: Choice = "auto"
    _whole: dict[str, Any] = field(default_factory=dict)  # shared with what is made of it
    _facts: Facts | None = field(default=None, init=False)
    _events: Events | None = field(default=None, init=False)

    # ---------------------------------------------------------------- reading

    def pieces(self, *, progress: Choice = False) -> Iterator[Events]:
        """Events piece by piece, each sorted by time, in constant memory."""
        with self._watched(progress) as tally:
            yield from self._pieces(tally)

    def _watched(self, progress: Choice) -> AbstractContextManager[Tally]:
        """A tally that tells how far a pass is; of a short file nobody asks."""
        if self.origin.size < _SHORT and not callable(progress):
            return nullcontext(Tally())
        return self._told(progress)

    @contextmanager
    def _told(self, progress: Choice) -> Iterator[Tally]:
        with Progress(progress, self.origin.size / 1e6, "MB") as bar:
            yield Tally(told=lambda passed: bar.update(passed / 1e6))

    def _pieces(self, tally: Tally) -> Iterator[Events]:
        known = {
            "sensor_size": self.origin.sensor_size or self._reach(),
            "n_polarities": self.origin.n_polarities,
            "source": self.origin.title,
        }
        run, stop = [runner(step) for step in self.steps], stop_of(self.steps)
        before = 0
        for block in self._blocks(tally):
            backwards, before = tally.n_unsorted - before, tally.n_unsorted
            events = Events.trusted(*block, **known, n_unsorted=backwards)
            if stop is not None and not before and len(events) and events.t[0] >= stop:
                return
            events = through(run, events)
            if len(events):
                yield events

    def _blocks(self, tally: Tally) -> Iterator[Columns]:
        """Columns as they are decoded; with ``strict``, none after one that was dropped."""
        for block in self.origin.blocks(tally, piece=self.piece, strict=self.strict):
            self._check(tally)
            yield block

    def _check(self, tally: Tally) -> None:
        if self.strict and tally.dropped:
            raise FormatError(
                f"{self.path}: every event must lie on the sensor, at a possible time, got "
                f"{tally.dropped:,} that did not; the file is damaged there or before: open it "
                "with strict=False to keep the others"
            )

    def _reach(self) -> tuple[int, int]:
        """The smallest sensor that holds all events of a file that does not name one."""
        if "reach" not in self._whole:
            bare = self if not self.steps else replace(self, steps=())
            self._whole["reach"] = bare.facts().reach
        return self._whole["reach"]

    def facts(self) -> Facts:
        """Run through the recording once, in constant memory, and remember what was found."""
        if self._facts is None:
            with self._watched(self.progress) as tally:
                self._facts = self._found(tally)
        return self._facts

    def _found(self, tally: Tally) -> Facts:
        n = n_on = gap = width = height = 0
        first = last = None
        if self.steps or self.origin.sensor_size:
            parts: Any = self._pieces(tally)
        else:
            parts = self._blocks(tally)
        for part in parts:
            if not len(part.t):
                continue
            n += len(part.t)
            n_on += int(np.count_nonzero(part.p))
            width = max(width, int(part.x.max()) + 1)
            height = max(height, int(part.y.max()) + 1)
            t = part.t if isinstance(part, Events) else np.sort(part.t)
            if last is not None:
                gap = max(gap, int(t[0]) - last)
            if len(t) > 1:
                gap = max(gap, int(np.diff(t).max()))
            first = int(t[0]) if first is None else min(first, int(t[0]))
            last = int(t[-1]) if last is None else max(last, int(t[-1]))
        reach = (max(width, 1), max(height, 1))
        return Facts(n, n_on, first, last, gap, reach, tally.n_unsorted, self._notes(tally))

    def _notes(self, tally: Tally) -> tuple[str, ...]:
        return (*self.origin.remarks, *tally.notes(self.origin.other))

    @property
    def events(self) -> Events:
        """All events in memory; read once and kept.

        Raises
        ------
        FormatError
            They do not fit into memory; with ``strict``, the file is damaged.
        """
        if self._events is None:
            try:
                with self._watched(self.progress) as tally:
                    self._events = self._loaded(tally)
            except MemoryError:
                raise FormatError(
                    f"{self.path}: its events must fit into memory, got less free; iterate over "
                    "pieces() or windows(), or cut it with crop"
                ) from None
        return self._events

    def _loaded(self, tally: Tally) -> Events:
        if self.steps:
            return self._joined(tally)
        columns = self.origin.whole(tally, strict=self.strict)
        self._check(tally)
        size = self.origin.sensor_size
        if size is None:
            ends = [int(c.max()) + 1 if len(c) else 1 for c in (columns.x, columns.y)]
            size = (ends[0], ends[1])
        return Events.trusted(
            *columns,
            sensor_size=size,
            n_polarities=self.origin.n_polarities,
            n_unsorted=tally.n_unsorted,
            source=self.origin.title,
            notes=self._notes(tally),
        )

    def _joined(self, tally: Tally) -> Events:
        parts, size = [], 0
        for part in self._pieces(tally):
            size += 26 * len(part)
            check_memory(size, self.path)
            parts.append(part)
        names = Columns._fields
        columns = [np.concatenate([getattr(p, n) for p in parts] or [_NONE[n]]) for n in names]
        empty = self._empty()
        backwards = int(np.count_nonzero(columns[2][1:] < columns[2][:-1]))
        return Events.trusted(
            *columns,
            sensor_size=empty.sensor_size,
            n_polarities=empty.n_polarities,
            n_unsorted=max(tally.n_unsorted, backwards),
            source=self.origin.title,
            notes=self._notes(tally),
        )

    def _empty(self) -> Events:
        """No events, after all steps: they carry the sensor's size and polarities."""
        known = {"sensor_size": self.origin.sensor_size or self._reach()}
        events = Events.trusted(**_NONE, **known, n_polarities=self.origin.n_polarities)
        return through([runner(step) for step in self.steps], events)

    # ---------------------------------------------------------- what Events has

    @property
    def path(self) -> str:
        """The file, or what stands for it."""
        return self.origin.stored.name

    @property
    def source(self) -> str:
        """The format, in words."""
        return self.origin.title

    @property
    def sensor_size(self) -> tuple[int, int]:
        """(W, H); the smallest that holds all events when the file names none."""
        return self._empty().sensor_size

    @property
    def n_polarities(self) -> int:
        """1 or 2."""
        return self._empty().n_polarities

    x = property(lambda self: self.events.x, doc="Columns, uint16.")
    y = property(lambda self: self.events.y, doc="Rows, uint16.")
    t = property(lambda self: self.events.t, doc="Time stamps, int64 [us], ascending.")
    p = property(lambda self: self.events.p, doc="Polarities, uint8.")
    n_on = property(lambda self: self.facts().n_on, doc="Events of polarity 1.")
    n_unsorted = property(lambda self: self.facts().n_unsorted, doc="Stamps that ran backwards.")
    notes = property(lambda self: self.facts().notes, doc="What was dropped or repaired.")

    def __len__(self) -> int:
        return self.facts().n_events

    @property
    def duration_us(self) -> int:
        """Time from the first to the last event [us]."""
        facts = self.facts()
        return facts.t_last - facts.t_first if facts.n_events else 0

    @property
    def rate(self) -> float:
        """Mean events per second over ``duration_us``; 0 when that is 0."""
        return len(self) / self.duration_us * 1e6 if self.duration_us else 0.0

    def counts(self) -> np.ndarray:
        """Events per polarity and pixel, int64 of shape (P, H, W), in constant memory."""
        total = self._empty().counts()
        for part in self.pieces(progress=self.progress):
            total += part.counts()
        return total

    def to_array(self) -> np.ndarray:
        """A structured array of all events, see :meth:`Events.to_array`."""
        return self.events.to_array()

    def __repr__(self) -> str:
        name = os.path.basename(self.path) or self.path
        if self._facts is None and self.origin.stored.size > _SMALL:
            size = self.origin.stored.size / 2**20
            return f"Recording({name!r}, {self.source}, {size:,.0f} MiB, not counted: see facts())"
        facts, empty = self.facts(), self._empty()
        shown = Events.trusted(**_NONE, sensor_size=empty.sensor_size)
        words = [repr(shown).split("(", 1)[1].split(",")[0], f"{facts.n_events:,} events"]
        if empty.n_polarities == 2:
            words[-1] += f" ({facts.n_on:,} on, {facts.n_events - facts.n_on:,} off)"
        if facts.n_events:
            words.append(f"t {facts.t_first:,}..{facts.t_last:,} us")
        if self.duration_us:
            words.append(f"{self.rate / 1e3:.4g} kev/s")
            words.append(f"longest gap {facts.longest_gap:,} us")
        if facts.n_unsorted:
            words.append(f"{facts.n_unsorted:,} out of order")
        notes = "; ".join(facts.notes)
        return f"Recording({', '.join([*words, self.source])}{'; ' + notes if notes else ''})"

    def __getstate__(self) -> dict[str, Any]:
        if self.origin.stored.content is not None:
            raise ParameterError(
                "Recording must be of a file to be pickled, got one that was decoded from "
                "memory; pickle its events"
            )
        return {name: getattr(self, name) for name in ("origin", "strict", "piece", "steps")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state, progress=False)  # type: ignore[misc]  # in another process

    # ------------------------------------------------------------- operations

    def then(self, *operations: Callable[[Any], Any]) -> "Recording":
        """Add operations: of this package, of tonic, or any function of `Events`.

        Two need to know the whole recording, and run through it once when they are added:
        `DropPixel` with ``hot_pixel_frequency`` and `UniformNoise`.

        Examples
        --------
        >>> import tempfile
        >>> from neurosim import events as ev
        >>> whole = ev.Events(x=[0, 1, 1], y=[0, 0, 0], t=[0, 5, 9], p=[1, 0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recording = ev.open(ev.write_es(whole, f"{folder}/a"))
        ...     recording.then(lambda events: events.keep(events.p == 1)).t.tolist()
        [0, 9]
        """
        made = self
        for one in operations:
            step = Step.of(one)
            if hasattr(step, "fitted"):
                step = step.fitted(made)
            made = replace(made, steps=(*made.steps, step))
        return made

    filter = then

    def crop(self, *, x: Any = None, y: Any = None, t: Any = None) -> "Recording":
        """Keep a box; see :meth:`Events.crop`. What lies behind ``t`` is not read."""
        return self._checked("crop", x=x, y=y, t=t)

    def time_slice(self, start: int, stop: int) -> "Recording":
        """Events with ``start <= t < stop`` [us]. What lies behind ``stop`` is not read."""
        return self._checked("crop", t=(start, stop))

    def shift_time(self, offset: int) -> "Recording":
        """Add ``offset`` [us] to every stamp."""
        return self._checked("shift_time", offset=offset)

    def downsample(self, factor: int) -> "Recording":
        """Pool pixels in squares of ``factor`` x ``factor``."""
        return self._checked("downsample", factor=factor)

    def merge_polarity(self) -> "Recording":
        """Forget the polarity: one channel."""
        return self._checked("merge_polarity")

    def _checked(self, name: str, **arguments: Any) -> "Recording":
        new = replace(self, steps=(*self.steps, Method(name, arguments)))
        if self.origin.sensor_size:
            new._empty()  # a wrong argument is an error here, not when the events are read
        return new

    def windows(self, **slicing: Any) -> Iterator[Events]:
        """Events of windows of time or number; see :func:`neurosim.events.windows`."""
        from .slicing import windows

        return windows(self.pieces(), **slicing)
