"""What a data set may be: its configuration, the presets, and where they go by default.

Nothing but the standard library is imported: the command line builds its help from here.
"""

from dataclasses import dataclass
from pathlib import Path

from facegen.errors import UserError

LIVE = "generate"
"""What a data set that is rendered as it is read is called, where others have a folder."""

COMPRESSIONS = ("none", "gzip")


@dataclass(frozen=True)
class GenerateConfig:
    """What a data set is to be; two equal ones give equal bytes.

    size: height and width, pixels.
    train, test: mini-batches of each kind, that is for each factor that varies.
    per_shard: mini-batches in a shard; the last shard of a split may have fewer.
    seed: 0 to 2**63 - 1.
    shadows: whether the key light casts shadows.
    compression: one of COMPRESSIONS.
    colour: whether images are RGB; gray otherwise.
    truth: whether landmarks, depth and more are kept beside the images.
    factors: the kinds of mini-batches, which differ in what varies; see facegen.scene.latents_of.
    """

    size: int = 150
    train: int = 3000
    test: int = 350
    per_shard: int = 100
    seed: int = 0
    shadows: bool = True
    compression: str = "none"
    colour: bool = False
    truth: bool = False
    factors: tuple[str, ...] = ("azimuth", "elevation", "light", "identity")

    def __post_init__(self) -> None:
        """Raise UserError for what no data set can be."""
        for name in ("size", "train", "test", "per_shard"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be 1 or more, and is {getattr(self, name)}")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"the seed must lie in 0 .. 2**63 - 1, and is {self.seed}")
        if self.compression not in COMPRESSIONS:
            raise UserError(f"compression {self.compression!r}: choose {' or '.join(COMPRESSIONS)}")


PRESETS = {
    "paper": GenerateConfig(),
    "small": GenerateConfig(size=64, train=300, test=35),
    "tiny": GenerateConfig(size=64, train=4, test=2),
}

FOLDERS = {
    "paper": Path("data/faces"),
    "small": Path("data/faces-small"),
    "tiny": Path("data/faces-tiny"),
}
"""Where each preset goes unless told otherwise."""


def folder(preset: str, config: GenerateConfig) -> Path:
    """Where a data set goes unless told otherwise; one of another kind beside the preset's."""
    path = FOLDERS[preset]
    other = config.factors if config.factors != PRESETS[preset].factors else ()
    more = [word for word in ("colour", "truth") if getattr(config, word)]
    return path.with_name("-".join((path.name, *other, *more)))


def default_folder() -> Path:
    """The data set that training takes by itself: paper, else small; tiny teaches nothing.

    Raises UserError when neither is finished.
    """
    for preset in ("paper", "small"):
        if (FOLDERS[preset] / "manifest.json").is_file():
            return FOLDERS[preset]
    raise UserError(
        f"no finished data set in {FOLDERS['paper']} or {FOLDERS['small']}; run `make dataset` or "
        "`make dataset PRESET=small`, or name one with --data"
    )
