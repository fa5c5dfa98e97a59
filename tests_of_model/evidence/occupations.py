"""The paper's occupation regressions, with placebos from before AI.

They do not test the model: they show why such data cannot. Pay by occupation mixes tasks, firms and prices, and a
"change with exposure" is there in years when nobody used AI.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from withintask.panel.transform import codes
from withintask.tests_of_model.hypotheses.estimates import from_fit
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

FIRST_AI_YEAR = 2023
"""May 2023 is the first OEWS after ChatGPT (November 2022)."""
MINOR_GROUP = 4
"""Characters of a SOC code that name its minor group, the cluster."""


def occupation_regressions(changes: pl.DataFrame) -> pl.DataFrame:
    """Regress changes by occupation on exposure, occupations alike and weighted by jobs.

    Parameters
    ----------
    changes
        ``from_year, to_year, across_break, outcome, code, change, exposure, jobs``, as
        ``withintask.ingest.occupation_changes`` returns.

    Returns
    -------
    polars.DataFrame
        One row a pair of years, outcome and weight: ``years, outcome, weighted, reading`` and the estimate's columns.
        The slope is in log points from no exposure to full; errors are clustered by minor group.
    """
    keys = ["from_year", "to_year", "across_break", "outcome"]
    rows = [
        row
        for key, frame in changes.group_by(keys, maintain_order=True)
        for row in _by_weight(dict(zip(keys, key, strict=True)), frame)
    ]
    return pl.DataFrame(rows, orient="row", infer_schema_length=None)


def _by_weight(key: dict[str, Any], frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    usable = frame.drop_nulls(["change", "exposure", "jobs"]).sort("code")
    left = frame.height - usable.height
    message = f"{left} occupations left out: no exposure, or a missing or top-coded value"
    for weighted in (False, True):
        weights = usable["jobs"].to_numpy() if weighted else None
        yield {
            "years": f"{key['from_year']}-{key['to_year']}",
            "outcome": key["outcome"],
            "weighted": weighted,
            "reading": _reading(key["to_year"], across_break=key["across_break"]),
            **asdict(_slope(usable, weights=weights, message=message)),
        }


def _reading(last: int, *, across_break: bool) -> str:
    when = "after AI's arrival" if last >= FIRST_AI_YEAR else "placebo: before AI"
    return f"{when}, across the break of 2021" if across_break else when


def education_regressions(changes: pl.DataFrame) -> pl.DataFrame:
    """Regress changes of required education by occupation on exposure, surveyed anew and all.

    Parameters
    ----------
    changes
        ``from_release, to_release, is_resurveyed, outcome, code, change, exposure``, as
        ``withintask.ingest.education_changes`` returns.

    Returns
    -------
    polars.DataFrame
        One row an outcome and sample: ``outcome, sample, reading`` and the estimate's columns, clustered by minor group.

    Notes
    -----
    Only occupations surveyed anew can show a change. It speaks to the direction of H3, not to its mechanism.
    """
    rows: list[dict[str, object]] = []
    for (outcome,), frame in changes.group_by(["outcome"], maintain_order=True):
        known = frame.drop_nulls(["change", "exposure"])
        between = f"O*NET {frame['from_release'][0]} to {frame['to_release'][0]}"
        for sample, chosen in {
            "surveyed anew": known.filter("is_resurveyed"),
            "all": known,
        }.items():
            labels = {"outcome": outcome, "sample": sample, "reading": between}
            rows.append({**labels, **asdict(_slope(chosen))})
    return pl.DataFrame(rows, orient="row", infer_schema_length=None)


def _slope(
    frame: pl.DataFrame,
    *,
    weights: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None,
    message: str = "",
) -> Estimate:
    """Slope of the change on exposure, clustered by minor group."""
    fitted = fit(
        frame["change"].to_numpy(),
        frame["exposure"].to_numpy()[:, None],
        names=["exposure"],
        effects=Effects(absorb=[np.zeros(frame.height, dtype=np.int64)], weights=weights),
        inference=Inference(cluster=[codes(frame["code"].str.slice(0, MINOR_GROUP))]),
    )
    return from_fit(fitted, {"slope_on_exposure": "exposure"}, message=message)[0]
