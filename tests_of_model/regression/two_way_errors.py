"""Errors clustered in two dimensions, guarded where clusters are few."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.options import (
    DEFAULT,
    NO_EFFECTS,
    Effects,
    Inference,
    Instruments,
    Options,
)


def fit_two_way(
    y: Array,
    X: Array,
    *,
    names: Sequence[str],
    clusters: tuple[Codes, ...],
    effects: Effects = NO_EFFECTS,
    instruments: Instruments | None = None,
    options: Options = DEFAULT,
) -> Fit:
    """Fit with the largest of the two-way and the one-way clustered variances of the first coefficient.

    Parameters
    ----------
    y, X, names, effects, instruments, options
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
    if effects.absorb:
        weights = None if effects.weights is None else np.asarray(effects.weights, dtype=float)
        effects = Effects(projector=Projector(effects.absorb, weights=weights))
    ways = [clusters, *((code,) for code in clusters)] if len(clusters) > 1 else [clusters]
    fits = [
        fit(
            y,
            X,
            names=names,
            effects=effects,
            instruments=instruments,
            inference=Inference(cluster=way),
            options=options,
        )
        for way in ways
    ]
    largest = max(fits, key=lambda fit: float(np.nan_to_num(fit.covariance[0, 0], nan=-1.0)))
    fewest = np.fmin.reduce([each.dof for each in fits])
    dropped = [message for each in fits for message in each.messages if "dropped" in message]
    messages = tuple(dict.fromkeys((*largest.messages, *dropped)))
    return replace(largest, dof=fewest, messages=messages)
