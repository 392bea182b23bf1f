"""What goes wrong, by name: the exceptions that neurosim raises on purpose.

Every message names the owner, the attribute, the rule and the value, and a
remedy where one is known::

    LIF.tau_m must be > 0 ms, got -5.0
"""


class NeurosimError(Exception):
    """Base of every error that neurosim raises on purpose."""


class ParameterError(NeurosimError, ValueError):
    """An argument or attribute breaks a rule."""


class BuildError(NeurosimError, ValueError):
    """A network is described correctly, piece by piece, but cannot be built."""


class SimulationError(NeurosimError, RuntimeError):
    """A running simulation cannot go on."""


class FormatError(NeurosimError, ValueError):
    """A file is foreign, truncated or damaged."""


class MappingError(NeurosimError, ValueError):
    """A network does not fit a chip."""


class MissingExtraError(NeurosimError, ImportError):
    """An optional package is needed and not installed."""

    @classmethod
    def of(cls, package: str, *, extra: str, purpose: str) -> "MissingExtraError":
        """Say which package is missing, for what, and the command that installs it."""
        return cls(f"{purpose} needs {package}: pip install 'neurosim[{extra}]'")
