"""Job postings as arrays."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup
from withintask.tests_of_model.samples.unknown import known_rows


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
    message: str
    """Postings that were left out."""

    @property
    def exposed(self) -> Array:
        """1 in exposed occupations."""
        return (self.exposure > 0).astype(np.float64)


def posting_rows(panel: Panel) -> PostingRows:
    """Prepare the postings of a panel of which the requirement, the occupation and its exposure are known."""
    assert panel.postings is not None
    frame = eager(panel.postings)
    frame = frame.with_columns(
        lookup(frame, "occupation_code", panel.occupations, ("exposure",))["exposure"].cast(
            pl.Float64
        )
    )
    frame, note = known_rows(frame, "occupation_code", "is_credential_required", "exposure")
    return PostingRows(
        occupation=codes(frame["occupation_code"]),
        period=codes(frame["period"]),
        post=(frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy(),
        exposure=frame["exposure"].to_numpy(),
        required=frame["is_credential_required"].cast(pl.Float64).to_numpy(),
        message=note,
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
        .drop_nulls("occupation_code")
        .group_by("occupation_code")
        .agg((required.filter(post).mean() - required.filter(~post).mean()).alias("change"))
        .drop_nulls("change")
    )
