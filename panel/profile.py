"""What a panel covers, without showing any row: coverage, balance, overlap, mobility, cells."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Frame, Panel

MIN_CELL = 10
"""Fewest people or firms a figure may rest on: the threshold of the UK Secure Research Service."""

UNITS = {
    "workers": "worker_id",
    "outputs": "worker_id",
    "abilities": "worker_id",
    "pay": "worker_id",
    "firms": "firm_id",
    "postings": "posting_id",
    "screening": "applicant_id",
}
"""The people or firms whose number a figure rests on; other tables describe neither."""

_HALF = 0.5

_COLUMNS = {
    "section": pl.String,
    "item": pl.String,
    "period": pl.Int64,
    "value": pl.Float64,
    "n_units": pl.Int64,
    "is_suppressed": pl.Boolean,
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A share ``count / base``, or a value over ``base`` people or firms if count is None."""

    section: str
    """part of the report"""
    item: str
    """what is measured"""
    base: int | None
    """people or firms it rests on; None if it describes neither"""
    count: int | None = None
    """those of them that have the property"""
    value: float | None = None
    """the value, where it is not a share"""
    period: int | None = None
    """the period, where it is about one"""


def few_people(panel: Panel, *, min_cell: int = MIN_CELL) -> list[str]:
    """Say which tables of a panel are about fewer people or firms than a figure may rest on.

    Parameters
    ----------
    panel
        Any panel.
    min_cell
        Fewest people or firms.

    Returns
    -------
    list
        A sentence a table; none if all rest on enough.
    """
    sentences = []
    for table, frame in panel.tables().items():
        unit = UNITS.get(table)
        if unit is not None and _has(frame, unit):
            n = _first(frame, [pl.col(unit).drop_nulls().n_unique().alias("n")])["n"]
            if n < min_cell:
                kind = unit.removesuffix("_id")
                sentences.append(
                    f"{table}: rests on fewer than {min_cell} {kind}s; figures may disclose them"
                )
    return sentences


def profile(panel: Panel, *, min_cell: int = MIN_CELL) -> pl.DataFrame:
    """Describe a panel in figures that rest on enough people, rounded so that differences rest on enough as well.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed.
    min_cell
        Fewest people or firms behind a figure. A share is also suppressed if fewer than this,
        but not none, have the property or lack it. Every number of people, firms or their rows is
        rounded to a multiple of it, and shares are those of the rounded numbers; 1 rounds nothing.

    Returns
    -------
    polars.DataFrame
        ``section, item, period, value, n_units, is_suppressed``; ``value`` and ``n_units`` are
        null where suppressed.

    Raises
    ------
    ParameterError
        If ``min_cell`` is below one.

    Notes
    -----
    Exact bases of 100, 98 and 95 would disclose groups of 2 and 3 that are suppressed where they
    stand alone. Of rounded numbers, any two are equal or differ by `min_cell` or more, in one table,
    across tables and for what is left of a base.
    """
    if min_cell < 1:
        raise ParameterError(f"min_cell is {min_cell}; expected at least 1")
    figures = [*_coverage(panel), *_balance(panel), *_overlap(panel)]
    figures += [*_mobility(panel), *_cells(panel, min_cell)]
    rows = [_row(figure, min_cell) for figure in figures]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _row(figure: Figure, min_cell: int) -> tuple[object, ...]:
    head = (figure.section, figure.item, figure.period)
    if _is_disclosive(figure, min_cell):
        return (*head, None, None, True)
    if figure.base is None:
        return (*head, figure.value, None, False)
    base = _rounded(figure.base, min_cell)
    if figure.count is not None:
        return (*head, _rounded(figure.count, min_cell) / base, base, False)
    value = None if figure.value is None else float(_rounded(figure.value, min_cell))
    return (*head, value, base, False)


def _rounded(number: float, min_cell: int) -> int:
    """Round to a multiple of the smallest cell, halves up."""
    return math.floor(number / min_cell + _HALF) * min_cell


def _is_disclosive(figure: Figure, min_cell: int) -> bool:
    if figure.base is None:
        return False
    if figure.base < max(min_cell, 1):
        return True
    if figure.count is None:
        return False
    return any(0 < part < min_cell for part in (figure.count, figure.base - figure.count))


def _coverage(panel: Panel) -> Iterator[Figure]:
    """Rows of each table, and for how many people or firms each column is known."""
    for table, frame in panel.tables().items():
        unit = UNITS.get(table)
        columns = frame.lazy().collect_schema().names()
        if unit not in columns:
            unit = None
        known = {c: _n_known(c, unit).alias(c) for c in columns}
        total = pl.len() if unit is None else pl.col(unit).drop_nulls().n_unique()
        counts = _first(frame, [pl.len().alias("_rows"), total.alias("_units"), *known.values()])
        n_units = counts["_units"]
        base = None if unit is None else n_units
        value = float(counts["_rows"])
        yield Figure(section="coverage", item=f"{table}: rows", base=base, value=value)
        for column in columns:
            item = f"{table}.{column} known"
            if unit is None:
                value = counts[column] / max(1, n_units)
                yield Figure(section="coverage", item=item, base=None, value=value)
            else:
                count = counts[column]
                yield Figure(section="coverage", item=item, base=n_units, count=count)


def _n_known(column: str, unit: str | None) -> pl.Expr:
    is_known = pl.col(column).is_not_null()
    if unit is None:
        return is_known.sum()
    return pl.col(unit).filter(is_known).drop_nulls().n_unique()


def _balance(panel: Panel) -> Iterator[Figure]:
    """How many workers are seen once, twice, in every period, and on both sides of AI."""
    for table in ("outputs", "pay"):
        frame: Frame | None = getattr(panel, table)
        if frame is None:
            continue
        first = pl.lit(panel.info.first_ai_period, dtype=pl.Int64)
        seen = (
            frame.lazy()
            .group_by("worker_id")
            .agg(
                n=pl.col("period").n_unique(),
                before=(pl.col("period") < first).any(),
                after=(pl.col("period") >= first).any(),
            )
        )
        n_periods = frame.lazy().select(pl.col("period").n_unique()).collect().item()
        shares = {
            "workers seen in two periods or more": pl.col("n") >= 2,
            "workers seen in every period": pl.col("n") == n_periods,
            "workers seen before and after AI arrived": pl.col("before") & pl.col("after"),
        }
        yield Figure(section="balance", item=f"{table}: periods", base=None, value=n_periods)
        yield from _shares(seen, shares, "balance", table)


def _overlap(panel: Panel) -> Iterator[Figure]:
    """Who has access to AI and uses it: by period, and within worker and task."""
    if panel.outputs is None or not _has(panel.outputs, "ai_access", "ai_use"):
        return
    rows = _with(panel.outputs, ai_access=pl.Boolean(), ai_use=pl.Float64())
    use = pl.col("ai_use") > 0
    by_worker = rows.group_by("period", "worker_id").agg(
        access_known=pl.col("ai_access").is_not_null().any(),
        access=pl.col("ai_access").any(),
        use_known=use.is_not_null().any(),
        use=use.any(),
    )
    yield from _shares_by_period(by_worker)
    pairs = rows.group_by("worker_id", "task_id").agg(
        both=pl.col("ai_access").any() & (~pl.col("ai_access")).any()
    )
    both = pairs.group_by("worker_id").agg(pl.col("both").any())
    shares = {"workers seen with and without access on one task": pl.col("both")}
    yield from _shares(both, shares, "overlap", "outputs")
    cells = rows.group_by("task_id", "period").agg(
        both=pl.col("ai_access").any() & (~pl.col("ai_access")).any()
    )
    share = cells.select(pl.col("both").mean()).collect(engine="streaming").item()
    item = "outputs: task-periods with and without access"
    yield Figure(section="overlap", item=item, base=None, value=share)


def _shares_by_period(by_worker: pl.LazyFrame) -> Iterator[Figure]:
    names = ("access", "access_known", "use", "use_known")
    counts = by_worker.group_by("period").agg(pl.col(names).sum())
    for row in counts.sort("period").collect(engine="streaming").iter_rows(named=True):
        for name in ("access", "use"):
            yield Figure(
                section="overlap",
                item=f"outputs: workers with AI {name}, of those where it is known",
                base=row[f"{name}_known"],
                count=row[name],
                period=row["period"],
            )


def _mobility(panel: Panel) -> Iterator[Figure]:
    """How many workers change firm or occupation, and how many tasks a worker does."""
    for table in ("pay", "outputs"):
        frame: Frame | None = getattr(panel, table)
        for column in ("firm_id", "occupation_code", "task_id"):
            if frame is None or not _has(frame, column):
                continue
            known = frame.lazy().filter(pl.col(column).is_not_null())
            seen = known.group_by("worker_id").agg(n=pl.col(column).n_unique())
            shares = {f"workers with two {column} or more": pl.col("n") >= 2}
            yield from _shares(seen, shares, "mobility", table)


def _cells(panel: Panel, min_cell: int) -> Iterator[Figure]:
    """Workers in a task and period: quantiles, and the share of cells that are too small."""
    if panel.outputs is None:
        return
    size = pl.col("worker_id").n_unique()
    cells = panel.outputs.lazy().group_by("task_id", "period").agg(n=size)
    sizes = cells.collect(engine="streaming")["n"].sort()
    yield Figure(section="cells", item="task-periods", base=None, value=float(sizes.len()))
    if sizes.is_empty():
        return
    small = sizes.filter(sizes < min_cell).len() / sizes.len()
    item = f"task-periods of fewer than {min_cell} workers"
    yield Figure(section="cells", item=item, base=None, value=small)
    quantiles = {"smallest": 0, "lower quartile": 0.25, "median": 0.5, "largest": 1}
    for name, quantile in quantiles.items():
        n = int(sizes[int(quantile * (sizes.len() - 1))])
        yield Figure(section="cells", item=f"workers, {name} cell", base=n, value=n)


def _shares(
    groups: pl.LazyFrame, shares: dict[str, pl.Expr], section: str, table: str
) -> Iterator[Figure]:
    sums = [share.fill_null(False).sum().alias(item) for item, share in shares.items()]
    counts = _first(groups, [pl.len().alias("_base"), *sums])
    for item in shares:
        yield Figure(
            section=section, item=f"{table}: {item}", base=counts["_base"], count=counts[item]
        )


def _first(frame: Frame, expressions: list[pl.Expr]) -> dict[str, int]:
    return frame.lazy().select(expressions).collect(engine="streaming").row(0, named=True)


def _has(frame: Frame, *columns: str) -> bool:
    return bool(set(columns) & set(frame.lazy().collect_schema()))


def _with(frame: Frame, **types: pl.DataType) -> pl.LazyFrame:
    """Add columns that the table leaves out, null in every row."""
    present = frame.lazy().collect_schema()
    absent = [pl.lit(None, dtype=d).alias(c) for c, d in types.items() if c not in present]
    return frame.lazy().with_columns(absent)
