"""Whether features tell who is who: verification and retrieval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from dcign.metrics import Array


@dataclass(frozen=True)
class Recognition:
    """auc: area under the ROC curve of verifying pairs of pictures; 0.5 is chance.

    top1: the part of pictures whose nearest neighbour, among one picture of each person, is of the
    same person.
    """

    auc: float
    top1: float


def recognise(features: Array, person: NDArray[np.integer], centre: Array) -> Recognition:
    """Compares features (image, feature) by their cosine around centre (feature,).

    person (image,): who it is. The first picture of each person is in the gallery, the others
    look for theirs; all pairs of pictures are verified.
    """
    shifted = (features - centre).astype(np.float64)
    unit = shifted / np.maximum(np.linalg.norm(shifted, axis=1, keepdims=True), 1e-12)
    alike = unit @ unit.T
    first, second = np.triu_indices(len(person), 1)
    auc = float(roc_auc_score(person[first] == person[second], alike[first, second]))
    _, gallery = np.unique(person, return_index=True)
    others = np.setdiff1d(np.arange(len(person)), gallery)
    nearest = gallery[alike[np.ix_(others, gallery)].argmax(1)]
    return Recognition(auc, float((person[nearest] == person[others]).mean()))
