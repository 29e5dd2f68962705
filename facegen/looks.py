"""From identity coefficients to what a person looks like.

An identity is one vector: the face model's shape coefficients, then those of APPEARANCE, all drawn
from the same normal distribution. The shape's traits (sex, age, ancestry) set what is likely, the
appearance coefficients say how this person differs from it, so that skin, hair and shape agree.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from facegen.appearance import APPEARANCE, PART_MM, Appearance
from facegen.curves import smooth_step
from facegen.device import constant
from facegen.latents import IDENTITY_SIGMA
from facegen.mouth import DARK
from facegen.texture import Texture
from facegen.traits import age_years, ancestry_weights, masculinity


@dataclass(frozen=True)
class _Person:
    """What all that people look like follows from, (batch,) each.

    z: the coefficients by name, standard normals. male: 0..1, seldom in between, since hair and
    brows mostly tell where bones do not. young: 1 up to 38 years, 0 from 62 on. african, asian,
    european: shares, which sum to 1. dark_hair: eumelanin when they were young, about 0..1; grey:
    the share of it that is lost, 0..1.
    """

    z: dict[str, Tensor]
    male: Tensor
    years: Tensor
    young: Tensor
    african: Tensor
    asian: Tensor
    european: Tensor
    dark_hair: Tensor
    grey: Tensor


def appearance_of(
    traits: Tensor, coefficients: Tensor, texture: Texture | None = None
) -> Appearance:
    """Traits (batch, trait) and coefficients (batch, len(APPEARANCE)) to an appearance.

    texture: what was seen of these people, if they were; it has the last word.
    """
    person = _person(traits, coefficients)
    looks = {
        **_skin(person),
        **_colours_of_hair(person),
        **_hairdo(person),
        **_face(person),
        **_clothes(person),
    }
    if texture and texture.hair is not None:
        seen = texture.hair.expand_as(looks["hair_colour"])
        looks |= {
            "hair_colour": seen, "brow_colour": seen, "fringe": torch.zeros_like(looks["fringe"])
        }  # fmt: skip
    return Appearance(**looks, texture=texture)


def _person(traits: Tensor, coefficients: Tensor) -> _Person:
    # The coefficients carry the sampling's own sigma.
    z = dict(zip(APPEARANCE, (coefficients / IDENTITY_SIGMA).unbind(-1), strict=True))
    years = age_years(traits)
    african, asian, european = ancestry_weights(traits).unbind(-1)
    dark_hair = (0.95 * african + 0.95 * asian + 0.48 * european) + 0.24 * z[
        "hair_melanin"
    ] * european
    return _Person(
        z=z,
        male=smooth_step(masculinity(traits), 0.2, 0.8),
        years=years,
        young=smooth_step(years, 62.0, 38.0),
        african=african,
        asian=asian,
        european=european,
        dark_hair=dark_hair,
        grey=smooth_step(years + 9.0 * z["grey"], 54.0, 78.0) * 0.92,
    )


def _skin(person: _Person) -> dict[str, Tensor]:
    z = person.z
    melanin = 0.78 * person.african + 0.27 * person.asian + 0.10 * person.european
    melanin = melanin + 0.085 * z["melanin"]
    melanin = 0.06 + torch.nn.functional.softplus(melanin - 0.06, beta=20.0)
    pale = smooth_step(melanin, 0.42, 0.12)
    return {
        "melanin": melanin,
        "haemoglobin": (0.20 + 0.06 * z["haemoglobin"]).clamp(0.08, 0.6),
        "freckles": pale * torch.sigmoid(2.5 * (z["freckles"] - 0.9)),
        # Upon the cheeks, of one in three: one between the features would be one of them.
        "mole": torch.stack(
            [42.0 * z["mole_side"].tanh(), 24.0 * z["mole_height"].tanh() - 42.0], -1
        ),
        "mole_depth": 0.55 * smooth_step(z["mole_side"].abs(), 0.6, 1.4),
        "age": person.years,
        "gloss": (1.0 + 0.25 * z["gloss"]).clamp(0.3, 1.8),
        "mottle": torch.stack([z["mottle_x"], z["mottle_y"], z["mottle_z"]], dim=-1) * 3.0,
    }


def _colours_of_hair(person: _Person) -> dict[str, Tensor]:
    red = 0.30 * torch.sigmoid(person.z["hair_red"] - 0.8) * person.european
    young = _hair(person.dark_hair.clamp(0.06, 1.05), red)
    grey = person.grey[:, None]
    white = constant((0.41, 0.39, 0.36), grey)
    return {
        "hair_colour": young + grey * (white - young),
        # Brows and lashes are darker than the hair and keep their colour longer.
        "brow_colour": 0.55 * young + 0.22 * grey**2 * (white - young),
    }


def _hairdo(person: _Person) -> dict[str, Tensor]:
    z, male, years = person.z, person.male, person.years
    bald = torch.sigmoid(4.0 * (z["baldness"] + 2.0 * (male - 1.0) + 0.028 * (years - 52.0) - 0.4))
    # Three women in four wear long hair, the older the fewer, and one man in twenty.
    length = z["hair_length"] + 1.2 - 2.9 * male - 0.018 * (years - 35.0).clamp(min=0) - 3 * bald
    long = (length > 0).to(length)
    shaven = torch.sigmoid(14.0 * (z["hair_volume"] - 1.45)) * male * (1 - long)
    curl = torch.sigmoid(2.0 * (z["curl"] - 1.2 + 3.4 * person.african))
    lush, broad = _softstep(z["hair_volume"]), _softstep(z["hair_sides"])
    top = 5.0 + 9.0 * lush + (1 - male) * (3.0 + 5.0 * lush) + 11.0 * curl * lush**2
    side = 1.5 + 5.5 * broad + (1 - male) * (2.0 + 4.0 * broad) + 9.0 * curl * broad * lush
    keep = 1 - 0.85 * torch.maximum(bald, shaven)
    tied = long * (z["hair_style"] > 0.75)
    # Under a sheet of hair, or pulled back, the scalp's own lies flat.
    flat = 1 - long
    under = 0.8 + 3.2 * tied
    hangs = smooth_step(z["fringe"] - 0.9 * male, 0.2, 0.5) * (1 - tied)
    fringe = (1 - bald) * (1 - shaven) * (1 - curl) * hangs
    receded = 5.0 * torch.nn.functional.softplus(z["recession"])
    return {
        "volume": (under * long + top * flat) * keep,
        "sides": (under * long + side * flat) * keep,
        "quiff": (5.0 * _softstep(z["hair_quiff"]) * (1 - curl)) * keep * flat,
        "part": PART_MM * torch.tanh(2.0 * z["hair_part"]),
        "lift": (1 - male) * _softstep(z["hair_lift"]) * (1 - bald) * flat,
        "curl": curl,
        "fringe": 34.0 * fringe,
        "long": long,
        "tip": -28.0 - 112.0 * torch.tanh(0.75 * length.clamp(min=0.0)),
        "lushness": 3.0 + 6.0 * lush + 5.0 * curl,
        "wave": (0.4 + 3.2 * _softstep(z["hair_wave"]) ** 2 + 2.5 * curl),
        "flare": 6.0 * broad + 18.0 * curl,
        # One head in fifty has much more hair than others.
        "body": 12.0 * (z["hair_volume"] - 2.0).clamp(min=0.0),
        "bulk": 14.0 * (z["hair_sides"] - 2.0).clamp(min=0.0),
        "tied": tied,
        "bun": tied * (z["hair_style"] > 1.25),
        "tie_height": _softstep(z["hair_lift"]),
        # Short hairs soften the edge of a sheet of long ones.
        "hairline": 3.5 * z["hairline"] + 3.0 * (1 - person.young) - 5.0 * long,
        "recession": 9.0 * male * torch.tanh(receded * (1.4 - person.young) / 9.0 + 0.3),
        "density": 2 - 1.6 * shaven,
        "crown": 1 - bald,
        "fade": 2.0 + 12.0 * male * flat * (1 - broad),
    }


def _face(person: _Person) -> dict[str, Tensor]:
    """Brows, beard, eyes and lips."""
    z, male = person.z, person.male
    bearded = smooth_step(male, 0.5, 0.9) * smooth_step(person.years, 17.0, 28.0)
    beard = bearded * torch.sigmoid(2.8 * (z["beard"] - 0.5))
    blue = person.european * smooth_step(person.dark_hair, 0.95, 0.25)
    return {
        "brow_thickness": (0.93 + 0.22 * male + 0.16 * z["brow_thickness"]).clamp(0.78, 1.7),
        "brow_arch": 1.1 * z["brow_arch"] + 1.2 * (1 - male),
        "beard": beard,
        "beard_length": 10.0 * smooth_step(beard, 0.55, 0.95) * _softstep(z["beard_length"]),
        "goatee": smooth_step(z["beard_length"], -0.4, -0.9),
        "iris": _iris(blue * torch.sigmoid(3.0 * (z["iris"] + 0.1)), _softstep(z["hair_red"])),
        "lips": (0.12 + 0.08 * z["lips"] + (0.16 + 0.10 * z["lips"]) * (1 - male)).clamp(min=0.0),
        "teeth": torch.full_like(male, DARK),
    }


def _clothes(person: _Person) -> dict[str, Tensor]:
    cut = person.z["cloth_cut"]
    return {
        "cloth": _cloth(person.z["cloth_light"], person.z["cloth_hue"]),
        "collar": 3.0 + 4.0 * torch.tanh(cut) + 30.0 * smooth_step(cut, 1.0, 1.4),
        "neckline": 45.0 * smooth_step(cut, 0.1, -1.5),
    }


def _softstep(value: Tensor) -> Tensor:
    """A standard normal to 0..1, evenly spread."""
    return 0.5 * (1 + torch.erf(value / 2**0.5))


def _hair(dark: Tensor, red: Tensor) -> Tensor:
    """Reflectance (batch, 3) after absorption by eumelanin (dark) and pheomelanin (red)."""
    eumelanin = constant((1.75, 2.25, 3.0), dark)
    pheomelanin = constant((0.3, 1.5, 3.4), dark)
    base = constant((0.62, 0.54, 0.42), dark)
    density = dark[:, None] ** 1.2 * eumelanin + red[:, None] * pheomelanin
    return 0.012 + base * torch.exp(-2.1 * density)


def _iris(blue: Tensor, green: Tensor) -> Tensor:
    brown = constant((0.085, 0.040, 0.018), blue)
    light = constant((0.20, 0.32, 0.44), blue)
    hazel = constant((0.20, 0.24, 0.13), blue)
    bright = light + green[:, None] ** 3 * (hazel - light)
    return brown + blue[:, None] * (bright - brown)


def _cloth(light: Tensor, hue: Tensor) -> Tensor:
    turn = hue[:, None] * 2.0 + constant((0.0, 2.1, 4.2), hue)
    # Between navy and white: many clothes are dark, few are gaudy.
    return (0.03 + 0.45 * _softstep(light)[:, None] ** 2) * (1 + 0.3 * torch.cos(turn))
