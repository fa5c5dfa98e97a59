"""Which level of estimates is meant where nobody says: what the files hold."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from withintask.ingest.oews.publications import find_publications, levels_of_name, read_publication
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.publication import Folders, Publication
from withintask.panel.errors import ParameterError, SourceError

AUTO = "auto"
"""National estimates where there are any, else the one level that the files hold."""
_NATIONAL, _ALL_INDUSTRIES = "national", "000000"


def choose_level(
    folder: Folders, paths: Sequence[Path], *, years: Collection[int] | None, is_strict: bool
) -> str:
    """Return the level to read: national if any file may hold it, else the only one there is.

    Parameters
    ----------
    folder, paths, years, is_strict
        As in :func:`withintask.ingest.oews.publications.find_publications`.

    Raises
    ------
    ParameterError
        If the files hold several levels and none of them is national.
    """
    found = find_publications(folder, paths, years=years, level="all", is_strict=is_strict)
    named = {level for publication in found for level in levels_of_name(publication.path)}
    if _NATIONAL in named or not found:
        return _NATIONAL
    unnamed = [publication for publication in found if not levels_of_name(publication.path)]
    levels = sorted(named | _levels_inside(unnamed))
    if not levels or _NATIONAL in levels:
        return _NATIONAL
    if len(levels) > 1:
        raise ParameterError(
            f"the files hold estimates of several levels and none is national: name one, "
            f"--level {' or --level '.join(levels)}"
        )
    return levels[0]


def level_of_row() -> pl.Expr:
    """Return the level of rows in the layout of the workbooks, by area type and industry."""
    by_area = {"2": "state", "3": "state", "4": "metro", "6": "nonmetro"}
    is_cross_industry = pl.col("naics") == _ALL_INDUSTRIES
    return (
        pl.when(pl.col("area_type") == "1")
        .then(pl.when(is_cross_industry).then(pl.lit(_NATIONAL)).otherwise(pl.lit("industry")))
        .otherwise(
            pl.col("area_type").replace_strict(by_area, default=None, return_dtype=pl.String)
        )
    )


def _levels_inside(publications: Sequence[Publication]) -> set[str]:
    """Return the levels of the rows of publications whose names say none; unreadable ones wait."""
    levels: set[str] = set()
    for publication in publications:
        try:
            for raw in read_publication(publication, load_layouts(), level="all"):
                levels |= set(raw.rows.select(level_of_row()).to_series().drop_nulls())
        except SourceError:
            continue
    return levels


def nothing_kept(publication: Publication, level: str, n_rows: Mapping[str, int]) -> str:
    """Say why a publication gave no rows of a level."""
    others = ", ".join(f"{name} {n:,}" for name, n in sorted(n_rows.items()))
    return f"no rows of level {level} in {publication.path.name}" + (
        f"; it has rows of: {others}" if others else ""
    )
