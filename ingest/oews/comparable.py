"""Occupations that can be compared over years: the smallest sets of codes that cover the same work.

Published detailed codes are linked to SOC 2018 codes. Codes of different years that share a SOC
2018 code belong to one group; the connected groups are the smallest common aggregates. A group is
strict if every year publishes it as one detailed code, the same in all years.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from withintask.ingest.oews.clean import STATUSES
from withintask.ingest.oews.reference import load_bridge
from withintask.ingest.oews.vintages import MEANS, WAGE_KINDS, ColumnSpec, load_layouts
from withintask.ingest.tables import Column, Table, column
from withintask.panel.errors import ParameterError, quoted

BRIDGES = ("strict", "merged")
MEASURED = ("tot_emp", *(spec.name for spec in load_layouts().measures if spec.kind in WAGE_KINDS))
INPUT = (
    *("year", "segment", "level", "area", "area_title", "naics", "i_group", "own_code"),
    *("occ_code", "occ_title"),
    *(f"{name}{suffix}" for name in MEASURED for suffix in ("", "_status")),
)
CELL = ("year", "area", "naics", "i_group", "own_code")
MERGED = "merged"
ComparableStatus = pl.Enum([*STATUSES, MERGED])

_SOC = "soc2018_code"
_GROUP = "comparable_code"


def _wage_specs() -> tuple[ColumnSpec, ...]:
    return tuple(spec for spec in load_layouts().measures if spec.kind in WAGE_KINDS)


def _measure_columns(spec: ColumnSpec) -> tuple[Column, ...]:
    value = column(spec.name, pl.Float64, spec.description, spec.unit)
    status = column(
        f"{spec.name}_status", ComparableStatus, "As in `oews`; merged if of several codes"
    )
    if spec.name in MEANS:
        return value, status
    low = column(f"{spec.name}_low", pl.Float64, "Lower bound of the percentile", spec.unit)
    high = column(f"{spec.name}_high", pl.Float64, "Upper bound; null if there is none", spec.unit)
    return value, low, high, status


COMPARABLE = Table(
    name="oews_comparable",
    description="Detailed occupations that can be compared over all years of the store",
    columns=(
        column("year", pl.Int16, "May of this year"),
        column("segment", pl.String, "Years with the same segment may be compared"),
        column("level", pl.String, "Level of the estimates"),
        *(column(name, pl.String, "As in `oews`") for name in ("area", "area_title", *CELL[2:])),
        column(_GROUP, pl.String, "First published code of the group in the last year"),
        column("comparable_title", pl.String, "Title of that code; `and others` if there are more"),
        column("occ_codes", pl.String, "Published codes of the group in this year, by spaces"),
        column("n_codes", pl.Int64, "Number of these codes"),
        column("tot_emp", pl.Float64, "Employment, summed over the codes", "jobs"),
        column("tot_emp_status", ComparableStatus, "As in `oews`; merged if summed"),
        *(c for spec in _wage_specs() for c in _measure_columns(spec)),
    ),
    key=(*CELL, _GROUP),
)


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """Comparable occupations and what had to be left out."""

    wages: pl.DataFrame
    """Table `oews_comparable`."""
    groups: pl.DataFrame
    """`year, occ_code, comparable_code, is_strict` of the published codes that are kept."""
    dropped: pl.DataFrame
    """`year, occ_code, reason`: detailed codes that no group covers in all years."""


def comparable_codes(wages: pl.DataFrame, *, bridge: str = "strict") -> Comparable:
    """Compare detailed occupations over all years of a table.

    Employment of a group is the sum over its codes; mean wages are weighted by employment.
    Percentiles are never averaged: the percentile of a mixture lies between the smallest and the
    largest percentile of its parts, so a group of several codes has bounds and no value, unless the
    bounds agree.

    Parameters
    ----------
    wages
        Rows of the table `oews`; only detailed ones are used, so nothing is counted twice.
    bridge
        ``strict`` keeps occupations with one and the same published code in all years, ``merged``
        the smallest common aggregates of the others as well.

    Returns
    -------
    Comparable
        The occupations that can be compared, and those that cannot with the reason.

    Raises
    ------
    ParameterError
        If the bridge is unknown.

    Examples
    --------
    ``data`` is the folder of published files, ``store`` what :func:`withintask.build_store` made of it.

    >>> import withintask as wt
    >>> wages = wt.load_oews(store, years="2019-2021").collect()
    >>> found = wt.comparable_codes(wages)
    >>> found.wages["comparable_code"].n_unique() > 500
    True
    """
    if bridge not in BRIDGES:
        raise ParameterError(f"bridge {quoted(bridge)} is not one of {', '.join(BRIDGES)}")
    detailed = wages.filter(pl.col("o_group") == "detailed")
    groups = comparable_groups(detailed, bridge=bridge)
    return Comparable(
        wages=merge_groups(detailed, groups), groups=groups, dropped=_dropped(detailed, groups)
    )


def comparable_groups(published: pl.DataFrame, *, bridge: str) -> pl.DataFrame:
    """Return the group of each published code, as far as all years cover it.

    Parameters
    ----------
    published
        `year` and `occ_code` of detailed rows.
    bridge
        As in :func:`comparable_codes`.

    Returns
    -------
    pl.DataFrame
        `year, occ_code, comparable_code, is_strict`.
    """
    groups = _groups(_linked(published))
    return groups.filter("is_strict") if bridge == "strict" else groups


def merge_groups(detailed: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Merge the rows of each group; an area that lacks a code of a group in a year lacks the group.

    Parameters
    ----------
    detailed
        Detailed rows of the table `oews`: all, or all of some areas.
    groups
        Of :func:`comparable_groups`.

    Returns
    -------
    pl.DataFrame
        Table `oews_comparable`.
    """
    n_expected = groups.group_by("year", _GROUP).agg(pl.len().alias("n_expected"))
    member = detailed.join(groups.select("year", "occ_code", _GROUP), on=["year", "occ_code"])
    merged = _merged(member).join(n_expected, on=["year", _GROUP])
    whole = merged.filter(pl.col("n_codes") == pl.col("n_expected"))
    return COMPARABLE.conform(whole).sort(COMPARABLE.key)


def _linked(published: pl.DataFrame) -> pl.DataFrame:
    """Return `year, occ_code, soc2018_code`; a code without link has a null."""
    classification = {year: v.classification for year, v in load_layouts().vintages.items()}
    codes = (
        published.select("year", "occ_code")
        .unique()
        .with_columns(
            pl.col("year")
            .replace_strict(classification, return_dtype=pl.String)
            .alias("classification")
        )
    )
    links = load_bridge().select("classification", "occ_code", _SOC)
    return codes.join(links, on=["classification", "occ_code"], how="left").drop("classification")


def _groups(published: pl.DataFrame) -> pl.DataFrame:
    """Return `year, occ_code, comparable_code, is_strict` of the groups that all years cover."""
    linked = published.drop_nulls(_SOC)
    years = published["year"].unique()
    root = _connected(linked.select("year", "occ_code", _SOC).rows())
    linked = linked.with_columns(
        pl.col(_SOC).replace_strict(root, return_dtype=pl.String).alias("root")
    )
    coverage = linked.group_by("root", "year").agg(
        pl.col(_SOC).n_unique().alias("n_soc"), pl.col("occ_code").unique().sort().alias("codes")
    )
    is_one_code = (pl.col("codes").list.len() == 1).all() & (pl.col("codes").n_unique() == 1)
    complete = (
        coverage.group_by("root")
        .agg(
            pl.col("year").n_unique().alias("n_years"),
            pl.col("n_soc").n_unique().alias("n_coverages"),
            is_one_code.alias("is_strict"),
            pl.col("codes").sort_by("year").last().list.first().alias(_GROUP),
        )
        .filter((pl.col("n_years") == len(years)) & (pl.col("n_coverages") == 1))
    )
    pairs = linked.select("year", "occ_code", "root").unique()
    return (
        pairs.join(complete, on="root")
        .select("year", "occ_code", _GROUP, "is_strict")
        .sort("year", "occ_code")
    )


def _connected(rows: Iterable[tuple[int, str, str]]) -> dict[str, str]:
    """Map each SOC 2018 code to the first code of its connected group."""
    parent: dict[str, str] = {}

    def find(code: str) -> str:
        while parent.setdefault(code, code) != code:
            parent[code] = parent[parent[code]]
            code = parent[code]
        return code

    first_of: dict[tuple[int, str], str] = {}
    for year, occ_code, soc in rows:
        low, high = sorted((find(first_of.setdefault((year, occ_code), soc)), find(soc)))
        parent[high] = low
    return {soc: find(soc) for soc in parent}


def _dropped(detailed: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Name the published codes that no group keeps, with the reason."""
    published = detailed.select("year", "occ_code").unique()
    lost = published.join(groups, on=["year", "occ_code"], how="anti")
    merged = comparable_groups(detailed, bridge="merged").select("year", "occ_code", _GROUP)
    reason = (
        pl.when(pl.col(_GROUP).is_not_null())
        .then(pl.lit("only comparable when merged with other codes"))
        .otherwise(pl.lit("not covered in every year"))
    )
    found = lost.join(merged, on=["year", "occ_code"], how="left")
    return found.select("year", "occ_code", reason.alias("reason")).sort("year", "occ_code")


def _merged(member: pl.DataFrame) -> pl.DataFrame:
    is_single = pl.len() == 1
    title = pl.col("occ_title").first()
    measures = [e for spec in _wage_specs() for e in _measure(spec)]
    return (
        member.sort("occ_code")
        .group_by(*CELL, _GROUP, maintain_order=True)
        .agg(
            pl.col("segment", "level", "area_title").first(),
            pl.when(is_single)
            .then(title)
            .otherwise(title + " and others")
            .alias("comparable_title"),
            pl.col("occ_code").str.join(" ").alias("occ_codes"),
            pl.len().cast(pl.Int64).alias("n_codes"),
            pl.when(_all_valued("tot_emp")).then(pl.col("tot_emp").sum()).alias("tot_emp"),
            _status("tot_emp").alias("tot_emp_status"),
            *measures,
        )
    )


def _measure(spec: ColumnSpec) -> Collection[pl.Expr]:
    name, value = spec.name, pl.col(spec.name)
    is_single = pl.len() == 1
    status = _status(name).alias(f"{name}_status")
    if name in MEANS:
        weighted = (value * pl.col("tot_emp")).sum() / pl.col("tot_emp").sum()
        is_exact = (pl.col(f"{name}_status") == "published").all() & _all_valued("tot_emp")
        mean = pl.when(is_single).then(value.first()).otherwise(pl.when(is_exact).then(weighted))
        return mean.alias(name), status
    low = pl.when(_all_valued(name)).then(value.min())
    is_published = (pl.col(f"{name}_status") == "published").all()
    high = pl.when(is_published.fill_null(value=False)).then(value.max())
    exact = pl.when(is_single | (low == high)).then(low)
    return exact.alias(name), low.alias(f"{name}_low"), high.alias(f"{name}_high"), status


def _all_valued(name: str) -> pl.Expr:
    return pl.col(name).is_not_null().all()


def _status(name: str) -> pl.Expr:
    """Keep the status of a single code; several are merged, or not available if one has none."""
    status = pl.col(f"{name}_status").cast(pl.String)
    of_several = pl.when(_all_valued(name)).then(pl.lit(MERGED)).otherwise(pl.lit("not_available"))
    return pl.when(pl.len() == 1).then(status.first()).otherwise(of_several).cast(ComparableStatus)
