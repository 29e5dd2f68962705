"""Morphable face models: the default head, where it is kept, and whatever else a user owns."""

from pathlib import Path

from facegen.errors import UserError
from facegen.morphable.formats import read
from facegen.morphable.model import Albedo, MorphableModel
from facegen.morphable.transfer import dress

DEFAULT_MODEL = Path("data/head.h5")
"""Where `make model` puts the default head, relative to the project's root."""

__all__ = ["DEFAULT_MODEL", "Albedo", "MorphableModel", "load"]


def load(path: str | Path | None = None) -> MorphableModel:
    """The face model in a file or folder, by default `make model`'s, ready to be rendered.

    Which format it has is seen from its content; facegen.morphable.loaders lists them. A foreign
    model takes its anatomy over from the default head, which takes seconds the first time.
    Raises UserError for what is missing, broken, of no format known, or no face.
    """
    place = DEFAULT_MODEL if path is None else Path(path)
    model = read(place)
    if model.fields:
        return model
    head = read(DEFAULT_MODEL)
    try:
        return dress(model, head)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
