"""Light on skin and hair, evaluated at vertices: pure functions, all differentiable.

Shading runs at the mesh's vertices and is interpolated (REYES: Cook, Carpenter & Catmull 1987): at
150 pixels a triangle of the head is about as large as a pixel, and there are fewer vertices in
sight than samples. Reflectance and light are linear; `display` turns them into picture values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_WRAP = 0.16
"""Light creeps past the terminator, as it does through skin (Green, GPU Gems 2004)."""

_SPECULAR, _SHININESS = 0.055, 14.0
_WET_SPECULAR, _WET_SHININESS = 0.9, 160.0
_HAIR_SPECULAR, _HAIR_SHININESS = 0.16, 26.0
LUMA = (0.21, 0.72, 0.07)
"""Weights of the picture's R, G and B in gray, as in the DC-IGN paper."""


@dataclass(frozen=True)
class Lights:
    """Intensities, where 1 makes a white surface that faces the light white.

    key: the directional light that moves and casts shadows, `elevation` degrees above the horizon.
    sky: light from all around, dimmed in crevices; ground: its share from below.
    fill: soft frontal light, so that the dark side keeps its form.
    """

    key: float = 1.02
    elevation: float = 18.0
    sky: float = 0.2
    ground: float = 0.45
    fill: float = 0.07


def irradiance(
    normals: Tensor, light: Tensor, visible: Tensor | None, occlusion: Tensor, lights: Lights
) -> tuple[Tensor, Tensor]:
    """Light received from the key and from everywhere else, (batch, vertex) each.

    normals (batch, 3, vertex), light (batch, 3): unit vectors of the camera's frame.
    visible: the share of the key light that reaches each vertex, or None where nothing casts.
    occlusion (vertex,): the share of the sky in view.
    """
    key = ((_dot(normals, light) + _WRAP) / (1 + _WRAP)).clamp(min=0) * lights.key
    up, front = normals[:, 1], normals[:, 2]
    sky = lights.sky * (0.5 * (1 + lights.ground) + 0.5 * (1 - lights.ground) * up)
    around = occlusion * (sky + lights.fill * front.clamp(min=0))
    return (key if visible is None else key * visible), around


def exposure(light: Tensor) -> Tensor:
    """The camera's automatic exposure (batch,) for a key light from unit vectors light (batch, 3).

    The further the light goes round to the side, the less of the face it meets: measured over many
    heads, the mean picture gets darker by a third. The camera opens up by as much, so that a light
    that moves changes which side is bright and not how bright the picture is.
    """
    frontal = light[:, 2] / light[:, [0, 2]].norm(dim=1).clamp(min=1e-6)
    opened: Tensor = 1 / (0.73 + 0.39 * frontal)
    return opened


def shade_skin(
    albedo: Tensor,
    normals: Tensor,
    light: Tensor,
    key: Tensor,
    around: Tensor,
    gloss: Tensor,
    wet: Tensor,
) -> Tensor:
    """Diffuse and Blinn-Phong reflection (batch, 3, vertex); wet (vertex,) is 1 on eyeballs."""
    half = torch.nn.functional.normalize(light + torch.tensor([0.0, 0.0, 1.0]).to(light), dim=-1)
    highlight = _dot(normals, half).clamp(min=1e-4)
    lit = key / (0.2 + key)
    dry = _SPECULAR * gloss * highlight**_SHININESS
    shine = dry + wet * (_WET_SPECULAR * highlight**_WET_SHININESS - dry)
    return albedo * (key + around)[:, None] + (shine * lit)[:, None]


def shade_hair(
    colour: Tensor, strand: Tensor, light: Tensor, key: Tensor, around: Tensor
) -> Tensor:
    """Hair (batch, 3, vertex): a strand shines where its tangent is across the half vector.

    colour (batch, 3, vertex): reflectance. strand (batch, 3, vertex): unit tangents.
    Source: Kajiya & Kay 1989.
    """
    half = torch.nn.functional.normalize(light + torch.tensor([0.0, 0.0, 1.0]).to(light), dim=-1)
    across = (1 - _dot(strand, half) ** 2).clamp(min=1e-4).sqrt()
    shine = _HAIR_SPECULAR * across**_HAIR_SHININESS * (key + 0.3 * around)
    return (key + around)[:, None] * colour + shine[:, None] * (0.25 + colour)


def display(linear: Tensor) -> Tensor:
    """Linear light to picture values 0..1, with a gamma of 2: close to sRGB, and one root."""
    return linear.clamp(1e-6, 1.0).sqrt()


def gray(picture: Tensor) -> Tensor:
    """RGB picture values (batch, 3, vertex) to gray (batch, 1, vertex)."""
    return torch.tensor([LUMA]).to(picture) @ picture


def _dot(vectors: Tensor, direction: Tensor) -> Tensor:
    """(batch, 3, vertex) and (batch, 3) to (batch, vertex)."""
    return (direction[:, None] @ vectors)[:, 0]
