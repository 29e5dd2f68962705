"""numba's compiler, typed: a compiled function keeps the signature of what it was compiled from.

Floating point is never relaxed (no fastmath): the rasterizer's answers are the same bits in every
backend, with every number of threads and on every processor. Division by zero gives inf or nan.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

# torch brings an OpenMP runtime of its own. If numba's threads were OpenMP's too, each would reset
# the other's number of threads, and every small torch operation would wait at a barrier.
numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]

# This layer ends the process when two threads of Python enter it at once.
_one_at_a_time = threading.Lock()

_Function = TypeVar("_Function", bound=Callable[..., Any])

prange: type[range] = numba.prange
thread_count: Callable[[], int] = numba.get_num_threads


def kernel(function: _Function) -> _Function:
    """Compile for one thread on first call; compilations are kept on disk."""
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def parallel_kernel(function: _Function) -> _Function:
    """Compile so that loops over prange run on thread_count() threads; not to be called by kernels.

    Calls from several threads of Python take turns.
    """
    compile_parallel = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)
    compiled = compile_parallel(function)

    @functools.wraps(function)
    def in_turn(*arguments: Any) -> Any:
        with _one_at_a_time:
            return compiled(*arguments)

    return cast(_Function, in_turn)
