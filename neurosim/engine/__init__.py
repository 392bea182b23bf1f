"""How a network runs: build, step, record."""

from .result import Result as Result
from .result import Spikes as Spikes
from .result import Trace as Trace
from .simulator import Simulator as Simulator
from .simulator import simulate as simulate
from .spikefile import read_spikes as read_spikes
from .spikefile import write_spikes as write_spikes
