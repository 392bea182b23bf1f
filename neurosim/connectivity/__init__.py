"""Who is connected to whom, with which weights and delays."""

from .distributions import Distribution as Distribution
from .distributions import LogNormal as LogNormal
from .distributions import Normal as Normal
from .distributions import Uniform as Uniform
from .rules import AllToAll as AllToAll
from .rules import FixedInDegree as FixedInDegree
from .rules import FixedProbability as FixedProbability
from .rules import FromArrays as FromArrays
from .rules import FromMatrix as FromMatrix
from .rules import OneToOne as OneToOne
from .rules import Rule as Rule
