"""What a data set holds, in a few lines."""

import json

from facegen.listing import in_runs
from facegen.scene import SPLITS
from facegen.shards import Dataset
from facegen.truth_columns import COLUMNS


def describe(dataset: Dataset) -> str:
    """Say what is in a data set, how it varies and how it was made; raises UserError."""
    header, entries = dataset.manifest.header, dataset.manifest.entries
    size = sum(entry.bytes for entry in entries)
    kind = "RGB" if header.colour else "gray"
    lines = [
        f"{dataset.path}: {dataset.size}x{dataset.size} {kind}, {size / 1e9:.3f} GB in "
        f"{len(entries)} shards, manifest {dataset.fingerprint}"
    ]
    for split in SPLITS:
        kinds = dataset.factor_ids(split)
        counts = [f"{(kinds == i).sum():,} {name}" for i, name in enumerate(dataset.factors)]
        lines.append(
            f"{split}: {len(kinds) * dataset.group_size:,} images; mini-batches of "
            f"{dataset.group_size} by what varies: {', '.join(counts)}"
        )
    columns = (header.labels, header.low, header.high, header.units, header.positive)
    for name, low, high, unit, positive in zip(*columns, strict=True):
        lines.append(f"{name}: {low:g} to {high:g} {unit}; positive: {positive}")
    for what, count, names in (
        ("identity", header.identity_size, header.identity_names),
        ("expression", header.expression_size, header.expression_names),
    ):
        if count:
            named = f": {in_runs(names)}" if names else ""
            lines.append(f"{what}: {count} coefficients{named}")
    if header.truth:
        lines.append(f"truth beside the images: {', '.join(column.name for column in COLUMNS)}")
    lines.append(f"face model: {header.face_model} ({header.fingerprint}), {header.licence}")
    lines.append(f"made by {header.generator}, seed {header.seed}: {json.dumps(header.config)}")
    return "\n".join(lines)
