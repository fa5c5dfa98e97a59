"""H4: between-firm pay dispersion rises where AI is proprietary and rent sharing is strong."""

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.tests_of_model.components.leave_out import leave_out_change
from withintask.tests_of_model.estimands import between
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, from_moments
from withintask.tests_of_model.hypotheses.hypothesis import (
    ALL_ADJUSTMENTS,
    Estimate,
    Estimator,
    Hypothesis,
)
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.errors import LEAST_SQUARES
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.options import DEFAULT, Effects, Inference, Options
from withintask.tests_of_model.samples.firm_moments import FirmMoments
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import joined

CLAIM = (
    "Between-firm pay dispersion rises relative to within-firm dispersion in industries where AI is proprietary and "
    "rent sharing is strong."
)


def _pseudo_variances(moments: FirmMoments) -> tuple[Array, Array]:
    """Pseudo-values whose means are V_b and V_w of a firm's industry, before and after, (firm, 2) each.

    V_b: squared deviation from the industry's mean, times J/(J-1), less the mean's sampling variance.
    """
    # Firms of an industry that is not known are a group apart, which is left out.
    group = encode(moments.industry)
    weight = moments.size
    total = np.bincount(group, weight)
    n_firms = np.bincount(group)[group]
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = n_firms / (n_firms - 1)
    sides = []
    for side in (0, 1):
        center = (np.bincount(group, weight * moments.mean[:, side]) / total)[group]
        sides.append((moments.mean[:, side] - center) ** 2 * correction - moments.noise[:, side])
    between = np.column_stack(sides)
    return np.where((moments.industry >= 0)[:, None], between, np.nan), moments.within


def _variance_contrast(sample: Sample) -> tuple[Estimate, ...]:
    """Bias-corrected between-firm variance by industry, after minus before, contrasted over η1 and ξ."""
    moments = sample.firm_moments
    between, within = _pseudo_variances(moments)
    known = np.isfinite(moments.kind).all(axis=1) & np.isfinite(between).all(axis=1)
    cells = moments.kind[known].astype(np.int64) @ np.array([2, 1])
    if np.unique(cells).size < 4:
        reason = "industries do not show all four combinations of high and low η1 and ξ"
        return tuple(
            failure(t, "unusable", reason)
            for t in ("between_variance_contrast", "log_ratio_contrast")
        )
    change = (between[:, 1] - between[:, 0])[known]
    first = _contrast_fit(sample.options, change, cells, moments.size[known])
    rows = from_fit(first, {"between_variance_contrast": "both"}, message=moments.message)
    pseudo = _log_ratio(between[known], within[known], cells, moments.size[known])
    if not np.isfinite(pseudo).all():
        return (
            *rows,
            failure(
                "log_ratio_contrast",
                "unusable",
                "a corrected between-firm variance is not positive",
            ),
        )
    second = _contrast_fit(sample.options, pseudo, cells, moments.size[known])
    return (*rows, *from_fit(second, {"log_ratio_contrast": "both"}, message=moments.message))


def _contrast_fit(options: Options, pseudo: Array, cells: Codes, weight: Array) -> Fit:
    proprietary, sharing = cells // 2, cells % 2
    X = np.column_stack([np.ones(cells.size), proprietary, sharing, proprietary * sharing]).astype(
        np.float64
    )
    names = ["constant", "proprietary", "sharing", "both"]
    return fit(pseudo, X, names=names, effects=Effects(weights=weight), options=options)


def _log_ratio(between: Array, within: Array, cells: Codes, weight: Array) -> Array:
    """Pseudo-values of Δ ln(V_b/V_w) in each firm's cell, by the delta method, (firm,)."""
    total = np.bincount(cells, weight)
    out = np.zeros(cells.size)
    for values, sign in ((between, 1.0), (within, -1.0)):
        for side, direction in ((0, -1.0), (1, 1.0)):
            mean = (np.bincount(cells, weight * values[:, side]) / total)[cells]
            with np.errstate(invalid="ignore", divide="ignore"):
                out += sign * direction * (np.log(mean) + values[:, side] / mean - 1)
    return out


def _variance_change(sample: Sample) -> tuple[Estimate, ...]:
    """Change of bias-corrected between-firm and of within-firm variance, industries averaged."""
    return change_of_variances(sample.firm_moments, sample.options)


def change_of_variances(moments: FirmMoments, options: Options = DEFAULT) -> tuple[Estimate, ...]:
    """Estimate ΔV_b, ΔV_w and the change of V_b's share from the moments of firms.

    Returns
    -------
    tuple of Estimate
        Three rows, the variances in squared log points, with errors over firms; or why they could not be estimated.
    """
    between, within = _pseudo_variances(moments)
    known = np.isfinite(between).all(axis=1)
    terms = ("delta_between_variance", "delta_within_variance", "delta_between_share")
    if known.sum() < 2:
        return tuple(
            failure(term, "unusable", "fewer than two firms are seen before and after AI")
            for term in terms
        )
    between, within, weight = between[known], within[known], moments.size[known]
    shares = np.column_stack([_share(between[:, side], within[:, side], weight) for side in (0, 1)])
    rows: list[Estimate] = []
    for term, values in zip(terms, (between, within, shares), strict=True):
        one = fit(
            values[:, 1] - values[:, 0],
            np.ones((weight.size, 1)),
            names=["mean"],
            effects=Effects(weights=weight),
            options=options,
        )
        rows += from_fit(one, {term: "mean"}, message=moments.message)
    return tuple(rows)


def _share(between: Array, within: Array, weight: Array) -> Array:
    """Pseudo-values of V_b/(V_b + V_w), by the delta method."""
    b, w = np.average(between, weights=weight), np.average(within, weights=weight)
    return np.asarray(b / (b + w) + (w * (between - b) - b * (within - w)) / (b + w) ** 2)


def _leave_out(sample: Sample) -> tuple[Estimate, ...]:
    """Change of the variance of firm effects net of worker effects, corrected by leaving out matches."""
    rows, note = sample.pay_rows.usable("firm")
    found = leave_out_change(np.log(rows.pay), rows.worker, rows.firm, rows.is_post)
    return (
        from_moments(
            "delta_firm_effect_variance",
            found.change,
            found.std_error,
            dof=found.n_firms - 1,
            n_obs=rows.pay.size,
            n_clusters=found.n_firms,
            convention="firms drawn from a population",
            message=joined(found.message, note),
        ),
    )


def _rent_sharing(sample: Sample) -> tuple[Estimate, ...]:
    """Log pay on ln(1 + rent/hc̄) with worker-firm match and period effects, clustered by firm."""
    rows = sample.rent_rows
    fitted = fit(
        rows.log_pay,
        np.column_stack([rows.log_rent, rows.controls]),
        names=["log_rent", *(f"control {k}" for k in range(rows.controls.shape[1]))],
        effects=Effects(
            absorb=[rows.match, rows.period, *map(encode, rows.effects.T)],
            weights=rows.weight,
            n_obs=rows.n_obs,
            n_singletons=rows.n_singletons,
        ),
        inference=Inference(cluster=[rows.firm]),
        options=sample.options,
    )
    return from_fit(fitted, {"rent_sharing": "log_rent"}, message=rows.note)


_PAY = (
    "pay.pay",
    "info.first_ai_period",
    "pay.period spans first_ai_period",
    "pay.firm_id repeats over period",
)
_FIRMS = (*_PAY, "pay.firm_id->firms.firm_id")

HYPOTHESIS = Hypothesis(
    name="H4",
    claim=CLAIM,
    scope=between.scope,
    estimands=between.TRUTHS,
    primary="between_variance_contrast",
    predicted_sign=1,
    preferred=("variance_contrast", "variance_change", "leave_out", "rent_sharing"),
    estimators=(
        Estimator(
            name="variance_contrast",
            summary="change of corrected between-firm variance, contrasted over industries' η1 and ξ",
            needs=(
                *_FIRMS,
                "firms.industry_code->industries.industry_code",
                "industries.proprietary varies",
                "industries.rent_sharing varies",
            ),
            terms=("between_variance_contrast", "log_ratio_contrast"),
            run=_variance_contrast,
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="variance_change",
            summary="change of corrected between-firm and within-firm variance, and of their share",
            needs=_PAY,
            terms=("delta_between_variance", "delta_within_variance", "delta_between_share"),
            run=_variance_change,
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="leave_out",
            summary="change of the variance of firm effects beside worker effects, corrected by leaving out matches",
            needs=(*_PAY, "pay.worker_id repeats over firm_id"),
            terms=("delta_firm_effect_variance",),
            run=_leave_out,
        ),
        Estimator(
            name="rent_sharing",
            summary="log pay on log rents with match and period effects",
            needs=(*_FIRMS, "firms.rent_per_worker varies", "firms.human_pay_mean"),
            terms=("rent_sharing",),
            run=_rent_sharing,
            adjusts=ALL_ADJUSTMENTS,
            version=2,
            errors=LEAST_SQUARES,
        ),
    ),
)
