"""Pictures of results: every function draws on ``ax`` and returns the Axes."""

from .delays import delays as delays
from .energy import energy as energy
from .figure import png as png
from .figure import save as save
from .frame import frame as frame
from .latency import latency as latency
from .raster import raster as raster
from .rates import rates as rates
from .recording import film as film
from .recording import pixels as pixels
from .recording import scatter as scatter
from .recording import time_surface as time_surface
from .traces import traces as traces
