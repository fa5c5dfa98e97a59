"""Arellano and Bond 1991: UK manufacturing firms 1976-1984, with mean wages and capital.

140 firms with industry, employment, real wage and gross capital stock. The panel shows how pay
differs between firms and moves with capital, before AI. It cannot identify rent sharing or the
variance of pay between firms net of its workers: pay is a mean of the firm, there are no
workers, no rents, and no AI.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

FILE = "data.csv"
WORKERS_A_UNIT = 1000
"""``emp`` is in thousands."""

_TYPES = {
    "id": pl.String(),
    "ind": pl.String(),
    "year": pl.Int64(),
    "emp": pl.Float64(),
    "wage": pl.Float64(),
    "cap": pl.Float64(),
    "indoutpt": pl.Float64(),
}


def arellano_bond(source_dir: str | Path) -> Panel:
    """Read the firms as a panel that has only firms.

    Parameters
    ----------
    source_dir
        The folder with ``data.csv``.

    Returns
    -------
    Panel
        Tables ``firms`` (``n_workers``, ``pay_mean``, ``assets``) and ``industries`` (codes only).

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    rows = arellano_bond_rows(source_dir)
    firms = rows.select("firm_id", "period", "industry_code", "n_workers", "pay_mean", "assets")
    info = PanelInfo(
        name="arellano-bond",
        source="Arellano and Bond (1991), Review of Economic Studies 58; via pydynpd, MIT",
        note="pay_mean is the real wage and assets the gross capital stock, both as published",
    )
    industries = firms.select("industry_code").unique().sort("industry_code")
    return validate(Panel(info=info, firms=firms, industries=industries))


def arellano_bond_rows(source_dir: str | Path) -> pl.DataFrame:
    """Read the 1,031 rows with our names beside the source's columns."""
    rows = read_columns(source_dir, FILE, _TYPES, null_values=("", "NA"))
    return rows.with_columns(
        firm_id=pl.col("id"),
        period=pl.col("year"),
        industry_code=pl.col("ind"),
        n_workers=pl.col("emp") * WORKERS_A_UNIT,
        pay_mean=pl.col("wage"),
        assets=pl.col("cap"),
    )
