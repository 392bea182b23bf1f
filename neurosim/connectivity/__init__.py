"""Who is connected to whom, with which weights and delays."""

from .convolution import Convolution as Convolution
from .convolution import TransposedConvolution as TransposedConvolution
from .degrees import ConstantFanIn as ConstantFanIn
from .degrees import FixedOutDegree as FixedOutDegree
from .degrees import FixedTotalNumber as FixedTotalNumber
from .distributions import Distribution as Distribution
from .distributions import LogNormal as LogNormal
from .distributions import Normal as Normal
from .distributions import Uniform as Uniform
from .pooling import AveragePool as AveragePool
from .pooling import Dense as Dense
from .pooling import SumPool as SumPool
from .procedural import Procedural as Procedural
from .rules import AllToAll as AllToAll
from .rules import FixedInDegree as FixedInDegree
from .rules import FixedProbability as FixedProbability
from .rules import FromArrays as FromArrays
from .rules import FromMatrix as FromMatrix
from .rules import OneToOne as OneToOne
from .rules import Rule as Rule
from .small_world import SmallWorld as SmallWorld
from .spatial import DistanceDependent as DistanceDependent
from .structured import BlockButterfly as BlockButterfly
from .structured import GroupToGroup as GroupToGroup
from .structured import NtoM as NtoM
