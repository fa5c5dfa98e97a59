"""Random workbooks with every mark are read back without loss."""

import string
import tempfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from withintask.ingest.oews.harmonize import harmonize
from withintask.ingest.oews.reference import load_codes
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.oews.writer import write_national_workbook
from withintask.panel.errors import SourceError

LAYOUTS = load_layouts()
CODES = (
    load_codes()
    .filter(pl.col("classification") == "oews2021", pl.col("o_group") == "detailed")["occ_code"]
    .to_list()
)
WAGES = {"hourly_wage": 115.0, "annual_wage": 239_200.0}
few = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def cents(largest):
    return st.integers(1, int(largest * 100) - 1).map(lambda n: n / 100)


def cell(column, *, is_annual_only, is_hourly_only):
    """Draw value, bound and status of one cell, as they come out of the reader."""
    published = cents(WAGES.get(column.kind, 1e7)).map(lambda v: (v, None, "published"))
    missing = "not_available"
    if column.kind == "hourly_wage" and is_annual_only:
        missing = "annual_only"
    if column.kind == "annual_wage" and is_hourly_only:
        missing = "hourly_only"
    options = [published, st.just((None, None, missing)), st.just((None, None, None))]
    if column.kind in WAGES:
        options.append(st.just((WAGES[column.kind], ">=", "top_coded")))
    if column.name == "pct_rpt":
        options.append(st.just((0.5, "<", "below_half_percent")))
    return st.one_of(options)


@st.composite
def occupations(draw):
    """Draw one occupation as harmonized columns."""
    flags = {"is_annual_only": draw(st.booleans()), "is_hourly_only": draw(st.booleans())}
    row = {
        "o_group": "detailed",
        "occ_title": draw(st.text(string.ascii_letters, min_size=1)),
        **flags,
    }
    for column in LAYOUTS.measures:
        value, bound, status = draw(cell(column, **flags))
        row |= {column.name: value, f"{column.name}_bound": bound, f"{column.name}_status": status}
    return row


@st.composite
def national_tables(draw):
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=6, unique=True))
    return [{"occ_code": code, **draw(occupations())} for code in sorted(codes)]


def frame_of(rows):
    schema = {"occ_code": pl.String, "occ_title": pl.String, "o_group": pl.String}
    schema |= {"is_annual_only": pl.Boolean, "is_hourly_only": pl.Boolean}
    for column in LAYOUTS.measures:
        schema |= {column.name: pl.Float64}
        schema |= {f"{column.name}_bound": pl.String, f"{column.name}_status": pl.String}
    return pl.DataFrame(rows, schema=schema)


@few
@given(rows=national_tables())
def test_a_written_workbook_is_read_back_without_loss(rows):
    frame = frame_of(rows)
    with tempfile.TemporaryDirectory() as folder:
        write_national_workbook(frame, Path(folder) / "national_M2024_dl.xlsx", 2024)
        found = harmonize(folder)
    read = found.wages.sort("occ_code").select(frame.columns).cast(frame.schema)
    assert read.equals(frame)
    assert found.wages["is_synthetic"].all()


texts = st.text(
    st.characters(codec="ascii", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8
)
NUMBER = r"^\d+(\.\d+)?$|^\d{1,3}(,\d{3})+(\.\d+)?$|^\.\d+$"


@few
@given(text=texts)
def test_any_other_text_in_a_wage_is_refused_and_never_becomes_null(text):
    import re

    header = [column.headers[2024].upper() for column in LAYOUTS.columns]
    plain = {**LAYOUTS.fill, "occ_code": "11-1011", "occ_title": "x", "o_group": "detailed"}
    cells = [plain.get(c.name, "10" if c.is_measure else "") for c in LAYOUTS.columns]
    cells[header.index("A_MEAN")] = text
    stripped = text.strip()
    with tempfile.TemporaryDirectory() as folder:
        with xlsxwriter.Workbook(str(Path(folder) / "national_M2024_dl.xlsx")) as book:
            sheet = book.add_worksheet("data")
            for position, (name, value) in enumerate(zip(header, cells, strict=True)):
                sheet.write_string(0, position, name)
                if value:
                    sheet.write_string(1, position, value)
        if re.search(NUMBER, stripped) or stripped in ("*", "**", "#"):
            row = harmonize(folder).wages
            assert row["a_mean_status"].item() is not None
        elif stripped:
            with pytest.raises(SourceError, match="A_MEAN"):
                harmonize(folder)
        else:
            assert harmonize(folder).wages["a_mean_status"].item() is None
