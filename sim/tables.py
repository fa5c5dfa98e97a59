"""From simulated arrays to the tables of a panel."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.panel import Frame
from withintask.sim.design import Design
from withintask.sim.ids import Numbering, number_ids, take_ids
from withintask.sim.population import SKILLS, Industries
from withintask.sim.sample import Sample, Setting

PERCENTILES = {"pay_p10": 0.10, "pay_p25": 0.25, "pay_p50": 0.50, "pay_p75": 0.75, "pay_p90": 0.90}
"""Published percentiles of pay."""
PAY_UNIT = "mean human pay before AI"


def visible(
    frames: Mapping[str, Frame], columns: Mapping[str, tuple[str, ...]]
) -> dict[str, Frame]:
    """Keep the tables and columns that the analyst has, in the design's order."""
    return {
        table: frame[list(names)]
        if isinstance(frame := frames[table], pl.DataFrame)
        else frame.select(names)
        for table, names in columns.items()
    }


def worker_ids(sample: Sample, number: Numbering) -> pl.Series:
    """Ids of the workers of a sample, (worker,)."""
    return number("w", sample.worker.size, int(sample.worker[0]))


def workers(
    design: Design, sample: Sample, measured: Mapping[str, Array], number: Numbering
) -> pl.DataFrame:
    """One row a worker, with education and the given measurements of ability."""
    columns: dict[str, pl.Series | Array] = {"worker_id": worker_ids(sample, number), **measured}
    if design.shows("workers", "occupation_code"):
        ids = number("o", max(design.n_occupations, 1), 0)
        columns["occupation_code"] = take_ids(ids, sample.occupation)
    education = {f"educ_{skill}": sample.education[:, 0, k] for k, skill in enumerate(SKILLS)}
    columns |= {name: years for name, years in education.items() if design.shows("workers", name)}
    return pl.DataFrame(columns)


def tasks(design: Design, setting: Setting, number: Numbering) -> pl.DataFrame:
    """One row a task of the panel, in the order of their ids."""
    n_sets, n_tasks = setting.task_exposure.shape
    occupation = np.repeat(np.arange(n_sets), n_tasks)
    from_cells = design.task_sampling == "cells"
    code = (
        pl.Series([None] * occupation.size, dtype=pl.String)
        if from_cells
        else take_ids(number("o", n_sets, 0), occupation)
    )
    return pl.DataFrame(
        {
            "task_id": number("t", n_sets * n_tasks, 0),
            "occupation_code": code,
            "skill_type": [SKILLS[k] for k in setting.task_skill.ravel()],
            "exposure": setting.task_exposure.ravel(),
            "time_share": np.full(occupation.size, 1 / n_tasks),
        }
    )


def occupations(exposure: Array, n_workers: int, number: Numbering) -> pl.DataFrame:
    """One row an occupation of the panel; exposure is the mean over its tasks."""
    employment = np.full(exposure.size, n_workers / exposure.size)
    return pl.DataFrame(
        {
            "occupation_code": number("o", exposure.size, 0),
            "exposure": exposure,
            "employment": employment,
        }
    )


def pay(
    design: Design,
    sample: Sample,
    firm: Codes,
    amount: Array,
    is_kept: Flags | None,
    number: Numbering,
) -> pl.DataFrame:
    """Pay in worker, period order; firm and amount are (worker, period)."""
    n_workers, n_periods = amount.shape
    worker = np.repeat(np.arange(n_workers), n_periods)
    frame = pl.DataFrame(
        {
            "worker_id": take_ids(worker_ids(sample, number), worker),
            "period": np.tile(np.arange(n_periods), n_workers),
            "firm_id": take_ids(number("f", design.n_firms, 0), firm.ravel()),
            "occupation_code": take_ids(
                number("o", design.n_occupations, 0), sample.occupation[worker]
            ),
            "pay": amount.ravel(),
        }
    ).with_columns(unit=pl.lit(PAY_UNIT))
    return frame if is_kept is None else frame.filter(pl.Series(is_kept.ravel()))


def firms(
    setting: Setting, rent: Array, human_pay: Array, capability: Array, number: Numbering
) -> pl.DataFrame:
    """One row a firm and period; rent and capability are (firm, period), human_pay (period,)."""
    n_firms, n_periods = rent.shape
    firm = np.repeat(np.arange(n_firms), n_periods)
    return pl.DataFrame(
        {
            "firm_id": take_ids(number("f", n_firms, 0), firm),
            "period": np.tile(np.arange(n_periods), n_firms),
            "industry_code": take_ids(
                number_ids("i", int(setting.industry.max()) + 1), setting.industry[firm]
            ),
            "assets": np.exp(setting.firm_log_assets)[firm],
            "rent_per_worker": rent.ravel(),
            "human_pay_mean": np.tile(human_pay, n_firms),
            "ai_capability": capability.ravel(),
        }
    )


def industries(kinds: Industries) -> pl.DataFrame:
    """One row a kind of industry."""
    return pl.DataFrame(
        {
            "industry_code": number_ids("i", kinds.proprietary.size),
            "proprietary": kinds.proprietary,
            "rent_sharing": kinds.rent_sharing,
        }
    )


def postings(is_required: Flags, number: Numbering) -> pl.DataFrame:
    """One row a posting; is_required is (occupation, period, posting)."""
    return _by_occupation_period("p", "posting_id", is_required.shape, number).with_columns(
        is_credential_required=pl.Series(is_required.ravel())
    )


def screening(
    *, work_sample: Array, credential: Array, later_output: Array, number: Numbering
) -> pl.DataFrame:
    """One row an applicant; arrays are (occupation, period, applicant), log points."""
    return _by_occupation_period("a", "applicant_id", work_sample.shape, number).with_columns(
        work_sample_log=pl.Series(work_sample.ravel()),
        credential_log=pl.Series(credential.ravel()),
        later_output_log=pl.Series(later_output.ravel()),
    )


@lru_cache(maxsize=8)
def _by_occupation_period(
    prefix: str, key: str, shape: tuple[int, ...], number: Numbering
) -> pl.DataFrame:
    """Keys of rows by occupation and period, the same in every replicate."""
    occupation, period, _ = np.indices(shape)
    return pl.DataFrame(
        {
            key: number(prefix, occupation.size, 0),
            "occupation_code": take_ids(number("o", shape[0], 0), occupation.ravel()),
            "period": period.ravel(),
        }
    )


def occupation_pay(
    design: Design,
    sample: Sample,
    amount: Array,
    exposure: Array,
    is_kept: Flags | None,
    number: Numbering,
) -> pl.DataFrame:
    """Published statistics of pay by occupation and period, with change of method and top code.

    Parameters
    ----------
    amount
        Pay in units of mean human pay before AI, (worker, period).
    exposure
        Exposure of each occupation; a new method shrinks log dispersion in proportion to it.
    is_kept
        Whom the survey reaches, (worker, period); None for all.
    """
    if design.method_break:
        shrink = 1 - design.method_break * exposure[sample.occupation][:, None] * _is_post(design)
        center = np.log(amount).mean()
        amount = np.exp(center + shrink * (np.log(amount) - center))
    percentile = [
        pl.col("pay").quantile(q, "linear").alias(name) for name, q in PERCENTILES.items()
    ]
    frame = (
        _long_pay(design, sample, amount, is_kept, number)
        .group_by("occupation_code", "period", maintain_order=True)
        .agg(
            pl.len().cast(pl.Float64).alias("employment"),
            pl.col("pay").mean().alias("pay_mean"),
            *percentile,
        )
        .with_columns(method=_method(design))
    )
    return _top_coded(frame, design.top_code)


def _method(design: Design) -> pl.Expr:
    """Name the method of a period; there is one only, unless the design breaks it."""
    is_new = (pl.col("period") >= design.n_pre) & bool(design.method_break)
    return pl.when(is_new).then(pl.lit("new")).otherwise(pl.lit("old"))


def _top_coded(frame: pl.DataFrame, top_code: float) -> pl.DataFrame:
    """Keep the top code as value and '>=' as bound where a percentile reaches it."""
    limit = top_code or float("inf")
    bounds = [
        pl.when(pl.col(n) >= limit)
        .then(pl.lit(">="))
        .otherwise(None)
        .cast(pl.String)
        .alias(f"{n}_bound")
        for n in PERCENTILES
    ]
    return frame.with_columns(bounds).with_columns(
        pl.col(n).clip(upper_bound=limit) for n in PERCENTILES
    )


def education_pay(
    design: Design, sample: Sample, amount: Array, is_kept: Flags | None, number: Numbering
) -> pl.DataFrame:
    """Pay by occupation, whole years of schooling and period, of those whom the survey reaches."""
    years = {
        f"educ_{skill}": np.repeat(np.round(sample.education[:, 0, k]), amount.shape[1])
        for k, skill in enumerate(SKILLS)
    }
    keys = ["occupation_code", *years, "period"]
    return (
        _long_pay(design, sample, amount, is_kept, number, years)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.len().cast(pl.Float64).alias("n_workers"),
            pl.col("pay").mean().alias("pay_mean"),
            pl.col("pay").log().mean().alias("pay_log_mean"),
        )
    )


def _long_pay(
    design: Design,
    sample: Sample,
    amount: Array,
    is_kept: Flags | None,
    number: Numbering,
    more: Mapping[str, Array] = MappingProxyType({}),
) -> pl.DataFrame:
    n_workers, n_periods = amount.shape
    occupation = np.repeat(sample.occupation, n_periods)
    frame = pl.DataFrame(
        {
            "occupation_code": take_ids(number("o", design.n_occupations, 0), occupation),
            "period": np.tile(np.arange(n_periods), n_workers),
            "pay": amount.ravel(),
            **more,
        }
    )
    return frame if is_kept is None else frame.filter(pl.Series(is_kept.ravel()))


def _is_post(design: Design) -> Array:
    return (np.arange(design.n_periods) >= design.n_pre).astype(np.float64)
