"""Point clouds: the container and its readers."""

from .container import PointCloud as PointCloud
from .open import decode as decode
from .open import open as open
from .ply import write_ply as write_ply
