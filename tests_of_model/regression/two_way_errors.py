"""Errors clustered in two dimensions, guarded where clusters are few."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.regression.absorb import Projector, compact_codes
from withintask.tests_of_model.regression.fit import Once, fit
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
        Degrees of freedom of the dimension with fewer. Few clusters are corrected for in the first dimension, and in the
        two-way variance through it; the wild bootstrap runs in the dimension with the larger variance.

    Notes
    -----
    Cameron, Gelbach and Miller (2011) subtract the variance clustered by the intersection. With few clusters and an
    effect common to a whole cluster, the demeaned scores lack in one dimension what the intersection takes away, and
    their errors come out below those of one way alone; the larger of the two is then the sound one.
    """
    if effects.absorb:
        weights = None if effects.weights is None else np.asarray(effects.weights, dtype=float)
        projector = Projector(effects.absorb, weights=weights)
        effects = replace(effects, absorb=(), weights=None, projector=projector)

    # The same arrays for all fits, so that sums within them are found once; what is not known the fits refuse.
    clusters = tuple(c if np.min(c, initial=0) < 0 else compact_codes(c) for c in clusters)
    once = Once()

    def clustered(way: tuple[Codes, ...], how: Options) -> Fit:
        return fit(
            y,
            X,
            names=names,
            effects=effects,
            instruments=instruments,
            inference=Inference(cluster=way, tested=names[:1]),
            options=how,
            once=once,
        )

    bare = replace(options, errors="CR1")
    plain = replace(options, errors="CR1" if options.errors == "wild" else options.errors)
    # The second dimension (tasks) stays CR1: effects of workers cross it by hundreds, and nobody assigned tasks.
    fits = [clustered((clusters[0],), plain), *(clustered((code,), bare) for code in clusters[1:])]
    if len(clusters) > 1:
        both = clustered(clusters, bare)
        fits.insert(0, _corrected(both, fits, clustered((once.sums.intersection(clusters),), bare)))
    largest = max(range(len(fits)), key=lambda place: _variance(fits[place]))
    fewest = np.fmin.reduce([each.dof for each in fits])
    dropped = [
        m for each in fits for m in each.messages if "dropped" in m or m.startswith("errors CR1")
    ]
    messages = tuple(dict.fromkeys((*fits[largest].messages, *dropped)))
    if options.errors == "wild":
        ways = range(len(fits) - len(clusters), len(fits))
        way = max(ways, key=lambda place: _variance(fits[place])) - ways[0]
        tested = clustered((clusters[way],), options)
        return replace(tested, messages=tuple(dict.fromkeys((*tested.messages, *dropped))))
    if fits[largest].covariance_kind != fits[len(fits) - len(clusters)].covariance_kind:
        messages = (*messages, _SECOND)
    return replace(fits[largest], dof=fewest, messages=messages)


_SECOND = "errors CR1 by the second dimension, whose variance is the largest"


def _variance(fitted: Fit) -> float:
    return float(np.nan_to_num(fitted.covariance[0, 0], nan=-1.0))


def _corrected(both: Fit, ways: Sequence[Fit], cell: Fit) -> Fit:
    """The two-way variance, its one-way terms corrected for few clusters where they were.

    The term of the intersection, whose clusters are many, stays as it is but for the small-sample factor.
    """
    kinds = [way.covariance_kind for way in ways]
    if all(kind == "cluster" for kind in kinds):
        return both
    groups = cell.n_clusters
    matrix = ways[0].covariance + ways[1].covariance - cell.covariance * (groups - 1) / groups
    corrected = next(way for way in ways if way.covariance_kind != "cluster")
    return replace(
        both,
        covariance=matrix,
        covariance_kind=corrected.covariance_kind,
        messages=tuple(dict.fromkeys((*corrected.messages, *both.messages))),
    )
