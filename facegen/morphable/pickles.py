"""Reads numbers out of Python pickles without running them.

A pickle is a program for a small stack machine whose instructions import and call anything. This is
a machine of our own, which has no instruction that imports, calls or sets anything: what a pickle
wants called is written down as a Call, and only names on a list may be mentioned at all. Afterwards
the arrays are put together from what was written down.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from facegen.errors import UserError

RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
RECONSTRUCTORS = ("copy_reg._reconstructor", "copyreg._reconstructor")
CHUMPY = ("chumpy.ch.Ch", "chumpy.Ch")
ENCODE = "_codecs.encode"
_SPARSE = tuple(
    f"scipy.sparse.{module}.{kind}_matrix"
    for kind in ("csc", "csr", "coo")
    for module in (kind, f"_{kind}")
)
_NAMES = {
    *RECONSTRUCT, *FROM_BUFFER, *RECONSTRUCTORS, *CHUMPY, *_SPARSE, ENCODE,
    "numpy.ndarray", "numpy.dtype", "__builtin__.object", "builtins.object",
    "__builtin__.set", "builtins.set",
}  # fmt: skip
"""What a pickle of a face model mentions. None of it is imported or called here."""

_MARK = object()
Stack = list[Any]


class _UnfitError(Exception):
    """What the pickle does and no face model needs."""


@dataclass(frozen=True)
class Name:
    """A global that the pickle mentions."""

    dotted: str


@dataclass
class Call:
    """What the pickle wants made: the name called, its arguments, the state set afterwards."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def read_pickle(path: Path) -> Any:
    """What is in a pickle, with a Call wherever it wants something made.

    Raises UserError for what is damaged, and for whatever a face model has no use for, naming it.
    Nothing in the file is ever executed.
    """
    try:
        with open(path, "rb") as file:
            return _run(file)
    except _UnfitError as unfit:
        raise UserError(f"{path}: refused: its pickle {unfit}, as no face model does") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a whole pickle ({reason}); download it anew") from None


def _run(file: IO[bytes]) -> Any:
    stack: Stack = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        if name in _PUSH:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[int(str(argument))])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(str(argument))] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name == "GLOBAL":
            stack.append(_mention(*str(argument).split(" ", 1)))
        elif name == "STACK_GLOBAL":
            what, module = stack.pop(), stack.pop()
            stack.append(_mention(module, what))
        elif name in _OPERATIONS:
            _OPERATIONS[name](stack)
        elif name not in ("PROTO", "FRAME"):
            raise _UnfitError(f"uses {name}")
    raise ValueError("it ends without a STOP")


def _mention(module: str, what: str) -> Name:
    dotted = f"{module}.{what}"
    if dotted not in _NAMES:
        raise _UnfitError(f"asks for {dotted[:80]!r}")
    return Name(dotted)


def _since_mark(stack: Stack) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _tuple(count: int) -> Callable[[Stack], None]:
    def pack(stack: Stack) -> None:
        stack.append(tuple(stack.pop() for _ in range(count))[::-1])

    return pack


def _reduce(stack: Stack) -> None:
    arguments, name = stack.pop(), stack.pop()
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise _UnfitError("calls what is no name")
    stack.append(Call(name.dotted, arguments))


def _build(stack: Stack) -> None:
    state, target = stack.pop(), stack[-1]
    if not isinstance(target, Call):
        raise _UnfitError("changes what it did not make")
    target.state = state


def _extend(stack: Stack, items: list[Any]) -> None:
    if not isinstance(stack[-1], list):
        raise _UnfitError("appends to what is no list")
    stack[-1].extend(items)


def _update(stack: Stack, items: list[Any]) -> None:
    if not isinstance(stack[-1], dict):
        raise _UnfitError("fills what is no dictionary")
    stack[-1].update(_pairs(items))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    # A tuple of a tuple of ... twice the same takes some bytes to say, and ages to look up.
    if not all(isinstance(key, (str, bytes, int)) for key in items[::2]):
        raise _UnfitError("has a dictionary whose keys are no names")
    return dict(zip(items[::2], items[1::2], strict=True))


def _last(stack: Stack, count: int) -> list[Any]:
    return [stack.pop() for _ in range(count)][::-1]


_PUSH = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "MARK": lambda: _MARK,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
}
_OPERATIONS: dict[str, Callable[[Stack], Any]] = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda stack: stack.append(_since_mark(stack)),
    "DICT": lambda stack: stack.append(_pairs(_since_mark(stack))),
    "SETITEM": lambda stack: _update(stack, _last(stack, 2)),
    "SETITEMS": lambda stack: _update(stack, _since_mark(stack)),
    "APPEND": lambda stack: _extend(stack, _last(stack, 1)),
    "APPENDS": lambda stack: _extend(stack, _since_mark(stack)),
    "ADDITEMS": lambda stack: _extend(stack, _since_mark(stack)),
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "BUILD": _build,
    "POP": lambda stack: stack.pop(),
    "POP_MARK": _since_mark,
    "DUP": lambda stack: stack.append(stack[-1]),
}
