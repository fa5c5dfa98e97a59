"""Errors clustered in two dimensions, guarded where clusters are few."""

from dataclasses import replace
from typing import Any

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.fitted import Fit


def fit_two_way(y: Array, X: Array, *, clusters: tuple[Codes, ...], **options: Any) -> Fit:
    """Fit with the largest of the two-way and the one-way clustered variances of the first coefficient.

    Parameters
    ----------
    y, X, options
        As for :func:`withintask.tests_of_model.regression.fit.fit`; the coefficient of interest is the first.
    clusters
        One or two dimensions.

    Returns
    -------
    Fit
        Degrees of freedom of the dimension with fewer clusters.

    Notes
    -----
    Cameron, Gelbach and Miller (2011) subtract the variance clustered by the intersection. With few clusters and an
    effect common to a whole cluster, the demeaned scores lack in one dimension what the intersection takes away, and
    their errors come out below those of one way alone; the larger of the two is then the sound one.
    """
    absorb, weights = options.pop("absorb", ()), options.pop("weights", None)
    if absorb:
        options["projector"] = Projector(absorb, weights=weights)
    else:
        options["weights"] = weights
    ways = [clusters, *((code,) for code in clusters)] if len(clusters) > 1 else [clusters]
    fits = [fit(y, X, cluster=way, **options) for way in ways]
    largest = max(fits, key=lambda one: float(np.nan_to_num(one.covariance[0, 0], nan=-1.0)))
    fewest = np.nanmin([one.dof for one in fits], axis=0)
    said = tuple(
        dict.fromkeys(
            (*largest.messages, *(m for one in fits for m in one.messages if "dropped" in m))
        )
    )
    return replace(largest, dof=fewest, messages=said)
