"""Job postings as arrays."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes
from withintask.panel.panel import Panel
from withintask.panel.transform import codes, eager, lookup
from withintask.tests_of_model.samples.controls import (
    NOTHING,
    Adjust,
    control_columns,
    level_columns,
    weights_of,
)
from withintask.tests_of_model.samples.unknown import joined, known_rows, left_out_counts


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
    """1 where a credential is required, else 0; of a row that stands for several, their share."""
    n_rows: Array
    """Postings that a row stands for."""
    controls: Array
    """Controls that were asked for, alone and after AI's arrival, (row, control)."""
    effects: Codes
    """Levels of fixed effects that were asked for, (row, effect)."""
    weight: Array
    """Sampling weight; 1 where none is known."""
    message: str
    """Postings that were left out."""

    @property
    def exposed(self) -> Array:
        """1 in exposed occupations."""
        return (self.exposure > 0).astype(np.float64)


def posting_rows(panel: Panel, adjust: Adjust = NOTHING) -> PostingRows:
    """Prepare the postings of a panel of which the requirement, the occupation and its exposure are known."""
    assert panel.postings is not None
    frame = eager(panel.postings)
    frame = frame.with_columns(
        lookup(frame, "occupation_code", panel.occupations, ("exposure",))["exposure"].cast(
            pl.Float64
        )
    )
    frame, note = known_rows(frame, "occupation_code", "is_credential_required", "exposure")
    columns = control_columns(panel, "postings", frame, adjust.controls)
    weight = weights_of(panel, "postings", frame, adjust.weight)
    known = np.isfinite(columns.to_numpy().reshape(frame.height, -1)).all(axis=1) & (weight > 0)
    if not known.all():
        note = joined(note, f"{int((~known).sum())} postings left out, a control not known")
        frame, columns, weight = frame.filter(known), columns.filter(known), weight[known]
    effects = level_columns(panel, "postings", frame, adjust.absorb)
    return PostingRows(
        occupation=codes(frame["occupation_code"]),
        period=codes(frame["period"]),
        post=(frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy(),
        exposure=frame["exposure"].to_numpy(),
        required=frame["is_credential_required"].cast(pl.Float64).to_numpy(),
        n_rows=np.ones(frame.height),
        controls=columns.to_numpy().reshape(frame.height, -1),
        effects=effects,
        weight=weight,
        message=note,
    )


def scanned_posting_rows(panel: Panel) -> PostingRows:
    """Prepare the postings of a lazy panel in one pass, those of one occupation and period as one row."""
    assert panel.postings is not None
    required = pl.col("is_credential_required")
    sums = (
        panel.postings.lazy()
        .group_by("occupation_code", "period")
        .agg(
            pl.len().alias("n_all"),
            required.count().alias("n"),
            required.cast(pl.Float64).mean().alias("share"),
        )
        .sort("occupation_code", "period")
        .collect(engine="streaming")
    )
    exposure = lookup(sums, "occupation_code", panel.occupations, ("exposure",))["exposure"]
    sums = sums.with_columns(exposure=exposure.cast(pl.Float64).fill_nan(None))
    n_all = pl.col("n_all")
    counts = sums.select(
        occupation_code=n_all.filter(pl.col("occupation_code").is_null()).sum(),
        is_credential_required=(n_all - pl.col("n")).sum(),
        exposure=n_all.filter(pl.col("exposure").is_null()).sum(),
    ).row(0, named=True)
    known = sums.drop_nulls(["occupation_code", "exposure"]).filter(pl.col("n") > 0)
    total, left = int(sums["n_all"].sum()), int(known["n"].sum())
    return PostingRows(
        occupation=codes(known["occupation_code"]),
        period=codes(known["period"]),
        post=(known["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy(),
        exposure=known["exposure"].to_numpy(),
        required=known["share"].to_numpy(),
        n_rows=known["n"].cast(pl.Float64).to_numpy(),
        controls=np.empty((known.height, 0)),
        effects=np.empty((known.height, 0), dtype=np.int64),
        weight=np.ones(known.height),
        message=left_out_counts(counts, total - left, total),
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
        panel.postings.lazy()
        .drop_nulls("occupation_code")
        .group_by("occupation_code")
        .agg((required.filter(post).mean() - required.filter(~post).mean()).alias("change"))
        .drop_nulls("change")
        .sort("occupation_code")
        .collect(engine="streaming")
    )
