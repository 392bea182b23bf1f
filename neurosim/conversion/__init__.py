"""Trained ANNs to spiking networks: ``ns.convert(model, calibration=x)``."""

from .chain import LayerGraph as LayerGraph
from .chain import NothingConverted as NothingConverted
from .converted import Converted as Converted
from .converted import convert as convert
from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .report import ConversionReport as ConversionReport
