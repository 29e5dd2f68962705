"""Which loader reads a file, seen from its content."""

import importlib
import pkgutil
import zlib
from pathlib import Path
from types import ModuleType

from facegen.errors import UserError
from facegen.morphable import loaders
from facegen.morphable.check import check
from facegen.morphable.model import MorphableModel

_BROKEN = (
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    zlib.error,
)
"""What h5py, numpy, zipfile and a pickle's parts may raise on damaged bytes."""

_REMEDY = "run `make model` for the default head, download any other anew"


def read(path: Path) -> MorphableModel:
    """The model as its format has it, in facegen's units and axes; not yet fit to be painted.

    Raises UserError for what is missing, broken or of no format known.
    """
    if not path.exists():
        raise UserError(
            f"{path}: no such face model; check the path, or run from the repository's root, where "
            "`make model` puts the default head"
        )
    if not (path.is_file() or path.is_dir()):
        # A device could be read for ever.
        raise UserError(f"{path}: neither a file nor a folder; {_REMEDY}")
    try:
        loader = loader_of(path)
        if loader is None:
            raise UserError(
                f"{path}: not a face model of a format known here (`face-model info --help` lists "
                "them); run `make model` for the default head"
            )
        model: MorphableModel = loader.load(path)
    except _BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: unreadable face model ({reason}); {_REMEDY}") from error
    check(model, f"{path}: inconsistent face model", _REMEDY)
    return model


def loader_of(path: Path) -> ModuleType | None:
    """The module of facegen.morphable.loaders that recognises a path."""
    names = sorted(module.name for module in pkgutil.iter_modules(loaders.__path__))
    modules = (importlib.import_module(f"{loaders.__name__}.{name}") for name in names)
    return next((module for module in modules if module.recognise(path)), None)
