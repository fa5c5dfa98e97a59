"""Make ``soc_codes.csv`` and ``soc_links.csv`` from the published files.

Run ``python -m withintask.ingest.oews.make_reference SOURCE_DIR [TARGET_DIR]`` after adding a year
or a crosswalk. Sources: the BLS file of the hybrid structure of May 2019 and 2020, the SOC 2010 to
2018 crosswalk, the O*NET-SOC 2010 to 2019 crosswalk and the national workbooks of 2019-2024.
"""

import sys
from functools import partial
from pathlib import Path

import polars as pl

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.text_tables import read_table
from withintask.panel.atomic import save

HYBRID_FILE = "bls_crosswalks/oes_2019_hybrid_structure.xlsx"
ONET_FILE = "onet/crosswalks/2010_to_2019_soc_crosswalk.csv"
SOC_FILE = "bls_crosswalks/soc_2010_to_2018_crosswalk.xlsx"
WEIGHT_YEAR = 2021
_SOC = "soc2018_code"


def main() -> None:
    """Write both files into the target folder."""
    source = Path(sys.argv[1])
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent
    codes, links = make_reference(source)
    save(target / "soc_codes.csv", codes.write_csv)
    save(target / "soc_links.csv", partial(links.write_csv, float_precision=6))


def make_reference(source: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the published codes by classification and their links to SOC 2018.

    Returns
    -------
    tuple of pl.DataFrame
        `classification, occ_code, o_group` and
        `classification, occ_code, soc2018_code, link, weight, weight_basis`.
    """
    wages = harmonize(source / "bls_oews", range(2019, 2025)).wages
    pairs = _pairs(source, wages)
    links = _with_oes_codes(_weighted(_linked(pairs), _employment(wages, pairs)))
    known = pl.concat([pairs, links.select(pairs.columns)]).unique()
    return _codes(wages, known), links.sort("classification", "occ_code", _SOC)


def _with_oes_codes(links: pl.DataFrame) -> pl.DataFrame:
    """Give SOC 2010 the codes that OES published of its own, such as 25-3097 and 25-3098.

    The estimates of 2014-2016 have SOC 2010 codes and some of these; of which they are parts is
    said by the structure of 2018. They stand beside the codes they divide, whose links stay.
    """
    old = links.filter(pl.col("classification") == "soc2010")
    later = links.filter(pl.col("classification") == "oes2018")
    added = later.join(old, on="occ_code", how="anti")
    return pl.concat([links, added.with_columns(classification=pl.lit("soc2010"))])


def _pairs(source: Path, wages: pl.DataFrame) -> pl.DataFrame:
    """Distinct pairs of a published code and a SOC 2018 code, by classification."""
    hybrid = _read_under(source / HYBRID_FILE, "oes_2019_estimates_code")
    soc = _read_under(source / SOC_FILE, "2010_soc_code")
    soc2018 = pl.col("2018_soc_code").alias(_SOC)
    parts = {
        "hybrid2019": hybrid.select(pl.col("oes_2019_estimates_code").alias("occ_code"), soc2018),
        "oes2018": hybrid.select(pl.col("oes_2018_estimates_code").alias("occ_code"), soc2018),
        "soc2010": soc.select(pl.col("2010_soc_code").alias("occ_code"), soc2018),
        "soc2018": soc.select(soc2018.alias("occ_code"), soc2018),
    }
    onet = read_table(source / ONET_FILE, ONET_FILE, ["o*net-soc_2010_code"]).rows
    parts["onet2010"] = onet.select(
        pl.col("o*net-soc_2010_code").alias("occ_code"),
        pl.col("o*net-soc_2019_code").str.slice(0, len("11-1011")).alias(_SOC),
    )
    parts["oews2021"] = _current(wages, parts["hybrid2019"], parts["soc2018"])
    stacked = [part.with_columns(classification=pl.lit(name)) for name, part in parts.items()]
    return pl.concat(stacked).select("classification", "occ_code", _SOC).drop_nulls().unique()


def _current(wages: pl.DataFrame, hybrid: pl.DataFrame, soc: pl.DataFrame) -> pl.DataFrame:
    """Link codes of May 2021 on: SOC codes to themselves, OEWS codes as in the hybrid structure."""
    published = _detailed(wages, WEIGHT_YEAR).select("occ_code")
    own = published.join(soc.unique(), on="occ_code")
    others = published.join(soc, on="occ_code", how="anti").join(hybrid.unique(), on="occ_code")
    return pl.concat([own, others])


def _linked(pairs: pl.DataFrame) -> pl.DataFrame:
    n_targets = pl.col(_SOC).n_unique().over("classification", "occ_code")
    n_sources = pl.col("occ_code").n_unique().over("classification", _SOC)
    link = (
        pl.when((n_targets == 1) & (n_sources == 1))
        .then(pl.lit("one_to_one"))
        .when(n_sources == 1)
        .then(pl.lit("split"))
        .when(n_targets == 1)
        .then(pl.lit("merge"))
        .otherwise(pl.lit("many_to_many"))
    )
    return pairs.with_columns(link=link)


def _employment(wages: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Employment of SOC 2018 codes in the weight year; an aggregate is shared out equally."""
    current = pairs.filter(pl.col("classification") == "oews2021")
    n_codes = pl.len().over("occ_code")
    return (
        current.join(_detailed(wages, WEIGHT_YEAR).select("occ_code", "tot_emp"), on="occ_code")
        .with_columns(n=n_codes)
        .select(_SOC, employment=pl.col("tot_emp") / pl.col("n"), is_own=pl.col("n") == 1)
    )


def _weighted(links: pl.DataFrame, employment: pl.DataFrame) -> pl.DataFrame:
    cell = ("classification", "occ_code")
    known = links.join(employment, on=_SOC, how="left")
    total = pl.col("employment").sum().over(cell)
    is_known = pl.col("employment").is_not_null().all().over(cell) & (total > 0)
    is_single = pl.len().over(cell) == 1
    share = pl.when(is_known).then(pl.col("employment") / total).otherwise(1 / pl.len().over(cell))
    basis = (
        pl.when(is_single)
        .then(pl.lit("exact"))
        .when(is_known & pl.col("is_own").all().over(cell))
        .then(pl.lit(f"employment_{WEIGHT_YEAR}"))
        .otherwise(pl.lit("equal_in_part"))
    )
    return known.select(
        *cell,
        _SOC,
        "link",
        weight=pl.when(is_single).then(1.0).otherwise(share),
        weight_basis=basis,
    )


def _codes(wages: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    layouts = load_layouts()
    by_year = {year: vintage.classification for year, vintage in layouts.vintages.items()}
    published = wages.select(
        pl.col("year").replace_strict(by_year, return_dtype=pl.String).alias("classification"),
        "occ_code",
        "o_group",
    )
    linked = pairs.filter(pl.col("classification") != "onet2010").select(
        "classification", "occ_code", pl.lit("detailed").alias("o_group")
    )
    return pl.concat([published, linked]).unique().sort("classification", "occ_code", "o_group")


def _detailed(wages: pl.DataFrame, year: int) -> pl.DataFrame:
    return wages.filter(pl.col("o_group") == "detailed", pl.col("year") == year)


def _read_under(path: Path, header: str) -> pl.DataFrame:
    texts = pl.all().exclude("source_row").str.strip_chars()
    return read_table(path, path.name, [header]).rows.with_columns(texts)


if __name__ == "__main__":
    main()
