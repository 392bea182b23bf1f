"""How does a float network become one of integers, and what is lost?"""

from .mapping import Quantized as Quantized
from .mapping import quantize as quantize
from .report import Fit as Fit
from .report import PopulationReport as PopulationReport
from .report import ProjectionReport as ProjectionReport
from .report import QuantizationReport as QuantizationReport
