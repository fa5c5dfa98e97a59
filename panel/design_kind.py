"""What kind of design a panel is: what varies, what was assigned, how many items a cell holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.uniqueness import duplicated_keys

ON, OFF, UNKNOWN = "_on", "_off", "_unknown"
_UNITS = ("worker_id", "firm_id", "item_id", "task_id")


@dataclass(frozen=True, kw_only=True)
class Starts:
    """When units of one kind come to have AI."""

    unit: str
    """``worker`` or ``firm``"""
    periods: tuple[int, ...]
    """the periods in which some of them start, of those that begin without AI"""
    n_starting: int
    """units that begin without and have AI later"""
    n_never: int
    """units without AI in every period in which they are seen"""
    n_always: int
    """units with AI from the first period in which they are seen"""
    n_ending: int
    """units that have AI and later do not"""


@dataclass(frozen=True, kw_only=True)
class Items:
    """How many rows a worker has in a cell, and who shares the items."""

    n_items: int | None
    """distinct items; None where items are not declared"""
    smallest: int
    """fewest rows of a worker in a task, arm and period"""
    median: int
    """median of them"""
    largest: int
    """most of them"""
    n_shared: int
    """items that two workers or more did"""
    n_raters: int
    """distinct raters; 0 where raters are not declared"""
    longest_sequence: int
    """most rows of one worker"""


@dataclass(frozen=True, kw_only=True)
class DesignKind:
    """What a panel lets one compare."""

    treatment: str
    """the column read as treatment: ``ai_access``, ``arm``, ``ai_use`` or empty"""
    n_rows: int
    """rows of outputs"""
    n_unknown: int
    """rows whose treatment is not known"""
    n_workers: int
    """distinct workers"""
    n_tasks: int
    """distinct tasks"""
    periods: tuple[int, ...]
    """the periods that occur"""
    first_ai_period: int | None
    """first period in which AI exists; None if not stated"""
    n_within_cells: int
    """workers with and without AI in one task and period"""
    n_within_periods: int
    """workers with AI on one task and without on another, in one period"""
    n_over_time: int
    """workers with AI in one period and without in another"""
    between_workers: bool
    """whether some period has workers with AI and workers without"""
    between_firms: bool
    """whether firms are known, differ in some period and are never divided in one"""
    starts: Starts
    """when workers, or firms where these differ, come to have AI"""
    arms: tuple[tuple[str, int], ...]
    """arms and the workers in them"""
    assigned: tuple[str, ...]
    """the columns that are one with ``assignment_id``, or ``group of workers``"""
    n_assigned: int
    """units that were assigned"""
    n_divided: int
    """those of them in which some rows have AI and others not in one period, so that they are not what was assigned"""
    n_strata: int
    """strata of the assignment"""
    items: Items
    """rows in a cell"""
    abilities: tuple[tuple[str, int], ...]
    """measures of ability before AI and the workers they are known of"""


_kinds: WeakKeyDictionary[Panel, DesignKind] = WeakKeyDictionary()


def design_kind(panel: Panel) -> DesignKind:
    """Find out what varies in a panel; once, as a panel does not change.

    Parameters
    ----------
    panel
        Any panel with outputs; a lazy one is streamed.

    Raises
    ------
    ParameterError
        If it has no outputs.
    """
    if panel.outputs is None:
        raise ParameterError(f"panel {panel.info.name}: no table outputs, so there is no design")
    if panel not in _kinds:
        _kinds[panel] = _design_kind(panel)
    return _kinds[panel]


def _design_kind(panel: Panel) -> DesignKind:
    treatment, rows = _treated(panel)
    columns = rows.collect_schema().names()
    cells = _cells(rows, columns)
    by_period = _pure(cells, ["worker_id", "period"])
    firms = _pure(cells.drop_nulls("firm_id"), ["firm_id", "period"])
    between_firms = _differ(firms) and not firms["is_mixed"].any()
    assigned, n_assigned, n_strata = _assignment(rows, columns)
    return DesignKind(
        treatment=treatment,
        n_rows=int(cells["n"].sum()),
        n_unknown=int(cells[UNKNOWN].sum()),
        n_workers=cells["worker_id"].n_unique(),
        n_tasks=cells["task_id"].n_unique(),
        periods=tuple(cells["period"].unique().sort().to_list()),
        first_ai_period=panel.info.first_ai_period,
        n_within_cells=cells.filter((pl.col(ON) > 0) & (pl.col(OFF) > 0))["worker_id"].n_unique(),
        n_within_periods=_within_periods(cells),
        n_over_time=_both(by_period, "worker_id"),
        between_workers=_differ(by_period),
        between_firms=between_firms,
        starts=_starts(firms, "firm") if between_firms else _starts(by_period, "worker"),
        arms=_counted(rows, "arm") if "arm" in columns else (),
        assigned=assigned,
        n_assigned=n_assigned,
        n_divided=_divided(rows, columns),
        n_strata=n_strata,
        items=_items(rows, columns, cells),
        abilities=_abilities(panel),
    )


def _divided(rows: pl.LazyFrame, columns: Sequence[str]) -> int:
    """Units of assignment that hold rows with AI and rows without in one period."""
    if "assignment_id" not in columns:
        return 0
    known = rows.drop_nulls(["assignment_id", "_treated"])
    sides = known.group_by("assignment_id", "period").agg(n=pl.col("_treated").n_unique())
    divided = sides.filter(pl.col("n") > 1).select(pl.col("assignment_id").n_unique())
    return int(divided.collect(engine="streaming").item())


def _treated(panel: Panel) -> tuple[str, pl.LazyFrame]:
    """Add whether each row is treated, by the first column that varies; unknown stays null."""
    assert panel.outputs is not None
    rows = panel.outputs.lazy()
    columns = rows.collect_schema()
    of_column = {
        "ai_access": pl.col("ai_access"),
        "arm": _has_ai(panel.info),
        "ai_use": pl.col("ai_use") > 0,
    }
    for name, is_treated in of_column.items():
        if name in columns:
            values = rows.select(low=is_treated.min(), high=is_treated.max())
            low, high = values.collect(engine="streaming").row(0)
            if low != high:
                return name, _numbered(rows.with_columns(_treated=is_treated))
    return "", _numbered(rows.with_columns(_treated=pl.lit(None, dtype=pl.Boolean)))


def _numbered(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Ids that are categories as their numbers, which are compared faster; which text each is plays no part."""
    types = rows.collect_schema().items()
    coded = [name for name, type_ in types if isinstance(type_, pl.Categorical)]
    return rows.with_columns(pl.col(coded).to_physical()) if coded else rows


def _has_ai(info: PanelInfo) -> pl.Expr:
    """Whether a row is in an arm with AI, after its arrival."""
    has_ai = pl.col("arm") != pl.lit(info.control_arm, dtype=pl.String)
    return (
        has_ai
        if info.first_ai_period is None
        else has_ai & (pl.col("period") >= info.first_ai_period)
    )


def _cells(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Rows with, without and of unknown treatment, by worker, task, period and firm."""
    firm = pl.col("firm_id") if "firm_id" in columns else pl.lit(None, dtype=pl.String)
    treated = pl.col("_treated")
    cells = rows.group_by("worker_id", "task_id", "period", firm.alias("firm_id")).agg(
        **{
            "n": pl.len(),
            ON: treated.fill_null(False).sum(),
            OFF: (~treated).fill_null(False).sum(),
            UNKNOWN: treated.is_null().sum(),
        }
    )
    return cells.collect(engine="streaming")


def _pure(cells: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Whether each unit and period has AI throughout, or in part."""
    sums = cells.lazy().group_by(by).agg(pl.col(ON, OFF).sum())
    units = sums.filter(pl.col(ON) + pl.col(OFF) > 0).with_columns(
        is_on=pl.col(OFF) == 0, is_mixed=(pl.col(ON) > 0) & (pl.col(OFF) > 0)
    )
    return units.sort(by).collect(engine="streaming")


def _differ(units: pl.DataFrame) -> bool:
    """Whether some period has units with AI throughout and units without any."""
    periods = units.group_by("period").agg(both=(pl.col(OFF) == 0).any() & (pl.col(ON) == 0).any())
    return bool(periods["both"].any())


def _both(units: pl.DataFrame, unit: str) -> int:
    """Units that have AI in one period and none in another."""
    seen = units.group_by(unit).agg(both=(pl.col(OFF) == 0).any() & (pl.col(ON) == 0).any())
    return int(seen["both"].sum())


def _within_periods(cells: pl.DataFrame) -> int:
    pure = cells.lazy().filter(pl.col(ON) + pl.col(OFF) > 0)
    tasks = pure.group_by("worker_id", "period").agg(
        both=(pl.col(OFF) == 0).any() & (pl.col(ON) == 0).any()
    )
    both = tasks.filter("both").select(pl.col("worker_id").n_unique())
    return int(both.collect(engine="streaming").item())


def _starts(units: pl.DataFrame, unit: str) -> Starts:
    """Say when units that are seen over time come to have AI; mixed periods count as having it."""
    has = (pl.col(ON) > 0).alias("has")
    name = units.columns[0]
    seen = (
        units.sort(name, "period")
        .group_by(name, maintain_order=True)
        .agg(
            first=has.first(),
            ever=has.any(),
            start=pl.col("period").filter(has).min(),
            ends=((pl.col(ON) == 0) & has.cum_max()).any(),
        )
    )
    starting = seen.filter(pl.col("ever") & ~pl.col("first"))
    return Starts(
        unit=unit,
        periods=tuple(starting["start"].unique().sort().to_list()),
        n_starting=starting.height,
        n_never=seen.filter(~pl.col("ever")).height,
        n_always=seen.filter("first").height,
        n_ending=seen.filter("ends").height,
    )


def _counted(rows: pl.LazyFrame, column: str) -> tuple[tuple[str, int], ...]:
    counts = rows.drop_nulls(column).group_by(column).agg(n=pl.col("worker_id").n_unique())
    return tuple(counts.sort(column).collect(engine="streaming").iter_rows())


def _assignment(rows: pl.LazyFrame, columns: Sequence[str]) -> tuple[tuple[str, ...], int, int]:
    """Say which column is one with what was assigned; how many units and strata there are."""
    if "assignment_id" not in columns:
        return (), 0, 0
    known = rows.drop_nulls("assignment_id")
    units = [name for name in _UNITS if name in columns]
    n_assigned = known.select(pl.col("assignment_id").n_unique()).collect().item()
    same = []
    for unit in units:
        pairs = known.drop_nulls(unit).select("assignment_id", unit).unique()
        sizes = pairs.select(
            n=pl.len(), a=pl.col("assignment_id").n_unique(), u=pl.col(unit).n_unique()
        )
        n, a, u = sizes.collect(engine="streaming").row(0)
        if n == a == u:
            same.append(unit.removesuffix("_id"))
        elif unit == "worker_id" and n == u > a:
            same.append("group of workers")
    strata = 0
    if "stratum_id" in columns:
        strata = known.select(pl.col("stratum_id").drop_nulls().n_unique()).collect().item()
    return tuple(same), n_assigned, strata


def _items(rows: pl.LazyFrame, columns: Sequence[str], cells: pl.DataFrame) -> Items:
    sizes = pl.concat([_sizes(cells, column) for column in (ON, OFF, UNKNOWN)])
    counts = sizes.group_by("size").agg(pl.col("n").sum()).sort("size")
    middle = counts.filter(pl.col("n").cum_sum() > (pl.col("n").sum() - 1) // 2)
    longest = cells.group_by("worker_id").agg(pl.col("n").sum())["n"].max()
    n_items, n_shared, n_raters = None, 0, 0
    if "item_id" in columns:
        n_items = rows.select(pl.col("item_id").drop_nulls().n_unique()).collect().item()
        several = duplicated_keys(rows, ["item_id"]).lazy()
        workers = rows.join(several, on="item_id", how="semi").group_by("item_id")
        shared = workers.agg(n=pl.col("worker_id").n_unique()).select((pl.col("n") > 1).sum())
        n_shared = shared.collect(engine="streaming").item()
    if "rater_id" in columns:
        n_raters = rows.select(pl.col("rater_id").drop_nulls().n_unique()).collect().item()
    return Items(
        n_items=n_items,
        smallest=counts["size"][0] if counts.height else 0,
        median=middle["size"][0] if counts.height else 0,
        largest=counts["size"][-1] if counts.height else 0,
        n_shared=n_shared,
        n_raters=n_raters,
        longest_sequence=int(longest) if isinstance(longest, int) else 0,
    )


def _sizes(cells: pl.DataFrame, column: str) -> pl.DataFrame:
    """How many cells have how many rows of a kind, of those that have one."""
    size = pl.col(column).cast(pl.Int64).alias("size")
    counts = cells.lazy().filter(pl.col(column) > 0).group_by(size).agg(n=pl.len().cast(pl.Int64))
    return counts.collect(engine="streaming")


def _abilities(panel: Panel) -> tuple[tuple[str, int], ...]:
    from withintask.panel.ability import ability_measures

    counts = ability_measures(panel).group_by("measure").agg(n=pl.col("worker_id").n_unique())
    return tuple(counts.sort("measure").iter_rows())
