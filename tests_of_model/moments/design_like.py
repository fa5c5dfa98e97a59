"""The design that simulates panels like a given one: its sizes, items, noise, mobility and pay, read off its tables."""

import math
from dataclasses import replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params
from withintask.tests_of_model.moments.noise import quiet_design

_CELL = ("worker_id", "task_id", "period")
_N_WORKERS = 2**12
_HIGHEST, _N_GRID = 0.95, 96
"""Largest persistence, and points of the grid over which it is looked for."""


def design_of(panel: Panel, base: Design | None = None, params: Params | None = None) -> Design:
    """Take from a panel the sizes and the noise of the design that simulates panels like it.

    Parameters
    ----------
    panel
        A panel with outputs, pay, firms and postings.
    base
        Everything else of the design; the quiet design of ``noise.py`` if None.
    params
        Parameters whose pay says what of the variance of log pay is noise and what a premium of the firm; both stay as they
        are in the base if None.

    Returns
    -------
    Design
        Workers, firms, occupations, periods, tasks and items of a worker, postings and applicants as counted; ``output_noise`` and
        ``noise_persistence`` from a worker's items of one task and period (from like tasks before AI where there is one item a task),
        ``ability_noise`` from the retest, ``mobility`` from workers seen in two periods, ``pay_noise`` and ``firm_premium_sd`` from log pay
        before AI.
    """
    chosen = quiet_design() if base is None else base
    changes = {**_sizes(panel), **_output_noise(panel), **_ability_noise(panel), **_mobility(panel)}
    if params is not None:
        changes |= _pay(panel, params)
    return replace(change_design(chosen, **changes), name=chosen.name)


def _sizes(panel: Panel) -> dict[str, object]:
    tables = {name: eager(table) for name, table in panel.tables().items()}
    outputs = tables["outputs"]
    of_worker = outputs.group_by("worker_id", "period").agg(pl.col("task_id").n_unique())
    sizes: dict[str, object] = {
        "n_workers": tables["workers"].height,
        "n_occupations": tables["occupations"].height,
        "n_firms": tables["firms"]["firm_id"].n_unique(),
        "n_tasks": _rounded_mean(of_worker["task_id"]),
        "n_items": _rounded_mean(outputs.group_by(_CELL).len()["len"]),
    }
    first, periods = panel.info.first_ai_period, outputs["period"].unique()
    if first is not None:
        sizes |= {"n_pre": int((periods < first).sum()), "n_post": int((periods >= first).sum())}
    for table, field in (
        ("postings", "n_postings_by_occupation"),
        ("screening", "n_applicants_by_occupation"),
    ):
        if table in tables:
            cells = tables[table].select("occupation_code", "period").unique().height
            sizes[field] = max(1, round(tables[table].height / max(1, cells)))
    return sizes


def _rounded_mean(counts: pl.Series) -> int:
    return max(1, round(float(counts.to_numpy().mean())))


def _output_noise(panel: Panel) -> dict[str, object]:
    """Noise of single outputs, and its persistence, before AI."""
    if panel.outputs is None or panel.info.first_ai_period is None:
        return {}
    outputs = (
        eager(panel.outputs)
        .filter((pl.col("period") < panel.info.first_ai_period) & (pl.col("output") > 0))
        .with_columns(log=pl.col("output").log())
    )
    cells = outputs.filter(pl.len().over(_CELL) > 1)
    return _of_items(cells) if cells.height else _of_like_tasks(panel, outputs)


def _of_items(cells: pl.DataFrame) -> dict[str, object]:
    order = "sequence" if "sequence" in cells.columns else "item_id"
    left = cells.sort(*_CELL, order).with_columns(
        left=pl.col("log") - pl.col("log").mean().over(_CELL)
    )
    product = (pl.col("left") * pl.col("left").shift(1).over(_CELL)).sum()
    row = left.select(
        square=(pl.col("left") ** 2).sum(),
        product=product,
        dof=pl.len() - pl.struct(_CELL).n_unique(),
        n=pl.len() / pl.struct(_CELL).n_unique(),
    ).row(0, named=True)
    persistence, share = _persistence(row["product"] / row["square"], max(2, round(row["n"])))
    if "sequence" not in cells.columns:
        persistence, share = 0.0, 1.0
    noise = math.sqrt(row["square"] / row["dof"] / share)
    return {"output_noise": noise, "noise_persistence": persistence}


def _persistence(ratio: float, n_items: int) -> tuple[float, float]:
    """Persistence at which neighbouring residuals of n items have this ratio to their squares, and the share of the variance left."""
    grid = np.linspace(0, _HIGHEST, _N_GRID)
    lag = np.abs(np.subtract.outer(np.arange(n_items), np.arange(n_items)))
    center = np.eye(n_items) - 1 / n_items
    expected, shares = np.empty(grid.size), np.empty(grid.size)
    for place, persistence in enumerate(grid):
        left = center @ persistence**lag @ center
        expected[place] = np.trace(left, offset=1) / np.trace(left)
        shares[place] = np.trace(left) / (n_items - 1)
    persistence = float(np.interp(ratio, expected, grid))
    return persistence, float(np.interp(persistence, grid, shares))


def _of_like_tasks(panel: Panel, outputs: pl.DataFrame) -> dict[str, object]:
    """Noise where a worker has one item a task: tasks of one skill type are like ones."""
    if panel.tasks is None:
        return {}
    like = (
        outputs.join(eager(panel.tasks).select("task_id", "skill_type"), on="task_id")
        .with_columns(log=pl.col("log") - pl.col("log").mean().over("task_id"))
        .group_by("worker_id", "skill_type")
        .agg(pl.col("log").var().alias("variance"), (pl.len() - 1).alias("dof"))
        .drop_nulls("variance")
    )
    if not like.height:
        return {}
    total, dof = (like["variance"] * like["dof"]).sum(), like["dof"].sum()
    return {"output_noise": math.sqrt(float(total) / float(dof)), "noise_persistence": 0.0}


def _ability_noise(panel: Panel) -> dict[str, object]:
    workers = eager(panel.workers) if panel.workers is not None else None
    if workers is None or not {"ability_log", "ability_retest_log"} <= set(workers.columns):
        return {}
    gap = (workers["ability_log"] - workers["ability_retest_log"]).drop_nulls()
    if gap.len() < 2:
        return {}
    return {"ability_noise": float(gap.to_numpy().std(ddof=1)) / math.sqrt(2)}


def _mobility(panel: Panel) -> dict[str, object]:
    """Share of workers who have another firm in the next period."""
    if panel.pay is None:
        return {}
    pay = eager(panel.pay).sort("worker_id", "period")
    moved = pay.select(
        (pl.col("firm_id") != pl.col("firm_id").shift(1).over("worker_id")).drop_nulls().mean()
    ).item()
    return {} if moved is None else {"mobility": float(moved)}


def _pay(panel: Panel, params: Params) -> dict[str, object]:
    """Noise of pay and premia of firms that AI has no part in: log pay before AI beside the model's, within and between firms."""
    if panel.pay is None or panel.info.first_ai_period is None:
        return {}
    pay = eager(panel.pay).filter(pl.col("period") < panel.info.first_ai_period)
    log_pay, firm = np.log(pay["pay"].to_numpy()), pay["firm_id"].rank("dense").to_numpy() - 1
    before = solve_economy(params, n_workers=_N_WORKERS).before
    within, between = _within_between(log_pay, firm.astype(np.int64))
    return {
        "pay_noise": math.sqrt(max(0.0, within - before.within_variance)),
        "firm_premium_sd": math.sqrt(max(0.0, between - before.between_variance)),
    }


def _within_between(values: Array, group: Array) -> tuple[float, float]:
    """Variance within groups, and between their expectations, freed of sampling error."""
    count = np.bincount(group)
    mean = np.bincount(group, values) / count
    within = float(np.sum((values - mean[group]) ** 2) / (values.size - count.size))
    overall = values.mean()
    raw = float(count @ (mean - overall) ** 2 / values.size)
    return within, raw - within * (count.size - 1) / values.size
