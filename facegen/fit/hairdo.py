"""Which hairdo a photograph shows: the one whose outline parts the picture's colours best.

Nothing is known of the colours of hair or background. But where hair, skin and all else are
labelled right, the labels tell most about the colours and the colours about the labels: their
mutual information (Viola & Wells, "Alignment by Maximization of Mutual Information", 1997).
"""

import torch
from torch import Tensor

from facegen.fit.picture import Picture, background_of
from facegen.fit.unknowns import HAIRSTYLES, Unknowns
from facegen.render import Renderer
from facegen.shading import LUMA
from facegen.truth import GroundTruth
from facegen.truth_columns import PARTS

_CHOICES: dict[str, tuple[float, ...]] = {
    "hair_length": tuple(0.2 * k for k in range(-6, 21)),
    "hair_sides": (-1.5, -0.5, 0.5, 1.5),
    "hair_volume": (-1.5, -0.5, 0.5, 1.2),
    "hair_part": (-0.8, -0.3, 0.0, 0.3, 0.8),
    "hair_wave": (-1.0, 0.5, 1.5),
}
"""What is tried of each coefficient, standard deviations, one after the other."""

_SHADES, _HUES = 12, 4
"""Quantiles of gray values, and of each of two colours, that are told apart."""

_SURE = 0.002
"""So much more information, in nats a pixel, makes another hairdo the better one."""


@torch.no_grad()
def with_hairdo(renderer: Renderer, unknowns: Unknowns, vector: Tensor, picture: Picture) -> Tensor:
    """A vector (unknown,) with the hairdo that a picture of the renderer's size shows."""
    view = unknowns.view(renderer, vector[None], background_of(picture.gray))
    truth, colours = GroundTruth(renderer), _told_apart(picture.colours)

    def best(vectors: list[Tensor]) -> tuple[Tensor, float]:
        people = unknowns.people(renderer, torch.stack(vectors))
        told = [
            _information(_labels(truth(people.one(number), view).parts[0]), colours)
            for number in range(len(vectors))
        ]
        # The first of those that are about as good.
        number = next(k for k, one in enumerate(told) if one > max(told) - _SURE)
        return vectors[number], told[number]

    # Each style is groomed before they are compared: short hair with more volume looks more like a
    # bob than a bob of the wrong length does.
    found = []
    for style in HAIRSTYLES:
        one, most = best([unknowns.styled(vector, style)])
        for name, values in _CHOICES.items():
            if name != "hair_length" or style != "short":
                one, most = best([one, *(unknowns.groomed(one, {name: x}) for x in values)])
        found.append((most, one))
    return max(found, key=lambda pair: pair[0])[1]


def _told_apart(picture: Tensor) -> Tensor:
    """The number (size, size) of the cell in which each colour of a picture is."""
    red, green, blue = torch.log(picture + 0.1).unbind(-1)
    gray = picture @ torch.tensor(LUMA)
    cells = torch.zeros_like(gray, dtype=torch.long)
    for plane, count in ((gray, _SHADES), (red - green, _HUES), (green - blue, _HUES)):
        borders = plane.quantile(torch.linspace(0, 1, count + 1)[1:-1])
        cells = cells * count + torch.bucketize(plane.contiguous(), borders)
    return cells


def _labels(parts: Tensor) -> Tensor:
    """0 where parts (size, size) of facegen.truth show what is unknown, 1 skin, 2 hair."""
    other, hair = (
        torch.isin(parts, torch.tensor([PARTS.index(name) for name in names], dtype=parts.dtype))
        for names in (("background", "cloth"), ("hair",))
    )
    return (~other).long() + hair.long()


def _information(labels: Tensor, cells: Tensor) -> float:
    """The mutual information of labels 0 .. 2 and cells, of the same shape, in nats."""
    joint = torch.bincount((cells * 3 + labels).flatten(), minlength=3 * _SHADES * _HUES**2)
    share = joint.reshape(-1, 3).double() / labels.numel()
    independent = share.sum(dim=0) * share.sum(dim=1, keepdim=True)
    return float(torch.xlogy(share, share / independent.clamp(min=1e-12)).sum())
