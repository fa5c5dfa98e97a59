"""Load the tables that say what differs from year to year: ``sources.toml`` and ``columns.csv``."""

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType

from withintask.panel.errors import ParameterError

_FIXED = ("name", "kind", "unit", "description", "flat")
WAGE_KINDS = ("hourly_wage", "annual_wage")
MEANS = ("h_mean", "a_mean")
TEXT_KINDS = ("code", "text")
FLAG_KIND = "flag"


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """One harmonized column: a row of ``columns.csv``."""

    name: str
    kind: str
    """code, text, flag, or a measure: employment, precision, ratio, share, hourly/annual wage."""
    unit: str
    description: str
    flat: str
    """Datatype code in the flat files; empty if it has none."""
    headers: Mapping[int, str]
    """Published header, reduced to lower case, by year; absent where not published."""

    @property
    def is_measure(self) -> bool:
        """Tell whether the column has a value, a bound and a status."""
        return self.kind not in (*TEXT_KINDS, FLAG_KIND)


@dataclass(frozen=True, kw_only=True)
class TopCode:
    """At or above these wages the files show ``#``."""

    hourly_usd: float
    annual_usd: float
    is_stated: bool
    """Read from the file itself rather than from ``sources.toml``."""


@dataclass(frozen=True, kw_only=True)
class Vintage:
    """One year of publication."""

    year: int
    segment: str
    """Years that may be compared share a segment."""
    classification: str
    """Occupation classification of the published codes, a key of the bridge."""
    top_code: TopCode


@dataclass(frozen=True, kw_only=True)
class Layouts:
    """Everything the tables say, read once."""

    columns: tuple[ColumnSpec, ...]
    vintages: Mapping[int, Vintage]
    marks: Mapping[str, str]
    fill: Mapping[str, str]
    resaved_naics: Mapping[str, str]
    sector_codes: Mapping[str, str]
    flat_area_types: Mapping[str, str]
    territories: tuple[str, ...]
    flat_marks: Mapping[str, Mapping[str, str]]
    segments: Mapping[str, str]
    below_half_percent: float
    top_code_pattern: re.Pattern[str]
    download_url: str
    download_files: Mapping[str, str]

    @property
    def measures(self) -> tuple[ColumnSpec, ...]:
        """Columns with value, bound and status."""
        return tuple(column for column in self.columns if column.is_measure)

    @cached_property
    def known_headers(self) -> frozenset[str]:
        """Every header of any year."""
        return frozenset(header for column in self.columns for header in column.headers.values())

    def top_code_in(self, text: str) -> TopCode | None:
        """Return the top code that a sentence of the file states, if it states one."""
        match = self.top_code_pattern.search(text)
        if match is None:
            return None
        hourly, annual = (float(match[name].replace(",", "")) for name in ("hourly", "annual"))
        return TopCode(hourly_usd=hourly, annual_usd=annual, is_stated=True)

    def vintage(self, year: int) -> Vintage:
        """Return the vintage of a year.

        Raises
        ------
        ParameterError
            If the tables have no such year.
        """
        if year not in self.vintages:
            known = ", ".join(map(str, sorted(self.vintages)))
            raise ParameterError(
                f"year {year} is not known (known: {known}); "
                "to add it, edit sources.toml and columns.csv of withintask.ingest.oews"
            )
        return self.vintages[year]


@cache
def load_layouts() -> Layouts:
    """Read ``sources.toml`` and ``columns.csv`` of this package."""
    folder = files(__package__)
    tables = tomllib.loads(folder.joinpath("sources.toml").read_text(encoding="utf-8"))
    return Layouts(
        columns=_read_columns(folder.joinpath("columns.csv").read_text(encoding="utf-8")),
        vintages=MappingProxyType(
            {int(year): _vintage(int(year), entry) for year, entry in tables["year"].items()}
        ),
        marks=MappingProxyType(tables["marks"]),
        fill=MappingProxyType(tables["fill"]),
        resaved_naics=MappingProxyType(tables["resaved_naics"]),
        sector_codes=MappingProxyType(tables["sector_codes"]),
        flat_area_types=MappingProxyType(tables["flat_area_types"]),
        territories=tuple(tables["territories"]["codes"]),
        flat_marks=MappingProxyType(tables["flat_marks"]),
        segments=MappingProxyType(
            {name: entry["description"] for name, entry in tables["segment"].items()}
        ),
        below_half_percent=tables["below_half_percent"]["value"],
        top_code_pattern=re.compile(tables["top_code"]["pattern"], re.ASCII),
        download_url=tables["download"]["base_url"],
        download_files=MappingProxyType(tables["download"]["file"]),
    )


def _vintage(year: int, entry: Mapping[str, str | float]) -> Vintage:
    return Vintage(
        year=year,
        segment=str(entry["segment"]),
        classification=str(entry["classification"]),
        top_code=TopCode(
            hourly_usd=float(entry["top_code_hourly_usd"]),
            annual_usd=float(entry["top_code_annual_usd"]),
            is_stated=False,
        ),
    )


def _read_columns(text: str) -> tuple[ColumnSpec, ...]:
    return tuple(_column(row) for row in csv.DictReader(text.splitlines()))


def _column(row: Mapping[str, str]) -> ColumnSpec:
    headers = {int(year): cell for year, cell in row.items() if year not in _FIXED and cell}
    return ColumnSpec(
        name=row["name"],
        kind=row["kind"],
        unit=row["unit"],
        description=row["description"],
        flat=row["flat"],
        headers=MappingProxyType(headers),
    )
