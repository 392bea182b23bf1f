"""The command line, the only part that knows everybody."""

from .main import cli as cli
from .main import main as main
