"""Morphable face models: the default head, where it is kept, and whatever else a user owns."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from facegen.errors import UserError
from facegen.morphable import loaders
from facegen.morphable.check import check
from facegen.morphable.model import Albedo, MorphableModel

DEFAULT_MODEL = Path("data/head.h5")
"""Where `make model` puts the default head, relative to the project's root."""

__all__ = ["DEFAULT_MODEL", "Albedo", "MorphableModel", "load"]


def load(path: str | Path | None = None) -> MorphableModel:
    """The face model in a file or folder, by default `make model`'s.

    Which format it has is seen from its content. Raises UserError for what is missing, broken or
    of no format known.
    """
    place = DEFAULT_MODEL if path is None else Path(path)
    if not place.exists():
        raise UserError(f"{place}: no such face model; run `make model`")
    try:
        loader = next((loader for loader in _loaders() if loader.recognise(place)), None)
        if loader is None:
            raise UserError(
                f"{place}: not a face model of a format known here; `make model` makes one, and "
                "`face-model info --help` lists the formats"
            )
        model: MorphableModel = loader.load(place)
    except (OSError, KeyError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{place}: unreadable face model ({reason}); {_remedy(path)}") from error
    check(model, f"{place}: inconsistent face model", _remedy(path))
    return model


def _remedy(path: str | Path | None) -> str:
    return "run `make model`" if path is None else "`make model` or a new download replaces it"


def _loaders() -> list[ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(loaders.__path__))
    return [importlib.import_module(f"{loaders.__name__}.{name}") for name in names]
