"""From identity coefficients to what a person looks like: pigments, hair style, eyes, clothes.

An identity is one vector: the face model's shape coefficients, then those of APPEARANCE, all drawn
from the same normal distribution. The shape's traits (sex, age, ancestry) set what is likely, the
appearance coefficients say how this person differs from it, so that skin, hair and shape agree.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from facegen.curves import smooth_step
from facegen.latents import IDENTITY_SIGMA
from facegen.texture import Texture
from facegen.traits import age_years, ancestry_weights, masculinity

APPEARANCE = (
    "melanin", "haemoglobin", "hair_melanin", "hair_red", "grey",
    "hair_volume", "hair_sides", "hair_quiff", "hair_part", "hair_lift",
    "hairline", "recession", "baldness", "curl",
    "hair_length", "hair_style", "hair_wave", "fringe",
    "brow_thickness", "brow_arch", "beard", "beard_length",
    "freckles", "mole_side", "mole_height", "iris", "lips", "gloss",
    "mottle_x", "mottle_y", "mottle_z", "cloth_light", "cloth_hue", "cloth_cut",
)  # fmt: skip


PART_MM = 26.0
"""How far to the side a parting is at most."""

DARK = 0.1
"""Light on teeth behind lips that are shut: more shows as specks where lips hardly meet."""


@dataclass(frozen=True)
class Appearance:
    """A batch of people in everyday terms; every field (batch,) unless said otherwise.

    melanin, haemoglobin: skin pigments, 0 pale .. 1 dark or flushed.
    hair_colour, brow_colour (batch, 3): linear reflectance of hair and beard, brows and lashes.
    volume, sides, quiff: hair's thickness in mm on top, at the sides, added above the forehead.
    part: sideways position of the parting in mm; lift: extra volume at the crown, 0..1;
    curl: 0 straight .. 1. fringe: mm by which hair hangs over the forehead, beside the texture's.
    long: 1 for those with hair beyond the head itself, else 0; tip: height over the eyes at which
    it ends, mm; lushness: its thickness, mm; wave, flare: mm; body, bulk: mm by which very full
    hair stands out everywhere, and beside the ears; tied: 1 in a tail or a bun, 0 loose;
    bun: 1 or 0; tie_height: 0 low .. 1 high.
    hairline: mm by which the hairline is raised; recession: mm by which the temples recede.
    density: 0.4 shaven .. 2 so dense that no skin shines through; crown: 0 bald on top .. 1;
        fade: mm over which hair gets shorter towards ears and nape.
    brow_thickness: factor; brow_arch: mm; beard: 0 shaven .. 1 full; beard_length: mm; goatee: 1
        where only the chin's is left to grow.
    freckles: 0..1; mole (batch, 2): x and y in mm; mole_depth: its
        melanin, 0 for none; age: years.
    iris (batch, 3): linear reflectance; lips: extra redness; teeth: the
        share of light they get, 0..1, see facegen.mouth; gloss: factor of the specular.
    mottle (batch, 3): phases of the skin's blotches; cloth (batch, 3): linear
        reflectance; collar, neckline: mm by which its neckline is raised, and dips at the throat.
    texture: what was seen of all of these people's skin; None where it is as painted.
    """

    melanin: Tensor
    haemoglobin: Tensor
    hair_colour: Tensor
    brow_colour: Tensor
    volume: Tensor
    sides: Tensor
    quiff: Tensor
    part: Tensor
    lift: Tensor
    curl: Tensor
    fringe: Tensor
    long: Tensor
    tip: Tensor
    lushness: Tensor
    wave: Tensor
    flare: Tensor
    body: Tensor
    bulk: Tensor
    tied: Tensor
    bun: Tensor
    tie_height: Tensor
    hairline: Tensor
    recession: Tensor
    density: Tensor
    crown: Tensor
    fade: Tensor
    brow_thickness: Tensor
    brow_arch: Tensor
    beard: Tensor
    beard_length: Tensor
    goatee: Tensor
    freckles: Tensor
    mole: Tensor
    mole_depth: Tensor
    age: Tensor
    iris: Tensor
    lips: Tensor
    teeth: Tensor
    gloss: Tensor
    mottle: Tensor
    cloth: Tensor
    collar: Tensor
    neckline: Tensor
    texture: Texture | None = None


def describe(traits: Tensor, coefficients: Tensor, texture: Texture | None = None) -> Appearance:
    """Traits (batch, trait) and coefficients (batch, len(APPEARANCE)) to an appearance.

    texture: what was seen of these people, if they were; it has the last word.
    """
    # A standard normal for each: the coefficients carry the sampling's own sigma.
    z = dict(zip(APPEARANCE, (coefficients / IDENTITY_SIGMA).unbind(-1), strict=True))
    # Of whom bones say neither, hair and brows mostly do.
    male = smooth_step(masculinity(traits), 0.2, 0.8)
    years = age_years(traits)
    african, asian, european = ancestry_weights(traits).unbind(-1)
    young = smooth_step(years, 62.0, 38.0)

    melanin = 0.78 * african + 0.27 * asian + 0.10 * european + 0.085 * z["melanin"]
    melanin = 0.06 + torch.nn.functional.softplus(melanin - 0.06, beta=20.0)
    pale = smooth_step(melanin, 0.42, 0.12)

    dark_hair = (0.95 * african + 0.95 * asian + 0.48 * european) + 0.24 * z[
        "hair_melanin"
    ] * european
    young_hair = _hair(
        dark_hair.clamp(0.06, 1.05), 0.30 * torch.sigmoid(z["hair_red"] - 0.8) * european
    )
    grey = smooth_step(years + 9.0 * z["grey"], 54.0, 78.0) * 0.92
    white = torch.tensor([0.41, 0.39, 0.36]).to(grey)
    hair_colour = young_hair + grey[:, None] * (white - young_hair)
    bald = torch.sigmoid(4.0 * (z["baldness"] + 2.0 * (male - 1.0) + 0.028 * (years - 52.0) - 0.4))
    # Three women in four wear long hair, the older the fewer, and one man in twenty.
    length = z["hair_length"] + 1.2 - 2.9 * male - 0.018 * (years - 35.0).clamp(min=0) - 3 * bald
    long = (length > 0).to(length)
    shaven = torch.sigmoid(14.0 * (z["hair_volume"] - 1.45)) * male * (1 - long)
    curl = torch.sigmoid(2.0 * (z["curl"] - 1.2 + 3.4 * african))
    lush, broad = _softstep(z["hair_volume"]), _softstep(z["hair_sides"])
    top = 5.0 + 9.0 * lush + (1 - male) * (3.0 + 5.0 * lush) + 11.0 * curl * lush**2
    side = 1.5 + 5.5 * broad + (1 - male) * (2.0 + 4.0 * broad) + 9.0 * curl * broad * lush
    keep = 1 - 0.85 * torch.maximum(bald, shaven)
    tied = long * (z["hair_style"] > 0.75)
    bun = tied * (z["hair_style"] > 1.25)
    tip = -28.0 - 112.0 * torch.tanh(0.75 * length.clamp(min=0.0))
    # Under a sheet of hair, or pulled back, the scalp's own lies flat.
    flat = 1 - long
    under = 0.8 + 3.2 * tied
    hangs = smooth_step(z["fringe"] - 0.9 * male, 0.2, 0.5) * (1 - tied)
    fringe = (1 - bald) * (1 - shaven) * (1 - curl) * hangs

    # Brows and lashes are darker than the hair and keep their colour longer.
    brow_colour = 0.55 * young_hair + 0.22 * grey[:, None] ** 2 * (white - young_hair)
    # Short hairs soften the edge of a sheet of long ones.
    hairline = 3.5 * z["hairline"] + 3.0 * (1 - young) - 5.0 * long
    fringe = 34.0 * fringe
    if texture and texture.hair is not None:
        hair_colour = brow_colour = texture.hair.expand_as(hair_colour)
        fringe = torch.zeros_like(fringe)

    receded = 5.0 * torch.nn.functional.softplus(z["recession"])
    bearded = smooth_step(male, 0.5, 0.9) * smooth_step(years, 17.0, 28.0)
    beard = bearded * torch.sigmoid(2.8 * (z["beard"] - 0.5))
    blue = european * smooth_step(dark_hair, 0.95, 0.25)
    return Appearance(
        melanin=melanin,
        haemoglobin=(0.20 + 0.06 * z["haemoglobin"]).clamp(0.08, 0.6),
        hair_colour=hair_colour,
        brow_colour=brow_colour,
        volume=(under * long + top * flat) * keep,
        sides=(under * long + side * flat) * keep,
        quiff=(5.0 * _softstep(z["hair_quiff"]) * (1 - curl)) * keep * flat,
        part=PART_MM * torch.tanh(2.0 * z["hair_part"]),
        lift=(1 - male) * _softstep(z["hair_lift"]) * (1 - bald) * flat,
        curl=curl,
        fringe=fringe,
        long=long,
        tip=tip,
        lushness=3.0 + 6.0 * lush + 5.0 * curl,
        wave=(0.4 + 3.2 * _softstep(z["hair_wave"]) ** 2 + 2.5 * curl),
        flare=6.0 * broad + 18.0 * curl,
        # One head in fifty has much more hair than others.
        body=12.0 * (z["hair_volume"] - 2.0).clamp(min=0.0),
        bulk=14.0 * (z["hair_sides"] - 2.0).clamp(min=0.0),
        tied=tied,
        bun=bun,
        tie_height=_softstep(z["hair_lift"]),
        hairline=hairline,
        recession=9.0 * male * torch.tanh(receded * (1.4 - young) / 9.0 + 0.3),
        density=2 - 1.6 * shaven,
        crown=1 - bald,
        fade=2.0 + 12.0 * male * flat * (1 - broad),
        brow_thickness=(0.93 + 0.22 * male + 0.16 * z["brow_thickness"]).clamp(0.78, 1.7),
        brow_arch=1.1 * z["brow_arch"] + 1.2 * (1 - male),
        beard=beard,
        beard_length=10.0 * smooth_step(beard, 0.55, 0.95) * _softstep(z["beard_length"]),
        goatee=smooth_step(z["beard_length"], -0.4, -0.9),
        freckles=pale * torch.sigmoid(2.5 * (z["freckles"] - 0.9)),
        # Upon the cheeks, of one in three: one between the features would be one of them.
        mole=torch.stack([42.0 * z["mole_side"].tanh(), 24.0 * z["mole_height"].tanh() - 42.0], -1),
        mole_depth=0.55 * smooth_step(z["mole_side"].abs(), 0.6, 1.4),
        age=years,
        iris=_iris(blue * torch.sigmoid(3.0 * (z["iris"] + 0.1)), _softstep(z["hair_red"])),
        lips=(0.12 + 0.08 * z["lips"] + (0.16 + 0.10 * z["lips"]) * (1 - male)).clamp(min=0.0),
        teeth=torch.full_like(melanin, DARK),
        gloss=(1.0 + 0.25 * z["gloss"]).clamp(0.3, 1.8),
        mottle=torch.stack([z["mottle_x"], z["mottle_y"], z["mottle_z"]], dim=-1) * 3.0,
        cloth=_cloth(z["cloth_light"], z["cloth_hue"]),
        collar=3.0
        + 4.0 * torch.tanh(z["cloth_cut"])
        + 30.0 * smooth_step(z["cloth_cut"], 1.0, 1.4),
        neckline=45.0 * smooth_step(z["cloth_cut"], 0.1, -1.5),
        texture=texture,
    )


def _softstep(value: Tensor) -> Tensor:
    """A standard normal to 0..1, evenly spread."""
    return 0.5 * (1 + torch.erf(value / 2**0.5))


def _hair(dark: Tensor, red: Tensor) -> Tensor:
    """Reflectance (batch, 3) after absorption by eumelanin (dark) and pheomelanin (red)."""
    eumelanin = torch.tensor([1.75, 2.25, 3.0]).to(dark)
    pheomelanin = torch.tensor([0.3, 1.5, 3.4]).to(dark)
    base = torch.tensor([0.62, 0.54, 0.42]).to(dark)
    density = dark[:, None] ** 1.2 * eumelanin + red[:, None] * pheomelanin
    return 0.012 + base * torch.exp(-2.1 * density)


def _iris(blue: Tensor, green: Tensor) -> Tensor:
    brown = torch.tensor([0.085, 0.040, 0.018]).to(blue)
    light = torch.tensor([0.20, 0.32, 0.44]).to(blue)
    hazel = torch.tensor([0.20, 0.24, 0.13]).to(blue)
    bright = light + green[:, None] ** 3 * (hazel - light)
    return brown + blue[:, None] * (bright - brown)


def _cloth(light: Tensor, hue: Tensor) -> Tensor:
    turn = hue[:, None] * 2.0 + torch.tensor([0.0, 2.1, 4.2]).to(hue)
    # Between navy and white: many clothes are dark, few are gaudy.
    return (0.03 + 0.45 * _softstep(light)[:, None] ** 2) * (1 + 0.3 * torch.cos(turn))
