"""One shard: kept if it is there and sound, rendered and written otherwise."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.guard import ForeignShardError, check_bytes, check_content
from facegen.layout import Groups, truth_shapes, write_shard
from facegen.manifest import Entry, Header, Slot
from facegen.presets import GenerateConfig
from facegen.scene import mini_batch


class Model(Protocol):
    """What is asked of a face model: its name, terms, content hash, and its coefficients."""

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def identity_size(self) -> int: ...
    @property
    def identity_names(self) -> tuple[str, ...]: ...
    @property
    def expression_names(self) -> tuple[str, ...]: ...
    @property
    def expression_signed(self) -> bool: ...


class Renderer(Protocol):
    """What is asked of a renderer: labels (N, L), called names, and coefficients to images."""

    def to(self, device: str) -> "Renderer": ...

    def images(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None = None,
        *,
        names: Sequence[str],
        colour: bool,
    ) -> NDArray[np.uint8]: ...


class Annotator(Protocol):
    """What is asked of who tells the truth: by column of facegen.truth_columns, (N, ...)."""

    def truth(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None,
        *,
        names: Sequence[str],
    ) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True)
class Source:
    """Where images come from.

    settings: the renderer's, as JSON can hold them. renderer: opens it, which may take seconds the
        first time. annotator: opens who tells the truth about its pictures.
    """

    model: Model
    settings: dict[str, Any]
    renderer: Callable[[], Renderer]
    annotator: Callable[[], Annotator] | None = None


OpenSource = Callable[[GenerateConfig, Path | None], Source]


def open_source(config: GenerateConfig, model_path: Path | None) -> Source:
    """Load a face model (None: the default one) for facegen's own renderer.

    Raises UserError when the model is missing or not one.
    """
    # Here, because these load a compiler and the protocols above are needed without one.
    from facegen.annotate import Annotator as FaceAnnotator
    from facegen.morphable import load
    from facegen.render import Renderer as FaceRenderer
    from facegen.render import RenderSettings

    model = load(model_path)
    settings = RenderSettings(size=config.size, shadows=config.shadows)

    @cache
    def renderer() -> FaceRenderer:
        return FaceRenderer(model, settings)

    return Source(model, asdict(settings), renderer, lambda: FaceAnnotator(renderer()))


@dataclass(frozen=True)
class Shard:
    """A shard that is done.

    rendered: it was missing or damaged, and has been written now.
    damage: what was wrong with the file that was there before; empty when nothing was.
    """

    entry: Entry
    rendered: bool
    damage: str = ""


class Maker:
    """Makes the shards of one data set; picklable until it opens its source, when first needed."""

    def __init__(
        self,
        config: GenerateConfig,
        header: Header,
        folder: Path,
        model_path: Path | None,
        open_source: OpenSource,
    ) -> None:
        self._config = config
        self._header = header
        self._folder = folder
        self._model_path = model_path
        self._open_source = open_source

    def make(self, task: tuple[Slot, Entry | None]) -> Shard:
        """Make the shard of a slot; a manifest's entry for it, if any, says what it must be.

        Raises ForeignShardError when the file there belongs to another data set, and OSError, also
        when it may not be read.
        """
        slot, known = task
        damage = ""
        if (self._folder / slot.file).exists():
            try:
                if known is None:
                    return Shard(check_content(self._folder, self._header, slot), rendered=False)
                check_bytes(self._folder, self._header, known)
                return Shard(known, rendered=False)
            except ForeignShardError:
                raise
            except UserError as error:
                damage = str(error)
        groups = self.render(slot)
        entry = write_shard(self._folder, self._header, slot, groups, self._config.compression)
        return Shard(entry, rendered=True, damage=damage)

    def render(self, slot: Slot) -> Groups:
        """Render the mini-batches of a slot."""
        header = self._header
        shape = (slot.groups, header.group_size)
        groups = Groups(
            images=np.empty((*shape, *header.image_shape), dtype=np.uint8),
            labels=np.empty((*shape, len(header.labels)), dtype=np.float32),
            factor_id=np.empty(slot.groups, dtype=np.uint8),
            group_id=np.arange(slot.first_group, slot.first_group + slot.groups, dtype=np.int32),
            identity=np.empty((*shape, header.identity_size), dtype=np.float32),
            expression=np.empty((*shape, header.expression_size), dtype=np.float32),
            truth={
                name: np.empty((*shape, *row), dtype=dtype)
                for name, (dtype, row) in truth_shapes(header).items()
            },
        )
        for row, group_id in enumerate(groups.group_id):
            batch = mini_batch(slot.split, header.seed, int(group_id), header.variables)
            groups.labels[row] = batch.labels
            groups.identity[row] = batch.identity
            groups.expression[row] = batch.expression
            groups.factor_id[row] = header.factors.index(batch.factor)
        done = slot.first_group
        while done < slot.first_group + slot.groups:
            together = slot.rendered_together(done, len(header.factors))
            some = slice(done - slot.first_group, together.stop - slot.first_group)
            done = together.stop
            labels, identity, expression = (
                np.concatenate(rows[some])
                for rows in (groups.labels, groups.identity, groups.expression)
            )
            scene = (labels, identity, expression if header.expression_size else None)
            images = self._renderer.images(*scene, names=header.labels, colour=header.colour)
            groups.images[some] = images.reshape(groups.images[some].shape)
            if header.truth:
                for name, known in self._annotator.truth(*scene, names=header.labels).items():
                    groups.truth[name][some] = known.reshape(groups.truth[name][some].shape)
        return groups

    def seconds(self, slot: Slot) -> float:
        """The time it takes to render a slot once everything is loaded and compiled, seconds."""
        self.render(slot)
        start = time.perf_counter()
        self.render(slot)
        return time.perf_counter() - start

    @cached_property
    def _source(self) -> Source:
        return self._open_source(self._config, self._model_path)

    @cached_property
    def _renderer(self) -> Renderer:
        return self._source.renderer()

    @cached_property
    def _annotator(self) -> Annotator:
        assert self._source.annotator is not None, "this source tells no truth"
        return self._source.annotator()
