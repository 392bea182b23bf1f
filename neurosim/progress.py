"""How far is it? A progress bar for long work, silent in scripts and pipes."""

import sys
from collections.abc import Callable
from typing import Any

Choice = bool | str | Callable[[float, float], Any]


class Progress:
    """A bar that appears after a second, a callback ``f(done, total)``, or nothing.

    ``"auto"`` shows the bar when the error stream is a terminal (or a notebook). The bar
    tells the rate and the time that remains; ``total`` may be None where nobody knows it.
    """

    def __init__(self, choice: Choice, total: float | None, unit: str) -> None:
        self.choice, self.total, self.unit = choice, total, unit
        self.bar: Any = None

    def __enter__(self) -> "Progress":
        wanted = self.choice is True
        if self.choice == "auto":
            wanted = sys.stderr.isatty() or "ipykernel" in sys.modules
        if wanted:
            from tqdm.auto import tqdm

            layout = "{l_bar}{bar}| {n:.0f}/{total:.0f}{unit} [{elapsed}<{remaining}, {rate_fmt}]"
            self.bar = tqdm(
                total=self.total, unit=f" {self.unit}", delay=1.0, leave=False,
                bar_format=layout if self.total is not None else None,
            )  # fmt: skip
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
