"""Covariates taken out of items before pairs are formed, by what varies within a worker alone."""

from dataclasses import replace

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.samples.comparisons import Comparison

_NEGLIGIBLE = 1e-8
"""Share of a covariate's variance within workers below which it is one value a worker."""
_MOST_LEVELS = 200
"""Levels of a fixed effect above which indicators are not written out."""


def without_covariates(comparison: Comparison) -> Comparison:
    """Take covariates of rows, items and tasks, and fixed effects, out of output; those of workers are part of ability.

    Parameters
    ----------
    comparison
        Rows of two sides.

    Returns
    -------
    Comparison
        The same if no covariate is declared and no effect asked for, or the outcome is a count; else rows of which all that vary within workers are
        known, their values less covariates times slopes, and what was done in the message.

    Raises
    ------
    EstimationError
        If no row has them all, a fixed effect has too many levels, or effects are to be taken out of counts.

    Notes
    -----
    y - (x - mean x)'b, with b by least squares with effects of worker and side and of item and period (task and period
    where items are not shared), both sides together. So b holds nothing of ability: that abler workers are given harder items
    is left to the spread of what they produce.
    """
    rows = comparison.rows
    of_items = np.array([not name.startswith("workers.") for name in rows.covariate_names])
    if not of_items.any() and not rows.effect_names:
        return comparison
    if rows.kind == "count":
        if rows.effect_names:
            raise EstimationError(
                "pairs: fixed effects are not taken out of counts; do without, or take effect_* for the mean"
            )
        return _noting(comparison, "covariates are not taken out of counts")
    chosen = of_items.astype(np.bool_)
    known: Flags = np.asarray(np.isfinite(rows.covariates[:, chosen]).all(axis=1))
    if not known.any():
        raise EstimationError("pairs: no row of which all covariates are known")
    comparison = _take(comparison, known)
    names = [name for name, is_kept in zip(rows.covariate_names, chosen, strict=True) if is_kept]
    levels, level_names = _indicators(comparison)
    columns = np.hstack([comparison.rows.covariates[:, chosen], levels])
    return _adjusted(comparison, columns, [*names, *level_names])


def _indicators(comparison: Comparison) -> tuple[Array, list[str]]:
    """Indicators of all levels of the fixed effects but the first of each, and the effect of each, (row, level)."""
    columns, names = [np.empty((comparison.side.size, 0))], []
    for name, code in zip(comparison.rows.effect_names, comparison.rows.effects.T, strict=True):
        levels = np.unique(code)
        if levels.size > _MOST_LEVELS:
            raise EstimationError(
                f"pairs: fixed effects {name} have {levels.size:,} levels, expected at most {_MOST_LEVELS}; take a coarser column"
            )
        columns.append((code[:, None] == levels[1:]).astype(np.float64))
        names += [name] * (levels.size - 1)
    return np.hstack(columns), names


def _take(comparison: Comparison, known: Flags) -> Comparison:
    n_left = int(np.count_nonzero(~known))
    if not n_left:
        return comparison
    fewer = replace(
        comparison,
        rows=comparison.rows.take(known),
        side=comparison.side[known],
        group=comparison.group[known],
    )
    return _noting(fewer, f"{n_left} rows left out, a covariate not known")


def _adjusted(comparison: Comparison, covariates: Array, names: list[str]) -> Comparison:
    rows = comparison.rows
    is_shared = rows.has_items and bool(np.mean(np.bincount(rows.item)[rows.item] > 1) > 1 / 2)
    cell = encode(rows.item if is_shared else rows.task, rows.period)
    projector = Projector([encode(rows.worker, comparison.side), cell], weights=rows.weight)
    left = projector.residuals(np.vstack([rows.value, covariates.T]))
    varies = left[1:].var(axis=1) > _NEGLIGIBLE * covariates.var(axis=0)
    if not varies.any():
        return _noting(
            comparison,
            "no covariate or fixed effect varies within workers, so none is taken out",
        )
    root = np.sqrt(rows.weight)
    slopes, *_ = np.linalg.lstsq((left[1:][varies] * root).T, left[0] * root, rcond=None)
    used = covariates[:, varies]
    value = rows.value - (used - used.mean(axis=0)) @ slopes
    taken = [name for name, is_used in zip(names, varies, strict=True) if is_used]
    listed = ", ".join(dict.fromkeys(taken))
    adjusted = replace(comparison, rows=replace(rows, value=value))
    return _noting(adjusted, f"taken out: {listed}")


def _noting(comparison: Comparison, note: str) -> Comparison:
    return replace(comparison, message="; ".join(m for m in (comparison.message, note) if m))
