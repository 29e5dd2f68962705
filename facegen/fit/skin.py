"""The skin of a face taken off its photograph: light divided out, what is unseen filled in.

Everything happens on the map of the head that facegen.texture lays out. With pose, shape and light
fitted, what the photograph shows at each point is put back through the formulas of
facegen.reflection, which gives the reflectance there (illumination correction: Blanz & Vetter
1999). Beside what the model paints there, that is a tint; tints are kept where they are trusted,
mirrored from the face's other half where that is, and carried on over the rest.
"""

from dataclasses import replace

import torch
from torch import Tensor

from facegen.curves import smooth_step
from facegen.fit.light import reflectance, relit, shading
from facegen.fit.spread import averaged, blurred, carried_on, eroded, reached
from facegen.fit.unroll import Unrolled, unroll
from facegen.people import People
from facegen.pictures import LUMA
from facegen.render import Renderer
from facegen.texture import Texture
from facegen.view import View

_THIN, _ABOVE_BROWS = 8, 32.0
"""Points of the map across half a lock of hair, and mm above the eyes, where no brow is."""

_MOUTH = 24
"""Points of the map: how near to the lips of the model the picture may show teeth."""

_HIDDEN = 32
"""Points of the map: how near to what is seen the model's brows are not painted."""

_FRONT, _BROWS, _LOCK = 45.0, 24.0, 15
"""Degrees to each side within which a fringe is measured, and mm above the eyes; points of the map
over which it is averaged."""

_HAIRY = 0.2
"""The part of the forehead and what is above it that must be hair for its colour to be told."""

_LEAST = 2000
"""Points of bare skin to be seen, a few square centimetres: from fewer nothing is concluded."""

_GRAY = 0.01
"""A picture whose red and blue differ by less on average has no colours to take."""


@torch.no_grad()
def take_skin(
    renderer: Renderer, people: People, view: View, photograph: Tensor, gain: float
) -> tuple[Texture, View, float]:
    """What a photograph (size, size, 3), 0..1, of one person in a view says of the skin.

    gain: what the renderer's pictures are multiplied by to be as bright. Comes back with the view
    under the light as it is then known, and its gain.
    """
    linear = (photograph / gain) ** 2
    seen = unroll(renderer, people, view, linear)
    lights = renderer.settings.lights
    core = seen.sight * _core(seen)
    if int((core > 0.5).sum()) < _LEAST:
        nothing = torch.zeros_like(seen.seen)
        return Texture(nothing, nothing[0]), view, gain
    view, factor = relit(seen, core * _usual(seen, core), people, view, lights)
    seen = seen.exposed(1 / factor)
    lit = shading(seen, people, view, lights)
    lit = lit.floored(0.05 * float(lit.received[core > 0.3].median()))
    skin = reflectance(seen.seen, lit)
    tint = torch.log(skin / seen.painted)
    is_gray = float((photograph[..., 0] - photograph[..., 2]).abs().mean()) < _GRAY
    if is_gray:
        gray, painted = (torch.tensor(LUMA) @ x.flatten(1) for x in (skin, seen.painted))
        tint = torch.log(gray / painted).reshape(1, *skin.shape[1:]).expand(3, -1, -1)
    tint = tint.where(seen.there, 0.0)
    plain = _alike(tint, core, 0.2, 0.08)
    hair = _hair(seen, plain)
    bright = lit.received / lit.received[core > 0.3].median()
    trust = _trust(seen, tint, core, plain, hair) * smooth_step(bright, 0.1, 0.3)
    texture = _completed(tint, trust, plain * _bare(seen))
    colour = _colour(skin, seen, hair)
    if is_gray and colour is not None and people.appearance is not None:
        # The model's pigments, so much of them that it is as bright (Beer & Lambert).
        own, luma = people.appearance.hair_colour[0], torch.tensor(LUMA)
        colour = own ** float(torch.log(luma @ colour) / torch.log(luma @ own))
    texture = replace(texture, hair=colour, fringe=_fringe(seen, hair))
    return texture, view, gain * factor**0.5


def _core(seen: Unrolled) -> Tensor:
    """Cheeks, nose and chin (height, width): bare skin on anybody."""
    a = seen.anatomy
    x, y, _ = a.points
    bare = (a.lips < 0.05) & (a.nostril < 0.1) & (a.lash < 0.05) & (a.is_skin > 0.99)
    place = (x.abs() < 48) & (y > -88) & (y < -8) & (a.around < 45)
    core: Tensor = bare & place & seen.there
    return core.float()


def _bare(seen: Unrolled) -> Tensor:
    """1 on bare skin, where there are neither brows, eyes nor lips: (height, width)."""
    a = seen.anatomy
    brow = smooth_step(a.brow, -3.0, -7.0)
    return (
        brow
        * (a.lips < 0.05)
        * (a.lash < 0.05)
        * (a.lid < 0.5)
        * (a.is_skin > 0.99)
        * (a.mouth < 0.05)
    )


def _features(seen: Unrolled) -> Tensor:
    """Brows, eyes, nose, mouth and chin (height, width), whatever colours they have: 0..1."""
    a = seen.anatomy
    x, y, _ = a.points
    top = smooth_step(y, 34.0, 28.0)
    side = smooth_step(x.abs() + 0.3 * (-y - 20).clamp(min=0), 52.0, 44.0)
    return top * side


def _usual(seen: Unrolled, core: Tensor) -> Tensor:
    """1 where skin is bright and coloured as on most of the core, down to 0 where not."""
    picture = torch.log(seen.seen.clamp(min=0.004) / seen.painted)
    return _alike(picture, core, 0.5, 0.15)


def _alike(tint: Tensor, core: Tensor, gray: float, colour: float) -> Tensor:
    """How much tints (3, height, width) are like those of the core: 0..1.

    gray, colour: standard deviations of the logarithms of brightness, and of red and green over
    green and blue, at the least.
    """
    planes = torch.stack([tint.mean(dim=0), tint[0] - tint[1], tint[1] - tint[2]])
    off = torch.zeros_like(tint[0])
    for plane, least in zip(planes, (gray, colour, colour), strict=True):
        inside = plane[core > 0.5]
        middle = inside.median()
        spread = 1.5 * (inside - middle).abs().median().clamp(min=least / 1.5)
        off = off + ((plane - middle) / spread) ** 2
    return smooth_step(off.sqrt(), 3.0, 1.8)


def _hair(seen: Unrolled, plain: Tensor) -> Tensor:
    """Where hair hangs over the face (height, width), 0..1.

    It is unlike skin, and goes on to above the brows: what does not, is the brows themselves.
    """
    height = seen.anatomy.points[1]
    odd = eroded((1 - plain) * seen.sight * (height < 95), _THIN)
    odd = (-eroded(-odd, _THIN) > 0.5).float()
    hair = reached(odd * (height > _ABOVE_BROWS), odd)
    return blurred(-eroded(-hair, 4)[None], 3)[0]


def _colour(skin: Tensor, seen: Unrolled, hair: Tensor) -> Tensor | None:
    """The reflectance (3,) of what hangs over the forehead and grows above it, if it is hair.

    None, too, where neither is seen.
    """
    above = seen.there & (seen.anatomy.points[1] > 30) & (seen.sight > 0.5)
    above = above & (seen.anatomy.points[1] < 90)
    found = above & (hair > 0.9)
    if int(found.sum()) < max(1.0, _HAIRY * int(above.sum())):
        return None
    return skin[:, found].median(dim=1).values


def _fringe(seen: Unrolled, hair: Tensor) -> Tensor:
    """How far hair hangs below the mean head's hairline, mm, in each column (width,)."""
    a = seen.anatomy
    bare = seen.there & (a.scalp < 0) & (a.points[1] > _BROWS) & (a.around < _FRONT)
    bare = bare & (seen.sight > 0.5)
    columns = bare.any(dim=0).nonzero()[:, 0]
    if len(columns) == 0:
        return torch.zeros(bare.shape[1])
    reach = torch.where(bare & (hair > 0.5), -a.scalp, 0.0).amax(dim=0)
    reach = averaged(reach[None, None], bare.any(dim=0)[None].float(), _LOCK)[0, 0]
    # At the sides, where other hair hides it, it goes on as it ended.
    every = torch.arange(len(reach)).clamp(int(columns.min()), int(columns.max()))
    return reach[every]


def _trust(seen: Unrolled, tint: Tensor, core: Tensor, plain: Tensor, hair: Tensor) -> Tensor:
    """How far the tint at each point (height, width) is that of this person's skin: 0..1."""
    a = seen.anatomy
    head = (a.mouth < 0.2) & (a.teeth < 0.2) & (a.ear < 0.3) & (a.nostril < 0.3)
    head = head & (a.cloth < -4) & (a.scalp < -2) & seen.there
    plain = eroded(blurred(plain[None], 4)[0], 6)
    plain = torch.maximum(_features(seen) * (1 - hair * smooth_step(a.points[1], 8.0, 12.0)), plain)
    head = head & (a.points[1] > -112)
    # Between lips there are teeth, or it is dark: neither is as red as lips are.
    red = tint[0] - tint[1] + torch.log(seen.painted[0] / seen.painted[1])
    skin = red[core > 0.5].median()
    near = -eroded(-smooth_step(a.lips, 0.05, 0.25), _MOUTH)
    gray = tint.mean(dim=0)
    gray = gray - gray[core > 0.5].median()
    lips = smooth_step(red - skin, -0.22, -0.10) * smooth_step(gray, -1.3, -0.8)
    # Nothing on skin is so much brighter: it is glare, or something else shows there.
    glare = smooth_step(gray, 0.35, 0.6) * a.is_skin
    trust = seen.sight * head * plain * (1 - glare) * (1 - near * (1 - lips))
    return blurred(eroded(trust, 3)[None], 3)[0]


def _completed(tint: Tensor, trust: Tensor, plain: Tensor) -> Texture:
    """The texture of tints (3, height, width) that are trusted so far (height, width)."""
    reach = tint.shape[1] // 32
    trust = trust.clamp(0, 1)
    # Faces are about as bright on the left as on the right: if not, it was the light.
    slow = averaged(tint, trust * plain + 1e-4, reach)
    odd = 0.5 * (slow - slow.flip(-1))
    both = blurred((trust * trust.flip(-1))[None], reach)[0]
    tint = tint - odd * (both / (both + 0.05))
    other = trust.flip(-1) * (1 - trust)
    whole = trust + other
    mixed = (trust * tint + other * tint.flip(-1)) / whole.clamp(min=1e-6)
    # Of what is seen, bare skin alone says how it goes on elsewhere.
    bare = torch.maximum(trust * plain, (trust * plain).flip(-1))
    far = carried_on(averaged(mixed, bare + 1e-6, 4), (bare > 0.5).float())
    certain = blurred(-eroded(-whole, _HIDDEN)[None], 6)[0].clamp(0, 1)
    return Texture(far + whole * (mixed - far), certain)
