"""Event studies of a staggered roll-out: effects by cohort and period, averaged, with bands and a test of the leads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array, Flags
from withintask.panel.errors import ParameterError, list_problems, several
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.hypotheses.estimates import LEVEL
from withintask.tests_of_model.hypotheses.event_averages import (
    AVERAGES,
    EVENT_TIME,
    GROUP_TIME,
    OVERALL,
    EventAverages,
    event_averages,
    take,
)
from withintask.tests_of_model.hypotheses.event_randomized import Randomized, randomized_study
from withintask.tests_of_model.hypotheses.rollout_averages import Method
from withintask.tests_of_model.hypotheses.rollout_outcomes import (
    TERMS,
    Outcome,
    OutcomePaths,
    outcome_paths,
)
from withintask.tests_of_model.regression.aggregates import Averages
from withintask.tests_of_model.regression.group_time import Controls
from withintask.tests_of_model.regression.simultaneous import JointTest, band_factors, joint_test
from withintask.tests_of_model.samples.controls import Adjust, check_adjust
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import joined

SCHEMA = {
    "average": pl.String,
    "cohort": pl.Int64,
    "period": pl.Int64,
    "event_time": pl.Int64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "dof": pl.Float64,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "band_low": pl.Float64,
    "band_high": pl.Float64,
    "n_clusters": pl.Int64,
}
"""Columns of the effects."""

StudyErrors = Literal["auto", "randomization"]
STUDY_ERRORS: tuple[str, ...] = get_args(StudyErrors)


class _Asked(TypedDict):
    """What an event study was asked for."""

    outcome: Outcome
    method: Method
    controls: Controls
    level: float


@dataclass(frozen=True, kw_only=True, eq=False)
class EventStudy:
    """Effects of a roll-out and how they were estimated."""

    outcome: Outcome
    """What was followed."""
    term: str
    """Its estimand."""
    method: Method
    """How."""
    controls: Controls
    """Compared with whom."""
    level: float
    """Coverage of intervals and bands."""
    effects: pl.DataFrame
    """One row an average: ``average, cohort, period, event_time, estimate, std_error, dof, statistic, p_value, conf_low,
    conf_high, band_low, band_high, n_clusters``. Bands hold for all rows of an average at once. An error is unknown where
    the row hangs on one firm."""
    by_event_time: Averages
    """Averages by event time with the influences of clusters, in the order of their rows."""
    pre_trends: JointTest
    """Test that all leads are zero."""
    n_obs: int
    """Rows of output behind the values that were compared."""
    n_clusters: int
    """Units of assignment among them."""
    message: str
    """What was left out, and what there is to know."""
    convention: str
    """Of the errors."""

    def tidy(self, *averages: str) -> pl.DataFrame:
        """Return the effects, of some averages or all."""
        unknown = [name for name in averages if name not in AVERAGES]
        if unknown:
            raise ParameterError(
                f"average: unknown {', '.join(unknown)}; known are {', '.join(AVERAGES)}"
            )
        chosen = averages or AVERAGES
        return self.effects.filter(pl.col("average").is_in(list(chosen)))

    def coef(self) -> pl.DataFrame:
        """Return ``event_time, estimate`` of the event study."""
        return self.tidy(EVENT_TIME).select("event_time", "estimate")

    def vcov(self) -> Array:
        """Return the covariance of :meth:`coef`, NaN where an estimate hangs on one firm, (event time, event time)."""
        return self.by_event_time.covariance

    def confint(self, *, joint: bool = False) -> pl.DataFrame:
        """Return ``event_time, low, high``: intervals of each alone, or bands of all at once."""
        names = ("band_low", "band_high") if joint else ("conf_low", "conf_high")
        ends = {"low": pl.col(names[0]), "high": pl.col(names[1])}
        return self.tidy(EVENT_TIME).select("event_time", **ends)

    def summary(self) -> str:
        """Say in a few lines what was found."""
        row = self.tidy(OVERALL).row(0, named=True)
        test = self.pre_trends
        lines = [
            f"{self.outcome} ({self.term}), {self.method.replace('_', ' ')}, controls {self.controls.replace('_', ' ')}",
            f"overall {row['estimate']:+.4f} ({row['std_error']:.4f}), {100 * self.level:g} % interval "
            f"{row['conf_low']:+.4f} to {row['conf_high']:+.4f}; {self.n_obs:,} rows, {self.n_clusters} clusters",
            f"leads: F({test.dof[0]:g}, {test.dof[1]:.1f}) = {test.statistic:.2f}, p = {test.p_value:.3f}"
            if test.n_tested
            else f"leads: {test.note}",
        ]
        return "\n".join([*lines, *([self.message] if self.message else [])])


def event_study(
    data: Data,
    *,
    outcome: Outcome = "dispersion",
    method: Method = "group_time",
    controls: Controls = "not_yet",
    level: float = LEVEL,
    covariates: str | Sequence[str] = (),
    weight: str = "",
    errors: StudyErrors = "auto",
    first_ai_period: int | None = None,
) -> EventStudy:
    """Estimate the effects of a staggered roll-out on dispersion, gradients or means.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table.
    outcome
        ``dispersion`` (log coefficient of variation within firm and task), ``dispersion_net`` (log standard deviation of
        ability, net of noise by pairs of items), ``gradient`` (slope of log output on ability measured before AI) or ``mean``.
    method
        ``group_time`` (Callaway and Sant'Anna 2021) or ``imputation`` (Borusyak, Jaravel and Spiess 2024), which has no leads.
    controls
        ``not_yet``, those without AI in the periods compared; or ``never``.
    level
        Coverage of intervals and bands.
    covariates
        Columns to control for, as ``controls`` of :func:`withintask.estimate`: ``tenure``, ``C(site)``. Units' means of them, with
        slopes from values without AI; one slope a period where a unit's mean does not change.
    weight
        Column of sampling weights, beside ``outputs.weight``.
    errors
        ``auto``, the cluster jackknife; or ``randomization``: p-values, intervals and bands from dealing out the dates anew
        among what was assigned, within strata.
    first_ai_period
        First period in which AI exists; as the panel says if None.

    Returns
    -------
    EventStudy

    Raises
    ------
    EstimationError
        If there is nothing to compare: every reason, and what would do.
    ParameterError
        If a column is not there, or errors are not known.

    Examples
    --------
    >>> import withintask as wt
    >>> sizes = ["n_workers=120", "n_firms=12", "n_tasks=2", "n_items=4", "n_pre=3", "n_post=3"]
    >>> panel = wt.draw_panel("rct", seed=1, settings=[*sizes, "treatment=staggered"])
    >>> study = wt.event_study(panel, outcome="mean")
    >>> study.tidy("overall").columns[:6]
    ['average', 'cohort', 'period', 'event_time', 'estimate', 'std_error']
    """
    panel = as_panel(data, first_ai_period=first_ai_period).collect()
    adjust = Adjust(controls=several(covariates), weight=weight)
    warnings = check_adjust(panel, adjust)
    if errors not in STUDY_ERRORS:
        known = ", ".join(STUDY_ERRORS)
        raise ParameterError(f"event study: errors is {errors!r}, expected one of {known}")
    sample = Sample(panel, adjust=adjust)
    paths = outcome_paths(sample, outcome)
    paths = replace(paths, message=joined(*warnings, paths.message))
    _fail_if_impossible(paths, method, controls, level)
    made = event_averages(paths, method=method, controls=controls)
    asked: _Asked = {"outcome": outcome, "method": method, "controls": controls, "level": level}
    draws = randomized_study(sample, paths, made, **asked) if errors == "randomization" else None
    return _study(paths, made, draws, **asked)


def group_time_effects(
    data: Data,
    *,
    outcome: Outcome = "dispersion",
    controls: Controls = "not_yet",
    level: float = LEVEL,
    first_ai_period: int | None = None,
) -> pl.DataFrame:
    """Estimate the effect on every cohort in every period.

    Parameters
    ----------
    data, outcome, controls, level, first_ai_period
        As for :func:`event_study`.

    Returns
    -------
    polars.DataFrame
        The rows ``group_time`` of the event study's effects, leads among them.

    Examples
    --------
    >>> import withintask as wt
    >>> sizes = ["n_workers=120", "n_firms=12", "n_tasks=2", "n_items=4", "n_pre=3", "n_post=3"]
    >>> panel = wt.draw_panel("rct", seed=1, settings=[*sizes, "treatment=staggered"])
    >>> rows = wt.group_time_effects(panel, outcome="mean")
    >>> rows["cohort"].unique().sort().to_list()
    [3, 4, 5]
    """
    result = event_study(
        data, outcome=outcome, controls=controls, level=level, first_ai_period=first_ai_period
    )
    return result.tidy(GROUP_TIME)


def _study(
    paths: OutcomePaths,
    made: EventAverages,
    draws: Randomized | None,
    *,
    outcome: Outcome,
    method: Method,
    controls: Controls,
    level: float,
) -> EventStudy:
    used = made.effects.used(
        paths.rollout.n_waves, np.ones(made.effects.cohort.size, dtype=np.bool_)
    )
    leads = joint_test(take(made.averages, made.is_lead))
    frame = _frame(made, level, paths)
    convention, words = made.convention, ""
    if draws is not None:
        frame, words = _with_draws(frame, draws), draws.words
        leads = replace(leads, p_value=draws.leads_p_value)
        convention = f"randomization; t by {convention}"
    return EventStudy(
        outcome=outcome,
        term=TERMS[outcome],
        method=method,
        controls=controls,
        level=level,
        effects=frame,
        by_event_time=take(made.averages, made.named(EVENT_TIME)),
        pre_trends=leads,
        n_obs=int(paths.n_rows[used].sum()),
        n_clusters=_n_clusters(paths, used),
        message=joined(words, paths.message, _told(paths, used)),
        convention=convention,
    )


def _with_draws(frame: pl.DataFrame, draws: Randomized) -> pl.DataFrame:
    """Put the shares and quantiles of assignments in the place of the t distribution's; ends without a bound are infinite."""
    estimate, error = frame["estimate"].to_numpy(), frame["std_error"].to_numpy()
    half, band = draws.critical * error, draws.joint_critical * error
    return frame.with_columns(
        p_value=draws.p_value,
        conf_low=estimate - half,
        conf_high=estimate + half,
        band_low=estimate - band,
        band_high=estimate + band,
    )


def _frame(made: EventAverages, level: float, paths: OutcomePaths) -> pl.DataFrame:
    averages, labels = made.averages, made.labels
    error = np.sqrt(np.square(averages.influence).sum(axis=0))
    error = np.where(error > 0, error, np.nan)
    half = special.stdtrit(averages.dof, (1 + level) / 2) * error
    band = np.full(error.size, np.nan)
    for name in AVERAGES:
        chosen = made.named(name)
        band[chosen] = band_factors(take(averages, chosen), level=level) * error[chosen]
    statistic = averages.estimate / error
    periods = dict(enumerate(paths.rollout.periods))
    return pl.DataFrame(
        {
            "average": [label[0] for label in labels],
            "cohort": [None if label[1] is None else periods[label[1]] for label in labels],
            "period": [None if label[2] is None else periods[label[2]] for label in labels],
            "event_time": [label[3] for label in labels],
            "estimate": averages.estimate,
            "std_error": error,
            "dof": averages.dof,
            "statistic": statistic,
            "p_value": 2 * special.stdtr(averages.dof, -np.abs(statistic)),
            "conf_low": averages.estimate - half,
            "conf_high": averages.estimate + half,
            "band_low": averages.estimate - band,
            "band_high": averages.estimate + band,
            "n_clusters": averages.n_clusters,
        },
        schema=SCHEMA,
    )


def _n_clusters(paths: OutcomePaths, used: Flags) -> int:
    compared = np.asarray(used.any(axis=1))
    if paths.rollout.level == "firm":
        return int(np.unique(paths.cluster[compared]).size)
    unit = paths.row_place // paths.rollout.n_waves
    return int(np.unique(paths.row_cluster[compared[unit]]).size)


def _fail_if_impossible(
    paths: OutcomePaths, method: Method, controls: Controls, level: float
) -> None:
    problems = []
    if not 0 < level < 1:
        problems.append(f"level: expected a share between 0 and 1, found {level}")
    if controls == "never" and not (paths.paths.start == paths.rollout.n_waves).any():
        problems.append(
            f"controls: no {paths.rollout.level} stays without AI; controls not_yet compare with those that get it later"
        )
    if controls == "never" and method == "imputation":
        problems.append(
            "controls: imputation takes every value without AI; controls never go with group_time"
        )
    if problems:
        raise ParameterError(list_problems("event study", problems))


def _told(paths: OutcomePaths, used: Flags) -> str:
    """Say what could not be compared and which errors are unknown."""
    start = paths.paths.start
    n_waves = paths.rollout.n_waves
    notes = []
    if not (start == n_waves).any():
        last = paths.rollout.periods[int(start.max())]
        notes.append(
            f"nobody stays without AI: no effects from period {last} on, when the last start"
        )
    compared = used.any(axis=1)
    lost = ~compared & (start > 0) & (start < n_waves)
    if lost.any():
        strata = np.unique(paths.paths.stratum[lost]).size
        notes.append(f"{int(lost.sum())} units of {strata} strata left out: nobody to compare with")
    single = [
        paths.rollout.periods[g]
        for g in np.unique(start[(start > 0) & (start < n_waves)])
        if np.unique(paths.cluster[start == g]).size == 1
    ]
    if single and paths.rollout.level == "firm":
        listed = ", ".join(map(str, single))
        notes.append(f"one firm alone starts in {listed}: effects on it alone have no error")
    if paths.rollout.level == "worker":
        notes.append("workers get AI at different times within firms: firms are taken as given")
    return joined(*notes)
