"""Pay of a lazy panel in few rows: those of one occupation and period, or of its workers, as rows that stand in for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Frame, Panel
from withintask.tests_of_model.regression.stand_ins import squares_around_means, stand_ins
from withintask.tests_of_model.samples.pay_changes import PayChanges, WorkerChanges
from withintask.tests_of_model.samples.pay_rows import PayRows, UsablePay, fail_if_not_positive
from withintask.tests_of_model.samples.unknown import left_out_counts

_OF_WORKER = {
    "educ_cog": "educ_cog",
    "educ_soc": "educ_soc",
    "ability": "ability_log",
    "retest": "ability_retest_log",
}
"""Fields of workers, and their columns."""
_FLAGS = ("occupation", "exposure", "firm", *_OF_WORKER)
"""Fields of rows that may be asked for."""
_BEFORE, _AFTER = ~pl.col("is_post"), pl.col("is_post")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScannedPay:
    """Rows of pay of which all is known that is asked for, still to be read."""

    rows: pl.LazyFrame
    """``worker_id, period, is_post, pay, log_pay, firm_id, place`` (of the occupation) and the worker's fields."""
    occupations: pl.DataFrame
    """``occupation, exposure`` by place; one of nulls where no occupation is told."""
    told: frozenset[str]
    """Fields that some row tells."""
    center: float
    """About the mean of log pay."""
    n_obs: int
    """Rows of pay."""
    note: str
    """Rows that were left out."""

    @property
    def has_occupations(self) -> bool:
        """Whether an occupation is told."""
        return self.occupations["occupation"].null_count() < self.occupations.height


def scan_pay(panel: Panel, *names: str) -> ScannedPay:
    """Find the rows of pay of which the fields named are known, in a pass that counts them.

    Parameters
    ----------
    panel
        Lazy, with pay.
    names
        Of ``occupation``, ``exposure``, ``firm``, ``educ_cog``, ``educ_soc``, ``ability``, ``retest``. A field that the panel
        does not tell at all leaves nothing out.

    Raises
    ------
    EstimationError
        If the panel has no pay, some of it is not positive, or no row is left.
    """
    rows = _joined(panel)
    counts, occupations, center = _counts(panel, rows)
    asked = [name for name in names if counts[name].any()]
    usable = counts.filter([pl.col(name) for name in asked])
    n_all, n_used = _total(counts), _total(usable)
    if not n_used:
        raise EstimationError("no row of pay is left")
    missing = {name: _total(counts.filter(~pl.col(name))) for name in asked}
    places = occupations.with_row_index("place").select(
        "occupation", pl.col("place").cast(pl.Int64), has_exposure=pl.col("exposure").is_not_null()
    )
    rows = rows.join(places.lazy(), on="occupation", how="left", nulls_equal=True)
    tests = {"exposure": pl.col("has_exposure"), "firm": pl.col("firm_id").is_not_null()}
    conditions = [tests.get(name, pl.col(name).is_not_null()) for name in asked]
    return ScannedPay(
        rows=rows.filter(conditions) if n_used < n_all else rows,
        occupations=occupations,
        told=frozenset(name for name in _FLAGS if counts[name].any()),
        center=center,
        n_obs=n_used,
        note=left_out_counts(missing, n_all - n_used, n_all),
    )


def _counts(panel: Panel, rows: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame, float]:
    """Rows by the fields they tell; occupations with their exposure; and the mean of log pay."""
    columns = {"firm": "firm_id", **dict(zip(_OF_WORKER, _OF_WORKER, strict=True))}
    sums = (
        rows.group_by(
            "occupation", *(pl.col(column).is_not_null().alias(n) for n, column in columns.items())
        )
        .agg(
            pl.len().alias("n"),
            (pl.col("pay") > 0).sum().alias("n_positive"),
            pl.col("log_pay").sum().alias("total"),
        )
        .sort("occupation")
        .collect(engine="streaming")
    )
    fail_if_not_positive(sums["n"], sums["n_positive"])
    occupations = _with_exposure(panel, sums["occupation"].unique().sort(nulls_last=True))
    counts = sums.join(occupations, on="occupation", how="left", nulls_equal=True).with_columns(
        exposure=pl.col("exposure").is_not_null(), occupation=pl.col("occupation").is_not_null()
    )
    return counts, occupations, float(floats(sums["total"]).sum() / max(_total(sums), 1))


def _total(counts: pl.DataFrame) -> int:
    return int(floats(counts["n"]).sum())


def scanned_pay(panel: Panel, *names: str) -> UsablePay:
    """Prepare log pay and schooling, those of one occupation (worker where none is told) and period as stand-ins.

    Raises
    ------
    EstimationError
        As :func:`scan_pay`.
    """
    scanned = scan_pay(panel, *names)
    fields = [name for name in _OF_WORKER if name in names and name in scanned.told]
    centers = {"log_pay": scanned.center, **_centers(panel, fields)}
    unit = "place" if scanned.has_occupations else "worker_id"
    blocks = _blocks(scanned.rows, [unit, "period"], centers)
    values = blocks.values
    columns = dict(zip(centers, values.T, strict=True))
    period = blocks.keys["period"].to_numpy()[blocks.block]
    rows = _pay_rows(
        panel,
        scanned,
        unit=blocks.keys[unit].rank("dense").cast(pl.Int64).to_numpy()[blocks.block] - 1,
        place=blocks.keys["place"].to_numpy()[blocks.block] if unit == "place" else None,
        period=period,
        pay=np.exp(columns.pop("log_pay")),
        weight=blocks.weight,
        fields=columns,
    )
    return UsablePay(rows=rows, n_obs=scanned.n_obs, note=scanned.note)


def scanned_changes(panel: Panel, *names: str, with_unit: bool) -> PayChanges:
    """Prepare the changes of workers' pay, those of one occupation (each where none is told) as stand-ins.

    Raises
    ------
    EstimationError
        As :func:`scan_pay`.
    """
    scanned = scan_pay(panel, *names)
    fields = [name for name in _OF_WORKER if name in names and name in scanned.told]
    centers = {"level": 0.0, "log": 0.0, **_centers(panel, fields)}
    unit = "place" if scanned.has_occupations else "worker_id"
    blocks = _blocks(_by_worker(scanned, fields), [unit], centers)
    columns = dict(zip(centers, blocks.values.T, strict=True))
    level, log = columns.pop("level"), columns.pop("log")
    rows = _pay_rows(
        panel,
        scanned,
        unit=blocks.block,
        place=blocks.keys["place"].to_numpy()[blocks.block] if unit == "place" else None,
        period=np.zeros_like(blocks.block),
        pay=np.ones(level.size),
        weight=blocks.weight,
        fields=columns,
    )
    workers = WorkerChanges(level=level, log=log, rows=rows, n_workers=blocks.n_rows)
    unit_of_returns = _unit(panel, scanned) if with_unit else float("nan")
    return PayChanges(workers=workers, unit=unit_of_returns, note=scanned.note)


def _by_worker(scanned: ScannedPay, fields: Sequence[str]) -> pl.LazyFrame:
    """Change of mean pay and of mean log pay of each worker seen on both sides, and his earliest occupation."""
    size = scanned.occupations.height
    mean = {
        name: pl.when(_AFTER).then(name).mean() - pl.when(_BEFORE).then(name).mean()
        for name in ("pay", "log_pay")
    }
    return (
        scanned.rows.group_by("worker_id")
        .agg(
            level=mean["pay"],
            log=mean["log_pay"],
            first=(pl.col("period").cast(pl.Int64) * size + pl.col("place")).min(),
            **{name: pl.col(name).first() for name in fields},
        )
        .drop_nulls(["level", "log"])
        .with_columns(place=pl.col("first") % size)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blocks:
    keys: pl.DataFrame
    block: Codes
    values: Array
    weight: Array
    n_rows: int


def _blocks(rows: pl.LazyFrame, keys: list[str], centers: dict[str, float]) -> _Blocks:
    """Stand-ins of the rows that share keys; sums are taken around the centers, near which the values lie."""
    names = list(centers)
    near = {name: pl.col(name) - center for name, center in centers.items()}
    pairs = list(combinations_with_replacement(names, 2))
    sums = (
        rows.group_by(keys)
        .agg(
            pl.len().alias("n"),
            *(near[name].sum().alias(name) for name in names),
            *((near[a] * near[b]).sum().alias(f"{a}*{b}") for a, b in pairs),
        )
        .sort(keys)
        .collect(engine="streaming")
    )
    n = floats(sums["n"])
    products = np.empty((n.size, len(names), len(names)))
    for a, b in pairs:
        i, j = names.index(a), names.index(b)
        products[:, i, j] = products[:, j, i] = floats(sums[f"{a}*{b}"])
    totals = sums.select(names).to_numpy().reshape(n.size, len(names))
    stands = stand_ins(n, *squares_around_means(n, totals, products))
    return _Blocks(
        keys=sums.select(keys),
        block=stands.block,
        values=stands.values + np.array([centers[name] for name in names]),
        weight=stands.weight,
        n_rows=int(n.sum()),
    )


def _joined(panel: Panel) -> pl.LazyFrame:
    """Rows of pay with the fields of their workers; what is not known or not finite is null."""
    if panel.pay is None:
        raise EstimationError("panel: no table pay")
    pay = panel.pay.lazy()
    first = panel.info.first_ai_period
    own = _text(pay, "occupation_code")
    is_own = bool(pay.select(own.is_not_null().any()).collect(engine="streaming").item())
    rows = pay.select(
        "worker_id",
        "period",
        _text(pay, "firm_id"),
        pl.col("pay").cast(pl.Float64),
        pl.col("pay").cast(pl.Float64).log().alias("log_pay"),
        own.alias("occupation"),
        is_post=pl.lit(value=False) if first is None else pl.col("period") >= first,
    )
    names = [*_OF_WORKER, *(() if is_own else ("of_worker",))]
    if panel.workers is None:
        return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in _OF_WORKER)
    workers = panel.workers.lazy()
    rows = rows.join(
        workers.select(
            "worker_id",
            *(_number(workers, column).alias(name) for name, column in _OF_WORKER.items()),
            _text(workers, "occupation_code").alias("of_worker"),
        ).select("worker_id", *names),
        on="worker_id",
        how="left",
    )
    return rows if is_own else rows.with_columns(occupation="of_worker")


def _text(frame: pl.LazyFrame, name: str) -> pl.Expr:
    is_there = name in frame.collect_schema().names()
    return (pl.col(name) if is_there else pl.lit(None)).cast(pl.String).alias(name)


def _number(frame: pl.LazyFrame, name: str) -> pl.Expr:
    if name not in frame.collect_schema().names():
        return pl.lit(None, dtype=pl.Float64)
    value = pl.col(name).cast(pl.Float64)
    return pl.when(value.is_finite()).then(value)


def _with_exposure(panel: Panel, occupations: pl.Series) -> pl.DataFrame:
    """``occupation, exposure`` in the order given; unknown exposure is null."""
    frame = pl.DataFrame({"occupation": occupations})
    if panel.occupations is None:
        return frame.with_columns(exposure=pl.lit(None, dtype=pl.Float64))
    table = panel.occupations.lazy()
    exposure = table.select(
        _text(table, "occupation_code").alias("occupation"), exposure=_number(table, "exposure")
    ).collect()
    return frame.join(exposure, on="occupation", how="left", maintain_order="left")


def _centers(panel: Panel, fields: Sequence[str]) -> dict[str, float]:
    """Means of workers' fields, near which those of any of their rows lie."""
    if not fields or panel.workers is None:
        return {}
    workers = panel.workers.lazy()
    means = workers.select(_number(workers, _OF_WORKER[name]).mean().alias(name) for name in fields)
    return {
        name: float(mean)
        for name, mean in means.collect(engine="streaming").row(0, named=True).items()
    }


def _unit(panel: Panel, scanned: ScannedPay) -> float:
    """As :func:`withintask.tests_of_model.samples.pay_rows.mean_before`, from sums by firm and period."""
    sums = (
        scanned.rows.group_by("firm_id", "period", "is_post")
        .agg(pl.len().alias("n"), pl.col("pay").sum().alias("total"))
        .sort("firm_id", "period")
        .collect(engine="streaming")
    )
    before = sums.filter(~pl.col("is_post"))
    before = before if before.height else sums
    human = _human_pay(panel.firms)
    if human is not None:
        of_firm = before.join(human, on=["firm_id", "period"], how="inner").drop_nulls("human")
        if of_firm.height:
            return float(np.average(of_firm["human"], weights=of_firm["n"]))
    return float(floats(before["total"]).sum() / _total(before))


def _human_pay(firms: Frame | None) -> pl.DataFrame | None:
    if firms is None:
        return None
    table = firms.lazy()
    return table.select(
        _text(table, "firm_id"), "period", human=_number(table, "human_pay_mean")
    ).collect()


def _pay_rows(
    panel: Panel,
    scanned: ScannedPay,
    *,
    unit: Codes,
    place: Codes | None,
    period: Codes,
    pay: Array,
    weight: Array,
    fields: dict[str, Array],
) -> PayRows:
    """Stand-ins as rows of pay; fields that are not asked for or not told are not known."""
    first, nothing = panel.info.first_ai_period, np.full(pay.size, np.nan)
    exposure = nothing if place is None else floats(scanned.occupations["exposure"])[place]
    return PayRows(
        worker=unit,
        period=period,
        is_post=np.zeros(pay.size, dtype=np.bool_) if first is None else period >= first,
        pay=pay,
        firm=np.zeros_like(unit),
        firm_key=np.full_like(unit, -1),
        occupation=np.full_like(unit, -1) if place is None else place,
        exposure=exposure,
        controls=np.empty((pay.size, 0)),
        effects=np.empty((pay.size, 0), dtype=np.int64),
        weight=weight,
        **{name: fields.get(name, nothing) for name in _OF_WORKER},
    )
