"""H3: credential requirements rise most where AI compresses output, because work samples say less of ability."""

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup
from withintask.tests_of_model.estimands import credentials
from withintask.tests_of_model.hypotheses.estimates import failure, from_fit, from_moments
from withintask.tests_of_model.hypotheses.hypothesis import Estimate, Estimator, Hypothesis
from withintask.tests_of_model.regression.fit import fit

CLAIM = (
    "Credential requirements rise more in occupations where AI compresses the quality of output."
)


class PostingRows:
    """Postings as arrays, (row,) each."""

    def __init__(self, panel: Panel) -> None:
        assert panel.postings is not None
        frame = eager(panel.postings)
        exposure = lookup(frame, "occupation_code", panel.occupations, ("exposure",))["exposure"]
        known = exposure.is_not_null()
        frame = frame.filter(known)
        self.occupation = codes(frame["occupation_code"])
        self.period = codes(frame["period"])
        self.post = (
            (frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy()
        )
        self.exposure = exposure.filter(known).cast(pl.Float64).to_numpy()
        self.required = frame["is_credential_required"].cast(pl.Float64).to_numpy()

    @property
    def exposed(self) -> Array:
        """1 in exposed occupations."""
        return (self.exposure > 0).astype(np.float64)


def _linear_probability(panel: Panel) -> tuple[Estimate, ...]:
    """Requirement on exposed x post, with occupation and period effects, clustered by occupation."""
    rows = PostingRows(panel)
    if rows.exposed.min() == rows.exposed.max():
        return (failure("delta_credential", "unusable", "all occupations are exposed, or none is"),)
    fitted = fit(
        rows.required,
        (rows.exposed * rows.post)[:, None],
        names=["effect"],
        absorb=[rows.occupation, rows.period],
        cluster=[rows.occupation],
    )
    return from_fit(fitted, {"delta_credential": "effect"})


def _logit(panel: Panel) -> tuple[Estimate, ...]:
    """Logit on exposure, post and their product; mean effect of the product over exposed postings after AI."""
    from scipy.special import expit
    from statsmodels.discrete.discrete_model import Logit

    rows = PostingRows(panel)
    X = np.column_stack(
        [np.ones(rows.post.size), rows.post, rows.exposure, rows.post * rows.exposure]
    )
    model = Logit(rows.required, X)
    fitted = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": rows.occupation})
    if not fitted.mle_retvals["converged"]:
        return (
            failure(
                "delta_credential", "not_converged", "the logit's Newton steps did not converge"
            ),
        )
    occupation, params = rows.occupation, fitted.params
    with_ai = np.unique(X[(rows.exposure > 0) & (rows.post > 0)], axis=0, return_counts=True)
    share = with_ai[1] / with_ai[1].sum()
    both = (with_ai[0], with_ai[0] * np.array([1, 1, 1, 0.0]))
    levels = [expit(Z @ params) for Z in both]
    effect = float(share @ (levels[0] - levels[1]))
    slopes = [(share * p * (1 - p)) @ Z for p, Z in zip(levels, both, strict=True)]
    gradient = slopes[0] - slopes[1]
    n_clusters = np.unique(occupation).size
    return (
        from_moments(
            "delta_credential",
            effect,
            float(np.sqrt(gradient @ fitted.cov_params() @ gradient)),
            dof=n_clusters - 1,
            n_obs=rows.required.size,
            n_clusters=n_clusters,
            convention="cluster, statsmodels, delta method",
        ),
    )


class SignalRows:
    """Slope and reliability of work samples by occupation, before and after AI, (occupation,) each."""

    def __init__(self, panel: Panel) -> None:
        assert panel.screening is not None
        frame = eager(panel.screening).drop_nulls(["work_sample_log", "later_output_log"])
        post = (pl.col("period") >= (panel.info.first_ai_period or 0)).alias("post")
        moments = (
            frame.group_by("occupation_code", post)
            .agg(
                pl.cov("work_sample_log", "later_output_log").alias("covariance"),
                pl.var("later_output_log").alias("variance"),
                pl.corr("work_sample_log", "later_output_log").alias("correlation"),
                pl.len().alias("n"),
            )
            .sort("occupation_code", "post")
        )
        before, after = (moments.filter(pl.col("post") == side) for side in (False, True))
        both = before.join(after, on="occupation_code", suffix="_after")
        pooled = before.select(pl.col("covariance").mean() / pl.col("variance").mean()).item()
        self.occupation_code = both["occupation_code"]
        slopes = [
            (both[f"covariance{s}"] / both[f"variance{s}"]).to_numpy() / pooled
            for s in ("", "_after")
        ]
        self.fall = slopes[0] - slopes[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = [_log_reliability(both, suffix) for suffix in ("", "_after")]
        self.change_log_reliability = logs[1] - logs[0]
        exposure = lookup(both, "occupation_code", panel.occupations, ("exposure",))["exposure"]
        self.exposure = exposure.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        self.n_applicants = int(moments["n"].sum())


def _log_reliability(moments: pl.DataFrame, suffix: str) -> Array:
    """Log of the squared correlation, less its bias of order 1/n under normality."""
    r, n = moments[f"correlation{suffix}"].to_numpy(), moments[f"n{suffix}"].to_numpy()
    square = np.where(r > 0, r, np.nan) ** 2
    # E ln r² = ln ρ² + (1-ρ²)(-1/n)(1 + (1-ρ²)/ρ²) + O(n⁻²): E r = ρ - ρ(1-ρ²)/2n, var r = (1-ρ²)²/n.
    bias = -(1 - square) / n - (1 - square) ** 2 / (n * square)
    return np.asarray(np.log(square) - bias)


def _requirement_on_compression(panel: Panel, *, instrumented: bool) -> tuple[Estimate, ...]:
    """Change of requirements on the fall of the work sample's slope, across occupations."""
    signals, postings = SignalRows(panel), PostingRows(panel)
    change = _change_by_occupation(panel, postings).rename({"change": "required_change"})
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
        absorb=[np.zeros(known.height, dtype=np.int64)],
        endogenous=["fall"] if instrumented else [],
        instruments=known["exposure"].to_numpy()[:, None] if instrumented else None,
    )
    return from_fit(fitted, {"credential_slope": "fall"})


def _change_by_occupation(panel: Panel, rows: PostingRows) -> pl.DataFrame:
    assert panel.postings is not None
    post = pl.col("period") >= (panel.info.first_ai_period or 0)
    required = pl.col("is_credential_required").cast(pl.Float64)
    return (
        eager(panel.postings)
        .group_by("occupation_code")
        .agg((required.filter(post).mean() - required.filter(~post).mean()).alias("change"))
        .drop_nulls("change")
    )


def _reliability(panel: Panel) -> tuple[Estimate, ...]:
    """Change of the log squared correlation of work samples with later output, exposed minus unexposed."""
    signals = SignalRows(panel)
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
        absorb=[np.zeros(exposed.size, dtype=np.int64)],
    )
    n_lost = int((~known).sum())
    said = f"{n_lost} occupations left out: no positive correlation" if n_lost else ""
    return from_fit(fitted, {"delta_log_reliability": "exposed"}, message=said)


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
    estimators=(
        Estimator(
            name="linear_probability",
            summary="requirement on exposed x post, occupation and period effects",
            needs=_POSTINGS,
            terms=("delta_credential",),
            run=_linear_probability,
        ),
        Estimator(
            name="logit",
            summary="logit on exposure x post, mean effect on exposed postings",
            needs=_POSTINGS,
            terms=("delta_credential",),
            run=_logit,
        ),
        Estimator(
            name="compression_iv",
            summary="change of requirements on measured compression, instrumented by exposure",
            needs=(*_POSTINGS, *_SIGNALS),
            terms=("credential_slope",),
            run=lambda panel: _requirement_on_compression(panel, instrumented=True),
        ),
        Estimator(
            name="compression_ols",
            summary="the same by least squares: attenuated, since measured compression is noisy",
            needs=(*_POSTINGS, *_SIGNALS),
            terms=("credential_slope",),
            run=lambda panel: _requirement_on_compression(panel, instrumented=False),
        ),
        Estimator(
            name="signal_reliability",
            summary="change of the work sample's reliability, exposed minus unexposed",
            needs=_SIGNALS,
            terms=("delta_log_reliability",),
            run=_reliability,
        ),
    ),
)
