"""What is seen of a run while it trains: statistics as lines and curves, grids of pictures."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from dcign.images import network_input
from dcign.models.network import Network
from facegen.files import write_atomic
from facegen.latents import FACTORS, LATENTS
from facegen.minibatches import MiniBatches
from facegen.pictures import png_bytes

COLUMNS = 10
"""Pictures in a row of a grid."""

GROUPS_SEEN = 2
"""Mini-batches of each kind whose codes say how far a unit reaches."""

QUANTILES = (0.02, 0.98)
"""Ends of a traversal: what the unit really does, where +-3 may be far inside or outside of it."""


class Board:
    """TensorBoard curves and pictures, PNG grids and stats.jsonl of a run that starts at a step."""

    def __init__(self, folder: Path, dataset: MiniBatches, size: int, start: int) -> None:
        """Drop what a killed run wrote behind step start, which is going to come again."""
        self.folder = folder
        self._faces = unseen_faces(dataset, size)
        self._stats = folder / "stats.jsonl"
        trim(self._stats, start)
        # There from the start, for who follows it.
        self._stats.touch()
        self._curves = Curves(folder / "board", start)
        (folder / "samples").mkdir(exist_ok=True)

    def statistics(self, step: int, values: dict[str, float]) -> None:
        """One line, and one point on each curve."""
        append(self._stats, (json.dumps({"step": step, **values}) + "\n").encode())
        self._curves.points(step, values)

    def pictures(self, step: int, network: Network) -> None:
        """Unseen faces above their reconstructions; traversals of the first units."""
        with torch.no_grad():
            faces = self._faces.to(next(network.parameters()).device)
            grids = {
                "reconstruction": reconstructions(network, faces),
                "traversal": traversals(network, faces.flatten(0, 1)),
            }
        for name, grid in grids.items():
            data = png_bytes(grid)
            write_atomic(self.folder / "samples" / f"{name}-{step:08d}.png", data)
            self._curves.picture(step, name, data, grid.shape)


class Curves:
    """A file for TensorBoard, in a folder that may hold others.

    TensorBoard's own writer has a thread, which prints what the disk complains of.
    """

    def __init__(self, folder: Path, start: int) -> None:
        """Have TensorBoard drop what the folder's other files say behind step start."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        folder.mkdir(exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self._add(0, file_version="brain.Event:2")
        self._add(start + 1, session_log=SessionLog(status=SessionLog.START))

    def points(self, step: int, values: dict[str, float]) -> None:
        """One on each curve."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [Summary.Value(tag=f"train/{k}", simple_value=v) for k, v in values.items()]
        self._add(step, summary=Summary(value=points))

    def picture(self, step: int, name: str, png: bytes, shape: tuple[int, ...]) -> None:
        """A gray one of shape (height, width), as PNG."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width = shape
        image = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=png)
        self._add(step, summary=Summary(value=[Summary.Value(tag=name, image=image)]))

    def _add(self, step: int, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        record = io.BytesIO()
        event = Event(step=step, wall_time=time.time(), **content)
        RecordWriter(record).write(event.SerializeToString())
        append(self.path, record.getvalue())


def unseen_faces(dataset: MiniBatches, size: int) -> Float[Tensor, "group sample size size"]:
    """A few mini-batches of every kind from the test split (training, if there is no other)."""
    split = "test" if dataset.group_count("test") else "train"
    kinds = dataset.factor_ids(split)
    groups = [np.flatnonzero(kinds == kind)[:GROUPS_SEEN] for kind in range(len(FACTORS))]
    images = dataset.read(split, np.concatenate(groups)).images
    return network_input(torch.from_numpy(images), size)


def reconstructions(
    network: Network, faces: Float[Tensor, "group sample size size"]
) -> UInt8[NDArray[np.uint8], "height width"]:
    """Of every second mini-batch, a row of faces and below it what their mean codes decode to."""
    seen = faces[::GROUPS_SEEN, :COLUMNS]
    decoded = torch.sigmoid(network.decode(network.encode(seen).mean))
    return _grid(torch.stack([seen, decoded], 1).flatten(0, 1))


def traversals(
    network: Network, faces: Float[Tensor, "sample size size"]
) -> UInt8[NDArray[np.uint8], "height width"]:
    """The first face with one scalar unit moved over its empirical range, a row for each unit."""
    codes = network.encode(faces).mean
    levels = torch.linspace(*QUANTILES, COLUMNS, device=codes.device)
    moved = codes[0].repeat(len(LATENTS), COLUMNS, 1)
    for unit in range(len(LATENTS)):
        moved[unit, :, unit] = torch.quantile(codes[:, unit], levels)
    return _grid(torch.sigmoid(network.decode(moved)))


def _grid(
    pictures: Float[Tensor, "row column height width"],
) -> UInt8[NDArray[np.uint8], "rows columns"]:
    """Pictures in [0, 1] side by side."""
    rows, columns, height, width = pictures.shape
    sheet = pictures.permute(0, 2, 1, 3).reshape(rows * height, columns * width)
    whole: NDArray[np.uint8] = (255 * sheet).round().byte().cpu().numpy()
    return whole


def append(path: Path, data: bytes) -> None:
    """Add data to the end of a file; raises OSError with the path as its filename."""
    try:
        with open(path, "ab") as file:
            file.write(data)
    except OSError as error:
        reason = f"{error.strerror} while adding {len(data):,} bytes"
        raise OSError(error.errno, reason, str(path)) from error


def trim(path: Path, step: int) -> None:
    """Keep a file's lines up to a step; a torn line goes too, and what follows it."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError, TypeError):
            break
        kept.append(line + "\n")
    write_atomic(path, "".join(kept).encode())
