"""Morphable face models: the default head and where it is kept."""

from pathlib import Path

from facegen.morphable.model import MorphableModel, load_model

DEFAULT_MODEL = Path("data/head.h5")
"""Where `make model` puts the default head, relative to the project's root."""

__all__ = ["DEFAULT_MODEL", "MorphableModel", "load"]


def load(path: str | Path | None = None) -> MorphableModel:
    """The face model in a file, by default `make model`'s; UserError if there is none."""
    return load_model(DEFAULT_MODEL if path is None else path)
