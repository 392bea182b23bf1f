"""Recordings of event cameras: the container and its readers."""

from .columns import EVENT_DTYPE as EVENT_DTYPE
from .container import Events as Events
from .formats.es import write_es as write_es
from .formats.nmnist import write_nmnist as write_nmnist
from .open import decode as decode
from .open import open as open
from .recording import Recording as Recording
from .stream import stream as stream
from .writing import FORMS as FORMS
from .writing import write as write
