"""The effect of AI by groups of workers, ranked by what they do without it, free of regression to the mean."""

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.components.pair_covariates import without_covariates
from withintask.tests_of_model.components.pair_design import PairDesign, pair_design
from withintask.tests_of_model.components.pairs import UnitMoments, cell_means, unit_moments
from withintask.tests_of_model.components.pooled import cluster_units
from withintask.tests_of_model.hypotheses.estimates import LEVEL
from withintask.tests_of_model.regression.grouping import compact_codes, group_sums
from withintask.tests_of_model.samples.comparisons import Form, compare
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.task_rows import ENOUGH_FIRMS

SCHEMA = {
    "group": pl.Int64,
    "baseline": pl.Float64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "conf_low": pl.Float64,
    "conf_high": pl.Float64,
    "n_workers": pl.Int64,
}


def effect_by_baseline(
    sample: Sample, form: Form, *, n_groups: int = 4, arm: int | None = None
) -> pl.DataFrame:
    """Estimate the effect of AI in groups of workers by their output without it.

    Parameters
    ----------
    sample
        Of a panel with several items a worker on both sides.
    form
        ``within``, ``before_after`` or ``difference``: workers must be seen on both sides.
    n_groups
        Groups of equal size, 2 or more.
    arm
        Number of the arm compared with the control; 0 for all together, None for the sample's.

    Returns
    -------
    polars.DataFrame
        SCHEMA, the least able group first: its mean baseline, the effect on the scale of analysis with its error clustered by
        worker (or what was assigned, or firm), and the workers with an item in it.

    Raises
    ------
    EstimationError
        If no worker has two items without AI.
    ParameterError
        If the form follows no worker or there are fewer than two groups.

    Notes
    -----
    Each item without AI is compared with the worker's items with it, and the worker is ranked by his *other* items without
    AI, so that the item's noise does not decide in which group it is counted. Baselines are shrunk by their reliability,
    V/(V + N/(n-1)), with V and N from pairs: who has few items is moved to the middle. Where noise lasts, take the curve of
    :func:`withintask.tests_of_model.hypotheses.persistence.persistence_curve` beside it.
    """
    if form == "between" or n_groups < 2:
        problem = "workers seen on one side only" if form == "between" else f"{n_groups} groups"
        raise ParameterError(
            f"effect by baseline: {problem}; expected workers followed and 2 groups or more"
        )
    number = sample.arm_number if arm is None else arm
    design = pair_design(without_covariates(compare(sample.item_rows, form, arm=number)))
    item, gain, baseline = _leave_out(design)
    edges = np.quantile(baseline, np.linspace(0, 1, n_groups + 1)[1:-1])
    group = np.searchsorted(edges, baseline, side="right")
    unit = design.rows.pairs.unit[item]
    weight = (design.weight / group_sums(unit, np.ones(unit.size), design.weight.size))[unit]
    cluster = cluster_units(design.firm, design.assignment, ENOUGH_FIRMS)[unit]
    is_control = (design.group[unit] == 0) & (form == "difference")
    rows = []
    for number in range(n_groups):
        chosen = group == number
        treated, controls = chosen & ~is_control, chosen & is_control
        effect, error, dof = _contrast(gain, weight, cluster, treated, controls)
        half = float(special.stdtrit(dof, (1 + LEVEL) / 2)) * error
        middle = float(np.average(baseline[chosen], weights=weight[chosen]))
        n_workers = np.unique(design.worker[unit[treated]]).size
        rows.append((number + 1, middle, effect, error, effect - half, effect + half, n_workers))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _leave_out(design: PairDesign) -> tuple[Codes, Array, Array]:
    """Rows without AI; the unit's mean with AI less the row; the shrunken mean of its other items without AI."""
    rows, unit = design.rows, design.rows.pairs.unit
    means, _ = cell_means(rows)
    left = rows.value - means[rows.cell]
    moments = unit_moments(rows)
    offset = np.nanmean(moments.cell_mean, axis=1)
    is_base = rows.side == 0
    total = group_sums(unit[is_base], left[is_base], rows.pairs.n_units)
    count = group_sums(unit[is_base], np.ones(int(is_base.sum())), rows.pairs.n_units)
    own_total, own_count = _of_item(design, left, is_base)
    item = np.flatnonzero(is_base)
    other = count[unit[item]] - own_count[item]
    item, other = item[other > 0], other[other > 0]
    mean = (total[unit[item]] - own_total[item]) / other
    gain = moments.mean[1][unit[item]] + offset[1] - left[item] - offset[0]
    return item, gain, mean * _reliability(moments, other)


def _of_item(design: PairDesign, left: Array, is_base: np.ndarray) -> tuple[Array, Array]:
    """Sum and number of the rows without AI of each row's own item, (row,)."""
    pairs = design.rows.pairs
    code = compact_codes(pairs.unit * (int(pairs.item.max()) + 1) + pairs.item)
    shown = is_base.astype(np.float64)
    return group_sums(code, left * shown)[code], group_sums(code, shown)[code]


def _reliability(moments: UnitMoments, n_items: Array) -> Array:
    """Share of the variance of a mean over items that is ability; 0 where ability is not detected."""
    ability = max(float(np.nanmean(moments.product[0])), 0.0)
    noise = max(float(np.nanmean(moments.square[0])) - ability, 0.0)
    if ability == 0:
        raise EstimationError(
            "effect by baseline: ability without AI is not detected, so nobody can be ranked"
        )
    return ability / (ability + noise / n_items)


def _contrast(
    gain: Array, weight: Array, cluster: Codes, treated: np.ndarray, controls: np.ndarray
) -> tuple[float, float, float]:
    """Mean gain of the treated less that of the controls, its clustered error and degrees of freedom."""
    effect, influence = 0.0, np.zeros(gain.size)
    for chosen, sign in ((treated, 1.0), (controls, -1.0)):
        if chosen.any():
            share = np.where(chosen, weight, 0.0) / weight[chosen].sum()
            mean = float(share @ gain)
            effect += sign * mean
            influence += sign * share * (gain - mean)
    used = compact_codes(cluster[treated | controls])
    sums = group_sums(used, influence[treated | controls])
    n = sums.size
    if n < 2:
        return effect, float("nan"), 1.0
    return effect, float(np.sqrt((sums**2).sum() * n / (n - 1))), float(n - 1)
