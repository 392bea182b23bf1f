"""Recordings of event cameras: the container and its readers."""

from .columns import EVENT_DTYPE as EVENT_DTYPE
from .container import Events as Events
from .es import write_es as write_es
from .nmnist import write_nmnist as write_nmnist
from .open import decode as decode
from .open import open as open
from .stream import stream as stream
