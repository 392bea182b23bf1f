"""How does a data set go through a network? Samples over threads, processes or a cluster."""

from .batch import Batch as Batch
from .confidence import DynamicConfidence as DynamicConfidence
from .confidence import RunningOutputs as RunningOutputs
from .confidence import oracle_steps as oracle_steps
from .outcome import BatchResult as BatchResult
from .outcome import Outcome as Outcome

__all__ = [
    "Batch", "BatchResult", "DynamicConfidence", "Outcome", "RunningOutputs", "oracle_steps",
]  # fmt: skip
