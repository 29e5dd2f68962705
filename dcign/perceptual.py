"""A perceptual distance learned from our own data: features of a network that reads faces.

Zhang et al. 2018 (LPIPS) compare pictures by the features of a network trained on photographs.
Here the network is trained to read a face's labels, traits included, from its picture, so two
pictures are alike when what matters about faces is alike: no weights are downloaded.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from dcign.codes import Track, some_groups, untracked
from dcign.data import stream
from dcign.images import reduced
from facegen.files import write_atomic
from facegen.latents import LATENTS
from facegen.minibatches import MiniBatches

CHANNELS = (16, 32, 64, 64)
GROUPS = 1000
"""Mini-batches of the training split that it learns from."""

STEPS, BATCH, RATE = 1200, 64, 2e-3
PURPOSE = 2
"""Of its random stream; see dcign.data."""

COEFFICIENTS = 12
"""Identity coefficients to be read: the largest modes and traits."""

log = logging.getLogger(__name__)


class Reader(nn.Module):
    """Strided convolutions to features, and from the last ones to the labels."""

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        pairs = zip((1, *CHANNELS), CHANNELS, strict=False)
        self.layers = nn.ModuleList(nn.Conv2d(*pair, 5, stride=2, padding=2) for pair in pairs)
        side = size
        for _ in CHANNELS:
            side = (side + 1) // 2
        self.head = nn.Linear(CHANNELS[-1] * side**2, outputs)

    def features(
        self, image: Float[Tensor, "sample height width"]
    ) -> list[Float[Tensor, "sample channel row column"]]:
        """The maps behind each layer."""
        found, x = [], 2 * image[:, None] - 1
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.1)
            found.append(x)
        return found

    def forward(self, image: Float[Tensor, "sample height width"]) -> Float[Tensor, "sample label"]:
        labels: Tensor = self.head(self.features(image)[-1].flatten(1))
        return labels


class Perceptual:
    """Distance of pictures (image, height, width) in 0..1: (image,), 0 for equal ones.

    Each layer's features, scaled to unit length over channels, are compared by their mean squared
    difference, the layers added up; no weights are fitted to human judgements.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader.eval().requires_grad_(False)

    def __call__(
        self, pictures: NDArray[np.float32], truth: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        with torch.inference_mode():
            pairs = zip(
                *(self.reader.features(torch.from_numpy(x)) for x in (pictures, truth)), strict=True
            )
            total = sum(
                (functional.normalize(a) - functional.normalize(b)).square().sum(1).mean((1, 2))
                for a, b in pairs
            )
        assert isinstance(total, Tensor)
        distances: NDArray[np.float64] = total.double().numpy()
        return distances


def perceptual(
    dataset: MiniBatches, size: int, cache: Path | None = None, track: Track = untracked
) -> Perceptual:
    """The distance for a data set at a size: from the cache's folder, else learned and kept there.

    Learning takes a minute or two of one core.
    """
    made_by = (CHANNELS, GROUPS, STEPS, BATCH, RATE, COEFFICIENTS, dataset.fingerprint, size)
    name = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
    path = cache / f"perceptual-{name}.safetensors" if cache else None
    reader = _untrained(dataset, size)
    if path and path.is_file():
        try:
            reader.load_state_dict(load(path.read_bytes()))
            return Perceptual(reader)
        except (SafetensorError, RuntimeError):
            log.warning("%s: damaged; learning again", path)
    learn(reader, dataset, size, track)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, save(reader.state_dict()))
    return Perceptual(reader)


def learn(reader: Reader, dataset: MiniBatches, size: int, track: Track = untracked) -> None:
    """Trains a reader on the training split's labels, with Adam, its rate rising, then falling."""
    images, wanted = _examples(dataset, size)
    optimiser = torch.optim.Adam(reader.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for step in track(range(STEPS)):
        rows = stream(0, PURPOSE, step).integers(len(images), size=BATCH)
        loss = functional.mse_loss(reader(images[rows].float() / 255), wanted[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _examples(dataset: MiniBatches, size: int) -> tuple[Tensor, Float[Tensor, "image label"]]:
    """Pictures as bytes (image, size, size), and what to read of them, about unit size."""
    pictures, labels, faces = [], [], []
    for some in np.array_split(some_groups(dataset, "train", GROUPS), 50):
        if len(some):
            read = dataset.read("train", some)
            pixels = torch.from_numpy(read.images).flatten(0, 1)
            pictures.append(reduced(pixels, size))
            columns = [dataset.labels.index(latent.name) for latent in LATENTS]
            labels.append(read.labels.reshape(len(pixels), -1)[:, columns])
            faces.append(read.identity.reshape(len(pixels), -1)[:, :COEFFICIENTS])
    scale = np.array([latent.high / np.sqrt(3) for latent in LATENTS], np.float32)
    wanted = np.concatenate([np.concatenate(labels) / scale, np.concatenate(faces)], axis=1)
    return torch.cat(pictures), torch.from_numpy(wanted)


def _untrained(dataset: MiniBatches, size: int) -> Reader:
    outputs = len(LATENTS) + min(COEFFICIENTS, dataset.identity_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Reader(size, outputs)
