"""How are synapses changed between runs? Weights and real delays, by edge id, without a rebuild."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import checks
from ...errors import ParameterError
from ...network import Projection
from .wiring import Rows


class ExactSynapses:
    """The synapses of one projection; the position in the arrays is the edge id of `ns.expand`.

    A change holds for the spikes that are emitted from the present time on; arrivals on their
    way keep the delay and the weight that they were sent with.

    Attributes
    ----------
    pre, post : int32 (k,)
    weights : float64 (k,)
    delays : float64 (k,)       [ms]
    """

    def __init__(self, projection: Projection, rows: Rows, bits: int, first: int,
                 changed: Callable[[], None]) -> None:  # fmt: skip
        self.projection, self._rows, self._changed = projection, rows, changed
        self.pre = np.repeat(np.arange(projection.pre.n, dtype=np.int32), np.diff(rows.offsets))
        self.post = ((rows.targets >> bits) - first).astype(np.int32)

    def __len__(self) -> int:
        return self._rows.targets.size

    @property
    def weights(self) -> np.ndarray:
        """A copy of the weights."""
        return self._spread(self._rows.weights)

    @property
    def delays(self) -> np.ndarray:
        """A copy of the delays [ms]."""
        return self._spread(self._rows.delays)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        return np.array(np.broadcast_to(values, len(self)))

    def set_weights(self, values: Any, ids: Any = None) -> None:
        """Set the weights of all synapses, or of those with these ids.

        Raises
        ------
        ParameterError
            Values that are not finite, or not one for each; unknown ids.
        """
        self._rows.weights = self._filled("weights", self.weights, values, ids)
        self._changed()

    def set_delays(self, values: Any, ids: Any = None) -> None:
        """Set the delays [ms] of all synapses, or of those with these ids.

        Raises
        ------
        ParameterError
            As above, or a negative delay.
        BuildError
            Delays of zero would form a cycle; nothing is changed then.
        """
        before = self._rows.delays
        self._rows.delays = self._filled("delays", self.delays, values, ids, low=0)
        try:
            self._changed()
        except Exception:
            self._rows.delays = before
            raise

    def _filled(
        self, what: str, filled: np.ndarray, values: Any, ids: Any, **rule: Any
    ) -> np.ndarray:
        owner = f"EventSimulator.synapses({self.projection.name!r})"
        chosen = np.arange(len(self)) if ids is None else np.asarray(ids)
        if chosen.dtype.kind not in "iu" or not ((chosen >= 0) & (chosen < len(self))).all():
            raise ParameterError(f"{owner}: ids must be edge ids in 0..{len(self) - 1}")
        values = np.asarray(values, np.float64)
        if values.ndim and values.shape != chosen.shape:
            raise ParameterError(
                f"{owner}: {what} must be one number, or one for each of {chosen.size} synapses, "
                f"got shape {values.shape}"
            )
        values = checks.array(owner, what, np.broadcast_to(values, chosen.shape), **rule)
        filled[chosen] = values
        return filled
