"""Job postings as arrays."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup


@dataclass(frozen=True, kw_only=True, eq=False)
class PostingRows:
    """Postings of occupations whose exposure is known, (row,) each."""

    occupation: Codes
    """Code of the occupation."""
    period: Codes
    """Code of the period."""
    post: Array
    """1 after AI's arrival, else 0."""
    exposure: Array
    """Exposure of the occupation."""
    required: Array
    """1 where a credential is required, else 0."""

    @property
    def exposed(self) -> Array:
        """1 in exposed occupations."""
        return (self.exposure > 0).astype(np.float64)


def posting_rows(panel: Panel) -> PostingRows:
    """Prepare the postings of a panel."""
    assert panel.postings is not None
    frame = eager(panel.postings)
    exposure = lookup(frame, "occupation_code", panel.occupations, ("exposure",))["exposure"]
    known = exposure.is_not_null()
    frame = frame.filter(known)
    return PostingRows(
        occupation=codes(frame["occupation_code"]),
        period=codes(frame["period"]),
        post=(frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy(),
        exposure=exposure.filter(known).cast(pl.Float64).to_numpy(),
        required=frame["is_credential_required"].cast(pl.Float64).to_numpy(),
    )


def change_of_requirements(panel: Panel) -> pl.DataFrame:
    """Share of postings that require a credential, after AI minus before.

    Returns
    -------
    polars.DataFrame
        occupation_code and change, one row an occupation seen in both.
    """
    assert panel.postings is not None
    post = pl.col("period") >= (panel.info.first_ai_period or 0)
    required = pl.col("is_credential_required").cast(pl.Float64)
    return (
        eager(panel.postings)
        .group_by("occupation_code")
        .agg((required.filter(post).mean() - required.filter(~post).mean()).alias("change"))
        .drop_nulls("change")
    )
