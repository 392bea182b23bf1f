"""How a network runs: build, step, record."""

from .exact.simulator import EventSimulator as EventSimulator
from .exact.switching import Switch as Switch
from .result import Result as Result
from .result import Spikes as Spikes
from .result import Trace as Trace
from .resuming import resume as resume
from .simulate import simulate as simulate
from .simulator import Simulator as Simulator
from .spikechunks import stream_spikes as stream_spikes
from .spikefile import read_spikes as read_spikes
from .spikefile import write_spikes as write_spikes
from .stop import RunView as RunView
from .stop import StopAtEvents as StopAtEvents
from .stop import StopAtRate as StopAtRate
from .stop import StopAtSpikes as StopAtSpikes
from .stop import StopAtWall as StopAtWall
from .tracefile import read_traces as read_traces
from .tracefile import write_traces as write_traces
