"""Trained ANNs to spiking networks: ``ns.convert(model, calibration=x)``."""

from .convert import convert as convert
from .converted import Converted as Converted
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .graph import LayerGraph as LayerGraph
from .graph import NothingConverted as NothingConverted
from .graph import UnsupportedOperations as UnsupportedOperations
from .plan import Plan as Plan
from .planning import make_plan as make_plan
from .readers import read as read
from .report import ConversionReport as ConversionReport
from .torch_file import load_weights as load_weights
from .training import fine_tune as fine_tune
from .training import quantise as quantise
from .training import set_levels as set_levels
from .training import staged as staged
