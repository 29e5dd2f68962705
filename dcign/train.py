"""The one training loop: an iterable over its steps that can be stopped, killed and gone on with.

A run is a function of its configuration, its data set and the numbers of steps that it was trained
with before (Settings.continued_from): initial weights, draws and noise come from streams keyed by
(seed, step), so on a CPU a resumed run equals one that was never stopped, but for images rendered
on the way: of those some pixel in 100,000 is a gray level off (facegen.live). One that is continued
with more steps is not what as many from the start would make: its rates have fallen once already.
"""

import contextlib
import math
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.functional import mse_loss

from dcign.board import Board
from dcign.checkpoint import Checkpoint, save_checkpoint
from dcign.clamp import active_units
from dcign.config import TrainConfig
from dcign.data import Batch, Batches, noise
from dcign.device import fastest
from dcign.losses import likelihood_loss
from dcign.methods import Given
from dcign.models.network import Network
from dcign.optimisers import make_optimisers
from dcign.resume import find_checkpoint, load_optimisers, optimiser_tensors
from dcign.settings import Settings, save_settings
from dcign.stopping import Stop
from facegen.errors import UserError
from facegen.files import locked, remove_partial
from facegen.latents import FACTORS
from facegen.minibatches import MiniBatches

SAVE_SECONDS = 60.0
"""How often a checkpoint is written, which changes nothing in the result."""

LOG_STEPS = 20
"""Steps between two lines of stats.jsonl."""

PICTURES = 20
"""Grids of pictures in a whole training."""


@dataclass(frozen=True)
class Record:
    """One update, as seen before it.

    step: its number, from 1. reconstruction: nats per image above the least possible.
    kl: nats per image, as dcign.methods.Priced has it. psnr: dB, of the decoder's pictures of what
        the method gave it.
    gradient: Euclidean norm over all parameters.
    """

    step: int
    reconstruction: float
    kl: float
    psnr: float
    gradient: float
    learning_rate: float


class Training:
    """Trains a network in a run's folder, from where it stopped last: iterates over Records.

    Has a length, the steps still to do. A checkpoint is written every SAVE_SECONDS and at the end.
    SIGINT, SIGTERM, SIGUSR1 or SIGHUP, unless nohup keeps that off, end the iteration behind the
    present step, saved; `stop.signal` says which it was. The network runs in settings.precision, of
    a new run what is fastest; the layers beside the code and the losses in float32.

    network, optimisers: their present state. step: updates done.
    """

    def __init__(
        self, config: TrainConfig, dataset: MiniBatches, folder: Path, device: torch.device
    ) -> None:
        """Write nothing; raise UserError when the folder holds another run, or a damaged one."""
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self.device = device
        self.stop = Stop()
        self.settings = Settings(
            config, str(dataset.path), dataset.fingerprint, precision=fastest(device)
        )
        self._batches = Batches(dataset, config, device)
        found = find_checkpoint(folder, self.settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = Network(config.network)
        # Measured on a CPU: the encoder's convolutions are faster with channels innermost.
        self.network.encoder.to(memory_format=torch.channels_last)
        self.network.to(device)
        self.optimisers = make_optimisers(self.network, config)
        self.step = self._saved = found.step if found else 0
        if found:
            self.settings = self.settings.continuing(found.settings)
            self.network.load_state_dict(found.weights)
            load_optimisers(self.network, self.optimisers, found.optimiser)

    def __len__(self) -> int:
        return max(0, self.config.steps - self.step)

    def read_ahead(self) -> None:
        """Have the images of all steps to come in memory, where that keeps them."""
        self._batches.load_resident()
        self._batches.read_ahead(range(self.step, self.config.steps))

    def __iter__(self) -> Generator[Record, None, None]:
        """Train; raises UserError when the loss, a gradient or a weight is no longer finite.

        Also when another process trains in the folder, or has done so since this was made.
        """
        if not len(self):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self.folder))
            self._check_newest()
            stack.enter_context(self.stop.heeding())
            remove_partial(self.folder)
            save_settings(self.folder, self.settings)
            size = self.config.network.image_size
            board = Board(self.folder, self.dataset, size, self.step)
            self._batches.load_resident()
            batches = self._batches.batches(range(self.step, self.config.steps))
            yield from self._train(stack.enter_context(contextlib.closing(batches)), board)

    def _check_newest(self) -> None:
        """Raise UserError when the folder has another checkpoint than this goes on from.

        Saving ours would remove it. Only for who holds the folder's lock.
        """
        found = find_checkpoint(self.folder, self.settings)
        step = found.step if found else 0
        if step != self._saved:
            raise UserError(
                f"{self.folder}: another process has trained here meanwhile, to step {step:,}; "
                "repeat the command to go on from there"
            )

    def _train(
        self, batches: Generator[Batch, None, None], board: Board
    ) -> Generator[Record, None, None]:
        """Run the loop itself."""
        picture_steps = max(1, self.config.steps // PICTURES)
        saved_at = time.monotonic()
        for batch in batches:
            record = self._update(batch)
            self.step += 1
            last = self.step == self.config.steps or self.stop.signal is not None
            if self.step % LOG_STEPS == 0:
                values = {k: v for k, v in asdict(record).items() if k != "step"}
                board.statistics(self.step, values)
            if last or time.monotonic() - saved_at > SAVE_SECONDS:
                self.save()
                saved_at = time.monotonic()
            if self.step % picture_steps == 0 or self.step == self.config.steps:
                board.pictures(self.step, self.network)
            yield record
            if last:
                return

    def _update(self, batch: Batch) -> Record:
        """One step on the bound, summed over pixels and images."""
        config, images = self.config, batch.images
        factor_id = torch.from_numpy(batch.draw.factor_id).to(self.device, non_blocking=True)
        active = active_units(factor_id, config.network.code_size)
        in_half = self.settings.precision == "bfloat16"
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=in_half)
        with half:
            posterior = self.network.encode(images)
        random = noise(config, self.step, tuple(posterior.mean.shape))
        random = random.to(self.device, non_blocking=True)
        given = Given(
            posterior=posterior,
            noise=random,
            active=active,
            truth=batch.truth,
            step=self.step,
            progress=self.step / config.steps,
        )
        code, kl, penalty = config.method(given)
        with half:
            logits = self.network.decode(code)
        reconstruction, least = likelihood_loss(config.likelihood, logits, images)
        loss = reconstruction + config.kl_weight_at(self.step) * kl + penalty

        self.network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        with torch.no_grad():
            above = reconstruction - least
            error = mse_loss(torch.sigmoid(logits), images)
        # One transfer from the GPU for all of them.
        values = torch.stack([loss, above, kl, error, norm]).tolist()
        self._check_finite(values[0], values[-1], batch)

        rate = config.rate_at(self.step)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            with half:
                optimiser.step()
        count = images.shape[0] * images.shape[1]
        return Record(
            step=self.step + 1,
            reconstruction=values[1] / count,
            kl=values[2] / count,
            psnr=-10 * math.log10(max(values[3], 1e-12)),
            gradient=values[4],
            learning_rate=rate,
        )

    def _check_finite(self, loss: float, norm: float, batch: Batch) -> None:
        """Raise UserError, before the weights are touched, unless loss and gradient are finite."""
        if math.isfinite(loss) and math.isfinite(norm):
            return
        what = f"the gradient is {norm}" if math.isfinite(loss) else f"the loss is {loss}"
        groups = ", ".join(
            f"{group} ({FACTORS[kind]})"
            for group, kind in zip(batch.draw.group_id, batch.draw.factor_id, strict=True)
        )
        raise UserError(
            f"step {self.step + 1}: {what} in training mini-batches {groups}; {self._kept()}"
        )

    def _kept(self) -> str:
        """What is left after a run has failed."""
        kept = f"the checkpoint of step {self._saved} is kept" if self._saved else "none is saved"
        return f"{kept}; check the data with `python cli.py verify`, or train with another --seed"

    def save(self) -> None:
        """Write a checkpoint of the present state; raises UserError if a number is not finite."""
        weights = self.network.state_dict()
        optimiser = optimiser_tensors(self.network, self.optimisers)
        if not all(bool(x.isfinite().all()) for x in (*weights.values(), *optimiser.values())):
            raise UserError(f"step {self.step}: a weight is no longer finite; {self._kept()}")
        state = Checkpoint(self.step, self.settings, weights, optimiser)
        save_checkpoint(self.folder, state)
        self._saved = self.step
