"""From whatever a user holds to a curve over persistence of noise, and to the effect by baseline."""

from collections.abc import Sequence

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.panel.memory import Data, as_panel
from withintask.panel.trial_arms import of_arm, with_access
from withintask.tests_of_model.hypotheses import effect_by_baseline as by_baseline
from withintask.tests_of_model.hypotheses import persistence as over_persistence
from withintask.tests_of_model.hypotheses.pair_terms import GRADIENT, LOG_SD, terms_of
from withintask.tests_of_model.hypotheses.pairs import ability_by_pairs
from withintask.tests_of_model.samples.comparisons import FOLLOWED, Form, first_form
from withintask.tests_of_model.samples.sample import Sample


def persistence_curve(
    data: Data,
    *,
    form: Form | None = None,
    arm: str = "",
    persistence: Sequence[float] = over_persistence.GRID,
) -> pl.DataFrame:
    """Estimate ability's spread, its gradient and noise under assumed persistence of noise.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table.
    form
        What is compared: ``within``, ``between``, ``before_after`` or ``difference``; the one that takes least for granted
        of those that the panel has rows for if None.
    arm
        The arm that is compared with the control, of several; all with AI together if empty.
    persistence
        Correlations of the noise of neighbouring items, from 0 to below 1.

    Returns
    -------
    polars.DataFrame
        ``form``, then the columns of :func:`withintask.tests_of_model.hypotheses.persistence.persistence_curve`: the estimate
        and its set by term and persistence, and the ``breakdown`` at which the term's sign is lost.

    Raises
    ------
    EstimationError
        If nothing is compared, or no pair is left.
    ParameterError
        If a value or the arm is not known.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> curve = wt.persistence_curve(panel)
    >>> {"persistence", "term", "estimate", "conf_low", "conf_high"} <= set(curve.columns)
    True
    """
    sample = _sample(data, arm)
    chosen = form or first_form(sample.item_rows, arm=sample.arm_number)
    curve = over_persistence.persistence_curve(sample, chosen, persistence=persistence)
    return curve.select(pl.lit(chosen).alias("form"), pl.all())


def signs_lost_at(data: Data, form: Form, *, arm: str = "") -> dict[str, float | None]:
    """Return for ability's spread and gradient the persistence of noise at which the sign is lost.

    Parameters
    ----------
    data, form, arm
        As for :func:`persistence_curve`.

    Returns
    -------
    dict of str to float or None
        By term: 0 if it is lost without any persistence, None if it holds up to .95; empty if no pair is left.
    """
    sample = _sample(data, arm)
    try:
        ability = ability_by_pairs(sample.item_rows, form, distance=1, arm=sample.arm_number)
    except EstimationError:
        return {}
    terms = [term for term in terms_of(form) if term in (LOG_SD, GRADIENT)]
    return {term: over_persistence.breakdown(ability, term) for term in terms}


def effect_by_baseline(
    data: Data, *, form: Form | None = None, n_groups: int = 4, arm: str = ""
) -> pl.DataFrame:
    """Estimate the effect of AI in groups of workers by their output without it, free of regression to the mean.

    Parameters
    ----------
    data, arm
        As for :func:`persistence_curve`.
    form
        ``within``, ``before_after`` or ``difference``: workers must be seen on both sides; the one that takes least for granted if None.
    n_groups
        Groups of equal size: 4 for quartiles, 10 for deciles.

    Returns
    -------
    polars.DataFrame
        ``form``, then the columns of :func:`withintask.tests_of_model.hypotheses.effect_by_baseline.effect_by_baseline`, the
        least able group first.

    Raises
    ------
    EstimationError
        If nothing is compared, or ability is not detected.
    ParameterError
        If the form follows no worker, there are fewer than two groups or no such arm.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> groups = wt.effect_by_baseline(panel, n_groups=4)
    >>> groups.height
    4
    """
    sample = _sample(data, arm)
    chosen = form or first_form(sample.item_rows, arm=sample.arm_number, forms=FOLLOWED)
    groups = by_baseline.effect_by_baseline(sample, chosen, n_groups=n_groups)
    return groups.select(pl.lit(chosen).alias("form"), pl.all())


def _sample(data: Data, arm: str) -> Sample:
    panel = with_access(as_panel(data))
    if arm:
        of_arm(panel, arm)
    return Sample(panel, arm=arm)
