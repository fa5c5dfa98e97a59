"""Measures of exposure beyond the first three: each in its published layout, and its traps."""

import polars as pl
import pytest
import xlsxwriter

from withintask.ingest.database import query
from withintask.ingest.exposure import aioe, anthropic_index, microsoft, observed
from withintask.ingest.publication import Publication
from withintask.ingest.store import build_store
from withintask.panel.errors import SourceError

STATEMENTS = (
    "O*NET-SOC Code,Title,Task ID,Task\n"
    "11-1011.00,Chief Executives,1,Run things.\n"
    "11-2011.00,Advertising Managers,3,Sell things.\n"
)


def publication(path, *companions):
    return Publication(kind="x", folder=path.parent, path=path, companions=companions)


def written(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def workbook(path, sheets):
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


AIOE_BOOKS = {
    "AIOE_DataAppendix.xlsx": {
        "Contents": [["Data Appendix"], ["Appendix A", "AIOE Scores by Occupation"]],
        "Appendix A": [["SOC Code", "Occupation Title", "AIOE"], ["11-1011", "Chiefs", 1.33]],
        "Appendix B": [["NAICS", "Industry Title", "AIIE"], [1111, "Oilseed", -1.2]],
    },
    "Language Modeling AIOE and AIIE.xlsx": {
        "Contents": [["Generative AI"]],
        "LM AIOE": [
            ["SOC Code", "Occupation Title", "Language Modeling AIOE"],
            ["11-1011", "Chiefs", 1.5],
        ],
        "LM AIIE": [["NAICS", "Industry Title", "Language Modeling AIIE"], [1111, "Oilseed", 0.1]],
    },
    "Image Generation AIOE and AIIE.xlsx": {
        "IG AIIE": [["NAICS", "Industry Title", "Image Generation AIIE"], [1111, "Oilseed", 0.1]],
        "IG AIOE": [
            ["SOC Code", "Occupation Title", "Image Generation AIOE"],
            ["11-1011", "Chiefs", 0.7],
        ],
    },
}


@pytest.mark.parametrize(
    ("name", "measure", "value"),
    [
        ("AIOE_DataAppendix.xlsx", "aioe", 1.33),
        ("Language Modeling AIOE and AIIE.xlsx", "language_modeling_aioe", 1.5),
        ("Image Generation AIOE and AIIE.xlsx", "image_generation_aioe", 0.7),
    ],
)
def test_each_aioe_workbook_is_read_from_whatever_sheet_has_the_scores(
    tmp_path, name, measure, value
):
    rows = aioe.read_aioe(publication(workbook(tmp_path / name, AIOE_BOOKS[name])))
    assert rows.select("measure", "value", "soc2018_code").rows() == [(measure, value, "11-1011")]


def test_a_renamed_workbook_is_known_by_its_columns(tmp_path, tiny_book):
    source = tmp_path / "source"
    source.mkdir()
    tiny_book(2024).save(source)
    workbook(source / "felten.xlsx", AIOE_BOOKS["AIOE_DataAppendix.xlsx"])
    written(source, "ai.csv", "SOC Code,title,ai_applicability_score\n11-1011,Chiefs,.25\n")
    build_store(source, tmp_path / "s.duckdb")
    sql = "SELECT source_file, kind FROM source ORDER BY 1"
    assert dict(query(tmp_path / "s.duckdb", sql).rows()) == {
        "ai.csv": "microsoft_occupation",
        "felten.xlsx": "aioe",
        "national_M2024_dl.xlsx": "oews_workbook",
    }


def test_one_measure_in_two_files_is_refused_by_name(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    for name in ("aioe.xlsx", "aioe_copy.xlsx"):
        workbook(tmp_path / name, AIOE_BOOKS["AIOE_DataAppendix.xlsx"])
    with pytest.raises(SourceError, match="measure aioe.*aioe.xlsx and aioe_copy.xlsx"):
        build_store(tmp_path, tmp_path / "s.duckdb")


def test_the_measures_of_a_store_say_what_they_are(tmp_path, tiny_book):
    tiny_book(2024).save(tmp_path)
    written(tmp_path, "job_exposure.csv", "occ_code,title,observed_exposure\n15-1251,Devs,0.7\n")
    build_store(tmp_path, tmp_path / "s.duckdb")
    sql = "SELECT source, measure, unit, low, high, n_rows, unmatched_share FROM exposure_measure"
    assert query(tmp_path / "s.duckdb", sql).rows() == [
        ("anthropic_labor_market", "observed_exposure", "share", 0.0, 1.0, 1, 0.0)
    ]


@pytest.mark.parametrize("value", ["70", "-0.1", "seventy"])
def test_observed_exposure_is_a_share(tmp_path, value):
    path = written(tmp_path, "job_exposure.csv", f"occ_code,title,observed_exposure\n1,x,{value}\n")
    with pytest.raises(SourceError):
        observed.read_observed(publication(path))


def index_files(folder, *, shares=None, name="task_pct_v3.csv"):
    text = shares or "task_name,pct\nrun things.,60\nsell things.,30\nnone,6\nnot_classified,4\n"
    path = written(folder, name, text)
    return publication(path, written(folder, "onet_task_statements.csv", STATEMENTS))


@pytest.mark.parametrize(
    ("name", "release", "measure"),
    [
        ("task_pct_v3.csv", "2025-09-15", "pct"),
        ("task_pct_api_v4.csv", "2026-01-15", "api_pct"),
        ("task_pct_v5.csv", "2026-03-24", "pct"),
    ],
)
def test_a_version_of_the_index_has_its_release_and_the_interface_its_measure(
    tmp_path, name, release, measure
):
    rows = anthropic_index.read_occupation_shares(index_files(tmp_path, name=name))
    assert rows.select("release", "measure").unique().rows() == [(release, measure)]
    assert dict(rows.select("source_code", "value").rows()) == {
        None: 10.0,
        "11-1011.00": 60.0,
        "11-2011.00": 30.0,
    }


def test_a_version_in_the_folder_of_another_release_is_refused(tmp_path):
    files = index_files(tmp_path / "release_2025_03_27", name="task_pct_v3.csv")
    with pytest.raises(SourceError, match="two releases are mixed"):
        anthropic_index.read_task_shares(files)


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ("task_name,pct\nrun things.,.6\nsell things.,.4\n", "add up to 1, not to 100"),
        ("task_name,pct\nrun things.,80\nsell things.,80\n", "160 percent; are two releases"),
        ("task_name,pct\nrun things.,90\nsell things.,-5\n", "a share is negative"),
    ],
)
def test_shares_beside_percentages_are_refused(tmp_path, shares, reason):
    with pytest.raises(SourceError, match=reason):
        anthropic_index.read_task_shares(index_files(tmp_path, shares=shares))


INTERACTIONS = "{task},directive,feedback{s}loop,learning,none,task{s}iteration,validation\n"


@pytest.mark.parametrize(("task", "space"), [("task", "_"), ("task_name", " ")])
def test_interaction_types_are_read_however_they_are_spelled_and_absent_is_not_zero(
    tmp_path, task, space
):
    header = INTERACTIONS.format(task=task, s=space)
    path = written(
        tmp_path, "automation_vs_augmentation_by_task_v3.csv", header + "run things.,.4,,,,.6,\n"
    )
    statements = written(tmp_path, "onet_task_statements.csv", STATEMENTS)
    rows = anthropic_index.read_interactions(publication(path, statements))
    assert dict(rows.select("measure", "value").rows()) == {
        "directive": 0.4,
        "feedback_loop": None,
        "learning": None,
        "none": None,
        "task_iteration": 0.6,
        "validation": None,
    }


def test_interaction_types_in_percent_are_refused(tmp_path):
    header = INTERACTIONS.format(task="task", s="_")
    path = written(
        tmp_path, "automation_vs_augmentation_by_task_v3.csv", header + "run things.,40,,,,60,\n"
    )
    statements = written(tmp_path, "onet_task_statements.csv", STATEMENTS)
    with pytest.raises(SourceError, match="is the file in percent"):
        anthropic_index.read_interactions(publication(path, statements))


def test_a_score_is_half_the_user_s_side_and_half_the_ai_s():
    parts = {
        "a": {"share": 0.10, "completion": 0.5, "impact_scope": 0.4},
        "b": {"share": 0.0005, "completion": 1.0, "impact_scope": 1.0},
        "c": {"share": 0.0, "completion": None, "impact_scope": None},
    }
    activities = pl.DataFrame(
        [
            {"activity_id": key, "measure": f"{name}_{side}", "value": value}
            for key, metrics in parts.items()
            for name, value in metrics.items()
            for side in microsoft.SIDES
        ]
    )
    weights = pl.DataFrame(
        {"source_code": ["x", "x", "x"], "activity_id": ["a", "b", "c"], "weight": [3.0, 1.0, 4.0]}
    )
    (row,) = microsoft.recompute_applicability(activities, weights).to_dicts()
    # Three of eight parts of the weight are covered: .375 x .5 x .4 on each side.
    assert row["coverage_user"] == pytest.approx(0.375, rel=1e-12)
    assert row["ai_applicability_score"] == pytest.approx(0.075, rel=1e-12)


def test_scores_in_percent_are_refused(tmp_path):
    path = written(tmp_path, "s.csv", "SOC Code,title,ai_applicability_score\n11-1011,Chiefs,25\n")
    with pytest.raises(SourceError, match="percentages"):
        microsoft.read_scores(publication(path))


def read_new(folder, module, kind):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    adapter = next(adapter for adapter in module.ADAPTERS if adapter.kind == kind)
    return pl.concat(adapter.read(found) for found in adapter.find(folder, paths))


@pytest.mark.real_data
def test_the_published_applicability_follows_from_its_parts_to_12_digits(new_data_dir):
    activities = read_new(new_data_dir, microsoft, "microsoft_activity")
    weights = read_new(new_data_dir, microsoft, "microsoft_weight")
    assert weights.height == 13_698
    computed = microsoft.recompute_applicability(activities, weights)
    published = pl.concat(
        read_new(new_data_dir, microsoft, kind)
        for kind in ("microsoft_occupation", "microsoft_metrics")
    ).unique(["source_code", "measure"])
    wide = published.pivot("measure", index="source_code", values="value")
    both = computed.join(wide, on="source_code", suffix="_published", validate="1:1")
    assert both.height == 785
    for name in computed.columns[1:]:
        assert (both[name] - both[f"{name}_published"]).abs().max() < 1e-12, name


@pytest.mark.real_data
def test_shares_of_all_releases_add_up_to_100(all_store):
    sql = """SELECT release, measure, sum(value * weight) AS total FROM exposure_occupation
             WHERE source = 'anthropic_economic_index' GROUP BY ALL"""
    totals = query(all_store, sql)
    assert totals.height == 8
    assert totals["total"].is_between(100 - 1e-6, 100 + 1e-6).all()


@pytest.mark.real_data
def test_every_task_of_later_releases_but_two_rows_belongs_to_an_occupation(all_store):
    sql = """SELECT DISTINCT task FROM exposure_task
             WHERE source = 'anthropic_economic_index' AND match_quality = 'unmatched'"""
    assert set(query(all_store, sql)["task"]) == {"none", "not_classified"}


@pytest.mark.real_data
def test_each_measure_joins_95_percent_of_the_jobs_that_its_occupations_have(all_store):
    # Jobs of May 2024 in the SOC codes that the source covers, and the part that has its value.
    sql = """
        WITH linked AS (
            SELECT occ_code, tot_emp, soc2018_code, tot_emp * weight AS jobs
            FROM oews JOIN soc_bridge USING (occ_code)
            WHERE year = 2024 AND o_group = 'detailed' AND classification = 'oews2021'
        ), covered AS (
            SELECT DISTINCT source, release, measure, substr(source_code, 1, 7) AS code
            FROM exposure_occupation WHERE source_code IS NOT NULL
        ), valued AS (
            SELECT DISTINCT source, release, measure, occ_code AS code FROM exposure_by_oews
            WHERE year = 2024
        )
        SELECT source, release, measure,
               sum(tot_emp) FILTER (WHERE valued.code IS NOT NULL) / sum(tot_emp) AS share
        FROM covered JOIN (SELECT DISTINCT occ_code, tot_emp FROM linked) AS job
             ON job.occ_code = covered.code
        LEFT JOIN valued USING (source, release, measure, code)
        GROUP BY ALL"""
    shares = query(all_store, sql)
    assert shares.height >= 20
    assert shares["share"].min() >= 0.95
