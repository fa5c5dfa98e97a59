"""Query a store from Python: lazily scanned Polars frames."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from withintask.ingest.database import connect
from withintask.ingest.oews.harmonize import check_request, harmonize
from withintask.ingest.oews.recensor import recensor as recensor_at
from withintask.ingest.oews.schema import O_GROUPS
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.options import Years, as_years
from withintask.ingest.parquet import PARTITIONED
from withintask.ingest.registry import TABLES
from withintask.ingest.views import VIEWS
from withintask.panel.errors import ParameterError, SourceError, quoted

_BATCH_ROWS = 100_000


def scan_table(store: str | Path, name: str) -> pl.LazyFrame:
    """Scan a table or view of a store; nothing is read before it is collected.

    Parameters
    ----------
    store
        DuckDB file or Parquet folder of `withintask data build`.
    name
        Table or view of the data dictionary, such as ``oews`` or ``exposure_by_soc``.

    Returns
    -------
    polars.LazyFrame
        With the columns of the data dictionary.

    Raises
    ------
    SourceError
        If there is no such store.
    ParameterError
        If the store has no such table.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> rows = wt.scan_table(store, "oews").filter(year=2024, level="national", occ_code="15-1252").collect()
    >>> rows["occ_title"].unique().to_list()
    ['Software Developers']
    """
    known = [*(table.name for table in TABLES), *(view.table.name for view in VIEWS)]
    if name not in known:
        raise ParameterError(f"table {quoted(name)} is not one of {', '.join(known)}")
    path = Path(store)
    if path.is_dir():
        return _scan_parquet(path, name)
    return _scan_duckdb(path, name)


def load_oews(
    store: str | Path,
    *,
    years: Years | None = None,
    level: str = "national",
    o_group: str | None = "detailed",
    recensor: int | None = None,
) -> pl.LazyFrame:
    """Load harmonized OEWS rows from a store or straight from a folder of published files.

    Parameters
    ----------
    store
        DuckDB file, Parquet folder, or folder of published files.
    years
        Years to keep: one, several, or text such as ``2019-2024``; None for all.
    level
        One of national, industry, state, metro, nonmetro, or all.
    o_group
        Occupation level to keep; None for all. Levels overlap: never add them up.
    recensor
        Year whose top code is applied to all percentiles, so that years compare.

    Returns
    -------
    pl.LazyFrame
        Columns of the table `oews`.

    Raises
    ------
    SourceError
        If there is no such store, it lacks a year asked for, or a published file is not what its layout says.
    ParameterError
        If an option is unknown.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> rows = wt.load_oews(store, years="2023-2024", recensor=2023).collect()
    >>> rows["year"].unique().sort().to_list()
    [2023, 2024]
    """
    years = as_years(years)
    check_request(years, level, load_layouts())
    if o_group is not None and o_group not in O_GROUPS:
        raise ParameterError(f"o_group {quoted(o_group)} is not one of {', '.join(O_GROUPS)}")
    path = Path(store)
    is_source = path.is_dir() and not (path / "oews").is_dir()
    rows = (
        harmonize(path, years, level=level).wages.lazy() if is_source else scan_table(path, "oews")
    )
    if years is not None:
        _fail_if_absent(path, rows, years)
        rows = rows.filter(pl.col("year").is_in(years))
    if level != "all":
        rows = rows.filter(pl.col("level") == level)
    if o_group is not None:
        rows = rows.filter(pl.col("o_group") == o_group)
    return rows if recensor is None else recensor_at(rows, recensor)


def _fail_if_absent(path: Path, rows: pl.LazyFrame, years: tuple[int, ...]) -> None:
    held = set(rows.select(pl.col("year").unique()).collect()["year"])
    absent = [str(year) for year in years if year not in held]
    if absent:
        known = ", ".join(str(year) for year in sorted(held)) or "none"
        raise SourceError(f"{path}: no OEWS of {', '.join(absent)}; years there are {known}")


def _scan_duckdb(path: Path, name: str) -> pl.LazyFrame:
    """Scan with a connection a scan: one frame may then stand several times in a query."""
    with connect(path) as connection:
        schema = connection.sql(f"SELECT * FROM {name} LIMIT 0").pl().schema

    def scan(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = ", ".join(f'"{column}"' for column in columns or schema.names())
        limit = "" if n_rows is None else f"LIMIT {n_rows}"
        with connect(path) as connection:
            rows = connection.sql(f"SELECT {wanted} FROM {name} {limit}")
            for batch in rows.to_arrow_reader(_BATCH_ROWS):
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(scan, schema=schema)


def _scan_parquet(folder: Path, name: str) -> pl.LazyFrame:
    path = folder / name if name in PARTITIONED else folder / f"{name}.parquet"
    if not path.exists():
        raise SourceError(f"{folder}: no Parquet copy of {name}; `data build --parquet` writes it")
    if path.is_dir():
        return pl.scan_parquet(path / "**" / "*.parquet", hive_partitioning=True)
    return pl.scan_parquet(path)
