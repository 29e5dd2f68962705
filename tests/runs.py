"""Runs without any training, on data whose pictures are a formula."""

import dataclasses
from pathlib import Path

import torch
from click.testing import CliRunner

import cli
from dcign.checkpoint import Checkpoint, save_checkpoint
from dcign.config import PRESETS
from dcign.models.network import Network, NetworkConfig, Posterior
from dcign.settings import Settings, save_settings
from facegen.shards import Dataset

SIZE = 16
TINY = NetworkConfig(SIZE, 6, (4,), (4, 4), 5, 5, True)


def save_run(folder: Path, dataset: Dataset, step: int = 7, network: NetworkConfig = TINY) -> Path:
    """An untrained run."""
    folder.mkdir(parents=True, exist_ok=True)
    config = dataclasses.replace(PRESETS["small"], network=network)
    settings = Settings(config, str(dataset.path), dataset.fingerprint)
    torch.manual_seed(0)
    save_settings(folder, settings)
    save_checkpoint(folder, Checkpoint(step, settings, Network(network).state_dict(), {}))
    return folder


class Ideal(Network):
    """Reads azimuth, elevation and light off the fake renderer's pictures; the rest is noise."""

    def encode(self, image):
        ramp = torch.linspace(-1, 1, image.shape[-1])
        blob = image.clamp(min=1e-6)
        total = blob.sum((-2, -1))
        x = (blob * ramp).sum((-2, -1)) / total
        y = (blob * ramp[:, None]).sum((-2, -1)) / total
        spread = (blob * (ramp - x[..., None, None]) ** 2).sum((-2, -1)) / total
        generator = torch.Generator().manual_seed(len(image))
        rest = torch.randn((*image.shape[:-2], 3), generator=generator)
        mean = torch.cat([torch.stack([x, -y, spread], -1), rest], -1)
        return Posterior(mean, torch.full_like(mean, -20.0))


def call(*arguments):
    return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments])


def one_line(result) -> str:
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line
