"""Learning with exact gradients of spike times: weights, delays, cell parameters."""

from .batch import Batch as Batch
from .fit import fit as fit
from .gradient import ExactGradient as ExactGradient
from .history import History as History
from .losses import CountCrossEntropy as CountCrossEntropy
from .losses import FirstSpikeCrossEntropy as FirstSpikeCrossEntropy
from .losses import FirstSpikeMSE as FirstSpikeMSE
from .losses import IntegralCrossEntropy as IntegralCrossEntropy
from .losses import Loss as Loss
from .losses import PeakCrossEntropy as PeakCrossEntropy
from .losses import RateTarget as RateTarget
from .losses import Scored as Scored
from .optimizers import SGD as SGD
from .optimizers import Adam as Adam
from .optimizers import CosineDecay as CosineDecay
from .optimizers import StepDecay as StepDecay
from .parameters import Learnable as Learnable
from .scoring import Score as Score
from .scoring import score as score
from .silent import BumpSilent as BumpSilent
from .surrogate import SurrogateGradient as SurrogateGradient
from .trimming import prune as prune
from .trimming import round_delays as round_delays
