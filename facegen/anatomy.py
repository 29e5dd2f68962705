"""Where brows, hairline, beard and lashes are: fixed fields over a head's mean shape.

All distances are in mm on the mean head, in its own frame (+x the subject's left, +y up, +z out of
the nose). Fields are evaluated at the vertices, once per model; a person's own values only weigh
and shift them, so painting a person is a few dozen vector operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen import facial_hair
from facegen.morphable import MorphableModel
from facegen.morphable.eyes import sphere_centre

CROWN = (0.0, 115.0, -35.0)
"""Where hair is combed away from, a little behind the top of the head."""

_LIPS_WET = 0.13

_WAVELENGTHS = (27.0, 10.0, 5.0)


@dataclass(frozen=True)
class Anatomy:
    """Per-vertex fields (vertex,), float32 tensors; mm unless said otherwise.

    points (3, vertex): the mean shape, origin between the eyes.
    normals (3, vertex): its unit normals.
    strand (3, vertex): unit tangents along which combed hair lies, from the crown downwards.
    is_skin: 1 on skin, 0 on eyeballs.
    eye_angle: degrees from the eye's line of sight, -1 on skin.
    scalp: signed distance from the hairline, positive under hair.
    around: angle around the head's axis in degrees, 0 at the forehead, 180 at the nape.
    ear: 0..1.
    brow: signed distance into the brow (positive inside); brow_along: 0 inner .. 1 outer end, and
        on beyond both; brow_rise: mm above its middle line.
    beard, moustache: signed distance into the region where men grow them.
    lash: 0..1 along the lids' rims; lid: 0..1 on the lids, more in the upper one's fold.
    lips, mouth, teeth, nostril: 0..1 on the lips, on the skin behind them, on the teeth, in the
        nose. Gums move and are lit as teeth are, and have a little of them, too.
    blush: 0..1 on cheeks, nose and ears; hollow: 0..1 below the eyes.
    cloth: signed distance below the neckline of a shirt.
    wrinkle: 0..1 in the furrows of an old forehead and beside old eyes.
    strands: the grain of hair, about standard normal; too fine for vertices, 0 there.
    locks (wave, vertex): twelve random textures like waves, six of locks that run along straight
        hair and six of curls.
    sheet (3, vertex): signed distance below the edge of a sheet of loose hair, for a parting at s,
        -1 .. 1, from right to left: the sum of the three times 1, s and s**2.
    occlusion: 0 in the deepest crevice .. 1 under the open sky.
    waves (scale, wave, vertex): random textures, coarse, fine and finest, that any combination of
        cosines and sines of three phases mixes to a texture of about unit variance.
    uneven: one of the fine ones.
    """

    points: Tensor
    normals: Tensor
    strand: Tensor
    is_skin: Tensor
    eye_angle: Tensor
    scalp: Tensor
    around: Tensor
    ear: Tensor
    brow: Tensor
    brow_along: Tensor
    brow_rise: Tensor
    beard: Tensor
    moustache: Tensor
    lash: Tensor
    lid: Tensor
    lips: Tensor
    mouth: Tensor
    teeth: Tensor
    nostril: Tensor
    blush: Tensor
    hollow: Tensor
    cloth: Tensor
    wrinkle: Tensor
    strands: Tensor
    locks: Tensor
    sheet: Tensor
    occlusion: Tensor
    waves: Tensor
    uneven: Tensor

    @property
    def wet(self) -> Tensor:
        """What mirrors light as water does, 0..1: eyes, and lips a little."""
        return 1 - self.is_skin * (1 - _LIPS_WET * self.lips)


def survey(model: MorphableModel, normals: Tensor) -> Anatomy:
    """Measures a head's mean shape (normals: (3, vertex) of it)."""
    fields = {name: field.astype(np.float64) for name, field in model.fields.items()}
    eye_angle = fields["eye_angle"]
    is_eye = eye_angle >= 0
    actual = model.mean.astype(np.float64)
    mean = actual if model.canonical is None else model.canonical.astype(np.float64)
    left = is_eye & (mean[:, 0] > 0)
    eyes = [mean[is_eye & side].mean(axis=0) for side in (mean[:, 0] > 0, mean[:, 0] < 0)]
    points = mean - [0.0, (eyes[0][1] + eyes[1][1]) / 2, 0.0]
    x, y, z = points.T
    around = np.degrees(np.arctan2(np.abs(x), z + 12.0))
    outward = normals.double().numpy().T
    teeth = fields.get("teeth", np.zeros(len(mean)))
    rim = np.full(len(mean), np.inf)
    for eye in (left, is_eye & ~left):
        centre = sphere_centre(actual[eye])
        gap = np.linalg.norm(actual - centre, axis=1) - np.linalg.norm(actual[eye][0] - centre)
        rim = np.where(~is_eye & (z > 45) & (gap < rim), gap, rim)
    waves = np.stack([_waves(points, wavelength) for wavelength in _WAVELENGTHS])
    arrays = {
        **facial_hair.grown(points, around, fields),
        **_about_eyes(points, eyes[0], rim, fields),
        **_coloured(points, outward, fields),
        "points": points.T,
        "normals": outward.T,
        "strand": _strands(points, outward).T,
        "is_skin": ~is_eye,
        "eye_angle": eye_angle,
        "around": around,
        "ear": fields["ears"],
        "lips": fields["lips"],
        "mouth": fields["inside_mouth"] * (1 - fields["lips"]),
        "teeth": teeth,
        # A plane that leans forwards, as a collar round the root of the neck does.
        "cloth": np.where(is_eye, -99.0, -124.0 - 0.25 * z - y),
        "strands": np.zeros(len(mean)),
        "locks": np.concatenate([_waves(_combed(points), 16.0), _waves(points, 14.0)]),
        # Whoever hangs it there, knows.
        "sheet": np.full((3, len(mean)), -99.0),
        # Known of closed mouths: lips that part let light on teeth.
        "occlusion": np.maximum(fields["occlusion"], 0.7 * (teeth > 0)),
        "waves": waves,
        "uneven": waves[1, 1],
    }
    return Anatomy(
        **{
            name: torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
            for name, array in arrays.items()
        }
    )


def _about_eyes(
    points: NDArray[np.float64],
    eye: NDArray[np.float64],
    rim: NDArray[np.float64],
    fields: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Lashes and lids, hollows below and furrows beside; rim (vertex,): mm from the nearer ball."""
    x, y, z = points.T
    is_eye = fields["eye_angle"] >= 0
    eye_x, eye_z = np.abs(eye[0]), eye[2]
    from_eye = np.hypot(np.abs(x) - eye_x, y)
    upper = ramp(y, -2.0, 2.0)
    lash = np.maximum(upper * ramp(rim, 3.6, 2.0), 0.25 * ramp(rim, 1.7, 1.0))
    return {
        "lash": np.where(is_eye, 0.0, lash),
        # The upper lid folds where the ball below it ends.
        "lid": np.maximum(fields["eyelids"], 1.7 * upper * _bump(rim - 4.3, 1.1)),
        "hollow": _bump(np.hypot(np.abs(x) - (eye_x - 3), (y + 13.0) / 0.55), 17.0)
        * ramp(z, eye_z - 30, eye_z - 10)
        * ramp(from_eye, 8.0, 13.0),
        "wrinkle": np.where(is_eye, 0.0, _wrinkles(x, y, z, eye_x)),
    }


def _coloured(
    points: NDArray[np.float64],
    outward: NDArray[np.float64],
    fields: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """The dark of the nose, and where blood shows."""
    x, y, z = points.T
    return {
        "nostril": _bump(np.hypot((np.abs(x) - 8.0) / 1.3, y + 42.0), 3.6)
        * ramp(z, 76.0, 82.0)
        * ramp(outward[:, 1], -0.15, -0.5),
        "blush": np.clip(
            0.9 * _bump(np.hypot(np.abs(x) - 38.0, (y + 38.0) / 0.9), 22.0) * ramp(z, 20.0, 60.0)
            + 0.8 * _bump(np.hypot(x, y + 40.0), 14.0) * ramp(z, 85.0, 98.0)
            + 0.8 * fields["ears"],
            0.0,
            1.0,
        ),
    }


def ramp(value: NDArray[np.float64], start: float, stop: float) -> NDArray[np.float64]:
    """A smooth step from 0 at start to 1 at stop (start > stop runs downwards)."""
    t = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def _bump(distance: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-((distance / radius) ** 2)))


def _strands(points: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hair is combed away from the crown."""
    away = points - np.array(CROWN)
    tangent = away - (away * normals).sum(axis=1, keepdims=True) * normals
    length = np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    return np.asarray(tangent / length)


def _combed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (vertex, 3) by their place across and, shortened, along the strands."""
    x, _, z = points.T
    along = np.linalg.norm(points - np.array(CROWN), axis=1)
    return np.column_stack([85.0 * np.arctan2(x, z - CROWN[2]), 0.2 * along, 0.0 * x])


def _waves(points: NDArray[np.float64], wavelength: float) -> NDArray[np.float64]:
    """Six textures (6, vertex) of variance 1/3: sums of plane waves in random directions."""
    random = np.random.default_rng(int(wavelength))
    texture = np.zeros((6, len(points)))
    for _ in range(8):
        directions = random.standard_normal((6, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        stretch = random.uniform(0.7, 1.4, (6, 1))
        phases = random.uniform(0, 2 * np.pi, (6, 1))
        texture += np.sin(2 * np.pi / wavelength * stretch * (directions @ points.T) + phases)
    return np.asarray(texture / texture.std(axis=1, keepdims=True) / np.sqrt(3))


def _wrinkles(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], eye_x: float
) -> NDArray[np.float64]:
    """Furrows across the forehead, and rays from the eyes' outer corners."""
    sag = 0.0016 * x**2 + 1.2 * np.sin(x / 9.0)
    across = np.maximum(np.sin(2 * np.pi * (y + sag) / 9.5), 0.0) ** 2
    forehead = ramp(y, 30.0, 38.0) * ramp(y, 64.0, 54.0) * ramp(np.abs(x), 46.0, 30.0)
    side, up = np.abs(x) - eye_x - 17.0, y + 2.0
    fan = np.maximum(np.cos(9.0 * np.arctan2(up, np.maximum(side, 0.1))), 0.0) ** 2
    corner = _bump(np.hypot(side - 9.0, up), 9.0) * (side > 0)
    return np.asarray((across * forehead + fan * corner) * ramp(z, 20.0, 45.0))
