"""H3: credential requirements rise most where AI compresses output, because work samples say less of ability."""

from typing import Any

import numpy as np
import polars as pl
from scipy.special import expit

from withintask.panel.arrays import Array
from withintask.tests_of_model.estimands import credentials
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, from_moments
from withintask.tests_of_model.hypotheses.hypothesis import (
    ALL_ADJUSTMENTS,
    Estimate,
    Estimator,
    Hypothesis,
)
from withintask.tests_of_model.regression.errors import INSTRUMENTED, LEAST_SQUARES
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.regression.options import Effects, Inference, Instruments
from withintask.tests_of_model.samples.postings import PostingRows, change_of_requirements
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.unknown import joined

CLAIM = (
    "Credential requirements rise more in occupations where AI compresses the quality of output."
)


def _linear_probability(sample: Sample) -> tuple[Estimate, ...]:
    """Requirement on exposed x post, with occupation and period effects, clustered by occupation."""
    rows = sample.posting_rows
    if rows.exposed.min() == rows.exposed.max():
        return (failure("delta_credential", "unusable", "all occupations are exposed, or none is"),)
    after = rows.controls * rows.post[:, None]
    names = [f"control {k}" for k in range(2 * rows.controls.shape[1])]
    fitted = fit(
        rows.required,
        np.column_stack([rows.exposed * rows.post, rows.controls, after]),
        names=["effect", *names],
        effects=Effects(
            absorb=[rows.occupation, rows.period, *map(encode, rows.effects.T)],
            weights=rows.weight * rows.n_rows,
            n_obs=int(rows.n_rows.sum()),
            pure_square=rows.weight * rows.n_rows * rows.required * (1 - rows.required),
        ),
        inference=Inference(cluster=[rows.occupation]),
        options=sample.options,
    )
    return from_fit(fitted, {"delta_credential": "effect"}, message=rows.message)


def _logit(sample: Sample) -> tuple[Estimate, ...]:
    """Logit on exposure, post and their product; mean effect of the product over exposed postings after AI."""
    rows = sample.posting_rows
    separation = _separation(rows)
    if separation:
        return (failure("delta_credential", "unusable", separation),)
    X = np.column_stack(
        [np.ones(rows.post.size), rows.post, rows.exposure, rows.post * rows.exposure]
    )
    fitted = _grouped_logit(rows, X)
    if not fitted.converged:
        return (
            failure(
                "delta_credential", "not_converged", "the logit's Newton steps did not converge"
            ),
        )
    with_ai = (rows.exposure > 0) & (rows.post > 0)
    share = rows.n_rows[with_ai] / rows.n_rows[with_ai].sum()
    both = (X[with_ai], X[with_ai] * np.array([1, 1, 1, 0.0]))
    levels = [expit(Z @ fitted.params) for Z in both]
    effect = float(share @ (levels[0] - levels[1]))
    slopes = [(share * p * (1 - p)) @ Z for p, Z in zip(levels, both, strict=True)]
    gradient = slopes[0] - slopes[1]
    n, n_clusters = float(rows.n_rows.sum()), np.unique(rows.occupation).size
    # The library counts rows of shares, not postings, in its factor.
    factor = (
        n_clusters / (n_clusters - 1) * (n - 1) / (n - X.shape[1]) if n_clusters > 1 else np.nan
    )
    return (
        from_moments(
            "delta_credential",
            effect,
            float(np.sqrt(factor * (gradient @ fitted.cov_params() @ gradient))),
            dof=n_clusters - 1,
            n_obs=int(n),
            n_clusters=n_clusters,
            convention="cluster, statsmodels, delta method",
            message=rows.message,
        ),
    )


def _grouped_logit(rows: PostingRows, X: Array) -> Any:
    """Fit the logit of counts of postings that require a credential and of those that do not; scores by occupation, no factor."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    required = rows.required * rows.n_rows
    model = GLM(np.column_stack([required, rows.n_rows - required]), X, family=Binomial())
    return model.fit(
        tol=_TOLERANCE,
        tol_criterion="params",
        cov_type="cluster",
        cov_kwds={"groups": rows.occupation, "use_correction": False},
    )


_TOLERANCE = 1e-10
"""Change of coefficients at which the logit has converged."""


def _separation(rows: PostingRows) -> str:
    """Say on which side of AI's arrival exposure parts the postings that require from the others; empty if on none.

    On each side the logit is one of a constant and exposure, which has finite coefficients iff the two overlap in exposure.
    """
    for is_post, when in ((0, "before AI's arrival"), (1, "after AI's arrival")):
        side = rows.post == is_post
        requires = rows.exposure[side & (rows.required > 0)]
        others = rows.exposure[side & (rows.required < 1)]
        if requires.size == 0 or others.size == 0:
            what = (
                "no posting requires a credential" if others.size else "every posting requires one"
            )
        elif others.max() <= requires.min() or requires.max() <= others.min():
            what = "exposure parts the postings that require a credential from all others"
        else:
            continue
        return f"separation: {when} {what}, so that the logit has no finite coefficients; linear_probability needs none"
    return ""


def _requirement_on_compression(sample: Sample, *, instrumented: bool) -> tuple[Estimate, ...]:
    """Change of requirements on the fall of the work sample's slope, across occupations."""
    signals = sample.signal_rows
    change = change_of_requirements(sample.panel).rename({"change": "required_change"})
    joined = pl.DataFrame(
        {
            "occupation_code": signals.occupation_code,
            "fall": signals.fall,
            "exposure": signals.exposure,
        }
    ).join(change, on="occupation_code", how="inner", maintain_order="left")
    known = joined.filter(pl.col("exposure").is_not_nan())
    fitted = fit(
        known["required_change"].to_numpy(),
        known["fall"].to_numpy()[:, None],
        names=["fall"],
        effects=Effects(absorb=[np.zeros(known.height, dtype=np.int64)]),
        options=sample.options,
        instruments=Instruments(
            endogenous=["fall"] if instrumented else [],
            excluded=known["exposure"].to_numpy()[:, None] if instrumented else None,
        ),
    )
    return from_fit(fitted, {"credential_slope": "fall"}, message=signals.message)


def _reliability(sample: Sample) -> tuple[Estimate, ...]:
    """Change of the log squared correlation of work samples with later output, exposed minus unexposed."""
    signals = sample.signal_rows
    known = np.isfinite(signals.change_log_reliability) & np.isfinite(signals.exposure)
    exposed = (signals.exposure[known] > 0).astype(np.float64)
    if exposed.size == 0 or exposed.min() == exposed.max():
        return (
            failure("delta_log_reliability", "unusable", "all occupations are exposed, or none is"),
        )
    fitted = fit(
        signals.change_log_reliability[known],
        exposed[:, None],
        names=["exposed"],
        effects=Effects(absorb=[np.zeros(exposed.size, dtype=np.int64)]),
        options=sample.options,
    )
    n_lost = int((~known).sum())
    lost = f"{n_lost} occupations left out: no positive correlation, or exposure not known"
    message = joined(lost if n_lost else "", signals.message)
    return from_fit(fitted, {"delta_log_reliability": "exposed"}, message=message)


_POSTINGS = (
    "postings.is_credential_required varies",
    "info.first_ai_period",
    "postings.period spans first_ai_period",
    "occupations.exposure varies",
    "postings.occupation_code->occupations.occupation_code",
)
_SIGNALS = (
    "screening.work_sample_log",
    "screening.later_output_log",
    "info.first_ai_period",
    "screening.period spans first_ai_period",
    "occupations.exposure varies",
    "screening.occupation_code->occupations.occupation_code",
)

HYPOTHESIS = Hypothesis(
    name="H3",
    claim=CLAIM,
    scope=credentials.scope,
    estimands=credentials.TRUTHS,
    primary="delta_credential",
    predicted_sign=1,
    preferred=("linear_probability", "logit", "compression_iv", "compression_ols"),
    estimators=(
        Estimator(
            name="linear_probability",
            summary="requirement on exposed x post, occupation and period effects",
            needs=_POSTINGS,
            terms=("delta_credential",),
            run=_linear_probability,
            version=2,
            adjusts=ALL_ADJUSTMENTS,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="logit",
            summary="logit on exposure x post, mean effect on exposed postings",
            needs=_POSTINGS,
            terms=("delta_credential",),
            run=_logit,
            errors=("auto", "CR1"),
        ),
        Estimator(
            name="compression_iv",
            summary="change of requirements on measured compression, instrumented by exposure",
            needs=(*_POSTINGS, *_SIGNALS),
            terms=("credential_slope",),
            run=lambda sample: _requirement_on_compression(sample, instrumented=True),
            errors=INSTRUMENTED,
            version=2,
        ),
        Estimator(
            name="compression_ols",
            summary="the same by least squares: attenuated, since measured compression is noisy",
            needs=(*_POSTINGS, *_SIGNALS),
            terms=("credential_slope",),
            run=lambda sample: _requirement_on_compression(sample, instrumented=False),
            version=2,
            errors=LEAST_SQUARES,
        ),
        Estimator(
            name="signal_reliability",
            summary="change of the work sample's reliability, exposed minus unexposed",
            needs=_SIGNALS,
            terms=("delta_log_reliability",),
            run=_reliability,
            version=2,
            errors=LEAST_SQUARES,
        ),
    ),
)
