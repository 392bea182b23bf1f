"""Labelled samples: ``len(data)`` and ``data[i] -> (events, target)``, no download."""

from .digits import MovingDigits as MovingDigits
from .folder import EventFolder as EventFolder
from .synthetic import MovingShapes as MovingShapes
from .synthetic import moving_shape as moving_shape
