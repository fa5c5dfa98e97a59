"""Ability, noise, their changes and the gradient on published panels of items, one line a panel and arm."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.tests_of_model.hypotheses.average_effect import average_effect
from withintask.tests_of_model.hypotheses.estimate import ESTIMATE_SCHEMA
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.hypotheses.pair_terms import Ability
from withintask.tests_of_model.hypotheses.pairs import ability_by_pairs, pairs
from withintask.tests_of_model.samples.comparisons import Form, compare, first_form
from withintask.tests_of_model.samples.item_rows import ItemRows
from withintask.tests_of_model.samples.sample import Sample

LEVELS = ("noise_without", "noise_with", "ability_without", "ability_with")
"""Standard deviations on the scale of analysis: of what is left of a single row, and of ability net of it."""

SCHEMA = {
    "dataset": pl.String,
    "arm": pl.String,
    "form": pl.String,
    "outcome": pl.String,
    "n_workers": pl.Int64,
    **dict.fromkeys(LEVELS, pl.Float64),
    "estimator": pl.String,
    **{
        name: kind
        for name, kind in ESTIMATE_SCHEMA.items()
        if name in Estimate.__dataclass_fields__
    },
}


def published_ability(panels: Mapping[str, Panel]) -> pl.DataFrame:
    """Tell ability from noise on panels of items, by the comparison that takes least for granted.

    Parameters
    ----------
    panels
        By name, with outputs and access; every arm is compared with the control.

    Returns
    -------
    polars.DataFrame
        SCHEMA, one row a panel, arm and term: those of ``pairs_…`` and the average effect. Levels are NaN where a variance is
        not above zero or could not be estimated; what could not be estimated is a row with its status and message.

    Raises
    ------
    EstimationError
        If a panel compares nothing.
    """
    rows = [row for name, panel in panels.items() for row in _of_panel(name, panel)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def binomial_shares(panel: Panel) -> tuple[float, float]:
    """Return the share of the variance of workers' shares right, without and with AI, that is binomial noise.

    Parameters
    ----------
    panel
        Of a binary outcome, workers with several items on either side.

    Notes
    -----
    Mean over workers of p(1 - p)/(n - 1), the unbiased variance of a share of n items, over the variance of the shares.
    """
    assert panel.outputs is not None
    shares = (
        panel.outputs.lazy()
        .group_by("worker_id", "ai_access")
        .agg(p=pl.col("output").mean(), n=pl.len())
        .group_by("ai_access")
        .agg(share=(pl.col("p") * (1 - pl.col("p")) / (pl.col("n") - 1)).mean() / pl.col("p").var())
        .sort("ai_access")
        .collect()
    )
    without, with_ai = shares["share"]
    return float(without), float(with_ai)


def _of_panel(name: str, panel: Panel) -> Iterator[tuple[object, ...]]:
    sample = Sample(panel.collect())
    form = first_form(sample.item_rows)
    names = sample.item_rows.arm_names
    arms = (0,) if len(names) == 2 else range(1, len(names))
    for arm in arms:
        rows = compare(sample.item_rows, form, arm=arm).rows
        size = np.unique(rows.worker).size
        levels = _levels(sample.item_rows, form, arm)
        head = (name, names[arm or 1], form, rows.kind, size, *levels)
        for kind, estimates in (
            ("pairs", pairs(sample, form=form, arm=arm)),
            ("effect", average_effect(sample, form=form, arm=arm)),
        ):
            yield from ((*head, f"{kind}_{form}", *asdict(one).values()) for one in estimates)


def _levels(rows: ItemRows, form: Form, arm: int) -> tuple[float, ...]:
    """LEVELS of one comparison."""
    try:
        ability = ability_by_pairs(rows, form, arm=arm)
    except EstimationError:
        return (math.nan,) * len(LEVELS)
    return standard_deviations(ability)


def standard_deviations(ability: Ability) -> tuple[float, ...]:
    """Return LEVELS from the moments of a comparison; NaN where a variance is not above zero."""
    moments, weight = ability.moments, ability.design.weight
    product = moments.product[:2]
    return tuple(
        math.sqrt(v) if (v := _mean(row, weight)) > 0 else math.nan
        for row in (*(moments.square - product), *product)
    )


def _mean(values: Array, weight: Array) -> float:
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weight[known])) if known.any() else math.nan
