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
    level_codes,
    weights_of,
)
from withintask.tests_of_model.samples.unknown import joined, known_rows


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
    effects = level_codes(panel, "postings", frame, adjust.absorb)
    return PostingRows(
        occupation=codes(frame["occupation_code"]),
        period=codes(frame["period"]),
        post=(frame["period"] >= (panel.info.first_ai_period or 0)).cast(pl.Float64).to_numpy(),
        exposure=frame["exposure"].to_numpy(),
        required=frame["is_credential_required"].cast(pl.Float64).to_numpy(),
        controls=columns.to_numpy().reshape(frame.height, -1),
        effects=np.array(effects, dtype=np.int64).reshape(len(effects), frame.height).T,
        weight=weight,
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
