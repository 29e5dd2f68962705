"""Which hairdo a photograph shows: the one that puts hair where the picture has its colours.

The fitted head says where hair and skin are for certain, the picture's rim what is behind; from
there the likelihood of every pixel's colours as hair, skin or neither is known. Each style is
groomed until it explains the picture best, then colours are learnt anew from the best one, as in
GrabCut (Rother, Kolmogorov & Blake 2004), with the model's hairdos in place of free outlines.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from facegen.fit.evidence import HAIR, OTHER, SKIN, Evidence
from facegen.fit.objective import shows
from facegen.fit.picture import Picture, background_of
from facegen.fit.unknowns import HAIRSTYLES, Unknowns
from facegen.looks import appearance_of
from facegen.people import People
from facegen.render import Renderer
from facegen.truth import GroundTruth
from facegen.truth_columns import PARTS
from facegen.view import View

_BALD = {"hair_length": -2.0, "baldness": 4.0}

_FREE = {
    "short": ("hair_volume", "hair_sides", "fringe", "recession"),
    "loose": ("hair_length", "hair_sides", "hair_volume", "hair_part", "fringe"),
    "tied": ("hair_volume", "fringe", "recession"),
    "bun": ("hair_volume", "hair_lift", "fringe"),
}
"""The coefficients that are groomed in each style, the plainest style first."""

_RANGES = {
    "hair_volume": (-1.5, 4.0),
    "hair_sides": (-1.0, 4.0),
    "hair_part": (-1.0, 1.0),
    "fringe": (-1.0, 1.5),
    "recession": (-1.5, 2.0),
    "hair_lift": (-2.0, 2.0),
}
"""Where they are looked for, standard deviations."""

_LENGTHS = 3.0
"""Loose hair is looked for from the shortest on, in so many standard deviations."""

_STARTS = 7
"""Looks that are tried of a style for each of its coefficients before it is groomed."""

_STEPS = ((0.12,), (0.15, 0.1, 0.05))
"""How far coefficients are moved, as parts of their ranges: of all styles, then of the best."""

_HAIRY, _SURE, _CLOSE = 0.06, 0.006, 0.04
"""Hair must explain so much more than a bald head, and a style than a plainer one, nats a pixel;
one that explains so much less than another is given up."""


@torch.no_grad()
def with_hairdo(renderer: Renderer, unknowns: Unknowns, vector: Tensor, picture: Picture) -> Tensor:
    """A vector (unknown,) with the hairdo that a picture of the renderer's size shows."""
    salon = _Salon(renderer, unknowns, vector, picture)
    tried = {style: salon.start(style) for style in _FREE}
    bald = salon.judged("bald", salon.bald)
    if max(one.score for one in tried.values()) < bald.score + _HAIRY:
        return bald.vector
    for steps in _STEPS:
        most = max(one.score for one in tried.values())
        tried = {
            style: salon.groomed(one, steps)
            for style, one in tried.items()
            if one.score > most - _CLOSE
        }
        # The plainest of those that are about as good.
        most = max(one.score for one in tried.values())
        best = next(one for one in tried.values() if one.score > most - _SURE)
        salon.learn(best.vector)
        tried = {style: salon.judged(style, one.vector) for style, one in tried.items()}
    return best.vector


@dataclass(frozen=True)
class _Try:
    """A vector (unknown,) in a style, and how well it explains the picture, nats a pixel."""

    style: str
    vector: Tensor
    score: float


class _Salon:
    """One head in front of one picture, in any hairdo."""

    def __init__(self, renderer: Renderer, unknowns: Unknowns, vector: Tensor, picture: Picture):
        self._renderer, self._unknowns = renderer, unknowns
        self._view = unknowns.view(renderer, vector[None], background_of(picture.gray))
        self._truth = GroundTruth(renderer)
        shortest = _shortest(renderer, unknowns, vector)
        self._ranges = {**_RANGES, "hair_length": (shortest, shortest + _LENGTHS)}
        long = {"hair_length": shortest + 0.5 * _LENGTHS}
        self.bald = unknowns.groomed(vector, _BALD)
        self._styles = {}
        for style in HAIRSTYLES:
            worn = unknowns.styled(vector, style)
            self._styles[style] = worn if style == "short" else unknowns.groomed(worn, long)
        bald = unknowns.people(renderer, self.bald[None])
        known = _known(renderer, bald, self._view)
        rows = torch.arange(len(known[SKIN]))[:, None].expand_as(known[SKIN])
        face = rows[known[SKIN]]
        chin, brows = (int(face.max()), int(face.min())) if len(face) else (len(rows), 0)
        self._clothes = rows > chin - (chin - brows) // 4
        self._evidence = Evidence(picture.colours, self._clothes)
        self._evidence.learn(known & torch.stack([~self._clothes, known[SKIN], known[HAIR]]))
        self._skin = known[SKIN]

    def start(self, style: str) -> _Try:
        """A style in the best of a few looks, spread evenly over all that are possible."""
        names = _FREE[style]
        best = self.judged(style, self._styles[style])
        sobol = torch.quasirandom.SobolEngine(len(names))  # type: ignore[no-untyped-call]
        for row in sobol.draw(_STARTS * len(names)).tolist():
            best = self._better(best, dict(zip(names, row, strict=True)))
        return best

    def groomed(self, one: _Try, steps: tuple[float, ...]) -> _Try:
        """The same style, its coefficients moved one after the other as long as that is better."""
        for step in steps:
            for name in _FREE[one.style]:
                low, high = self._ranges[name]
                share = (self._unknowns.look(one.vector, name) - low) / (high - low)
                # A parting may be on the other side.
                ways = (step, -step, 1 - 2 * share) if name == "hair_part" else (step, -step)
                for way in ways:
                    moved = self._better(one, {name: share + way})
                    if moved is not one:
                        one = self._better(moved, {name: share + 2 * way})
                        break
        return one

    def judged(self, style: str, vector: Tensor) -> _Try:
        """A vector (unknown,) in a style, as the picture has it."""
        return _Try(style, vector, self._evidence.of(self._labels(vector)))

    def learn(self, vector: Tensor) -> None:
        """Learn the colours from what a vector (unknown,) has well inside hair, skin and behind."""
        shown = torch.stack([self._labels(vector) == what for what in (OTHER, SKIN, HAIR)])
        inside = 1 - torch.nn.functional.max_pool2d(1 - shown.float(), 5, stride=1, padding=2)
        examples = inside > 0.5
        examples[OTHER] &= ~self._clothes
        examples[SKIN] &= ~self._clothes | self._skin
        self._evidence.learn(examples)

    def _better(self, one: _Try, shares: dict[str, float]) -> _Try:
        """The same with coefficients at shares of their ranges, if that is better."""
        looks = {}
        for name, share in shares.items():
            low, high = self._ranges[name]
            looks[name] = low + (high - low) * min(max(share, 0.0), 1.0)
        other = self.judged(one.style, self._unknowns.groomed(one.vector, looks))
        return other if other.score > one.score else one

    def _labels(self, vector: Tensor) -> Tensor:
        """What a vector (unknown,) shows where (size, size): OTHER, SKIN or HAIR."""
        people = self._unknowns.people(self._renderer, vector[None])
        parts = self._truth.parts(people, self._view)[0]
        other = (parts == PARTS.index("background")) | (parts == PARTS.index("cloth"))
        labels = torch.full(parts.shape, SKIN)
        labels[other] = OTHER
        labels[parts == PARTS.index("hair")] = HAIR
        return labels


def _shortest(renderer: Renderer, unknowns: Unknowns, vector: Tensor) -> float:
    """The coefficient of hair_length from which on this person's hair is long."""
    lengths = torch.linspace(-4.0, 4.0 - _LENGTHS, 81)
    vectors = [unknowns.groomed(vector, {"hair_length": float(x)}) for x in lengths]
    _, _, traits, coefficients = renderer.model.split(unknowns.identity(torch.stack(vectors)))
    long = appearance_of(traits, coefficients).long > 0
    return float(lengths[long].min() if long.any() else lengths[-1])


def _known(renderer: Renderer, bald: People, view: View) -> Tensor:
    """Where a picture of a bald head shows what is what for certain: (3, size, size)."""
    anatomy, count = renderer.anatomy, len(renderer.model.mean)
    scalp, around, height = anatomy.scalp[:count], anatomy.around[:count], anatomy.points[1, :count]
    hair = (scalp > 8) & (around < 70) & (height > 30)
    face = (scalp < -20) & (around < 45) & (height < 10) & (height > -85)
    seen = [shows(renderer, bald, view, region.float())[0] > 0.5 for region in (face, hair)]
    head = shows(renderer, bald, view, torch.ones(count))[0] > 0.5
    size = len(head)
    rim = torch.zeros_like(head)
    rim[: size // 20] = rim[:, : size // 20] = rim[:, -(size // 20) :] = True
    return torch.stack([rim & ~head, *seen])
