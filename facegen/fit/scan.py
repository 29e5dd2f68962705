"""Where to start: a few people in many poses and lights, compared with the picture at a glance."""

import torch
from torch import Tensor

from facegen.anatomy import survey
from facegen.fit.objective import see_eyes, shows
from facegen.fit.picture import Picture, shrink
from facegen.fit.unknowns import HAIRSTYLES, Unknowns
from facegen.geometry import VertexNormals
from facegen.latents import IDENTITY_SIGMA, LABELS, LATENTS
from facegen.morphable import MorphableModel
from facegen.render import Renderer, RenderSettings

_SIZE, _SMALL = 50, 75
_VIEWS, _VARIANTS = 320, 3
_NOBODY = 4.0
"""A background no face is as bright as, to tell the two apart."""

_APART = 25.0
"""Two starts differ by so many degrees in some angle, or in their hair."""

_RARE = 0.03
"""How much of a correlation a pose of one standard deviation must make up for."""


def face_region(model: MorphableModel) -> Tensor:
    """1 (vertex,) from the brows to the chin and out to the cheeks, where no model needs hair."""
    normals = VertexNormals(torch.from_numpy(model.faces), len(model.mean))
    anatomy = survey(model, normals(torch.from_numpy(model.mean.T[None].copy()))[0])
    height = anatomy.points[1]
    is_face = (anatomy.scalp < -20) & (anatomy.around < 52) & (height > -92) & (height < 34)
    return is_face.float()


class Scan:
    """Small pictures of the mean face and a few others, spread evenly over all poses and lights."""

    @torch.no_grad()
    def __init__(self, model: MorphableModel, region: Tensor | None):
        """Compare a region (vertex,) of the surface, or all of the picture if that is None."""
        renderer = Renderer(model, RenderSettings(size=_SIZE, background=_NOBODY))
        # A picture's hair tells styles apart; of a face alone, one style is as good as another.
        self._styles = tuple(HAIRSTYLES) if region is None else ("short",)
        generator = torch.Generator().manual_seed(0)
        variants = torch.randn((_VARIANTS, model.identity_size), generator=generator)
        variants[0] = 0
        people = Unknowns((), model, expressions=False)
        identity = [
            people.styled(IDENTITY_SIGMA * variant, style)
            for style in self._styles
            for variant in variants
        ]
        everyone = renderer.people(torch.stack(identity))
        low, high = (torch.tensor([getattr(x, end) for x in LATENTS]) for end in ("low", "high"))
        sobol = torch.quasirandom.SobolEngine(len(LATENTS))  # type: ignore[no-untyped-call]
        self._labels = (low + sobol.draw(_VIEWS) * (high - low)).repeat(len(self._styles), 1)
        self._style = [style for style in self._styles for _ in range(_VIEWS)]
        self._has_region = region is not None
        heads, masks = [], []
        for number, labels in enumerate(self._labels):
            who = _VARIANTS * (number // _VIEWS) + number % _VARIANTS
            person, view = everyone.one(who), renderer.view(labels[None])
            picture = renderer.render(person, view)[..., 0]
            is_head = picture <= 1.0
            masks.append(
                is_head.float() if region is None else shows(renderer, person, view, region)
            )
            heads.append(torch.where(is_head, picture, 0.5))
        self._heads, self._masks = torch.cat(heads), torch.cat(masks)
        self._eyes = see_eyes(renderer, everyone.one(0), renderer.view(self._labels))

    def starts(
        self, unknowns: Unknowns, picture: Picture, background: float, count: int
    ) -> list[Tensor]:
        """Vectors (unknown,) to start from, the likeliest first: the mean face in several views.

        background: the picture's gray value around the head, if all of it is compared.
        """
        candidates = unknowns.rest.repeat(len(self._labels), 1)
        candidates[:, : len(LABELS)] = self._labels
        if self._has_region:
            if picture.eyes is not None:
                unknowns.place(candidates, *_similarity(self._eyes, picture.eyes))
            seen = _crop(picture.gray, unknowns, candidates)
            likeness = sum(
                _correlation(self._masks, change(self._heads), change(seen))
                for change in (lambda same: same, _details)
            )
            surprise = ((candidates - unknowns.rest) / unknowns.sigma) ** 2
            likeness = likeness - _RARE * surprise.sum(dim=1)
        else:
            heads = (self._masks * (self._heads - background)).flatten(1)
            there = shrink(picture.gray, _SIZE).flatten() - background
            overlap = (heads @ there).clamp(min=0) ** 2
            likeness = overlap / ((heads**2).sum(dim=1) * (there @ there))
        starts: list[Tensor] = []
        taken: list[tuple[Tensor, str]] = []
        for number in likeness.argsort(descending=True).tolist():
            start, style = candidates[number], self._style[number]
            far = [
                style != other_style or float((start - other)[: len(LABELS)].abs().max()) > _APART
                for other, other_style in taken
            ]
            if all(far):
                taken.append((start, style))
                starts.append(unknowns.styled(start, style))
            if len(starts) == count:
                break
        return starts


def _similarity(shown: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How points shown (view, 2, 2) come to lie where two are seen (2, 2), in half pictures.

    Roll in degrees, counter-clockwise; size; and the middle (view, 2) of what is then shown.
    """
    apart, seen_apart = shown[:, 1] - shown[:, 0], seen[1] - seen[0]
    roll = torch.atan2(seen_apart[1], seen_apart[0]) - torch.atan2(apart[:, 1], apart[:, 0])
    size = apart.norm(dim=1) / seen_apart.norm()
    turn = torch.stack([roll.cos(), -roll.sin(), roll.sin(), roll.cos()], dim=-1).reshape(-1, 2, 2)
    middle = (turn @ shown.mean(dim=1)[..., None])[..., 0] - size[:, None] * seen.mean(dim=0)
    return torch.rad2deg(roll), size, middle


def _crop(picture: Tensor, unknowns: Unknowns, vectors: Tensor) -> Tensor:
    """What a picture shows where the camera, at rest and upright, would look: (batch, _, _)."""
    roll, size, middle = unknowns.placed(vectors)
    at = torch.linspace(-1, 1, 2 * _SIZE + 1)[1::2]
    grid = torch.stack(torch.meshgrid(at, -at, indexing="xy"), dim=-1)
    a = torch.deg2rad(roll)
    turn = torch.stack([a.cos(), -a.sin(), a.sin(), a.cos()], dim=-1).reshape(-1, 1, 2, 2)
    turned = (turn[:, None] @ grid[..., None])[..., 0]
    places = (turned - middle[:, None, None]) / size[:, None, None, None]
    places = places * torch.tensor([1.0, -1.0])
    small = shrink(picture, _SMALL)[None, None].expand(len(vectors), -1, -1, -1)
    return torch.nn.functional.grid_sample(
        small, places, padding_mode="border", align_corners=False
    )[:, 0]


def _correlation(masks: Tensor, heads: Tensor, seen: Tensor) -> Tensor:
    """Of pictures (view, height, width) with others where masks are 1: (view,)."""
    count = masks.flatten(1).sum(dim=1).clamp(min=1.0)

    def centred(pictures: Tensor) -> Tensor:
        mean = (masks * pictures).flatten(1).sum(dim=1) / count
        return (masks * (pictures - mean[:, None, None])).flatten(1)

    one, other = centred(heads), centred(seen)
    likeness: Tensor = (one * other).sum(dim=1) / (one.norm(dim=1) * other.norm(dim=1) + 1e-6)
    # A mask of few pixels, as of a head that looks away, agrees with anything.
    return likeness * (count > 2 * _SIZE)


def _details(pictures: Tensor) -> Tensor:
    """Pictures (batch, height, width) without their slow changes, as light makes them."""
    rim = 4
    padded = torch.nn.functional.pad(pictures[:, None], (rim, rim, rim, rim), mode="replicate")
    slow = torch.nn.functional.avg_pool2d(padded, 2 * rim + 1, stride=1)[:, 0]
    return (pictures - slow) / (slow + 0.1)
