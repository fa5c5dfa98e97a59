"""Read named columns of a published CSV file as given types; refuse what does not fit."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from withintask.panel.errors import SourceError, all_named, list_problems, some_examples


def read_columns(
    folder: str | Path,
    file: str,
    types: Mapping[str, pl.DataType],
    *,
    null_values: tuple[str, ...] = ("",),
) -> pl.DataFrame:
    """Read columns of a CSV file in UTF-8, every cell as the type it must have.

    Parameters
    ----------
    folder
        The folder as its publisher names it.
    file
        Name of the file in it.
    types
        Column -> type; columns that are not named are not read.
    null_values
        Cells that mean null.

    Returns
    -------
    polars.DataFrame
        The columns named, in the order of the file's rows.

    Raises
    ------
    SourceError
        If the file or a column is missing, or a cell does not have its type: all at once.
    """
    path = Path(folder) / file
    if not path.is_file():
        raise SourceError(f"{path}: no such file; name the folder that holds {file}")
    text = pl.read_csv(path, infer_schema=False, null_values=list(null_values))
    absent = [name for name in types if name not in text.columns]
    if absent:
        problem = f"no column {some_examples(absent)}; found {all_named(text.columns)}"
        raise SourceError(list_problems(str(path), [problem]))
    text = text.select(list(types))
    typed = text.select(_parsed(pl.col(name), dtype).alias(name) for name, dtype in types.items())
    lost = [name for name in types if typed[name].null_count() > text[name].null_count()]
    problems = [
        f"{name}: {_n_lost(text, typed, name)} cells are not {types[name]}" for name in lost
    ]
    if problems:
        raise SourceError(list_problems(str(path), problems, advice="The layout has changed."))
    return typed


def _parsed(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Boolean:
        truth = {"True": True, "False": False, "1": True, "0": False}
        return text.replace_strict(truth, default=None, return_dtype=pl.Boolean)
    return text.cast(dtype, strict=False)


def _n_lost(text: pl.DataFrame, typed: pl.DataFrame, name: str) -> int:
    return typed[name].null_count() - text[name].null_count()
