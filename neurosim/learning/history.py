"""What came of a training? A row for each epoch, and the network that was learnt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..network import Network


@dataclass(eq=False, repr=False)
class History:
    """The result of `fit`.

    Attributes
    ----------
    rows : list of dict     one for each epoch: epoch, loss, accuracy, spikes (per sample), and,
                            with validation samples, val_loss and val_accuracy
    network : Network       with the learnt weights, delays and cell parameters; it runs in both
                            engines
    best_epoch : int        the epoch that the network is from
    stop_reason : str
    """

    network: Network
    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    stop_reason: str = ""

    def column(self, name: str) -> np.ndarray:
        """One column of the rows."""
        return np.array([row[name] for row in self.rows])

    def plot(self, axes: Any = None) -> Any:
        """Loss and accuracy over the epochs, on two axes, which are returned."""
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(8, 3), layout="constrained").subplots(1, 2)
        for ax, what in zip(axes, ("loss", "accuracy"), strict=True):
            for name, label in ((what, "training"), (f"val_{what}", "validation")):
                if self.rows and name in self.rows[0]:
                    ax.plot(self.column("epoch"), self.column(name), label=label)
            ax.set_xlabel("epoch")
            ax.set_ylabel(what)
            ax.legend(frameon=False)
        return axes

    def __repr__(self) -> str:
        last: Mapping[str, float] = self.rows[-1] if self.rows else {}
        shown = ", ".join(f"{k} {v:.4g}" for k, v in last.items() if k != "epoch")
        return f"History({len(self.rows)} epochs, {shown}, {self.stop_reason or 'under way'})"
