"""What would this network cost on a chip? Map, count, price, compare."""

from .bands import Band as Band
from .census import census as census
from .chip import Chip as Chip
from .chip import Constant as Constant
from .chip import NoPrice as NoPrice
from .compare import Comparison as Comparison
from .compare import Row as Row
from .compare import compare as compare
from .counts import Census as Census
from .energy import Estimate as Estimate
from .energy import price as price
from .load import check_chip as check_chip
from .load import list_chips as list_chips
from .load import load_chip as load_chip
from .mapping import Mapping as Mapping
from .mapping import map_network as map_network
from .problems import Problem as Problem
from .refusal import DoesNotFit as DoesNotFit
from .refusal import Remedy as Remedy
from .sanafe import import_sanafe as import_sanafe
from .validation import ValidationRow as ValidationRow
from .validation import ValidationTable as ValidationTable
from .validation import validate as validate
