"""Estimators of H1 for staggered roll-outs: one effect each, averaged over cohorts and periods."""

from functools import partial

import numpy as np

from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.estimates import from_moments
from withintask.tests_of_model.hypotheses.hypothesis import Adjustment, Estimate, Estimator
from withintask.tests_of_model.hypotheses.rollout_averages import (
    Method,
    averages_of,
    effects_of,
    jackknife_clusters,
)
from withintask.tests_of_model.hypotheses.rollout_outcomes import TERMS, Outcome, outcome_paths
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import joined


def staggered(
    sample: Sample, *, outcome: Outcome, method: Method = "group_time"
) -> tuple[Estimate, ...]:
    """Estimate the effect of a roll-out, averaged over cohorts and the periods from the second with AI on.

    Parameters
    ----------
    sample
        Of a panel in which AI is rolled out to firms or workers.
    outcome
        What is followed, see :func:`withintask.tests_of_model.hypotheses.event_study.event_study`.
    method
        Group-time effects, or imputation.

    Returns
    -------
    tuple of Estimate
        One row of the outcome's term.

    Raises
    ------
    EstimationError
        If there is nothing to compare.

    Notes
    -----
    The estimand is the effect of AI at its frontier. In its first period with AI a unit is still on its way there, so that
    this period is left out where a later one is seen; the event study has all.
    """
    paths = outcome_paths(sample, outcome)
    effects = effects_of(paths, jackknife_clusters(paths), method=method, controls="not_yet")
    known = np.isfinite(effects.estimate[0])
    later = known & (effects.event_time > 0)
    chosen = later if later.any() else known & (effects.event_time == 0)
    if not chosen.any():
        raise EstimationError(
            joined(
                "no cohort has both a period before its start and others without AI to compare with",
                paths.message,
            )
        )
    averages, convention = averages_of(paths, effects, [chosen], method=method, controls="not_yet")
    since = "from the second period with AI on" if later.any() else "in the first period with AI"
    pairs = f"{np.unique(effects.cohort[chosen]).size} cohorts, {int(chosen.sum())} cohort-periods {since}"
    row = from_moments(
        TERMS[outcome],
        float(averages.estimate[0]),
        float(np.sqrt(averages.covariance[0, 0])),
        dof=float(averages.dof[0]),
        n_obs=int(paths.n_rows[effects.used(paths.rollout.n_waves, chosen)].sum()),
        n_clusters=int(averages.n_clusters[0]),
        convention=convention,
        message=joined(pairs, paths.message),
    )
    return (row,)


_OUTPUTS = (
    "outputs.output",
    "info.first_ai_period",
    "outputs.period spans first_ai_period",
    "outputs.ai_access varies",
)

_ADJUSTS: tuple[Adjustment, ...] = ("control", "weight")
"""Units' effects, and those of periods within strata, are out anyway: no further ones are absorbed."""

STAGGERED_ESTIMATORS = (
    Estimator(
        name="dispersion_staggered",
        summary="cell log dispersion of firms with AI against firms that have it not yet, by cohort and period",
        needs=_OUTPUTS,
        terms=("delta_log_cv",),
        run=partial(staggered, outcome="dispersion"),
        version=4,
        adjusts=_ADJUSTS,
    ),
    Estimator(
        name="dispersion_staggered_imputed",
        summary="the same, against what units and periods without AI let one impute; a second opinion",
        needs=_OUTPUTS,
        terms=("delta_log_cv",),
        run=partial(staggered, outcome="dispersion", method="imputation"),
        version=2,
        adjusts=_ADJUSTS,
    ),
    Estimator(
        name="pairs_staggered",
        summary="log spread of ability net of noise, by pairs of items, of firms with AI against firms that have it not yet",
        needs=(*_OUTPUTS, "outputs.worker_id repeats over period"),
        terms=("delta_log_sd",),
        run=partial(staggered, outcome="dispersion_net"),
        version=2,
        adjusts=_ADJUSTS,
    ),
    Estimator(
        name="gradient_staggered",
        summary="slope of log output on measured ability in firms with AI against firms that have it not yet",
        needs=(*_OUTPUTS, "workers.ability_log"),
        terms=("ability_gradient",),
        run=partial(staggered, outcome="gradient"),
        version=2,
        adjusts=_ADJUSTS,
    ),
    Estimator(
        name="effect_staggered",
        summary="mean output of firms with AI against firms that have it not yet, by cohort and period",
        needs=_OUTPUTS,
        terms=("average_effect_log",),
        run=partial(staggered, outcome="mean"),
        version=2,
        adjusts=_ADJUSTS,
    ),
)
"""Estimators for roll-outs, of H1's terms."""
