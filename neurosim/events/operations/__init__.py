"""What can be done to events? Small frozen operations with the names and keywords of tonic.

Each takes `Events`, a lazy `Recording` or a structured array with fields x, y, t, p, and gives
the same back (the dense ones: an array). So they work in tonic's ``Compose`` too.
"""

from .base import Compose as Compose
from .base import Operation as Operation
from .dense import ToFrame as ToFrame
from .dense import ToImage as ToImage
from .dense import ToTimesurface as ToTimesurface
from .dense import ToVoxelGrid as ToVoxelGrid
from .drawn import DropEvent as DropEvent
from .drawn import RandomFlipLR as RandomFlipLR
from .drawn import RandomFlipPolarity as RandomFlipPolarity
from .drawn import RandomFlipUD as RandomFlipUD
from .drawn import SpatialJitter as SpatialJitter
from .drawn import TimeJitter as TimeJitter
from .drawn import UniformNoise as UniformNoise
from .pixels import Decimation as Decimation
from .pixels import Denoise as Denoise
from .pixels import DropPixel as DropPixel
from .pixels import RateControl as RateControl
from .pixels import RefractoryPeriod as RefractoryPeriod
from .space import CenterCrop as CenterCrop
from .space import CropTime as CropTime
from .space import Downsample as Downsample
from .space import FlipLR as FlipLR
from .space import FlipUD as FlipUD
from .space import MergePolarities as MergePolarities
from .space import TimeAlignment as TimeAlignment
from .space import Undistort as Undistort
