"""Trained ANNs to spiking networks: ``ns.convert(model, calibration=x)``."""

from .converted import Converted as Converted
from .converted import convert as convert
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .graph import LayerGraph as LayerGraph
from .graph import NothingConverted as NothingConverted
from .report import ConversionReport as ConversionReport
