"""From labels and identities to pictures. Reads top to bottom."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.decode import Decoder
from facegen.detail import Lit, Painter
from facegen.device import carried, constant, exactly, move
from facegen.geometry import direction, project
from facegen.harmonics import surroundings
from facegen.latents import LABELS, set_up
from facegen.levels import levels
from facegen.morphable import MorphableModel
from facegen.people import People, distinct
from facegen.raster import (
    Fragments,
    Topology,
    composite,
    follow_silhouettes,
    in_sight,
    rasterize,
    resolve,
    topology,
)
from facegen.settings import RenderSettings
from facegen.shading import exposure, shade
from facegen.shadow import moving_visibility
from facegen.texture import Texture
from facegen.turning import turned
from facegen.view import View

__all__ = ["FINE", "RenderSettings", "Renderer"]

FINE = 256
"""Pictures this large, pixels a side, are painted sample by sample."""

_PEOPLE_AT_ONCE = 23
"""Those of four mini-batches: fewer waste time on small operations, more need more memory."""

_SAMPLES_AT_ONCE, _MOST_AT_ONCE = 2**25, 256
"""See Renderer.pictures_at_once."""

POSES_AT_ONCE = 10
"""Likewise, of one person or of one each of several."""


class Renderer:
    """Renders a face model's people on the CPU, or on a CUDA device.

    faces, anatomy: of the meshes that are drawn; decoder says which vertices are what.
    """

    def __init__(self, model: MorphableModel, settings: RenderSettings | None = None):
        self.model = model
        self.settings = settings or RenderSettings()
        self.device = torch.device("cpu")
        fine = self.settings.size >= FINE
        # Whatever torch's default device is.
        with self.device:
            self.decoder = Decoder(model, self.settings.spacing, fine=fine)
        self.faces, self.anatomy = self.decoder.faces, self.decoder.anatomy

    def to(self, device: torch.device | str) -> "Renderer":
        """The same on another device, where all tensors live that come in and go out; moves it."""
        _ = self._mesh  # is worked out, and stays, on the CPU
        # A device that is not there leaves all as it was.
        place = torch.empty(0, device=device).device
        move(self, place)
        self.device = place
        return self

    @property
    def pictures_at_once(self) -> int:
        """How many pictures `images` gives another device than the CPU at once.

        It works on all of a batch together, and takes several microseconds for each of a thousand
        operations, however small. More samples than these need too much memory.
        """
        samples = (self.settings.size * self.settings.samples_per_axis) ** 2
        return min(_MOST_AT_ONCE, max(1, _SAMPLES_AT_ONCE // samples))

    @cached_property
    def painter(self) -> Painter:
        return Painter(self.anatomy, self.decoder.combed, self.settings.spacing)

    @cached_property
    def _mesh(self) -> Topology:
        return topology(self.faces)

    @exactly
    def people(
        self, identity: Tensor, expression: Tensor | None = None, texture: Texture | None = None
    ) -> People:
        """Decodes identity coefficients (batch, model.identity_size), with a texture over all.

        expression (batch, len(model.expression_basis)): None is the neutral face.
        """
        return self.decoder.people(identity, expression, texture)

    @exactly
    def pose(self, vertices: Tensor, turn: Tensor) -> Tensor:
        """Head-frame vertices (batch, 3, vertex) turned by matrices (batch, 3, 3) on the neck."""
        neck = constant(self.settings.neck, vertices)
        return turned(turn, vertices, neck - turn @ neck)

    @exactly
    def view(self, labels: Tensor, names: Sequence[str] = LABELS) -> View:
        """The views of scene variables: labels (batch, name), in the units of facegen.latents.

        What is not named rests as the settings have it. Raises UserError for an unknown name, and
        unless there is a column for each.
        """
        labels = labels if labels.is_floating_point() else labels.to(torch.float32)
        settings, ones = self.settings, torch.ones_like(labels[:, 0])
        elevation = settings.lights.elevation
        view = View.at_rest(ones, settings.camera, elevation, settings.background)
        view = replace(view, environment=surroundings(settings.environment, ones))
        return set_up(view, labels, names)

    @exactly
    def render(self, people: People, view: View, *, colour: bool = False) -> Tensor:
        """Pictures (batch, size, size, 1 or 3) in 0..1.

        People may be a batch of one, then all pictures show the same person; so may everything in
        the view but the light, then it is rasterized once. Differentiable with respect to all of
        both, silhouettes and the edges of cast shadows included.
        """
        settings, samples = self.settings, self.settings.size * self.settings.samples_per_axis
        vertices = self.pose(people.vertices, view.turn)
        screen = project(vertices, view.camera, samples)
        fragments = rasterize(screen, self.faces, samples, samples)
        sight = in_sight(fragments, self.faces, screen.shape[1])
        normals = turned(view.turn, people.normals, sight=sight)
        light = direction(view.light_azimuth, view.light_elevation)
        visible = None
        if settings.shadows:
            visible = moving_visibility(vertices, normals, self.faces, light, self._mesh, sight)
            visible = self.decoder.mouth.past_lips(visible)
        strand = turned(view.turn, self.anatomy.strand[None], sight=sight)
        surface = people.surface(normals, strand, self.anatomy)
        # The camera does not open up for a key light that is off.
        opening = exposure(light) if settings.lights.key else torch.ones_like(light[:, 0])
        opened = people.exposure * opening
        lights = (settings.lights, view.environment)
        background = view.background[:, None].expand(-1, 3 if colour else 1)
        if settings.size >= FINE and people.appearance is not None:
            batch = max(len(light), len(screen))
            fragments, screen = fragments.expand(batch), screen.expand(batch, -1, -1)
            lit = Lit(surface, light, visible, opened, *lights)
            shown = self.painter(
                lit, people.appearance, screen, self.faces, fragments, colour=colour
            )
            return self._finish(shown, screen, fragments, background)
        layers = shade(surface, light, visible, opened, *lights, sight, colour=colour)
        return composite(
            layers,
            screen,
            self.faces,
            fragments,
            background,
            settings.samples_per_axis,
            sight=sight,
            mesh=self._mesh,
        )

    def _finish(
        self,
        shown: Tensor,
        screen: Tensor,
        fragments: Fragments,
        background: Tensor,
    ) -> Tensor:
        """Pixels of what the samples show (batch, height, width, channel)."""
        samples = self.settings.samples_per_axis
        pixels = resolve(shown, fragments, background[:, None, None], samples)
        if not screen.requires_grad:
            return pixels
        return follow_silhouettes(pixels, shown, background, screen, self._mesh, fragments)

    def images(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None = None,
        *,
        names: Sequence[str] = LABELS,
        colour: bool = False,
    ) -> NDArray[np.uint8]:
        """Pictures (batch, size, size), or (batch, size, size, 3) in colour, of labelled scenes.

        labels (batch, name), in the units of facegen.latents; identity (batch, coefficient);
        expression (batch, coefficient), None for neutral faces. What a person needs is computed
        once for all pictures of that person. Raises UserError unless all have these shapes. Bits
        are the same whatever is drawn together, but on a GPU, which may round otherwise.
        """
        self.model.check_coefficients(identity, expression, len(labels))
        everyone, _, which = distinct(identity, expression)
        size = self.settings.size
        output = np.empty((len(labels), size, size, 3 if colour else 1), dtype=np.uint8)
        views = self.view(carried(labels, self.device), names)
        with torch.no_grad():
            for rows, people, view in self.scenes(everyone, which, views):
                output[rows] = levels(self.render(people, view, colour=colour))
        return output if colour else output[..., 0]

    def scenes(
        self, everyone: NDArray[np.float32], which: NDArray[np.intp], views: View
    ) -> Iterator[tuple[NDArray[np.intp], People, View]]:
        """Yield the numbers of pictures that are rendered together, their people and views.

        everyone (person, coefficient): identity, and expression behind it if there is one; which
        (picture,): whom each picture shows. On the CPU what pictures share is worked out once.
        """
        if self.device.type != "cpu":
            for first in range(0, len(which), self.pictures_at_once):
                rows = np.arange(first, min(first + self.pictures_at_once, len(which)))
                some, person = np.unique(which[rows], return_inverse=True)
                people = self._decoded(everyone[some])
                yield rows, people.some(person.reshape(-1)), views.some(rows)
            return
        for first in range(0, len(everyone), _PEOPLE_AT_ONCE):
            end = first + _PEOPLE_AT_ONCE
            people = self._decoded(everyone[first:end])
            members = np.flatnonzero((which >= first) & (which < end))
            for rows, shown, view in views.some(members).grouped(
                which[members] - first, POSES_AT_ONCE
            ):
                yield members[rows], people.some(shown), view

    def _decoded(self, coefficients: NDArray[np.float32]) -> People:
        """People of coefficients (person, coefficient), as `scenes` has them."""
        them = carried(coefficients, self.device)
        who, how = them[:, : self.model.identity_size], them[:, self.model.identity_size :]
        people = self.people(who, how if how.shape[1] else None)
        # Below that size, forty small tensors that nobody would read.
        return people if self.settings.size >= FINE else replace(people, appearance=None)
