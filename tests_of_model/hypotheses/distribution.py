"""Effects beyond the mean: quantiles, p90/p10, variance and Gini, by recentred influence functions with covariates."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.hypotheses.average_effect import EffectRows, effect_rows
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, tidy
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.errors import Errors, check_errors
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.comparisons import Form
from withintask.tests_of_model.samples.controls import Adjust, check_adjust
from withintask.tests_of_model.samples.sample import Sample

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SPREAD, VARIANCE, GINI = "delta_log_p90_p10", "delta_variance", "delta_gini"


def distribution(
    data: Data,
    *,
    form: Form = "between",
    quantiles: Sequence[float] = QUANTILES,
    controls: Sequence[str] = (),
    errors: Errors = "auto",
) -> pl.DataFrame:
    """Estimate effects of access on quantiles and on the spread of output.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`.
    form
        ``between`` workers after AI's arrival, or ``difference`` in differences.
    quantiles
        Shares between 0 and 1.
    controls
        Columns, as for :func:`withintask.estimate`; the declared covariates if empty.
    errors
        ``auto``, ``CR1``, ``CR2``, ``CR3`` or ``wild``.

    Returns
    -------
    polars.DataFrame
        Rows ``quantile_effect_0.1`` and so on, in units of the analysed outcome (logs, or levels of counts, answers and
        scores); ``delta_log_p90_p10`` (of a log outcome; else p90 - p10), ``delta_variance`` and, of outcomes above zero,
        ``delta_gini``.

    Notes
    -----
    Firpo, Fortin and Lemieux (2009): each row's recentred influence function, by the distribution of its own arm and side, is
    regressed on access, the means of tasks and periods, and covariates. Without the latter two the coefficient is the
    difference of the statistics themselves. These are effects on the distribution, not on people at a rank, unless AI keeps
    ranks; single outputs carry noise, which pairs of items take off.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> rows = wt.distribution(panel, quantiles=(0.1, 0.9))
    >>> rows["term"].to_list()
    ['quantile_effect_0.1', 'quantile_effect_0.9', 'delta_log_p90_p10', 'delta_variance', 'delta_gini']
    """
    check_errors(errors)
    _check(form, quantiles, errors)
    terms = (*(f"quantile_effect_{q:g}" for q in quantiles), SPREAD, VARIANCE, GINI)
    panel, adjust = as_panel(data).collect(), Adjust(controls=tuple(controls))
    warnings = check_adjust(panel, adjust)
    try:
        sample = Sample(panel, Options(errors=errors), adjust=adjust)
        chosen = effect_rows(sample.item_rows, form)
    except EstimationError as error:
        return tidy([failure(term, "unusable", str(error)) for term in terms])
    return tidy([_effect(chosen, form, term, sample.options, warnings) for term in terms])


def _check(form: str, quantiles: Sequence[float], errors: str) -> None:
    problems = []
    if form not in ("between", "difference"):
        problems.append(f"form is {form!r}, expected 'between' or 'difference'")
    problems += [
        f"quantile {q}, expected a share between 0 and 1" for q in quantiles if not 0 < q < 1
    ]
    if errors == "randomization":
        problems.append(
            "errors 'randomization' is for withintask estimate; use auto, CR1, CR2, CR3, jackknife or wild"
        )
    if problems:
        raise ParameterError("distribution: " + "; ".join(problems))


def _effect(
    chosen: EffectRows, form: Form, term: str, options: Options, warnings: Sequence[str]
) -> Estimate:
    rows = chosen.rows
    if term == GINI and not (rows.is_log or rows.value.min() > 0):
        return failure(term, "unusable", "the Gini coefficient is for outcomes above zero")
    values = chosen.levels if term == GINI else rows.value
    side = encode(chosen.has_ai.astype(np.int64), rows.is_post.astype(np.int64))
    group = encode(rows.worker) if form == "difference" else np.zeros_like(rows.worker)
    is_treated = np.bincount(group, chosen.has_ai) > 0 if form == "difference" else None
    if is_treated is not None:
        side = encode(is_treated[group], rows.is_post)
    outcome = np.empty(values.size)
    for s in np.unique(side):
        inside = side == s
        outcome[inside] = _rif(term)(values[inside], rows.weight[inside])
    own = () if is_treated is None else (encode(is_treated[group]),)
    try:
        fitted = fit_two_way(
            outcome,
            np.column_stack([chosen.has_ai, rows.covariates]),
            names=["has_ai", *rows.covariate_names],
            clusters=chosen.clusters,
            effects=Effects(
                absorb=[*own, encode(rows.task, rows.period), *chosen.rows.effects.T],
                weights=rows.weight,
            ),
            options=options,
        )
    except EstimationError as error:
        return failure(term, "unusable", str(error))
    return from_fit(fitted, {term: "has_ai"}, message="; ".join(warnings))[0]


def _rif(term: str) -> Callable[[Array, Array], Array]:
    """Function from values and weights to recentred influence functions."""
    if term == VARIANCE:
        return lambda y, w: (y - np.average(y, weights=w)) ** 2
    if term == GINI:
        return gini_influence
    if term == SPREAD:
        return lambda y, w: quantile_influence(y, w, 0.9) - quantile_influence(y, w, 0.1)
    share = float(term.rpartition("_")[2])
    return lambda y, w: quantile_influence(y, w, share)


def quantile_influence(y: Array, weight: Array, share: float) -> Array:
    """Recentred influence function of a quantile: Q + (share - 1{y <= Q})/f(Q), (row,).

    The density is a normal kernel's with Silverman's width.
    """
    order = np.argsort(y, kind="stable")
    total = np.cumsum(weight[order]) / weight.sum()
    value = float(np.interp(share, total - weight[order] / (2 * weight.sum()), y[order]))
    spread = min(float(np.std(y)), float(np.subtract(*np.percentile(y, [75, 25]))) / 1.349)
    width = 0.9 * (spread or float(np.std(y)) or 1.0) * y.size ** (-1 / 5)
    kernel = np.exp(-(((y - value) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    density = float(np.average(kernel, weights=weight))
    below = (y <= value).astype(np.float64)
    # Recentred at the share that lies below in these data, so that the mean is the quantile itself.
    return np.asarray(value + (np.average(below, weights=weight) - below) / density)


def gini_influence(y: Array, weight: Array) -> Array:
    """Recentred influence function of the Gini coefficient, (row,): Firpo, Fortin and Lemieux (2018), section 3.4."""
    order = np.argsort(y, kind="stable")
    share = weight[order] / weight.sum()
    rank = np.cumsum(share) - share / 2
    lorenz = np.cumsum(share * y[order]) - share * y[order] / 2
    mean, area = float(share @ y[order]), float(share @ lorenz)
    values = 1 + 2 * area * y[order] / mean**2 - 2 / mean * (y[order] * (1 - rank) + lorenz)
    out = np.empty(y.size)
    out[order] = values
    return out
