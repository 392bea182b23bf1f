"""Trained ANNs to spiking networks: ``ns.convert(model, calibration=x)``."""

from .convert import convert as convert
from .converted import Converted as Converted
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .graph import LayerGraph as LayerGraph
from .graph import NothingConverted as NothingConverted
from .graph import UnsupportedOperations as UnsupportedOperations
from .plan import Plan as Plan
from .report import ConversionReport as ConversionReport
from .training import fine_tune as fine_tune
from .training import quantise as quantise
from .training import set_levels as set_levels
from .training import staged as staged
