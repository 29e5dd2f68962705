"""Whether the intrinsic code tells who somebody is, whatever the pose and light."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from dcign.codes import some_groups
from dcign.evaluation.seen import Seen
from dcign.evaluation.studio import Studio
from dcign.metrics import Array
from dcign.metrics.verification import Recognition, recognise

EIGENFACES = 60
EIGENFACE_GROUPS = 60
"""Mini-batches of the training split from which the eigenfaces are computed."""


def recognition(
    seen: Seen, studio: Studio, others: dict[str, Seen | None]
) -> dict[str, Recognition]:
    """Verification and retrieval of the studio's crowd, by name of the features.

    intrinsic, units: of the run's code, all but the factors' units, and these. pixels; eigenfaces:
    whitened principal components of the training images (Turk and Pentland 1991). others: the
    intrinsic codes of other runs. All are centred on the training images.
    """
    crowd = studio.crowd
    result = {
        name: _of_code(other, studio, other.rest)
        for name, other in {"intrinsic": seen, **others}.items()
        if other is not None
    }
    result["units"] = _of_code(seen, studio, np.array(seen.units))
    groups = some_groups(seen.dataset, "train", EIGENFACE_GROUPS)
    read = seen.dataset.read("train", groups).images
    faces = seen.images(read.reshape(-1, *read.shape[2:]))
    training = faces.reshape(len(faces), -1)
    pixels = seen.images(crowd.images).reshape(len(crowd.images), -1)
    result["pixels"] = recognise(pixels, crowd.person, training.mean(0))
    parts = min(EIGENFACES, len(training) - 1, training.shape[1])
    pca = PCA(parts, whiten=True, svd_solver="randomized", random_state=0).fit(training)
    centre: Array = np.zeros(parts)
    result["eigenfaces"] = recognise(pca.transform(pixels), crowd.person, centre)
    return result


def _of_code(seen: Seen, studio: Studio, units: NDArray[np.int64]) -> Recognition:
    codes = seen.codes(seen.images(studio.crowd.images))[:, units]
    return recognise(codes, studio.crowd.person, seen.train.mean[:, units].mean(0))
