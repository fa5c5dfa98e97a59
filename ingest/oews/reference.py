"""The shipped occupation reference: codes by classification and their links to SOC 2018."""

from functools import cache
from importlib.resources import files

import polars as pl

from withintask.ingest.tables import Table, column

SOC_BRIDGE = Table(
    name="soc_bridge",
    description="Links from published occupation codes to SOC 2018 detailed codes",
    columns=(
        column("classification", pl.String, "Classification of the published code"),
        column("occ_code", pl.String, "Published detailed code"),
        column("soc2018_code", pl.String, "SOC 2018 detailed code"),
        column(
            "link",
            pl.String,
            "one_to_one, split (one published code to several), merge, many_to_many",
        ),
        column(
            "weight",
            pl.Float64,
            "Share of the published code that goes to the SOC 2018 code",
            "share",
        ),
        column(
            "weight_basis",
            pl.String,
            "exact, employment_2021, or equal_in_part where shares are unknown",
        ),
    ),
    key=("classification", "occ_code", "soc2018_code"),
)


@cache
def load_bridge() -> pl.DataFrame:
    """Return the table `soc_bridge`, made by ``withintask.ingest.oews.make_reference``."""
    content = files(__package__).joinpath("soc_links.csv").read_bytes()
    links = SOC_BRIDGE.conform(pl.read_csv(content, infer_schema=False))
    # The file has six decimals; shares of a code are to add up to one.
    whole = pl.col("weight").sum().over("classification", "occ_code")
    return links.with_columns(weight=pl.col("weight") / whole)


@cache
def load_codes() -> pl.DataFrame:
    """Return the known codes: `classification, occ_code, o_group`."""
    content = files(__package__).joinpath("soc_codes.csv").read_bytes()
    return pl.read_csv(content, infer_schema=False)
