"""neurosim: event-driven spiking networks, from sensor events to energy on chips.

>>> import neurosim as ns
>>> net = ns.Network(seed=1)
>>> noise = net.add(ns.PoissonSource(100, rate=30.0), "noise")
>>> cells = net.add(ns.LIF(50, tau_m=20.0, tau_syn=5.0), "cells")
>>> projection = net.connect(noise, cells, ns.FixedProbability(0.2), weight=0.5, delay=1.5)
>>> result = ns.simulate(net, 200.0)
>>> result.counts["cells"].shape
(50,)
"""

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# A wheel ships encoders/, hardware/ and datasets/ inside this package. In a source
# checkout they are its siblings, so look beside it too.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").is_file():
    __path__.append(str(_checkout))

from .activity import activity as activity  # noqa: E402
from .connectivity import AllToAll as AllToAll  # noqa: E402
from .connectivity import AveragePool as AveragePool  # noqa: E402
from .connectivity import BlockButterfly as BlockButterfly  # noqa: E402
from .connectivity import ConstantFanIn as ConstantFanIn  # noqa: E402
from .connectivity import Convolution as Convolution  # noqa: E402
from .connectivity import Dense as Dense  # noqa: E402
from .connectivity import DistanceDependent as DistanceDependent  # noqa: E402
from .connectivity import FixedInDegree as FixedInDegree  # noqa: E402
from .connectivity import FixedOutDegree as FixedOutDegree  # noqa: E402
from .connectivity import FixedProbability as FixedProbability  # noqa: E402
from .connectivity import FixedTotalNumber as FixedTotalNumber  # noqa: E402
from .connectivity import FromArrays as FromArrays  # noqa: E402
from .connectivity import FromMatrix as FromMatrix  # noqa: E402
from .connectivity import GroupToGroup as GroupToGroup  # noqa: E402
from .connectivity import LogNormal as LogNormal  # noqa: E402
from .connectivity import Normal as Normal  # noqa: E402
from .connectivity import NtoM as NtoM  # noqa: E402
from .connectivity import OneToOne as OneToOne  # noqa: E402
from .connectivity import SmallWorld as SmallWorld  # noqa: E402
from .connectivity import SumPool as SumPool  # noqa: E402
from .connectivity import TransposedConvolution as TransposedConvolution  # noqa: E402
from .connectivity import Uniform as Uniform  # noqa: E402
from .engine import EventSimulator as EventSimulator  # noqa: E402
from .engine import Result as Result  # noqa: E402
from .engine import RunView as RunView  # noqa: E402
from .engine import Simulator as Simulator  # noqa: E402
from .engine import Spikes as Spikes  # noqa: E402
from .engine import StopAtEvents as StopAtEvents  # noqa: E402
from .engine import StopAtRate as StopAtRate  # noqa: E402
from .engine import StopAtSpikes as StopAtSpikes  # noqa: E402
from .engine import StopAtWall as StopAtWall  # noqa: E402
from .engine import Switch as Switch  # noqa: E402
from .engine import Trace as Trace  # noqa: E402
from .engine import read_spikes as read_spikes  # noqa: E402
from .engine import read_traces as read_traces  # noqa: E402
from .engine import resume as resume  # noqa: E402
from .engine import simulate as simulate  # noqa: E402
from .engine import stream_spikes as stream_spikes  # noqa: E402
from .engine import write_spikes as write_spikes  # noqa: E402
from .engine import write_traces as write_traces  # noqa: E402
from .estimate import MemoryEstimate as MemoryEstimate  # noqa: E402
from .estimate import estimate_memory as estimate_memory  # noqa: E402
from .layers import Sequential as Sequential  # noqa: E402
from .maxpool import MaxPool as MaxPool  # noqa: E402
from .models import IF as IF  # noqa: E402
from .models import LI as LI  # noqa: E402
from .models import LIF as LIF  # noqa: E402
from .models import QIF as QIF  # noqa: E402
from .models import AdaptiveLIF as AdaptiveLIF  # noqa: E402
from .models import GradedUnit as GradedUnit  # noqa: E402
from .models import IntegerLIF as IntegerLIF  # noqa: E402
from .models import LoihiLIF as LoihiLIF  # noqa: E402
from .models import NeuronModel as NeuronModel  # noqa: E402
from .models import NoiseCurrent as NoiseCurrent  # noqa: E402
from .models import OscillatoryQIF as OscillatoryQIF  # noqa: E402
from .models import PoissonInput as PoissonInput  # noqa: E402
from .models import PoissonSource as PoissonSource  # noqa: E402
from .models import Schedule as Schedule  # noqa: E402
from .models import SigmaDelta as SigmaDelta  # noqa: E402
from .models import SpikeSource as SpikeSource  # noqa: E402
from .network import Network as Network  # noqa: E402
from .network import Population as Population  # noqa: E402
from .network import Projection as Projection  # noqa: E402
from .synapses import expand as expand  # noqa: E402

# Loaded on first use, so that `import neurosim` stays as light as its engine.
_LAZY_MODULES = (
    "clouds", "conversion", "datasets", "encoders", "events", "hardware", "learning", "plot",
    "quantization", "report",
)  # fmt: skip
_LAZY_NAMES = {
    "Batch": "batch",
    "BatchResult": "batch",
    "DynamicConfidence": "batch",
    "Outcome": "batch",
    "RunningOutputs": "batch",
    "oracle_steps": "batch",
    "compare": "hardware",
    "convert": "conversion",
    "evaluate": "conversion",
    "fit": "learning",
    "Adam": "learning",
    "BumpSilent": "learning",
    "CosineDecay": "learning",
    "CountCrossEntropy": "learning",
    "IntegralCrossEntropy": "learning",
    "PeakCrossEntropy": "learning",
    "ExactGradient": "learning",
    "FirstSpikeCrossEntropy": "learning",
    "FirstSpikeMSE": "learning",
    "Learnable": "learning",
    "RateTarget": "learning",
    "SGD": "learning",
    "StepDecay": "learning",
    "SurrogateGradient": "learning",
    "prune": "learning",
    "round_delays": "learning",
    "score": "learning",
    "quantize": "quantization",
    "read_network": "netfile",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LAZY_NAMES:
        return getattr(import_module(f".{_LAZY_NAMES[name]}", __name__), name)
    raise AttributeError(f"module 'neurosim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY_MODULES, *_LAZY_NAMES])
