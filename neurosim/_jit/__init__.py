"""How is code compiled? The one room that knows about the compiler.

Two decorators and two casts:

* :func:`kernel` compiles a function for arrays and scalars, with the on-disk cache.
* :func:`callback` compiles a function of scalars and *addresses* and returns a handle
  that a kernel can call through a table, so that the caller is compiled once whatever
  the callee is (neuron models reach the engine in this way).
* :func:`address` (in kernels :func:`address_of`) gives an array's place in memory,
  :func:`view` makes an array of it again.
* :func:`flush_denormals` and :func:`restore_rounding_mode` bracket arithmetic on decaying
  numbers, which the processor would slow down by ten once they are denormal.

Numba is imported when something has to be compiled; the machine code of an earlier process
is loaded without it. With ``NUMBA_DISABLE_JIT=1`` everything works in plain Python, for
debugging and coverage. ``NEUROSIM_CACHE=0`` switches the on-disk cache off.
"""

from .callbacks import CompileError as CompileError
from .callbacks import callback as callback
from .calls import address as address
from .kernels import JIT as JIT
from .kernels import Kernel as Kernel
from .kernels import inlined as inlined
from .kernels import kernel as kernel
from .kernels import shared as shared
from .objectfiles import cache_folder as cache_folder
from .plain import FLOAT64 as FLOAT64
from .plain import INT32 as INT32
from .plain import INT64 as INT64
from .plain import UINT8 as UINT8
from .plain import UINT32 as UINT32
from .plain import UINT64 as UINT64
from .plain import add_lanes as add_lanes
from .plain import address_of as address_of
from .plain import call as call
from .plain import exponential as exponential
from .plain import flush_denormals as flush_denormals
from .plain import lowest_bit as lowest_bit
from .plain import prefetch as prefetch
from .plain import read_progress as read_progress
from .plain import restore_rounding_mode as restore_rounding_mode
from .plain import room as room
from .plain import take_flags as take_flags
from .plain import view as view
from .plain import write_progress as write_progress
