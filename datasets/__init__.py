"""Labelled samples: ``len(data)`` and ``data[i] -> (events, target)``, no download."""

from .cached import Cached as Cached
from .collate import Ragged as Ragged
from .collate import collate as collate
from .digits import MovingDigits as MovingDigits
from .folder import EventFolder as EventFolder
from .images import ImageSpikes as ImageSpikes
from .images import digits as digits
from .images import mnist as mnist
from .images import read_idx as read_idx
from .paired import PairedMotifs as PairedMotifs
from .parts import EventWindows as EventWindows
from .parts import Subset as Subset
from .parts import split as split
from .shared import SharedMotifs as SharedMotifs
from .spoken import SpokenSpikes as SpokenSpikes
from .synthetic import MovingShapes as MovingShapes
from .synthetic import moving_shape as moving_shape
from .yin_yang import YinYang as YinYang
from .yin_yang import yin_yang_class as yin_yang_class
