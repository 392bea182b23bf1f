"""How far is it? A progress bar for long work, silent in scripts and pipes."""

import sys
from collections.abc import Callable
from typing import Any

Choice = bool | str | Callable[[float, float], Any]


class Progress:
    """A bar that appears after a second, a callback ``f(done, total)``, or nothing.

    ``"auto"`` shows the bar when the error stream is a terminal (or a notebook).
    """

    def __init__(self, choice: Choice, total: float, time: str) -> None:
        self.choice, self.total = choice, total
        self.unit = "ms" if time == "continuous" else "steps"
        self.bar: Any = None

    def __enter__(self) -> "Progress":
        wanted = self.choice is True
        if self.choice == "auto":
            wanted = sys.stderr.isatty() or "ipykernel" in sys.modules
        if wanted:
            from tqdm.auto import tqdm

            layout = "{l_bar}{bar}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}]"
            self.bar = tqdm(
                total=self.total, unit=self.unit, delay=1.0, bar_format=layout, leave=False
            )
        return self

    def update(self, done: float) -> None:
        """Tell how much is done, in the unit of the total."""
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
        elif callable(self.choice):
            self.choice(done, self.total)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
