"""Inference over the primary terms of H1 to H4 together: one covariance, Holm, Romano-Wolf, the chain of signs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special, stats

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.memory import Data, as_panel
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.hypotheses.estimate import run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimate, Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.errors import Errors, check_errors
from withintask.tests_of_model.regression.options import Options
from withintask.tests_of_model.regression.simultaneous import holm
from withintask.tests_of_model.samples.sample import Sample

N_GROUPS = 40
"""Groups of units that the jackknife leaves out in turn; each unit by itself where there are fewer."""
_N_DRAWS = 20_000
_SEED = 20_260_107
_FEWEST = 6
_KEYS = ("firm_id", "occupation_code")


@dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """Primary terms of a panel with their joint inference."""

    estimates: pl.DataFrame
    """hypothesis, estimator, term, estimate, std_error, p_value, p_holm, p_romano_wolf, predicted_sign, p_sign, message."""
    covariance: pl.DataFrame
    """Covariance of the estimates: term, and a column a term."""
    p_chain: float
    """Of the joint sign test: that some link of the chain is zero or of the other sign; NaN without estimates."""
    p_wald: float
    """That all terms are zero."""
    message: str
    """What was left out in turn, and what could not be estimated."""


def joint(
    data: Data, *, hypotheses: Sequence[str] = ("H1", "H2", "H3", "H4"), errors: Errors = "auto"
) -> Joint:
    """Estimate the primary term of each hypothesis and test them together.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`; terms that it cannot feed are left out and named.
    hypotheses
        Which.
    errors
        Of the single terms: ``auto``, ``CR1``, ``CR2``, ``CR3``, ``jackknife`` or ``wild``; a term is estimated by the most
        trusted estimator that takes them.

    Returns
    -------
    Joint

    Raises
    ------
    ParameterError
        If errors are not known, or randomization, which H2 to H4 cannot have.
    EstimationError
        If no term can be estimated.

    Notes
    -----
    The influence of firms (occupations where a table has no firms) on every term is that of the jackknife by forty groups,
    stacked, so that terms from other tables of the same firms are correlated as they are; terms that share no unit are taken as
    independent. The covariance has the terms' own errors and these correlations. Romano and Wolf's (2005) step-down uses draws
    of a multivariate t with it. The chain holds if every term has its predicted sign: an intersection-union test, its p-value
    the largest one-sided one (Berger 1982).

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> result = wt.joint(panel)
    >>> result.estimates["hypothesis"].to_list()
    ['H1']
    >>> 0 <= result.p_chain <= 1
    True
    """
    check_errors(errors)
    if errors == "randomization":
        raise ParameterError(
            "joint: errors 'randomization' are for terms that compare access alone; use withintask estimate, or auto here"
        )
    panel = with_access(as_panel(data).collect())
    options = Options(errors=errors)
    found, lost = _primaries(panel, hypotheses, options)
    if not found:
        raise EstimationError("joint: no primary term could be estimated: " + "; ".join(lost))
    influence, words = _influences(panel, found, options)
    scale = np.array([row.std_error for *_, row in found])
    correlation = _correlation(influence)
    covariance = correlation * np.outer(scale, scale)
    return _result(found, covariance, correlation, "; ".join((words, *lost)))


_Primary = tuple[Hypothesis, Estimator, Estimate]


def _primaries(
    panel: Panel, names: Sequence[str], options: Options
) -> tuple[list[_Primary], list[str]]:
    """The most trusted estimate of each hypothesis that has an error, and the hypotheses that have none."""
    sample, found, lost = Sample(panel, options), [], []
    for hypothesis in (h for h in HYPOTHESES if h.name in names):
        for estimator in hypothesis.estimators_of(hypothesis.primary):
            row = _term(estimator, sample, hypothesis.primary)
            if row is not None:
                found.append((hypothesis, estimator, row))
                break
        else:
            lost.append(f"{hypothesis.name} cannot be estimated on this panel")
    return found, lost


def _term(estimator: Estimator, sample: Sample, term: str) -> Estimate | None:
    rows = [row for row in run_estimator(estimator, sample) if row.term == term]
    usable = [row for row in rows if row.status == OK and row.std_error > 0]
    return usable[0] if usable else None


def _influences(panel: Panel, found: list[_Primary], options: Options) -> tuple[Array, str]:
    """Change of each term as a group of units is left out, centred, (term, group); zero where it reads none of them."""
    blocks, words = [], []
    for key in _KEYS:
        mine = [place for place, item in enumerate(found) if _unit_of(panel, item[1]) == key]
        if not mine:
            continue
        group, n_units = _groups(panel, key)
        n_groups = int(max(group.values(), default=-1)) + 1
        if n_groups < _FEWEST:
            raise EstimationError(f"joint: {n_units} units of {key}, expected at least {_FEWEST}")
        block = np.zeros((len(found), n_groups))
        for g in range(n_groups):
            kept = Sample(
                _without(panel, key, {u for u, where in group.items() if where == g}), options
            )
            for place in mine:
                hypothesis, estimator, row = found[place]
                other = _term(estimator, kept, hypothesis.primary)
                block[place, g] = 0.0 if other is None else row.estimate - other.estimate
        block[mine] -= block[mine].mean(axis=1, keepdims=True)
        blocks.append(block)
        words.append(f"{n_groups} groups of {n_units} {key} left out in turn")
    return np.hstack(blocks), "; ".join(words)


def _unit_of(panel: Panel, estimator: Estimator) -> str:
    """Key of the units behind an estimator: firms where its table has them, else occupations."""
    tables = {need.partition(".")[0] for need in estimator.needs}
    for table in ("outputs", "pay"):
        frame = getattr(panel, table)
        if table in tables and frame is not None and "firm_id" in eager(frame).columns:
            return "firm_id"
    return "occupation_code"


def _groups(panel: Panel, key: str) -> tuple[dict[str, int], int]:
    """Group of each unit: every unit by itself, or at random in N_GROUPS."""
    frames = [eager(f) for f in panel.tables().values()]
    units = sorted(
        {str(u) for f in frames if key in f.columns for u in f[key].drop_nulls().unique()}
    )
    order = np.random.default_rng(_SEED).permutation(len(units))
    return {units[u]: place % N_GROUPS for place, u in enumerate(order)}, len(units)


def _without(panel: Panel, key: str, units: set[str]) -> Panel:
    """The panel without the rows of outputs, pay, postings and the like of some units."""
    changed = {
        name: eager(frame).filter(~pl.col(key).cast(pl.String).is_in(list(units)).fill_null(False))
        for name, frame in panel.tables().items()
        if key in eager(frame).columns and name not in ("workers", "tasks", "occupations")
    }
    return panel.with_tables(**changed)


def _correlation(influence: Array) -> Array:
    cross = influence @ influence.T
    scale = np.sqrt(np.diag(cross))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(cross / np.outer(scale, scale))
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def _result(found: list[_Primary], covariance: Array, correlation: Array, message: str) -> Joint:
    rows = [row for *_, row in found]
    signs = np.array([hypothesis.predicted_sign for hypothesis, *_ in found])
    values = np.array([row.estimate for row in rows])
    statistic = values / np.sqrt(np.diag(covariance))
    dof = min(row.dof for row in rows)
    one_sided = np.array(
        [
            float(special.stdtr(r.dof, -s * t))
            for r, s, t in zip(rows, signs, statistic, strict=True)
        ]
    )
    p_values = np.array([row.p_value for row in rows])
    wald = float(values @ np.linalg.pinv(covariance) @ values)
    names = [f"{h.name} {row.term}" for h, _, row in found]
    frame = pl.DataFrame(
        {
            "hypothesis": [h.name for h, *_ in found],
            "estimator": [e.name for _, e, _ in found],
            "term": [row.term for row in rows],
            "estimate": values,
            "std_error": [row.std_error for row in rows],
            "p_value": p_values,
            "p_holm": holm(p_values),
            "p_romano_wolf": romano_wolf(np.abs(statistic), correlation, dof),
            "predicted_sign": signs,
            "p_sign": one_sided,
            "message": [row.message for row in rows],
        }
    )
    table = {"term": names} | dict(zip(names, covariance.T, strict=True))
    return Joint(
        estimates=frame,
        covariance=pl.DataFrame(table),
        p_chain=float(one_sided.max()),
        p_wald=_wald_p(wald, len(rows), dof),
        message=message,
    )


def _wald_p(wald: float, n_terms: int, dof: float) -> float:
    if math.isinf(dof):
        return float(stats.chi2.sf(wald, n_terms))
    return float(stats.f.sf(wald / n_terms, n_terms, dof))


def romano_wolf(statistic: Array, correlation: Array, dof: float) -> Array:
    """Step-down adjusted p-values by draws of a multivariate t, (term,).

    Parameters
    ----------
    statistic
        Absolute t statistics, (term,).
    correlation
        Of the estimates, (term, term).
    dof
        Degrees of freedom; infinity for the normal.
    """
    random = np.random.default_rng(_SEED)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    draws = random.normal(size=(_N_DRAWS, statistic.size)) @ root.T
    if math.isfinite(dof):
        draws /= np.sqrt(random.chisquare(dof, (_N_DRAWS, 1)) / dof)
    draws = np.abs(draws)
    order: Codes = np.argsort(-statistic)
    out, largest = np.empty(statistic.size), 0.0
    for step, place in enumerate(order):
        exceeds = draws[:, order[step:]].max(axis=1) >= statistic[place]
        largest = max(largest, (1 + float(exceeds.sum())) / (1 + _N_DRAWS))
        out[place] = largest
    return out
