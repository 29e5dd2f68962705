"""Light on skin and hair, evaluated at vertices: pure functions, all differentiable.

Shading runs at the mesh's vertices and is interpolated (REYES: Cook, Carpenter & Catmull 1987): at
150 pixels a triangle of the head is about as large as a pixel, and there are fewer vertices in
sight than samples. Reflectance and light are linear; `display` turns them into picture values.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facegen import reflection
from facegen.batches import array
from facegen.device import constant, is_plain
from facegen.harmonics import reflected
from facegen.pictures import LUMA
from facegen.raster.sight import Sight, everything
from facegen.reflection import (
    bled,
    display,
    from_around,
    from_key,
    hair_shine,
    lit_hair,
    lit_skin,
    skin_shine,
)


@dataclass(frozen=True)
class Lights:
    """Intensities, where 1 makes a white surface that faces the light white.

    key: the directional light that moves and casts shadows, `elevation` degrees above the horizon.
    sky: light from all around, dimmed in crevices; ground: its share from below.
    fill: soft frontal light, so that the dark side keeps its form.
    """

    key: float = 1.3
    elevation: float = 18.0
    sky: float = 0.1
    ground: float = 0.45
    fill: float = 0.045


@dataclass(frozen=True)
class Surface:
    """What light falls on, in the camera's frame; a batch of one stands for all pictures.

    normals, strand (batch, 3, vertex): unit normals, and tangents of the hair that grows there.
    skin, hair (batch, 3, vertex): linear reflectance of the two layers.
    covered (batch, vertex): how much hair hides the skin.
    gloss (batch,): factor of the specular reflection.
    occlusion, wet (vertex,): the share of the sky in view; 1 on eyeballs, less on lips.
    """

    normals: Tensor
    strand: Tensor
    skin: Tensor
    hair: Tensor
    covered: Tensor
    gloss: Tensor
    occlusion: Tensor
    wet: Tensor


def shade(
    surface: Surface,
    light: Tensor,
    visible: Tensor | None,
    opened: Tensor,
    lights: Lights,
    environment: Tensor | None = None,
    sight: Sight | None = None,
    *,
    colour: bool,
) -> Tensor:
    """Picture values (batch, vertex, 2 * channel + 1): of skin, of hair, and surface.covered.

    light (batch, 3): unit vectors to the key light. visible (batch, vertex): the share of it that
    reaches each vertex, or None where nothing casts. opened (batch,): exposure. environment: takes
    the place of the lights' sky and fill; see facegen.harmonics.reflected. sight: the vertices that
    are asked for, None for all; of others the values mean nothing. colour: three channels, else
    one. Without it and gradients, on the CPU and in single precision, shading is compiled.
    """
    planes = [getattr(surface, field) for field in Surface.__dataclass_fields__]
    inputs = [*planes, light, opened] + ([] if visible is None else [visible])
    if environment is None and is_plain(*inputs):
        return _shade_compiled(surface, light, visible, opened, lights, sight, colour)
    normals, opened = surface.normals, opened[:, None]
    share = from_key(_dot(normals, light))
    share = share if visible is None else share * visible
    key = lights.key * opened * share
    if environment is None:
        around = from_around(normals[:, 1], normals[:, 2], lights.sky, lights.ground, lights.fill)
        around = around[:, None]
    else:
        around = reflected(environment, normals)
    around = surface.occlusion * around * opened[:, None]
    received, half = key[:, None] + around, halfway(light)
    shine = skin_shine(_dot(normals, half), key, surface.gloss[:, None], surface.wet)
    taken = bled(key, share)[:, None]
    skin = display(lit_skin(surface.skin, surface.skin[:, :1], received, taken, shine[:, None]))
    # A strand shines where its tangent is across the half vector.
    shine = hair_shine(_dot(surface.strand, half), key, around.mean(dim=1))
    hair = display(lit_hair(surface.hair, received, shine[:, None]))
    if not colour:
        skin, hair = gray(skin), gray(hair)
    covered = surface.covered.expand(len(skin), -1)[:, None]
    return torch.cat([skin, hair, covered], dim=1).mT.contiguous()


def _shade_compiled(
    surface: Surface,
    light: Tensor,
    visible: Tensor | None,
    opened: Tensor,
    lights: Lights,
    sight: Sight | None,
    colour: bool,
) -> Tensor:
    batch, vertices = len(light), len(surface.occlusion)
    if visible is None:
        visible = light.new_ones((1, vertices))
    gloss = surface.gloss.expand(batch)
    scene = torch.cat([light, halfway(light), opened[:, None], gloss[:, None]], dim=1).detach()
    layers = light.new_empty((batch, vertices, 7 if colour else 3))
    seen = (surface.normals, surface.strand, surface.skin, surface.hair, surface.covered)
    reflection.shade(
        scene.numpy(),
        reflection.Planes(*map(array, (*seen, visible, surface.occlusion, surface.wet))),
        np.array([lights.key, lights.sky, lights.ground, lights.fill], dtype=np.float32),
        np.array(LUMA, dtype=np.float32),
        sight or everything(vertices),
        layers.numpy(),
    )
    return layers


def exposure(light: Tensor) -> Tensor:
    """The camera's automatic exposure (batch,) for a key light from unit vectors light (batch, 3).

    The further the light goes round to the side, the less of the face it meets: measured over many
    heads, at 75 degrees they send back half as much. The camera opens up by most of that, so that
    a light that moves changes which side is bright more than how bright the picture is; by all of
    it, the bright side would burn out.
    """
    frontal = light[:, 2] / light[:, ::2].norm(dim=1).clamp(min=1e-6)
    opened: Tensor = 1 / (0.64 + 0.46 * frontal)
    return opened


def gray(picture: Tensor) -> Tensor:
    """RGB picture values (batch, 3, vertex) to gray (batch, 1, vertex)."""
    return constant((LUMA,), picture) @ picture


def halfway(light: Tensor) -> Tensor:
    """Unit vectors (batch, 3) halfway between light (batch, 3) and the viewer."""
    viewer = constant((0.0, 0.0, 1.0), light)
    return torch.nn.functional.normalize(light + viewer, dim=-1)


def _dot(vectors: Tensor, direction: Tensor) -> Tensor:
    """(batch, 3, vertex) and (batch, 3) to (batch, vertex)."""
    return (direction[:, None] @ vectors)[:, 0]
