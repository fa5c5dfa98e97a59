"""What became of the rows of each published table: nothing is lost without a count."""

from collections.abc import Sequence

import polars as pl
import polars.selectors as cs

from withintask.ingest.oews.extract import RawTable
from withintask.ingest.tables import Table, column

AUDIT = Table(
    name="audit",
    description="What became of the rows of each published OEWS table",
    columns=(
        column("source_file", pl.String, "File the table was read from"),
        column("year", pl.Int64, "May of this year"),
        column("n_rows", pl.Int64, "Rows under the header that are not blank"),
        column("n_blank", pl.Int64, "Blank rows under the header, left out"),
        column("n_other_level", pl.Int64, "Rows of levels that were not asked for, left out"),
        column("n_kept", pl.Int64, "Rows kept"),
        column("n_cells", pl.Int64, "Cells of measures that are not blank, in the kept rows"),
        column("n_detailed", pl.Int64, "Kept rows of detailed occupations"),
        column(
            "n_top_coded_a_pct90",
            pl.Int64,
            "Detailed rows whose annual 90th percentile is top-coded",
        ),
        column("n_no_employment", pl.Int64, "Kept rows whose employment is not available"),
        column("n_no_wage", pl.Int64, "Kept rows with neither an hourly nor an annual mean wage"),
        column("n_annual_only", pl.Int64, "Kept rows with annual wages only"),
        column("n_hourly_only", pl.Int64, "Kept rows with hourly wages only"),
        column("n_collapsed", pl.Int64, "Kept rows with equal neighbouring annual percentiles"),
        column(
            "n_repaired_naics",
            pl.Int64,
            "Rows whose industry or area code was restored after a spreadsheet made it a number",
        ),
        column("top_code_annual_usd", pl.Float64, "Annual top code"),
        column(
            "top_code_source", pl.String, "Where the top code was read: the file or sources.toml"
        ),
    ),
    key=("source_file", "year"),
)


def audit_rows(raw: RawTable, wages: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Count one published table; no row if nothing of it was kept.

    Parameters
    ----------
    raw
        The table as read.
    wages
        All its harmonized rows.
    kept
        Those of the level that was asked for.
    """
    detailed = pl.col("o_group") == "detailed"
    counts = kept.select(
        pl.lit(raw.file).alias("source_file"),
        pl.lit(raw.vintage.year).alias("year"),
        pl.lit(raw.rows.height).alias("n_rows"),
        pl.lit(raw.n_blank).alias("n_blank"),
        pl.lit(wages.height - kept.height).alias("n_other_level"),
        pl.len().alias("n_kept"),
        pl.sum_horizontal(cs.ends_with("_status").is_not_null().sum()).alias("n_cells"),
        detailed.sum().alias("n_detailed"),
        (detailed & (pl.col("a_pct90_status") == "top_coded")).sum().alias("n_top_coded_a_pct90"),
        (pl.col("tot_emp_status") == "not_available").sum().alias("n_no_employment"),
        (pl.col("h_mean").is_null() & pl.col("a_mean").is_null()).sum().alias("n_no_wage"),
        pl.col("is_annual_only").sum().alias("n_annual_only"),
        pl.col("is_hourly_only").sum().alias("n_hourly_only"),
        pl.col("is_collapsed_annual").sum().alias("n_collapsed"),
        pl.lit(raw.n_repaired).alias("n_repaired_naics"),
        pl.lit(raw.top_code.annual_usd).alias("top_code_annual_usd"),
        pl.lit("file" if raw.top_code.is_stated else "sources.toml").alias("top_code_source"),
    )
    return AUDIT.conform(counts).filter(pl.col("n_kept") > 0)


def combine_audits(audits: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add up the counts of tables that were read in parts."""
    counts = cs.starts_with("n_").sum()
    others = (~cs.starts_with("n_")).exclude(AUDIT.key).first()
    combined = pl.concat(audits).group_by(AUDIT.key, maintain_order=True).agg(counts, others)
    return AUDIT.conform(combined).sort("year", "source_file")
