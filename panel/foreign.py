"""Stata, SPSS, Excel and R files as tables, each by a reader that is kept well."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from withintask.panel.archives import check_archive
from withintask.panel.confined import read_confined
from withintask.panel.errors import SourceError, all_named, quoted
from withintask.panel.mapping import TableMapping
from withintask.panel.workbooks import check_workbook

CONFINED = (".xls", ".xlsb", ".ods", ".rds", ".rdata", ".rda")
"""Formats whose size a reader takes on trust: read in a process with a limit."""

_ARCHIVES = (".xlsb", ".ods")
_EXTRA = "pip install 'withintask[files]'"


def read_foreign(file: Path, mapping: TableMapping) -> pl.DataFrame:
    """Read a file in another program's format; nothing is converted but what it cannot tell apart.

    Parameters
    ----------
    file
        ``.dta``, ``.sav``, ``.zsav``, ``.por``, ``.xlsx``, ``.xls``, ``.xlsb``, ``.ods``,
        ``.rds``, ``.RData`` or ``.rda``.
    mapping
        The sheet (of R's files the data frame), and whether value labels are read in place of values.

    Raises
    ------
    SourceError
        If the file is damaged, asks for more room than a table has, a sheet must be named or the reader is not
        installed.
    """
    suffix = file.suffix.lower()
    if suffix in _ARCHIVES:
        check_archive(file.read_bytes(), file.name)
    if suffix in CONFINED:
        return read_confined(file, sheet=mapping.sheet, header=mapping.header)
    return read_unconfined(file, mapping)


def read_unconfined(file: Path, mapping: TableMapping) -> pl.DataFrame:
    """Read a file as :func:`read_foreign` does, in this process and without a limit of room."""
    read = READERS[file.suffix.lower()]
    try:
        return read(file, mapping)
    except ModuleNotFoundError as error:
        reason = f"{file.name}: {error.name} is not installed, which reads {file.suffix}"
        raise SourceError(f"{reason}; {_EXTRA}") from error
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # readers raise errors of their own and of the C library
        kind = type(error).__name__
        raise SourceError(f"{file.name}: cannot be read as {file.suffix}: {kind}") from error


def _statistics(file: Path, mapping: TableMapping) -> pl.DataFrame:
    """Stata and SPSS; a missing value of any kind is null."""
    reader: Any = import_module("pyreadstat")
    of_suffix = {".dta": reader.read_dta, ".por": reader.read_por}
    read = of_suffix.get(file.suffix.lower(), reader.read_sav)
    frame, _ = read(
        str(file),
        apply_value_formats=mapping.labels,
        formats_as_category=False,
        output_format="polars",
    )
    return _empty_as_null(frame)


def _empty_as_null(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that is empty is null: these formats have no null for text."""
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in text
    )


def _workbook(file: Path, mapping: TableMapping) -> pl.DataFrame:
    import fastexcel

    if file.suffix.lower() == ".xlsx":
        check_workbook(file.read_bytes(), file.name)
    book = fastexcel.read_excel(str(file))
    sheets = book.sheet_names
    if mapping.sheet and mapping.sheet not in sheets:
        raise SourceError(
            f"{file.name}: no sheet {quoted(mapping.sheet)}; found {all_named(sheets)}"
        )
    if not mapping.sheet and len(sheets) > 1:
        raise SourceError(f"{file.name}: name one sheet of {all_named(sheets)} (sheet = …)")
    header = 0 if mapping.header else None
    names = None
    sheet = book.load_sheet(mapping.sheet or 0, header_row=header, column_names=names)
    frame: pl.DataFrame = sheet.to_polars()
    if mapping.header:
        return frame
    return frame.rename({name: f"column_{k}" for k, name in enumerate(frame.columns, start=1)})


def _r_data(file: Path, mapping: TableMapping) -> pl.DataFrame:
    """The object of an .rds file, a data frame of R; a factor is text."""
    reader: Any = import_module("rdata")
    frame = reader.read_rds(str(file))
    if not hasattr(frame, "columns"):
        raise SourceError(f"{file.name}: holds {type(frame).__name__}, not one data frame")
    return _r_frame(frame)


def _r_workspace(file: Path, mapping: TableMapping) -> pl.DataFrame:
    """One data frame of the named objects of an .RData file: the one there is, or the one named."""
    reader: Any = import_module("rdata")
    objects = reader.read_rda(str(file))
    frames = {name: frame for name, frame in objects.items() if hasattr(frame, "columns")}
    listed = all_named(list(frames)) or "none"
    if mapping.sheet and mapping.sheet not in frames:
        raise SourceError(
            f"{file.name}: no data frame {quoted(mapping.sheet)}; data frames are {listed}"
        )
    if not mapping.sheet and len(frames) != 1:
        raise SourceError(f"{file.name}: name one data frame (sheet = …); data frames are {listed}")
    return _r_frame(frames[mapping.sheet or next(iter(frames))])


def _r_frame(frame: Any) -> pl.DataFrame:
    table: pl.DataFrame = pl.from_pandas(frame, nan_to_null=True)
    factors = [name for name, dtype in table.schema.items() if dtype == pl.Categorical]
    return table.with_columns(pl.col(factors).cast(pl.String))


READERS: Mapping[str, Callable[[Path, TableMapping], pl.DataFrame]] = MappingProxyType(
    dict.fromkeys((".dta", ".sav", ".zsav", ".por"), _statistics)
    | dict.fromkeys((".xlsx", ".xls", ".xlsb", ".ods"), _workbook)
    | {".rds": _r_data, ".rdata": _r_workspace, ".rda": _r_workspace}
)
"""The reader of each format, by the end of the file's name."""
