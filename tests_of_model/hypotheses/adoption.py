"""Staggered adoption: effects on cell dispersion, robust to effects that grow with time since adoption.

Two-way effects compare late adopters with early ones whose own effect is still growing, and so are biased
(Goodman-Bacon 2021); the robust estimator compares each cohort only with firms that have not yet adopted
(Callaway and Sant'Anna 2021).
"""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.dispersion import (
    SMALLEST_CELL,
    log_dispersion,
    make_cells,
)
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, from_moments
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.task_rows import TaskRows, firm_task
from withintask.tests_of_model.samples.unknown import joined

TERM = "delta_log_cv"


@dataclass(frozen=True, kw_only=True, eq=False)
class DispersionPaths:
    """Log dispersion of each firm and task over periods; units seen in every period."""

    path: Array
    """Log coefficient of variation, (unit, period)."""
    adoption: Codes
    """First period with access, counted from the panel's first; the number of periods if never, (unit,)."""
    firm: Codes
    """Firm, (unit,)."""
    task: Codes
    """Task, (unit,)."""
    n_rows: Codes
    """Rows of output behind the paths, (unit,)."""
    message: str
    """What was left out."""


def dispersion_paths(rows: TaskRows, note: str = "") -> DispersionPaths:
    """Compute the paths of all firm-task units over the periods that occur.

    Parameters
    ----------
    rows
        Rows of exposed tasks, access known.
    note
        What was left out before.

    Raises
    ------
    EstimationError
        If there is nothing to compare: no unit is seen in every period, all adopt at once, none does, or adoption ends.
    """
    if rows.output.size == 0:
        raise EstimationError(joined("no row of an exposed task", note))
    unit, wave = firm_task(rows), encode(rows.period)
    cells = make_cells(unit, np.zeros_like(unit), rows.period, rows.is_post)
    theta, _ = log_dispersion(cells, rows.output, "log_cv")
    n_periods = int(wave.max()) + 1
    path = theta.reshape(cells.n_groups, 2, n_periods)[:, 0]
    adoption = np.full(cells.n_groups, n_periods)
    with_access = rows.access > 0
    np.minimum.at(adoption, unit[with_access], wave[with_access])
    _fail_if_adoption_ends(rows, unit, wave, adoption)
    n_tasks = int(rows.task.max()) + 1
    seen = np.isfinite(path).all(axis=1)
    number = np.flatnonzero(seen)
    if number.size == 0:
        reason = f"no firm and task has {SMALLEST_CELL} rows that vary in each of the {n_periods} periods"
        raise EstimationError(joined(reason, note))
    if np.unique(adoption[seen]).size < 2:
        raise EstimationError("all firms adopt in the same period, or none does")
    n_left = int(np.unique(unit).size - number.size)
    left = f"{n_left} firm-task units left out: too few rows in a period" if n_left else ""
    return DispersionPaths(
        path=path[seen],
        adoption=adoption[seen],
        firm=number // n_tasks,
        task=number % n_tasks,
        n_rows=np.bincount(unit, minlength=cells.n_groups)[seen],
        message=joined(left, note),
    )


def _fail_if_adoption_ends(rows: TaskRows, unit: Codes, wave: Codes, adoption: Codes) -> None:
    """Refuse units in which nobody has access in a period after the first with access."""
    key = unit * (int(wave.max()) + 1) + wave
    has_access = np.bincount(key, rows.access > 0) > 0
    ended = (wave > adoption[unit]) & ~has_access[key]
    if ended.any():
        n_firms = np.unique(rows.firm[ended]).size
        raise EstimationError(
            f"access ends in {n_firms} firms after it began, which is not modelled"
        )


def longest_effect(paths: DispersionPaths) -> Estimate:
    """Effect at the longest time since adoption that not-yet-adopters can be compared with.

    The mean over cohorts g of E[θ(g+e) - θ(g-1) | adopted at g] - E[the same | not adopted by g+e], weighted by the
    cohorts' sizes; errors from the units' influence, clustered by firm and by task less their intersection (Cameron,
    Gelbach and Miller 2011), and no smaller than clustered one way; degrees of freedom of the side with fewest firms.
    """
    n_periods = paths.path.shape[1]
    for age in range(n_periods - 1, -1, -1):
        cohorts = [g for g in range(1, n_periods - age) if _can_compare(paths, g, age)]
        if cohorts:
            return _effect_at(paths, cohorts, age)
    return failure(
        TERM,
        "unusable",
        "no cohort has both a period before adoption and firms that have not yet adopted",
    )


def _can_compare(paths: DispersionPaths, cohort: int, age: int) -> bool:
    return bool((paths.adoption == cohort).any() and (paths.adoption > cohort + age).any())


def _effect_at(paths: DispersionPaths, cohorts: list[int], age: int) -> Estimate:
    n_units = paths.adoption.size
    total = sum(int((paths.adoption == g).sum()) for g in cohorts)
    effect, influence, fewest = 0.0, np.zeros(n_units), n_units
    used = np.zeros(n_units, dtype=np.bool_)
    for cohort in cohorts:
        change = paths.path[:, cohort + age] - paths.path[:, cohort - 1]
        adopters, others = paths.adoption == cohort, paths.adoption > cohort + age
        share = adopters.sum() / total
        effect += share * (change[adopters].mean() - change[others].mean())
        for chosen, sign in ((adopters, share), (others, -share)):
            n_firms = np.unique(paths.firm[chosen]).size
            fewest = min(fewest, n_firms)
            used |= chosen
            # Each side's mean is estimated from its own firms: n/(n - 1), as in a comparison of two means.
            small = np.sqrt(n_firms / (n_firms - 1)) if n_firms > 1 else np.inf
            influence[chosen] += (
                sign * small * (change[chosen] - change[chosen].mean()) / chosen.sum()
            )
    by_firm, by_task, by_unit = (
        float(np.square(np.bincount(code, influence)).sum())
        for code in (paths.firm, paths.task, np.arange(n_units))
    )
    variance = max(by_firm + by_task - by_unit, by_firm, by_task)
    return from_moments(
        TERM,
        float(effect),
        float(np.sqrt(variance)),
        dof=fewest - 1,
        n_obs=int(paths.n_rows[used].sum()),
        n_clusters=fewest,
        convention="influence, clustered by firm and by task",
        message=joined(f"{age + 1} periods after adoption, {len(cohorts)} cohorts", paths.message),
    )


def two_way_effect(paths: DispersionPaths, options: Options) -> Estimate:
    """Coefficient of adoption with firm-task and period effects."""
    n_units, n_periods = paths.path.shape
    period = np.tile(np.arange(n_periods), n_units)
    unit = np.repeat(np.arange(n_units), n_periods)
    adopted = (period >= paths.adoption[unit]).astype(np.float64)
    fitted = fit_two_way(
        paths.path.ravel(),
        adopted[:, None],
        names=["adopted"],
        clusters=(paths.firm[unit], paths.task[unit]),
        options=options,
        effects=Effects(absorb=[unit, encode(period)]),
    )
    return from_fit(fitted, {TERM: "adopted"}, message=paths.message)[0]
