"""From coefficients to people: shape, hair and paint of a face model, for pictures of a size."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from facegen.anatomy import survey
from facegen.curtain import COARSE, DENSE
from facegen.eyes import Eyes
from facegen.geometry import VertexNormals
from facegen.hair import Hair
from facegen.lids import Lids
from facegen.looks import appearance_of
from facegen.morphable import MorphableModel
from facegen.mouth import Mouth
from facegen.own_albedo import OwnAlbedo, bare
from facegen.people import People
from facegen.refine import LONGEST, Refinement
from facegen.skin import inner, paint
from facegen.texture import Texture
from facegen.tresses import Hairdresser


class Decoder:
    """Decodes a face model's coefficients.

    Vertices are, in this order, the model's own, those between them that large pictures need, and
    those of loose hair. faces: int32 (face, 3). anatomy: of all vertices. body_size: how many come
    before those of loose hair. mouth: what expressions open. combed: see Hairdresser.
    """

    def __init__(self, model: MorphableModel, spacing: float, *, fine: bool):
        """spacing: mm between samples. fine: for pictures that are painted sample by sample."""
        self._model = model
        body = torch.from_numpy(model.faces)
        self._mean = torch.from_numpy(model.mean).T.contiguous()
        self._basis = torch.from_numpy(model.basis).mT.flatten(1)
        self._expressions = torch.from_numpy(model.expression_basis).mT.flatten(1)
        self._normals = VertexNormals(body, len(model.mean))
        normals = self._normals(self._mean[None])[0]
        self._own_albedo = OwnAlbedo(model.albedo) if model.albedo else None
        anatomy = bare(survey(model, normals), model.albedo is not None)
        self._eyes = Eyes(self._mean, anatomy)
        proportional = not model.expression_signed
        self._lids = Lids(self._mean, body, anatomy, proportional=proportional)
        self._hair = Hairdresser(self._mean, anatomy, DENSE if fine else COARSE)
        self._body = self._hair.hung(anatomy)
        longest = LONGEST * spacing if fine else np.inf
        self._finer = Refinement(self._mean, body, self._body, longest)
        self._skin = self._finer.anatomy(self._body)
        _ = inner(self._skin)  # another device would have to be waited for
        self.body_size = len(self._skin.wet)
        self.faces = torch.cat([self._finer.faces, self._hair.faces + self.body_size])
        self.anatomy = self._hair.joined(self._skin)
        self.mouth = Mouth(self._mean, self._expressions, self._body)
        self.combed = self._hair.combed

    def everywhere(self, plane: Tensor) -> Tensor:
        """What the model's vertices have (..., vertex), at all vertices; 0 on loose hair."""
        between = self._finer.values(plane)
        return torch.nn.functional.pad(between, (0, len(self.anatomy.wet) - self.body_size))

    def people(self, identity: Tensor, expression: Tensor | None, seen: Texture | None) -> People:
        """See facegen.render.Renderer.people."""
        shape, colours, traits, coefficients = self._model.split(identity)
        appearance = appearance_of(traits, coefficients, seen)
        vertices = (shape @ self._basis).reshape(len(shape), 3, -1)
        vertices += self._mean
        tresses = self._hair.dress(vertices, appearance)
        hair = Hair(self._body, appearance)
        vertices += hair.displacement()
        self._eyes.seat(vertices)
        if expression is not None:
            moves = (expression @ self._expressions).reshape(len(expression), 3, -1)
            vertices = vertices + self._lids.moved(vertices, moves)
            forward = self.mouth.forward(expression)
            vertices = torch.stack([*vertices[:, :2].unbind(1), vertices[:, 2] + forward], dim=1)
            appearance = replace(appearance, teeth=self.mouth.lit(expression))
        own = self._own_albedo
        # A photographer opens the lens for dark skin, though not all the way.
        opening = torch.exp(0.7 * (appearance.melanin - 0.1))
        vertices, normals = self._finer.rounded(vertices, self._normals(vertices))
        loose = self._hair.normals(tresses.vertices)
        vertices = torch.cat([vertices, tresses.vertices], dim=2)
        normals = torch.cat([normals, loose], dim=2)
        self._eyes.bulge(normals)
        locks = appearance.hair_colour[..., None] * tresses.tone[:, None]
        full = torch.ones_like(tresses.tone)
        if own:
            skin = self._finer.values(own(colours, self._body, seen))
        else:
            skin = paint(self._skin, appearance)
        if self._skin is not self._body:
            hair = Hair(self._skin, appearance)
        return People(
            vertices=vertices,
            normals=normals,
            skin=torch.cat([skin, locks], dim=2),
            hair=torch.cat([hair.colours(), locks], dim=2),
            covered=torch.cat([hair.coverage(), full], dim=1),
            gloss=appearance.gloss,
            exposure=torch.full_like(opening, own.opening) if own else opening,
            appearance=None if own else appearance,
        )
