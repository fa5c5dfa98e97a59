"""Resample a panel's clusters with replacement, jointly in all tables."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Frame, Panel
from withintask.panel.transform import eager

Unit = Literal["firm", "occupation", "team"]
"""Clusters: firms, occupations with their tasks and postings, or the workers of one firm in one occupation."""

_MARK = "~"
_COPY = "copy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """Which firm and occupation every worker belongs to, and how tables are linked to them."""

    panel: Panel
    """The panel, in memory."""
    workers: pl.DataFrame
    """worker_id, firm (where first paid or seen), occupation."""

    def labels(self, unit: Unit) -> pl.Series:
        """Clusters of a unit, sorted, each once."""
        if unit == "team":
            return self._team().unique().sort()
        labels = [self.workers[unit]]
        if unit == "occupation":
            labels += [
                self._column(table, "occupation_code")
                for table in ("occupations", "postings", "screening")
            ]
        return pl.concat([one.rename("label") for one in labels]).drop_nulls().unique().sort()

    def _team(self) -> pl.Series:
        return self.workers.select(
            pl.concat_str("firm", "occupation", separator=_MARK, ignore_nulls=True)
        ).to_series()

    def _column(self, table: str, column: str) -> pl.Series:
        frame = getattr(self.panel, table)
        if frame is None or column not in eager(frame).columns:
            return pl.Series(column, [], dtype=pl.String)
        return eager(frame)[column].cast(pl.String)


def make_blocks(panel: Panel) -> Blocks:
    """Find the firm and occupation of every worker of a panel.

    Raises
    ------
    EstimationError
        If the panel has neither pay nor outputs.
    """
    panel = panel.collect()
    seen = [eager(frame) for frame in (panel.pay, panel.outputs) if frame is not None]
    if not seen:
        raise EstimationError(
            "resampling: the panel has neither pay nor outputs, so there is nothing to resample"
        )
    rows = [_first_seen(frame) for frame in seen]
    workers = pl.concat(rows).unique("worker_id", keep="first", maintain_order=True)
    if panel.workers is not None and "occupation_code" in eager(panel.workers).columns:
        known = eager(panel.workers).select(
            "worker_id", pl.col("occupation_code").cast(pl.String).alias("known")
        )
        workers = workers.join(known, on="worker_id", how="left", maintain_order="left")
        workers = workers.with_columns(pl.coalesce("known", "occupation").alias("occupation")).drop(
            "known"
        )
    return Blocks(panel=panel, workers=workers)


def _first_seen(frame: pl.DataFrame) -> pl.DataFrame:
    names = {"firm_id": "firm", "occupation_code": "occupation"}
    columns = [
        (
            pl.col(key).cast(pl.String) if key in frame.columns else pl.lit(None, dtype=pl.String)
        ).alias(name)
        for key, name in names.items()
    ]
    return (
        frame.sort("period")
        .unique("worker_id", keep="first", maintain_order=True)
        .select("worker_id", *columns)
    )


def resample(blocks: Blocks, unit: Unit, generator: np.random.Generator) -> Panel:
    """Draw as many clusters as there are, with replacement, and return the panel of their copies.

    Parameters
    ----------
    blocks
        From :func:`make_blocks`.
    unit
        What is drawn. A copy gets ids of its own: of workers always, of firms where firms are drawn, of
        occupations, tasks, postings and applicants where occupations are drawn. All else stays as it is.
    generator
        Source of the draw.

    Returns
    -------
    Panel
        Rows of a cluster that is not drawn are absent from every table.
    """
    labels = blocks.labels(unit)
    drawn = generator.integers(labels.len(), size=labels.len())
    return take_clusters(blocks, unit, labels, drawn)


def take_clusters(blocks: Blocks, unit: Unit, labels: pl.Series, drawn: Codes) -> Panel:
    """Return the panel of the drawn clusters (positions in labels), a copy for each time one is drawn."""
    rank = np.empty(drawn.size, dtype=np.int64)
    order = np.argsort(drawn, kind="stable")
    starts = np.searchsorted(drawn[order], drawn[order])
    rank[order] = np.arange(drawn.size) - starts
    copies = pl.DataFrame(
        {"label": labels.gather(pl.Series(drawn)), _COPY: pl.Series(rank).cast(pl.String)}
    )
    key = (
        blocks.workers["firm" if unit == "firm" else "occupation"]
        if unit != "team"
        else blocks._team()
    )
    of_worker = (
        blocks.workers.select("worker_id")
        .with_columns(label=key)
        .join(copies, on="label", how="inner")
        .drop("label")
    )
    tables: dict[str, Frame | None] = {}
    for name, frame in blocks.panel.tables().items():
        tables[name] = _resampled(eager(frame), name, unit, copies, of_worker)
    if unit == "firm":
        tables |= _firms_of_movers(blocks.panel, tables)
    return blocks.panel.with_tables(**tables)


_RENAMED: dict[Unit, tuple[str, ...]] = {
    "firm": ("worker_id", "firm_id"),
    "occupation": ("worker_id", "occupation_code", "task_id", "posting_id", "applicant_id"),
    "team": ("worker_id",),
}


def _resampled(
    frame: pl.DataFrame, name: str, unit: Unit, copies: pl.DataFrame, of_worker: pl.DataFrame
) -> pl.DataFrame:
    if "worker_id" in frame.columns:
        return _renamed(
            frame.join(of_worker, on="worker_id", how="inner", maintain_order="left"), unit
        )
    if unit == "occupation" and "occupation_code" in frame.columns and name != "occupation_pay":
        own = frame.filter(pl.col("occupation_code").is_null())
        joined = frame.join(
            copies.rename({"label": "occupation_code"}), on="occupation_code", how="inner"
        )
        return pl.concat([_renamed(joined, unit), own])
    return frame


def _renamed(joined: pl.DataFrame, unit: Unit) -> pl.DataFrame:
    names = [column for column in _RENAMED[unit] if column in joined.columns]
    marked = [
        pl.concat_str(pl.col(column).cast(pl.String), _COPY, separator=_MARK).alias(column)
        for column in names
    ]
    return joined.with_columns(marked).drop(_COPY)


def _firms_of_movers(panel: Panel, tables: dict[str, Frame | None]) -> dict[str, Frame | None]:
    """Give the firms table every firm copy that pay or outputs speak of; a mover takes the other firm's copy along."""
    if panel.firms is None:
        return {}
    spoken = [
        eager(frame).select("firm_id")
        for frame in (tables.get("pay"), tables.get("outputs"))
        if frame is not None
    ]
    ids = pl.concat(spoken).unique().drop_nulls()
    source = ids.with_columns(
        firm_id=pl.col("firm_id").str.split(_MARK).list.first(), new=pl.col("firm_id")
    )
    return {
        "firms": eager(panel.firms)
        .join(source, on="firm_id", how="inner")
        .drop("firm_id")
        .rename({"new": "firm_id"})
    }
