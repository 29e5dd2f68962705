"""A sweep for people to see: the renderer's truth, and what a network makes of one picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcign.calibration import calibration_of
from dcign.checkpoint import Run
from dcign.codes import Track, untracked
from dcign.hallucinate import hallucinate, prepare, read_picture, strangeness
from dcign.settings import CONFIG
from facegen.film import Row
from facegen.latents import IDENTITY
from facegen.morphable import load
from facegen.render import Renderer, RenderSettings
from facegen.scene import Variables
from facegen.sweep import Sweep, sweep

SIDE = 150
"""Pixels a side of each picture shown; a smaller network's are enlarged, and the truth likewise."""

COLUMNS = 11
"""Pictures in a row of the strip."""

FRAME, PAPER = 20, 246
"""Gray values: of the line around the network's input, and of where there is no picture."""


@dataclass(frozen=True)
class Show:
    """A sweep ready to be drawn with facegen.film.

    strip, film: the rows of the still picture and of the animation. captions: one for each frame.
    notes: what the user should know, a line each.
    """

    strip: list[Row]
    film: list[Row]
    captions: list[str]
    notes: list[str]


def find_run(name: str | None, runs: Path = Path("runs")) -> Path | None:
    """The folder of a run: by its name under runs, by its path, or the newest; None without one.

    A name that is not there is given back as a path, for load_run to complain about.
    """
    if name is not None:
        named = runs / name
        return named if (named / CONFIG).is_file() or not Path(name).exists() else Path(name)
    saved = {
        folder.parent: max(state.stat().st_mtime_ns for state in folder.parent.glob("step-*.json"))
        for folder in runs.glob(f"*/{CONFIG}")
        if any(folder.parent.glob("step-*.json"))
    }
    return max(saved, key=lambda folder: saved[folder]) if saved else None


def rendered(
    factor: str,
    frames: int,
    seed: int,
    face_model: Path | None,
    size: int = SIDE,
    *,
    colour: bool = False,
) -> tuple[Sweep, NDArray[np.uint8]]:
    """A sweep of an unseen person, and its pictures (frame, size, size), in colour (..., 3).

    Raises UserError for a face model that is not there, or lacks what varies.
    """
    model = load(face_model)
    coefficients = Variables(
        model.identity_size, len(model.expression_names), model.expression_signed
    )
    scenes = sweep(factor, frames, coefficients, seed)
    renderer = Renderer(model, RenderSettings(size=size))
    return scenes, renderer.images(
        scenes.labels, scenes.identity, scenes.expression, names=scenes.names, colour=colour
    )


def show_truth(scenes: Sweep, truth: NDArray[np.uint8]) -> Show:
    """The renderer's sweep alone: what `rendered` returned."""
    rows = [Row(f"renderer: {_of(scenes.factor)}", truth)]
    return Show(rows, [Row("renderer", truth)], scenes.captions, [])


def show_run(run: Run, scenes: Sweep, truth: NDArray[np.uint8], track: Track = untracked) -> Show:
    """The renderer's sweep, at the network's resolution, and the network's from one frame of it.

    scenes, truth: what `rendered` returned, gray.
    The network sees the middle picture; for the identity the first one, and the last one's code is
    where it is to arrive.
    """
    factor, frames = scenes.factor, len(truth)
    size = run.network.config.image_size
    seen = np.stack([prepare(picture, size) for picture in truth])
    calibration = calibration_of(run, track)
    if factor == IDENTITY:
        given, inputs = "its code goes from the first picture's to the last's", [0, frames - 1]
    else:
        given, inputs = "all from the one framed picture", [_middle(frames)]
    other = seen[inputs[1]] if len(inputs) > 1 else None
    made = hallucinate(run, calibration, seen[inputs[0]], factor, scenes.values, other)
    above, below = _enlarge(_bytes(seen)), _enlarge(made)
    top = Row(f"renderer: {_of(factor)}, {size} x {size} pixels", _framed(above, inputs))
    strip = [top, Row(f"network: {given}", below)]
    film = [Row("renderer", above), Row("network", below)]
    if factor != IDENTITY:
        film.insert(0, Row("input", np.repeat(above[inputs], frames, axis=0)))
    return Show(strip, film, scenes.captions, [])


def show_picture(run: Run, factor: str, frames: int, path: Path, track: Track = untracked) -> Show:
    """The network's sweep from a picture in a file, of which no truth is known.

    Raises UserError when the file is no picture.
    """
    image = prepare(read_picture(path), run.network.config.image_size)
    calibration = calibration_of(run, track)
    # Only its values are of use: there is no one to render.
    scenes = sweep(factor, frames, Variables(identity_size=1))
    made = _enlarge(hallucinate(run, calibration, image, factor, scenes.values))
    still = np.repeat(_enlarge(_bytes(image[None])), frames, axis=0)
    alone = np.full_like(still, PAPER)
    alone[_middle(frames)] = still[0]
    how = "along the direction in which people differ most" if factor == IDENTITY else factor
    strip = [Row(f"input: {path.name}", alone), Row(f"network: {how}", made)]
    notes = []
    if (ratio := strangeness(run, calibration, image)) > 1:
        notes.append(
            f"{path}: far from the training data (redrawn {ratio:.1f} times worse than nearly all "
            "of it); a frontal face on a plain white background, filling the frame, works best"
        )
    return Show(strip, [Row("input", still), Row("network", made)], scenes.captions, notes)


def _middle(frames: int) -> int:
    """The frame in the middle of those that the strip shows."""
    shown = np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int)
    return int(shown[len(shown) // 2])


def _of(factor: str) -> str:
    return "one person becomes another" if factor == IDENTITY else f"{factor} of an unseen person"


def _bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    gray: NDArray[np.uint8] = (255 * np.clip(images, 0, 1) + 0.5).astype(np.uint8)
    return gray


def _enlarge(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frames (frame, size, size) at SIDE pixels, smoothly."""
    if frames.shape[1] == SIDE:
        return frames
    size, smooth = (SIDE, SIDE), Image.Resampling.BICUBIC
    larger = [np.asarray(Image.fromarray(frame).resize(size, smooth)) for frame in frames]
    stacked: NDArray[np.uint8] = np.stack(larger)
    return stacked


def _framed(frames: NDArray[np.uint8], which: list[int], width: int = 3) -> NDArray[np.uint8]:
    """The frames with a dark line around some of them."""
    framed: NDArray[np.uint8] = frames.copy()
    for index in which:
        framed[index] = FRAME
        inner = slice(width, -width)
        framed[index, inner, inner] = frames[index, inner, inner]
    return framed
