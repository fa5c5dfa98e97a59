"""Exposure measures: mapped to SOC 2018 with a quality, nothing dropped."""

import polars as pl
import pytest
import xlsxwriter

from withintask.ingest.exposure import aioe, anthropic_index, gpts_are_gpts
from withintask.ingest.exposure.schema import MATCH_QUALITIES
from withintask.ingest.exposure.to_soc import add_soc2018
from withintask.ingest.publication import Publication
from withintask.panel.errors import SourceError


def publication(path, *companions):
    return Publication(kind="x", folder=path.parent, path=path, companions=companions)


@pytest.fixture
def aioe_book(tmp_path):
    def write(header, rows, name="AIOE_DataAppendix.xlsx"):
        path = tmp_path / name
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet("Appendix A")
            for number, row in enumerate([header, *rows]):
                sheet.write_row(number, 0, row)
        return publication(path)

    return write


HEADER = ["SOC Code", "Occupation Title", "AIOE"]


def test_aioe_scores_are_mapped_from_soc_2010(aioe_book):
    rows = aioe.read_aioe(
        aioe_book(HEADER, [["11-1011", "Chief Executives", 1.33], ["15-1133", "Developers", 1.1]])
    )
    found = rows.select("source_code", "soc2018_code", "match_quality").rows()
    assert found[0] == ("11-1011", "11-1011", "one_to_one")
    assert {code for source, code, _ in found if source == "15-1133"} == {"15-1252", "15-1253"}


def test_an_aioe_code_without_a_match_is_kept_as_unmatched(aioe_book):
    rows = aioe.read_aioe(aioe_book(HEADER, [["99-1111", "Nobody", 0.5]]))
    assert rows.select("value", "soc2018_code", "match_quality").rows() == [
        (0.5, None, "unmatched")
    ]


def test_the_language_model_score_has_its_own_measure(aioe_book):
    header = ["SOC Code", "Occupation Title", "Language Modeling AIOE"]
    rows = aioe.read_aioe(aioe_book(header, [["11-1011", "Chief Executives", 1.5]]))
    assert rows["measure"].to_list() == ["language_modeling_aioe"]


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        (["Code", "Occupation Title", "AIOE"], ["11-1011", "x", 1.0], "no column 'soc_code'"),
        (["SOC Code", "Occupation Title", "Score"], ["11-1011", "x", 1.0], "ending in AIOE"),
        (HEADER, ["111011", "x", 1.0], "not of the form 12-3456: row 2 '111011'"),
        (HEADER, ["11-1011", "x", "high"], "1 cells are no numbers: row 2 'high'"),
    ],
)
def test_an_aioe_file_of_another_layout_is_refused(aioe_book, header, row, reason):
    with pytest.raises(SourceError, match=reason):
        aioe.read_aioe(aioe_book(header, [row]))


def test_qualities_are_those_of_the_dictionary():
    codes = pl.DataFrame({"source_code": ["11-1011.00", "11-1011.03", "99-9999.00", None]})
    found = add_soc2018(codes, "onet2019")["match_quality"].to_list()
    assert found == ["exact", "onet_part", "unmatched", "unmatched"]
    assert set(found) <= set(MATCH_QUALITIES)


@pytest.fixture
def index_files(tmp_path):
    shares = tmp_path / "task_pct_v2.csv"
    shares.write_text("task_name,pct\nrun things.,60\nshared task.,30\nnone,10\n")
    statements = tmp_path / "onet_task_statements.csv"
    statements.write_text(
        "O*NET-SOC Code,Title,Task ID,Task\n"
        "11-1011.00,Chief Executives,1,Run  things.\n"
        "11-1011.00,Chief Executives,2,Shared task.\n"
        "11-2011.00,Advertising Managers,3,Shared task.\n"
    )
    return publication(shares, statements)


def test_a_shared_task_text_is_divided_equally(index_files):
    rows = anthropic_index.read_task_shares(index_files).filter(pl.col("task") == "shared task.")
    assert rows["weight"].to_list() == [0.5, 0.5]
    assert set(rows["match_quality"]) == {"shared_text"}


def test_the_row_none_stays_unmatched(index_files):
    rows = anthropic_index.read_task_shares(index_files).filter(pl.col("task") == "none")
    assert rows.select("soc2018_code", "match_quality", "value").rows() == [
        (None, "unmatched", 10.0)
    ]


def test_occupation_shares_add_up_to_what_was_published(index_files):
    rows = anthropic_index.read_occupation_shares(index_files)
    assert dict(rows.select("source_code", "value").rows()) == {
        None: 10.0,
        "11-1011.00": 75.0,
        "11-2011.00": 15.0,
    }


def test_task_shares_without_statements_are_refused(index_files):
    with pytest.raises(SourceError, match=r"onet_task_statements\.csv"):
        anthropic_index.read_task_shares(publication(index_files.path))


def test_a_rating_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "occ_level.csv"
    measures = ",".join(
        f"{r}_rating_{m}" for r in ("dv", "human") for m in ("alpha", "beta", "gamma")
    )
    path.write_text(f"O*NET-SOC Code,Title,{measures}\n11-1011.00,Chiefs,0.1,0.2,high,0,0,0\n")
    with pytest.raises(SourceError, match="column 'dv_rating_gamma': 1 cells are no numbers"):
        gpts_are_gpts.read_occupations(publication(path))


def find(data_dir, module, kind):
    paths = sorted(path for path in data_dir.rglob("*") if path.is_file())
    adapter = next(adapter for adapter in module.ADAPTERS if adapter.kind == kind)
    return [adapter.read(found) for found in adapter.find(data_dir, paths)]


@pytest.fixture(scope="module")
def codes_2023(data_dir):
    from withintask.ingest.oews.harmonize import harmonize

    wages = harmonize(data_dir / "bls_oews", [2023]).wages
    return wages.filter(pl.col("o_group") == "detailed").select("occ_code", "tot_emp")


@pytest.mark.real_data
def test_gpts_are_gpts_matches_772_of_831_codes_with_93_percent_of_employment(data_dir, codes_2023):
    (rows,) = find(data_dir, gpts_are_gpts, "gpts_are_gpts_occupation")
    matched = codes_2023.filter(pl.col("occ_code").is_in(rows["soc2018_code"].unique().to_list()))
    assert (codes_2023.height, matched.height) == (831, 772)
    share = matched["tot_emp"].sum() / codes_2023["tot_emp"].sum()
    assert share == pytest.approx(0.928, abs=0.0005)


@pytest.mark.real_data
def test_the_anthropic_index_matches_511_codes_directly_and_more_through_the_bridge(
    data_dir, codes_2023
):
    rows = find(data_dir, anthropic_index, "anthropic_index_occupation")[0]
    direct = rows["source_code"].drop_nulls().str.slice(0, 7).unique().to_list()
    assert codes_2023.filter(pl.col("occ_code").is_in(direct)).height == 511
    bridged = rows["soc2018_code"].drop_nulls().unique().to_list()
    assert codes_2023.filter(pl.col("occ_code").is_in(bridged)).height > 511


@pytest.mark.real_data
def test_shares_of_every_release_add_up_to_100(data_dir):
    for rows in find(data_dir, anthropic_index, "anthropic_index_occupation"):
        total = rows.select((pl.col("value") * pl.col("weight")).sum()).item()
        # The published shares add up to 100; bridge weights are stored with six decimals.
        assert total == pytest.approx(100, abs=1e-3)


@pytest.mark.real_data
def test_only_the_row_none_of_the_index_is_unmatched(data_dir):
    for rows in find(data_dir, anthropic_index, "anthropic_index_task"):
        unmatched = rows.filter(pl.col("match_quality") == "unmatched")
        assert unmatched["task"].to_list() == ["none"]
