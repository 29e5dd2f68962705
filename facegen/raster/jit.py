"""numba's compiler, typed: a compiled function keeps the signature of what it was compiled from.

Floating point is never relaxed (no fastmath): the rasterizer's answers are the same bits with every
number of threads and on every processor. Division by zero gives inf or nan.
"""

import contextlib
import functools
import hashlib
import os
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm
import numba
import numba.extending
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.codegen import get_host_cpu_features

# torch brings an OpenMP runtime of its own. If numba's threads were OpenMP's too, each would reset
# the other's number of threads, and every small torch operation would wait at a barrier.
numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]

_SLOWED_BY_WIDE_VECTORS = ("skylake-avx512", "cascadelake", "cooperlake")


def full_width(processor: str, features: str) -> str:
    """A processor's features, as LLVM writes them, so that it gets vectors as wide as it has.

    LLVM halves AVX-512 for most of Intel's, and rasterizing takes a seventh longer. The first three
    kinds that had it, for servers, slow down when it is used in full.
    """
    is_wide = "+avx512f" in features.split(",") and processor not in _SLOWED_BY_WIDE_VECTORS
    return f"{features},-prefer-256-bit" if is_wide else features


# Who set them knows better. It holds for all that numba compiles in this process.
if numba.config.CPU_NAME is None and numba.config.CPU_FEATURES is None:  # type: ignore[attr-defined]
    numba.config.CPU_FEATURES = full_width(  # type: ignore[attr-defined]
        llvm.get_host_cpu_name(),
        get_host_cpu_features(),  # type: ignore[no-untyped-call]
    )

# This layer ends the process when two threads of Python enter it at once.
_one_at_a_time = threading.Lock()

_Function = TypeVar("_Function", bound=Callable[..., Any])

_RULES: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

prange: type[range] = numba.prange
thread_count: Callable[[], int] = numba.get_num_threads


def sources_digest(package: Path) -> str:
    """Eight digits of a package's files that kernels are made of: theirs, and all in raster."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        text = file.read_bytes()
        if b"raster.jit" in text or package / "raster" in file.parents:
            digest.update(text)
    return digest.hexdigest()[:8]


def forget_others(package: Path, digest: str) -> None:
    """Remove compilations of other sources from beside a package's files, as far as we may."""
    for file in package.rglob("__pycache__/*.nb[ci]"):
        if digest not in file.name:
            with contextlib.suppress(OSError):
                file.unlink()


_PACKAGE = Path(__file__).parents[1]
_SOURCES = sources_digest(_PACKAGE)
forget_others(_PACKAGE, _SOURCES)


def is_cold(package: Path = _PACKAGE, digest: str = _SOURCES) -> bool:
    """Whether what paints pictures is still to be compiled of these sources, as far as one sees.

    One does not where compilations are kept elsewhere than beside the sources. The rasterizer's
    may be there without it: a face model was built.
    """
    elsewhere = numba.config.CACHE_DIR or not os.access(package, os.W_OK)  # type: ignore[attr-defined]
    return not elsewhere and not any(package.rglob(f"__pycache__/pigments.*_{digest}*.nbi"))


class _Cache(FunctionCache):
    """A function's compilations on disk; one that cannot be read or written costs time alone."""

    def load_overload(self, *arguments: Any) -> Any:
        with contextlib.suppress(OSError), self._damage_forgotten():
            return super().load_overload(*arguments)  # type: ignore[no-untyped-call]
        return None

    def save_overload(self, *arguments: Any) -> None:
        with contextlib.suppress(OSError), self._damage_forgotten():
            super().save_overload(*arguments)  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def _damage_forgotten(self) -> Iterator[None]:
        """Unpickling what a power cut left raises anything; begin a new index then."""
        try:
            yield
        except OSError:
            raise
        except Exception:
            Path(self._cache_file._index_path).unlink(missing_ok=True)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    """The function, compiled on first call; compilations are kept on disk, where they can be."""
    compiled = numba.njit(**options, **_RULES)(_kept_apart(function))
    # Raised where numba may write neither beside the sources nor in the user's cache; its variable
    # NUMBA_CACHE_DIR names another folder.
    with contextlib.suppress(RuntimeError):
        compiled._cache = _Cache(compiled.py_func)  # type: ignore[no-untyped-call]
    return compiled


def kernel(function: _Function) -> _Function:
    """Compile for one thread on first call."""
    return cast(_Function, _compiled(function, _nrt=True))


def leaf(function: _Function) -> _Function:
    """A kernel that neither makes arrays nor calls what does.

    It counts no references. Others do at every call, for every array they are given and every piece
    they take of one, which takes longer than most of what is called a hundred thousand times.
    """
    return cast(_Function, _compiled(function, _nrt=False))


def inlined(function: _Function) -> _Function:
    """A leaf that is compiled into its callers, however long: no vectors in loops with calls."""
    return cast(_Function, _compiled(function, _nrt=False, forceinline=True))


def formula(function: _Function) -> _Function:
    """Compile, into its callers, a formula that tensors are put into as well: in single precision.

    So are the floating-point numbers in its text and in its module, with which numba would go on in
    double; whole numbers are exponents and indices, and stay. It calls formulas that were compiled
    before it, or what has a stand-in. Its file names this one, for sources_digest to find it.
    """
    code, names = function.__code__, dict(function.__globals__)
    for name in code.co_names:
        value = names.get(name)
        if isinstance(value, float):
            names[name] = np.float32(value)
        elif isinstance(value, types.FunctionType):
            names[name] = _formulas.get(value, value)
    numbers = (np.float32(one) if isinstance(one, float) else one for one in code.co_consts)
    single = types.FunctionType(code.replace(co_consts=tuple(numbers)), names)
    single.__qualname__ = function.__qualname__
    _formulas[function] = compiled = _compiled(single, _nrt=False, forceinline=True)
    return cast(_Function, compiled)


_formulas: dict[Callable[..., Any], Any] = {}


def stand_in(function: Callable[..., Any], substitute: Callable[..., Any]) -> None:
    """Have kernels run what substitute returns for a function that numba cannot compile.

    substitute, like what it returns, takes function's parameters; it gets their types.
    """
    numba.extending.overload(function)(substitute)


def parallel_kernel(function: _Function) -> _Function:
    """Compile a function whose prange loop runs over the items of its first argument.

    It takes thread_count() threads, or just the caller's where that or the number of items is 1.
    Calls from several threads of Python take turns. Kernels must not call it.
    """
    on_one_thread = types.FunctionType(function.__code__, function.__globals__)
    # numba's files of compilations tell functions apart by their names alone.
    on_one_thread.__qualname__ = f"{function.__qualname__}_on_one_thread"
    serial = _compiled(on_one_thread, _nrt=True)
    parallel = _compiled(function, parallel=True, _nrt=True)

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        if len(arguments[0]) <= 1 or thread_count() <= 1:
            return serial(*arguments)
        with _one_at_a_time:
            return parallel(*arguments)

    return cast(_Function, run)


def _kept_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under a name that its compilation is kept by, for these sources alone.

    numba compiles anew what has changed, but not what calls it from another file.
    """
    function.__qualname__ = f"{function.__qualname__}_{_SOURCES}"
    return function
