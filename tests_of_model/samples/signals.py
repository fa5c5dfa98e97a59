"""What work samples say of later output, by occupation, before and after AI."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.panel import Panel
from withintask.panel.transform import lookup
from withintask.tests_of_model.samples.unknown import scan_known

_SIDES = ("", "_after")


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalRows:
    """Slope and reliability of work samples in occupations seen before and after AI, (occupation,) each."""

    occupation_code: pl.Series
    """Occupation."""
    fall: Array
    """Slope of the work sample on later output, before minus after, in units of the mean slope before."""
    change_log_reliability: Array
    """Change of the log squared correlation, corrected for its bias; NaN without a positive correlation."""
    exposure: Array
    """Exposure of the occupation; NaN where not known."""
    message: str
    """Applicants that were left out."""


def signal_rows(panel: Panel) -> SignalRows:
    """Reduce the screening table of a panel to its occupations."""
    moments, note = _moments(panel)
    before, after = (moments.filter(pl.col("post") == side) for side in (False, True))
    both = before.join(after, on="occupation_code", suffix="_after")
    pooled = before.select(pl.col("covariance").mean() / pl.col("variance").mean()).item()
    slopes = [
        (both[f"covariance{side}"] / both[f"variance{side}"]).to_numpy() / pooled for side in _SIDES
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [_log_reliability(both, side) for side in _SIDES]
    exposure = lookup(both, "occupation_code", panel.occupations, ("exposure",))["exposure"]
    return SignalRows(
        occupation_code=both["occupation_code"],
        fall=slopes[0] - slopes[1],
        change_log_reliability=logs[1] - logs[0],
        exposure=exposure.cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        message=note,
    )


def _moments(panel: Panel) -> tuple[pl.DataFrame, str]:
    """Second moments of work sample and later output by occupation and side of AI's arrival; what was left out."""
    assert panel.screening is not None
    first, later = "work_sample_log", "later_output_log"
    rows, note = scan_known(panel.screening.lazy(), "occupation_code", first, later)
    keys = ["occupation_code", "post"]
    rows = rows.select("occupation_code", first, later, post=_is_post(panel))
    means = rows.group_by(keys).agg(
        pl.len().alias("n"), pl.col(first).mean().alias("a"), pl.col(later).mean().alias("b")
    )
    moments = means.sort(keys).collect(engine="streaming")
    near = rows.join(moments.lazy(), on=keys, how="left").with_columns(
        a=pl.col(first) - pl.col("a"), b=pl.col(later) - pl.col("b")
    )
    products = {"aa": ("a", "a"), "ab": ("a", "b"), "bb": ("b", "b")}
    sums = near.group_by(keys).agg(
        (pl.col(x) * pl.col(y)).sum().alias(name) for name, (x, y) in products.items()
    )
    moments = moments.join(sums.collect(engine="streaming"), on=keys, maintain_order="left")
    freedom = pl.when(pl.col("n") > 1).then(pl.col("n") - 1)
    return moments.select(
        *keys,
        "n",
        covariance=pl.col("ab") / freedom,
        variance=pl.col("bb") / freedom,
        correlation=pl.col("ab") / (pl.col("aa") * pl.col("bb")).sqrt(),
    ), note


def _is_post(panel: Panel) -> pl.Expr:
    return pl.col("period") >= (panel.info.first_ai_period or 0)


def _log_reliability(moments: pl.DataFrame, side: str) -> Array:
    """Log of the squared correlation, less its bias of order 1/n under normality."""
    r, n = moments[f"correlation{side}"].to_numpy(), moments[f"n{side}"].to_numpy()
    square = np.where(r > 0, r, np.nan) ** 2
    # E ln r² = ln ρ² + (1-ρ²)(-1/n)(1 + (1-ρ²)/ρ²) + O(n⁻²): E r = ρ - ρ(1-ρ²)/2n, var r = (1-ρ²)²/n.
    bias = -(1 - square) / n - (1 - square) ** 2 / (n * square)
    return np.asarray(np.log(square) - bias)
