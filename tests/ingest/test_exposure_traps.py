"""Raw releases and measures of other classifications: small files with each known trap."""

import polars as pl
import pytest

from withintask.ingest.exposure import anthropic_raw, ilo, patents
from withintask.ingest.publication import Publication
from withintask.panel.errors import SourceError

STATEMENTS = (
    "O*NET-SOC Code,Title,Task ID,Task\n"
    "11-1011.00,Chief Executives,1,Run things.\n"
    "11-2011.00,Advertising Managers,3,Sell things.\n"
)
LONG = (
    "geo_id,geography,date_start,date_end,platform_and_product,facet,level,variable,"
    "cluster_name,value\n"
)
WEEK = "2025-11-13,2025-11-20"


def figure(
    facet, variable, cluster, value, *, geo="GLOBAL", kind="global", week=WEEK, who="Claude"
):
    return f"{geo},{kind},{week},{who} AI (Free and Pro),{facet},0,{variable},{cluster},{value}\n"


TASKS = figure("onet_task", "onet_task_pct", "run things.", 70) + figure(
    "onet_task", "onet_task_pct", "not_classified", 30
)


@pytest.fixture
def raw(tmp_path):
    def write(rows, *, header=LONG, name="aei_raw_claude_ai_2025-11-13_to_2025-11-20.csv"):
        (tmp_path / name).write_text(header + rows)
        statements = tmp_path / "onet_task_statements.csv"
        statements.write_text(STATEMENTS)
        return Publication(
            kind="x", folder=tmp_path, path=tmp_path / name, companions=(statements,)
        )

    return write


def by_measure(rows, task="run things."):
    return dict(rows.filter(pl.col("task") == task).select("measure", "value").rows())


def test_namibia_is_a_country_and_not_missing(raw):
    rows = figure("country", "usage_pct", "", 0.1, geo="NA", kind="country")
    found = anthropic_raw.read_raw_use(raw(rows))
    assert found.select("geo_id", "geography", "value").rows() == [("NA", "country", 0.1)]


@pytest.mark.parametrize("suffix", ["", "::value"])
def test_hours_without_ai_and_minutes_with_it_are_both_minutes(raw, suffix):
    rows = TASKS
    for name, value in (("human_only_time", 1.5), ("human_with_ai_time", 9)):
        cluster = f"run things.{suffix}"
        rows += figure(f"onet_task::{name}", f"onet_task_{name}_mean", cluster, value)
    found = by_measure(anthropic_raw.read_raw_tasks(raw(rows)))
    assert found["human_only_time_mean_minutes"] == 90.0
    assert found["human_with_ai_time_mean_minutes"] == 9.0
    assert not {"human_only_time_mean", "human_with_ai_time_mean"} & set(found)


def test_interaction_types_have_the_names_and_the_unit_of_the_other_releases(raw):
    rows = TASKS
    for pattern, value in (("task iteration", 60), ("feedback loop", 15)):
        rows += figure(
            "onet_task::collaboration",
            "onet_task_collaboration_pct",
            f"run things.::{pattern}",
            value,
        )
    found = by_measure(anthropic_raw.read_raw_tasks(raw(rows)))
    assert found == {"pct": 70.0, "task_iteration": 0.6, "feedback_loop": 0.15}


def test_a_figure_that_is_absent_has_no_row_and_no_zero(raw):
    rows = anthropic_raw.read_raw_tasks(raw(TASKS))
    assert rows.select("task", "measure", "value").rows() == [
        ("run things.", "pct", 70.0),
        ("not_classified", "pct", 30.0),
    ]


def test_traffic_of_the_interface_has_its_own_measures(raw):
    rows = TASKS.replace("Claude AI (Free and Pro)", "1P API")
    found = anthropic_raw.read_raw_occupations(raw(rows))
    assert dict(found.select("source_code", "value").rows()) == {"11-1011.00": 70.0, None: 30.0}
    assert found["measure"].unique().to_list() == ["api_pct"]
    assert found["release"].unique().to_list() == ["2026-01-15"]


def test_two_weeks_in_one_file_are_two_releases(raw):
    later = figure("onet_task", "onet_task_pct", "x", 1, week="2026-02-05,2026-02-12")
    with pytest.raises(SourceError, match="2025-11-13 to 2025-11-20, 2026-02-05 to 2026-02-12"):
        anthropic_raw.read_raw_tasks(raw(TASKS + later))


def test_shares_of_one_are_no_percent(raw):
    with pytest.raises(SourceError, match="not to 100"):
        anthropic_raw.read_raw_tasks(raw(TASKS.replace(",70\n", ",.7\n").replace(",30\n", ",.3\n")))


MONTHLY = (
    "date_start,date_end,geo_id,geo_level,category_name,hierarchy_level,metric_id,value,"
    "node_name,node_external_id\n"
)


def test_the_monthly_layout_gives_the_same_measures(raw):
    rows = "".join(
        f"2026-04-01,2026-05-01,GLOBAL,global,onet,0,{metric},{value},{task},1\n"
        for task, metric, value in (
            ("Run things.", "pct", 70),
            ("Sell things.", "pct", 30),
            ("Run things.", "collaboration_task_iteration_pct", 40),
            ("Run things.", "human_only_time_mean", 2),
        )
    )
    rows += "2026-04-01,2026-05-01,NAM,country,overall,0,usage_pct,.01,,\n"
    files = raw(rows, header=MONTHLY, name="aei_claude_ai_2026-06-26.csv")
    assert by_measure(anthropic_raw.read_raw_tasks(files), "Run things.") == {
        "pct": 70.0,
        "task_iteration": 0.4,
        "human_only_time_mean_minutes": 120.0,
    }
    use = anthropic_raw.read_raw_use(files)
    assert use.select("geo_id", "measure", "value").rows() == [("NAM", "usage_pct", 0.01)]


ILO = "ISCO_08,Title,task,mean_score_2025,SD_2025,potential25\n"


def ilo_files(folder, rows, crosswalk=None):
    path = folder / "Final_Scores_ISCO08_Gmyrek_et_al_2025.csv"
    path.write_text(ILO + rows)
    companions = ()
    if crosswalk:
        beside = folder / "isco_soc_crosswalk.csv"
        beside.write_text("ISCO-08 Code,ISCO-08 Title EN,part,2010 SOC Code\n" + crosswalk)
        companions = (beside,)
    return Publication(kind="x", folder=folder, path=path, companions=companions)


def test_an_isco_code_is_divided_among_the_soc_codes_it_leads_to(tmp_path):
    files = ilo_files(
        tmp_path,
        "1120,Managing directors,a,.4,.1,x\n1120,Managing directors,b,.4,.1,x\n",
        "1120,Managing directors,*,11-1011\n1120,Managing directors,,11-1021\n",
    )
    rows = ilo.read_ilo(files).filter(pl.col("measure") == "mean_score_2025")
    assert rows.select("soc2018_code", "value", "weight", "match_quality").rows() == [
        ("11-1011", 0.4, 0.5, "linked_to_several"),
        ("11-1021", 0.4, 0.5, "linked_to_several"),
    ]


def test_without_the_crosswalk_isco_codes_stay_unmatched(tmp_path):
    rows = ilo.read_ilo(ilo_files(tmp_path, "110,Officers,a,.4,.1,x\n"))
    assert rows["match_quality"].unique().to_list() == ["unmatched"]
    assert rows["source_code"].unique().to_list() == ["0110"]


def test_an_occupation_with_two_scores_is_refused(tmp_path):
    with pytest.raises(SourceError, match="1 occupations have two scores: 1120"):
        ilo.read_ilo(ilo_files(tmp_path, "1120,M,a,.4,.1,x\n1120,M,b,.5,.1,x\n"))


def test_patent_exposure_goes_through_its_own_crosswalk(tmp_path):
    path = tmp_path / "exposure_by_occ1990dd_lswt2010.csv"
    path.write_text("occ1990dd,occ1990dd_title,pct_software,pct_robot,pct_ai\n4,Chiefs,50,10,90\n")
    link = tmp_path / "onet_to_occ1990dd.csv"
    link.write_text("onetsoccode,occ1990dd\n11-1011.00,4\n")
    files = Publication(kind="x", folder=tmp_path, path=path, companions=(link,))
    rows = patents.read_webb(files).filter(pl.col("measure") == "pct_ai")
    assert rows.select("value", "soc2018_code").rows() == [(90.0, "11-1011")]


def test_suitability_for_machine_learning_is_read_by_its_columns(tmp_path):
    path = tmp_path / "sml.csv"
    path.write_text("O*NET-SOC Code,Title,mSML\n15-1133.00,Developers,3.5\n")
    rows = patents.read_sml(Publication(kind="x", folder=tmp_path, path=path))
    assert set(rows["soc2018_code"]) == {"15-1252", "15-1253"}
    path.write_text("code,score\n1,2\n")
    with pytest.raises(SourceError, match="expected a column of codes"):
        patents.read_sml(Publication(kind="x", folder=tmp_path, path=path))
