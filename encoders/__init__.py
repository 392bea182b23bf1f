"""From images, camera events and point clouds to input spikes."""

from .camera import CameraModel as CameraModel
from .cloud import RangeEncoder as RangeEncoder
from .cloud import VoxelEncoder as VoxelEncoder
from .delta import FrameEncoder as FrameEncoder
from .encoded import Encoded as Encoded
from .integers import IntegerCode as IntegerCode
from .motion import Saccades as Saccades
from .movies import read_movie as read_movie
from .spikes import EventsToSpikes as EventsToSpikes
from .static import LatencyEncoder as LatencyEncoder
from .static import RateEncoder as RateEncoder
