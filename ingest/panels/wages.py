"""Two wage panels of textbooks: the CPS of 1978 and 1985, and young men of the NLSY 1980-1987.

Both hold pay and schooling of workers and predate AI. They exercise the pay estimators and give
realistic sizes of returns and variances, and cannot test the model: no tasks, no exposure, no
firms, no AI. Schooling is total years, not split by skill; it stands in ``educ_cog`` and
``educ_soc`` is null, so that no estimator of H2 can run. The CPS workers are different people
in the two years; those of the NLSY are followed.
"""

from pathlib import Path

import polars as pl

from withintask.ingest.panels.reading import read_columns
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.validate import validate

CPS_FILE = "cps78_85.csv"
NLSY_FILE = "wage_panel.csv"
UNIT = "usd an hour"
CPS_CENTURY = 1900
"""The file writes years with two digits."""

_EDUC_NOTE = "educ_cog is total years of schooling; the source does not split it by skill"
_CPS_TYPES = dict.fromkeys(
    ["educ", "exper", "expersq", "union", "female", "y85", "y85educ", "y85fem", "year"], pl.Int64()
)
_NLSY_TYPES = dict.fromkeys(
    ["year", "black", "hisp", "exper", "expersq", "married", "educ", "union"], pl.Int64()
)


def cps(source_dir: str | Path) -> Panel:
    """Read the CPS extract as a repeated cross-section of pay.

    Parameters
    ----------
    source_dir
        The folder with ``cps78_85.csv``.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    rows = cps_rows(source_dir)
    source = "CPS 1978 and 1985, H. Farber, via Wooldridge, Introductory Econometrics (cps78_85)"
    return _pay_panel("cps", source, "a worker is a row: nobody is seen twice", rows)


def nlsy(source_dir: str | Path) -> Panel:
    """Read the NLSY wage panel: 545 men over eight years.

    Parameters
    ----------
    source_dir
        The folder with ``wage_panel.csv``.

    Raises
    ------
    SourceError
        If the file is missing or its layout has changed.
    """
    rows = nlsy_rows(source_dir)
    source = "Vella and Verbeek (1998), J. Applied Econometrics 13, via linearmodels (wage_panel)"
    return _pay_panel("nlsy", source, "occupation codes are the source's one-digit codes", rows)


def cps_rows(source_dir: str | Path) -> pl.DataFrame:
    """Read the 1,084 rows with our ids, periods and pay beside the source's covariates."""
    rows = read_columns(source_dir, CPS_FILE, {**_CPS_TYPES, "lwage": pl.Float64()})
    number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(4)
    return rows.with_columns(
        worker_id=pl.format("cps-{}", number),
        period=pl.col("year") + CPS_CENTURY,
        pay=pl.col("lwage").exp(),
    )


def nlsy_rows(source_dir: str | Path) -> pl.DataFrame:
    """Read the 4,360 rows with our ids, periods and pay beside the source's covariates."""
    types = {"nr": pl.String(), "occupation": pl.String(), **_NLSY_TYPES, "lwage": pl.Float64()}
    return read_columns(source_dir, NLSY_FILE, types).with_columns(
        worker_id=pl.col("nr"),
        period=pl.col("year"),
        pay=pl.col("lwage").exp(),
        occupation_code=pl.col("occupation"),
    )


def _pay_panel(name: str, source: str, note: str, rows: pl.DataFrame) -> Panel:
    workers = rows.select("worker_id", educ_cog=pl.col("educ").cast(pl.Float64)).unique()
    columns = ["worker_id", "period", "pay", *{"occupation_code"} & set(rows.columns)]
    info = PanelInfo(name=name, source=source, note=f"{_EDUC_NOTE}; {note}")
    return validate(
        Panel(
            info=info,
            workers=workers.sort("worker_id"),
            pay=rows.select(columns).with_columns(unit=pl.lit(UNIT)),
        )
    )
