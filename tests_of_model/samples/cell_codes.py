"""Numbers of cells: whole numbers are grouped and joined faster than ids."""

from dataclasses import dataclass

import polars as pl

from withintask.tests_of_model.samples.cell_source import CellSource

_INTEGERS = 2**31


@dataclass(frozen=True, kw_only=True, eq=False)
class CellCodes:
    """One number for firm, task, arm and period, as SQL makes it and as it is read back.

    The code is ((firm × tasks + task) × 2 + arm) × periods + period; the tables ``task_codes`` and, where a firm is told,
    ``firm_codes`` hold what each id adds to it.
    """

    tasks: pl.Series
    """Ids by code."""
    firms: pl.Series
    """Ids by code; one empty id where no firm is told."""
    first: int
    """First period."""
    n_periods: int
    """From the first to the last."""

    @property
    def joins(self) -> str:
        """JOIN of the tables of codes to rows."""
        firms = " JOIN firm_codes USING (firm_id)" if self.has_firms else ""
        return f" JOIN task_codes USING (task_id){firms}"

    @property
    def has_firms(self) -> bool:
        """Whether a firm is told."""
        return self.firms[0] != ""

    def of_row(self, arm: str) -> str:
        """Code of a row's cell, given what its arm is, as SQL."""
        firm = "firm_part + " if self.has_firms else ""
        period = f"CAST(period - {self.first} AS {self._number})"
        return f"{firm}task_part + CAST({arm} AS {self._number}) * {self.n_periods} + {period}"

    @property
    def n_bytes(self) -> int:
        """Bytes of a code: four where that is enough."""
        n_codes = len(self.firms) * len(self.tasks) * 2 * self.n_periods
        return 4 if n_codes < _INTEGERS else 8

    @property
    def _number(self) -> str:
        return "INTEGER" if self.n_bytes == 4 else "BIGINT"

    def keep(self, source: CellSource) -> None:
        """Keep the tables of codes: what each id adds to the code of a cell."""
        by_task = 2 * self.n_periods
        for name, ids, step in (
            ("task", self.tasks, by_task),
            ("firm", self.firms, by_task * len(self.tasks)),
        ):
            part = pl.int_range(pl.len(), dtype=pl.Int64) * step
            kind = pl.Int32 if self.n_bytes == 4 else pl.Int64
            source.keep(
                f"{name}_codes", ids.to_frame().with_columns(part.cast(kind).alias(f"{name}_part"))
            )

    def decoded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add ``task_id, firm_id, arm, period`` to a frame with ``cell``."""
        cell = frame["cell"].cast(pl.Int64)
        period, rest = cell % self.n_periods + self.first, cell // self.n_periods
        task, firm = rest // 2 % len(self.tasks), rest // 2 // len(self.tasks)
        return frame.with_columns(
            task_id=self.tasks.gather(task),
            firm_id=self.firms.gather(firm),
            arm=rest % 2,
            period=period,
        )


def number_cells(source: CellSource, seen: pl.DataFrame, *, has_firms: bool) -> CellCodes:
    """Number firms, tasks and periods, and keep the tables of their codes.

    Parameters
    ----------
    source
        With the table ``who``.
    seen
        ``task_id, first, last`` of the tasks that occur: the first and last of their periods.
    has_firms
        Whether some row tells its firm.
    """
    firms = pl.Series("firm_id", [""])
    if has_firms:
        told = source.frame("SELECT DISTINCT firm_id FROM who WHERE firm_id IS NOT NULL")
        firms = told["firm_id"].sort()
    first, last = seen.select(pl.col("first").min(), pl.col("last").max()).row(0)
    codes = CellCodes(
        tasks=seen["task_id"].sort(), firms=firms, first=first, n_periods=last - first + 1
    )
    codes.keep(source)
    return codes
