"""An evaluation as rows of text, the first row of each table a header; the important one first."""

from dcign.evaluate import Report, Rival
from dcign.evaluation.original import FRONTAL_COSINE, RECONSTRUCTION
from dcign.evaluation.redrawing import Likeness
from facegen.latents import FACTORS

Table = list[tuple[str, ...]]

SQUARED = "\N{SUPERSCRIPT TWO}"
DEGREE = "\N{DEGREE SIGN}"
FEATURES = {
    "intrinsic": "intrinsic code",
    "ceiling": "intrinsic code of the ceiling, {}",
    "baseline": "intrinsic code of the baseline, {}",
    "units": "only the three factors' units",
    "pixels": "pixels",
    "eigenfaces": "eigenfaces",
}


def tables(report: Report) -> dict[str, Table]:
    """All tables by title."""
    found = {
        "Units and factors": factor_table(report),
        "Total effect: what moves when one factor is drawn anew": effect_table(report),
        "One picture redrawn, against the renderer's truth: PSNR in dB / SSIM": redrawing_table(
            report
        ),
        "The same: perceptual distance": redrawing_table(report, perceptual=True),
        "Who is who, across pose and light": recognition_table(report),
        "Scores": score_table(report),
        "Reconstruction": picture_table(report),
    }
    return {title: table for title, table in found.items() if len(table) > 1}


def steps(report: Report) -> str:
    """How far the run was trained, and with how many steps in mind before."""
    before = " and ".join(f"{number:,}" for number in report.continued_from)
    return f"step {report.step:,}" + (f", continued from a training of {before}" if before else "")


def _named(rival: Rival | None) -> str:
    return f"{rival.run}, {rival.method}, step {rival.step:,}" if rival else ""


def factor_table(report: Report) -> Table:
    """The report on factors; the original beside ours."""
    factors, steady = report.factors, report.steadiness
    rows: Table = [("", *(f.factor for f in factors))]

    def add(title: str, *cells: str) -> None:
        rows.append((title, *cells))

    add("Spearman of unit and truth", *(f"{f.spearman:+.3f}" for f in factors))
    add("Pearson", *(f"{f.pearson:+.3f}" for f in factors))
    add("  the original's", *(f.original.correlation for f in factors))
    add(f"correlation ratio eta{SQUARED}", *(f"{f.correlation_ratio:.3f}" for f in factors))
    add("monotonicity", *(f"{f.monotonicity:.2f}" for f in factors))
    add("read from the unit: mean error, degrees", *(f"{f.degrees.mean:.1f}" for f in factors))
    add("  the original's", *(f.original.error for f in factors))
    add("  RMS error", *(f"{f.degrees.rms:.1f}" for f in factors))
    add("  always the centre: mean error", *(f"{f.degrees.centre_mean:.1f}" for f in factors))
    add("  the original's", *(f"{f.original.centre:.1f}" for f in factors))
    add("read from the whole code: mean error", *(f"{f.degrees_whole.mean:.1f}" for f in factors))
    for title, probes in (
        ("sampled", [f.leak_sampled for f in factors]),
        ("posterior means", [f.leak_mean for f in factors]),
    ):
        cells = (f"{p.linear:.2f} / {p.quadratic:.2f} / {p.trees:.2f}" for p in probes)
        add(f"leaked to the other units, {title}: R{SQUARED} linear / quadratic / trees", *cells)
    add(
        "cosine of the other units with the frontal ones, at the ends",
        *(f"{s.ends:.2f}" for s in steady),
    )
    add("  the original's", FRONTAL_COSINE, *("" for _ in steady[1:]))
    add("  of two people", *(f"{s.people:.2f}" for s in steady))
    return rows


def effect_table(report: Report) -> Table:
    """Rows are what is drawn anew, columns are what moves; ideal: the diagonal alone."""
    effects, names = report.effects, [factor.factor for factor in report.factors]
    rows: Table = [("drawn anew", *(f"unit of {name}" for name in names), "other units, mean")]
    for name, own, others in zip(FACTORS, effects.units, effects.intrinsic, strict=True):
        rows.append((name, *(f"{value:.3f}" for value in own), f"{others:.3f}"))
    return rows


def redrawing_table(report: Report, perceptual: bool = False) -> Table:
    """PSNR and SSIM, or the perceptual distance."""

    def cell(like: Likeness | None) -> str:
        if like is None or (perceptual and like.perceptual is None):
            return ""
        if perceptual:
            return f"{like.perceptual:.3f}"
        return f"{like.psnr:.2f} / {like.ssim:.3f}"

    drawn = report.redrawing
    rows: Table = [("", *(d.factor for d in drawn))]
    for title, likes in (
        ("unit set to what training says of the value", [d.told for d in drawn]),
        ("unit taken from another person", [d.shown for d in drawn]),
        ("unit taken from the true picture", [d.own for d in drawn]),
        ("the whole code edited as training pairs say", [d.edited for d in drawn]),
        ("copy of the input", [d.copy for d in drawn]),
        ("the truth encoded and decoded", [d.oracle for d in drawn]),
        (f"by the ceiling, told: {_named(report.ceiling)}", [d.ceiling for d in drawn]),
        (f"by the baseline, edited: {_named(report.baseline)}", [d.baseline for d in drawn]),
    ):
        if any(cells := [cell(like) for like in likes]):
            rows.append((title, *cells))
    return rows


def recognition_table(report: Report) -> Table:
    """Verification and retrieval, by feature."""
    found = report.recognition
    rows: Table = [("", "ROC AUC", "top-1 of 100")]
    for name, title in FEATURES.items():
        if name in found:
            title = title.format(_named(getattr(report, name, None)))
            rows.append((title, f"{found[name].auc:.3f}", f"{found[name].top1:.2f}"))
    return rows


def score_table(report: Report) -> Table:
    """The field's scores."""
    rows: Table = [("", "score", "note")]
    trace = report.identity_in_units
    rows.append(
        (
            f"identity in the factors' units: R{SQUARED} linear / neighbours",
            f"{trace.linear:.2f} / {trace.neighbours:.2f}",
            "of the first six identity coefficients",
        )
    )
    if (scores := report.scores) is None:
        return rows
    bins = "20 bins of equal"
    for title, mig, note in (
        ("MIG", scores.mig, f"{bins} count"),
        ("MIG, sampled codes", scores.mig_sampled, f"{bins} count"),
        ("MIG, disentanglement_lib's bins", scores.mig_equal_width, f"{bins} width"),
    ):
        rows.append((title, f"{mig.score:.3f}", f"ceiling by noise {mig.ceiling:.3f}; {note}"))
    live = f"over {scores.live_units} live units"
    rows += [
        ("DCI disentanglement", f"{scores.dci.disentanglement:.3f}", "blind to leakage"),
        ("DCI completeness", f"{scores.dci.completeness:.3f}", ""),
        ("DCI informativeness", f"{scores.dci.informativeness:.3f}", f"held-out R{SQUARED}"),
        ("SAP", f"{scores.sap:.3f}", ""),
        ("FactorVAE score", f"{scores.factor_vae:.3f}", live),
        ("modularity", f"{scores.modularity:.3f}", live),
        ("explicitness", f"{scores.explicitness:.3f}", live),
    ]
    return rows


def picture_table(report: Report) -> Table:
    """The report on reconstructions."""
    return [
        ("", "MSE", "PSNR, dB", "SSIM", "BCE above BCE(x, x), nats"),
        *(
            (title, f"{p.mse:.5f}", f"{p.psnr:.2f}", f"{p.ssim:.3f}", f"{p.bce_above_floor:.1f}")
            for title, p in (
                ("from posterior means", report.reconstruction),
                ("from sampled codes", report.reconstruction_sampled),
            )
        ),
        (
            "  the original's (five images of one face)",
            f"{RECONSTRUCTION[0]:.5f}",
            f"{RECONSTRUCTION[1]:.1f}",
            "",
            "",
        ),
    ]
