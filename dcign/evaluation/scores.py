"""The field's scores of disentanglement, of one set of codes."""

from dataclasses import dataclass

from dcign.codes import Codes
from dcign.metrics.dci import Dci, dci
from dcign.metrics.factor_vae import factor_vae
from dcign.metrics.mig import Mig, mig
from dcign.metrics.ridgeway import explicitness, modularity
from dcign.metrics.sap import sap


@dataclass(frozen=True)
class Scores:
    """Scores over azimuth, elevation and light, 1 is best; posterior means unless said otherwise.

    mig: 20 bins of equal count. mig_sampled: the same on sampled codes. mig_equal_width: 20 bins of
        equal width, as disentanglement_lib has them.
    live_units: how many units the images move at all; the FactorVAE score, modularity and
        explicitness are over these.
    """

    mig: Mig
    mig_sampled: Mig
    mig_equal_width: Mig
    dci: Dci
    sap: float
    factor_vae: float
    modularity: float
    explicitness: float
    live_units: int


def score(train: Codes, test: Codes) -> Scores:
    """Fits on train and judges on test, where something is fitted; else on test alone."""
    live = train.live()
    return Scores(
        mig=mig(test.mean, test.labels),
        mig_sampled=mig(test.sampled(1), test.labels),
        mig_equal_width=mig(test.mean, test.labels, equal=True),
        dci=dci(train.mean, train.labels, test.mean, test.labels),
        sap=sap(test.mean, test.labels),
        factor_vae=factor_vae(test.mean, test.labels, test.group_id, live),
        modularity=modularity(test.mean, test.labels, live),
        explicitness=explicitness(train.mean, train.labels, test.mean, test.labels, live),
        live_units=int(live.sum()),
    )
