"""How does a data set go through a network? Samples over threads, processes or a cluster."""

from .batch import Batch as Batch
from .outcome import BatchResult as BatchResult
from .outcome import Outcome as Outcome

__all__ = ["Batch", "BatchResult", "Outcome"]
