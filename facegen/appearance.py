"""What a person looks like, in everyday terms: pigments, hair style, eyes, clothes.

facegen.looks makes it of identity coefficients; skin, hair and the tresses are painted from it.
"""

from dataclasses import dataclass

from torch import Tensor

from facegen.texture import Texture

APPEARANCE = (
    "melanin", "haemoglobin", "hair_melanin", "hair_red", "grey",
    "hair_volume", "hair_sides", "hair_quiff", "hair_part", "hair_lift",
    "hairline", "recession", "baldness", "curl",
    "hair_length", "hair_style", "hair_wave", "fringe",
    "brow_thickness", "brow_arch", "beard", "beard_length",
    "freckles", "mole_side", "mole_height", "iris", "lips", "gloss",
    "mottle_x", "mottle_y", "mottle_z", "cloth_light", "cloth_hue", "cloth_cut",
)  # fmt: skip
"""The coefficients of an identity behind those of its shape, by name."""

PART_MM = 26.0
"""How far to the side a parting is at most."""


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
