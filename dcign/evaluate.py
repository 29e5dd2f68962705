"""How well a trained network has told azimuth, elevation, light and identity apart."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from dcign.checkpoint import Run
from dcign.codes import Track, untracked
from dcign.evaluation.effects import Effects, Steadiness, effects, steadiness
from dcign.evaluation.factors import FactorReport, Trace, factor_reports, identity_in_units
from dcign.evaluation.recognition import recognition
from dcign.evaluation.reconstruction import Picture, averaged, reconstruction
from dcign.evaluation.redrawing import Distance, Redrawing, redraw, tasks
from dcign.evaluation.scores import Scores, score
from dcign.evaluation.seen import Seen, see
from dcign.evaluation.studio import Studio
from dcign.metrics.verification import Recognition
from facegen.errors import UserError
from facegen.minibatches import MiniBatches

PROTOCOL = (
    "Figures are over the test split, whose people are in no training image, and its full ranges. "
    "Within a mini-batch all but one factor are fixed, so values of fixed factors repeat. "
    "Codes are posterior means unless called sampled; read-outs and probes are fitted on a sample "
    "of the training split."
)


@dataclass(frozen=True)
class Rival:
    """A run that another was measured beside: its folder, and what it was trained as."""

    run: str
    method: str
    step: int
    trained_on: str

    @classmethod
    def of(cls, seen: Seen | None) -> "Rival | None":
        """Of a run that was given, if one was."""
        if seen is None:
            return None
        run = seen.run
        return cls(str(run.path), method_name(run), run.step, run.data_fingerprint)


Note = Callable[[str], None]
"""Is told what is about to be done."""


def silent(note: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Report:
    """The evaluation of a run on a data set's test split.

    method, supervision: how it was trained, and what it was told (dcign.methods).
    continued_from: the numbers of steps it was trained with before; see Settings.
    named_units: whether it knew which unit is whose; otherwise units were assigned to factors by
        mutual information, in its favour.
    data_fingerprint, trained_on: fingerprints of the data set used here, and in training.
    test_images, train_images: how many the figures are over, and how many read-outs are fitted on.
    identity_in_units: what the factors' units know of who it is.
    recognition: empty without the data set's face model. ceiling, baseline: the runs measured
        beside it. scores: None when not asked for.
    reconstruction: decoded from the posterior mean; reconstruction_sampled: from one sample.
    skipped: what could not be measured and why, a line each.
    """

    run: str
    step: int
    continued_from: tuple[int, ...]
    method: str
    supervision: str
    named_units: bool
    data: str
    data_fingerprint: str
    trained_on: str
    protocol: str
    test_images: int
    train_images: int
    factors: tuple[FactorReport, ...]
    effects: Effects
    steadiness: tuple[Steadiness, ...]
    identity_in_units: Trace
    redrawing: tuple[Redrawing, ...]
    recognition: dict[str, Recognition]
    ceiling: Rival | None
    baseline: Rival | None
    scores: Scores | None
    reconstruction: Picture
    reconstruction_sampled: Picture
    skipped: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class Extras:
    """What an evaluation may be given beyond a run and a data set.

    test_groups: judge on so many mini-batches of the test split (None: all; 500 are 10,000 images
        and change the second decimal at most).
    scores: whether to compute MIG, DCI and the like, a third of the time.
    studio: renders what no data set holds: swaps between people, and who is who. One serves all
        runs on a data set. no_studio: why there is none.
    distance: a perceptual distance (dcign.perceptual).
    ceiling: a supervised run, baseline: a plain VAE, to be measured on the same tasks.
    """

    test_groups: int | None = None
    scores: bool = True
    studio: Studio | None = None
    no_studio: str = "no renderer was given"
    distance: Distance | None = None
    ceiling: Run | None = None
    baseline: Run | None = None


def evaluate(
    run: Run, dataset: MiniBatches, extras: Extras | None = None, track: Track = untracked
) -> Report:
    """Judges a run on the test images of a data set; see PROTOCOL.

    The network runs where its weights are. Raises UserError when the data set does not fit.
    """
    extras = extras or Extras()
    return judge(Sights.of(run, dataset, extras, track), extras)


@dataclass(frozen=True)
class Sights:
    """A run, and those it is compared with, on the same images."""

    run: Seen
    ceiling: Seen | None
    baseline: Seen | None

    @classmethod
    def of(cls, run: Run, dataset: MiniBatches, extras: Extras, track: Track) -> "Sights":
        """Encode the data set with each; raises UserError when they do not fit each other."""

        def also(other: Run | None) -> Seen | None:
            if other is None:
                return None
            sizes = [x.network.config.image_size for x in (run, other)]
            if sizes[0] != sizes[1]:
                raise UserError(
                    f"{other.path}: sees {sizes[1]}x{sizes[1]} pixels and {run.path} "
                    f"{sizes[0]}x{sizes[0]}; compare runs of one size"
                )
            return see(other, dataset, track, test_groups=extras.test_groups)

        first = see(run, dataset, track, reconstruction, extras.test_groups)
        return cls(first, also(extras.ceiling), also(extras.baseline))


def judge(sights: Sights, extras: Extras, note: Note = silent) -> Report:
    """The report on runs that have seen a data set; each stage that takes its time is noted."""
    seen, run, dataset = sights.run, sights.run.run, sights.run.dataset
    note("reading the factors from their units, and from the others")
    factors = factor_reports(seen.train, seen.test, seen.units)
    trace = identity_in_units(seen.train, seen.test, seen.units)
    if extras.studio:
        note("rendering a crowd, and each of it as another stands")
    redrawing, recognised, skipped = [], {}, []
    for task in tasks(seen, extras.studio):
        note(f"redrawing pictures: {task.name}")
        redrawing.append(redraw(seen, task, extras.distance, sights.ceiling, sights.baseline))
    if extras.studio:
        note("telling people apart")
        others = {"ceiling": sights.ceiling, "baseline": sights.baseline}
        recognised = recognition(seen, extras.studio, others)
    else:
        skipped.append(f"swaps between people and who is who: {extras.no_studio}")
    scores = None
    if extras.scores:
        note("scores: MIG, DCI and the like")
        scores = score(seen.train, seen.test)
    method = run.config.method
    return Report(
        run=str(run.path),
        step=run.step,
        continued_from=run.continued_from,
        method=method_name(run),
        supervision=method.supervision,
        named_units=method.named,
        data=str(dataset.path),
        data_fingerprint=dataset.fingerprint,
        trained_on=run.data_fingerprint,
        protocol=PROTOCOL,
        test_images=len(seen.test.mean),
        train_images=len(seen.train.mean),
        factors=factors,
        effects=effects(seen.test, seen.units),
        steadiness=steadiness(seen.test, seen.units),
        identity_in_units=trace,
        redrawing=tuple(redrawing),
        recognition=recognised,
        ceiling=Rival.of(sights.ceiling),
        baseline=Rival.of(sights.baseline),
        scores=scores,
        reconstruction=averaged(seen.test, "mean"),
        reconstruction_sampled=averaged(seen.test, "sampled"),
        skipped=tuple(skipped),
    )


def method_name(run: Run) -> str:
    """The name of the method that trained a run."""
    name: str = run.config.to_json()["method"]["name"]
    return name
