"""What a neuron does between, at and after events; what drives a network from outside."""

from .adaptive import AdaptiveLIF as AdaptiveLIF
from .base import NeuronModel as NeuronModel
from .base import Neurons as Neurons
from .graded import GradedUnit as GradedUnit
from .graded import IntegerLIF as IntegerLIF
from .integrator import IF as IF
from .lif import LIF as LIF
from .loihi import LoihiLIF as LoihiLIF
from .qif import QIF as QIF
from .qif import OscillatoryQIF as OscillatoryQIF
from .readout import LI as LI
from .schedule import Schedule as Schedule
from .sigma_delta import SigmaDelta as SigmaDelta
from .sources import PoissonSource as PoissonSource
from .sources import SpikeSource as SpikeSource
from .stimuli import NoiseCurrent as NoiseCurrent
from .stimuli import PoissonInput as PoissonInput
