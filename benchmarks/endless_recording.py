"""Does the length of a recording matter? A thousand million events in constant memory.

python benchmarks/endless_recording.py [--events 1000000000] [--form evt3]

The words of a synthetic scene are repeated without end, with their times counted on, by a
file that is made while it is read: nothing is on disk or in memory but one block. Events,
span and peak memory are printed; the count of events must be the one that was asked for.
"""

import argparse
import resource
import sys
import time

import numpy as np
from decoding import scene

from neurosim.events.formats.raw import raw_words
from neurosim.events.formats.stored import Stored
from neurosim.events.formats.tally import Tally
from neurosim.events.recording import Recording
from neurosim.events.wording import Evt2, Evt3


class Endless(Stored):
    """Blocks of words that an encoder makes one after the other."""

    def open(self):
        return _Blocks(*self.content)


class _Blocks:
    def __init__(self, block, times: int, encoder) -> None:
        self.block, self.left, self.encoder = block, times, encoder()
        self.span = int(block.t[-1]) + 1
        self.shift, self.rest = 0, memoryview(b"")

    def readinto(self, buffer) -> int:
        if not self.rest and self.left:
            self.rest = memoryview(self.encoder.body(self.block.shift_time(self.shift)))
            self.shift += self.span
            self.left -= 1
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size

    def seek(self, at: int) -> int:
        return at

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000_000)
    parser.add_argument("--form", choices=("evt2", "evt3"), default="evt3")
    options = parser.parse_args()
    block = scene(1_000_000)
    times = max(options.events // len(block), 1)
    encoder = {"evt2": Evt2, "evt3": Evt3}[options.form]
    # The size only bounds what is read at a time; the file ends when it gives no more.
    stored = Endless(
        name="endless", size=1 << 40, head=np.empty(0, np.uint8), content=(block, times, encoder)
    )
    recording = Recording(origin=raw_words(stored, options.form.upper(), 0, (640, 480)))
    tally, n, first, last = Tally(), 0, None, None
    after_first = 0
    started = time.perf_counter(), time.process_time()
    for piece in recording._pieces(tally):
        n += len(piece)
        first = int(piece.t[0]) if first is None else first
        last = int(piece.t[-1])
        if not after_first and n > 20_000_000:
            after_first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{n:,} events of {options.form}, t {first:,}..{last:,} us, {tally.n_unsorted} unsorted")
    print(
        f"peak memory {peak / 1024:.1f} MiB, after the first 20 M events {after_first / 1024:.1f}"
    )
    print(f"{wall:.1f} s, {cpu:.1f} CPU-s, making the words included")
    expected = times * len(block)
    return int(n != expected or last - first + 1 != times * (int(block.t[-1]) + 1))


if __name__ == "__main__":
    sys.exit(main())
