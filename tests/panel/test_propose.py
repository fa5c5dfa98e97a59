"""A manifest proposed for a file: sure where names are ours, doubted where they are guessed."""

import tomllib

import polars as pl
import pytest
from messy_export import write_export

from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.items import aggregate_items, declare_items
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.proposal import write_proposal
from withintask.panel.propose import propose
from withintask.panel.statements import Statements
from withintask.panel.store import load_panel, read_panel
from withintask.panel.validate import panel_violations


def proposed(folder, frame, *, name="rows.csv", **stated):
    file = folder / name
    if isinstance(frame, str):
        file.write_text(frame, encoding="utf-8")
    elif name.endswith("parquet"):
        frame.write_parquet(file)
    else:
        frame.write_csv(file)
    return propose(file, folder=folder / "p", stated=Statements(**stated))


def document(proposal):
    return tomllib.loads(proposal.text)


OURS = "worker_id,task_id,period,output\na,t,1,1.5\na,t,2,2.5\nb,t,1,3\nb,t,2,4\n"


def test_our_own_names_are_not_doubted(tmp_path):
    proposal = proposed(tmp_path, OURS, outcome="positive")
    assert proposal.doubts == ()
    write_proposal(proposal, tmp_path / "p")
    assert read_panel(tmp_path / "p").outputs["output"].to_list() == [1.5, 2.5, 3.0, 4.0]


def test_what_the_user_says_is_not_doubted_and_what_is_guessed_is(tmp_path):
    text = OURS.replace("worker_id", "Agent").replace("output", "Calls per hour")
    doubts = proposed(tmp_path, text, columns={"worker_id": "Agent"}).doubts
    assert [doubt for doubt in doubts if "worker_id" in doubt] == []
    assert "outputs.columns: output: by its name alone" in doubts


def test_a_second_candidate_is_a_doubt(tmp_path):
    text = "worker_id,call,ticket,period,output\na,c1,t1,1,1.5\nb,c2,t2,1,2.5\n"
    doubts = proposed(tmp_path, text, outcome="positive").doubts
    assert "outputs.columns: item_id: or is it 'ticket'?" in doubts


def test_a_name_with_words_of_two_of_ours_is_not_taken_for_what_a_panel_can_do_without(tmp_path):
    text = "worker_id,period,output,question_group,used_in_class\na,1,1.5,x,0\nb,1,2,y,1\n"
    found = document(proposed(tmp_path, text))["tables"]["outputs"]
    assert {"arm", "ai_use", "assignment_id"}.isdisjoint(found["columns"])


def test_columns_that_are_not_used_are_left_out_by_name(tmp_path):
    text = OURS.replace("output\n", "output,mood\n").replace("5\n", "5,x\n")
    text = text.replace(",3\n", ",3,y\n").replace(",4\n", ",4,z\n")
    proposal = proposed(tmp_path, text)
    assert document(proposal)["tables"]["outputs"]["ignore"] == ["mood"]
    assert any("ignore" in doubt for doubt in proposal.doubts)


@pytest.mark.parametrize("missing", ["worker_id", "output"])
def test_a_file_without_worker_or_output_is_refused_with_its_columns(missing, tmp_path):
    text = OURS.replace(missing, "x")
    with pytest.raises(ParameterError, match=rf"no column looks like {missing}; say --column"):
        proposed(tmp_path, text)


def test_a_stated_column_must_be_in_the_file(tmp_path):
    with pytest.raises(ParameterError, match="no column Clerk; columns are worker_id"):
        proposed(tmp_path, OURS, columns={"worker_id": "Clerk"})


KINDS = {
    "binary": ("solved", [0, 1, 1, 0], "binary"),
    "words": ("correct", ["no", "yes", "yes", "no"], "binary"),
    "time": ("handle_seconds", [30.5, 40, 50, 60], "time"),
    "rate": ("score per minute", [30.5, 40, 50, 60], "positive"),
    "count": ("words", [0, 12, 40, 3], "count"),
    "rating": ("rating", [1, 5, 3, 2], "score"),
    "log": ("score", [-0.5, 0.1, 0.2, 1.0], "log"),
    "positive": ("output", [0.5, 0.1, 0.2, 1.0], "positive"),
}


@pytest.mark.parametrize(("name", "values", "kind"), KINDS.values(), ids=KINDS.keys())
def test_the_kind_of_outcome_is_proposed_by_name_and_values(name, values, kind, tmp_path):
    rows = pl.DataFrame(
        {"worker_id": list("abcd"), "task_id": "t", "period": [1] * 4, name: values}
    )
    proposal = proposed(tmp_path, rows)
    assert document(proposal)["panel"]["outcome"] == kind
    write_proposal(proposal, tmp_path / "p")
    assert load_panel(tmp_path / "p").problems.is_empty()
    assert panel_violations(load_panel(tmp_path / "p").panel).is_empty()


def test_dates_are_counted_and_two_readings_of_them_are_a_doubt(tmp_path):
    text = "worker_id,task_id,date,output\na,t,03/04/2024,1.5\nb,t,05/06/2024,2\n"
    proposal = proposed(tmp_path, text)
    rule = document(proposal)["tables"]["outputs"]["dates"]["period"]
    assert rule == {"by": "week", "start": "2024-04-01", "format": "%d/%m/%Y"}
    assert any("%m/%d/%Y" in doubt for doubt in proposal.doubts)


def test_times_without_ties_give_the_order_of_the_rows(tmp_path):
    text = "agent,call,started,score\na,c1,2024-01-01 09:00:00,1.5\na,c2,2024-01-01 08:00:00,2.5\n"
    proposal = proposed(tmp_path, text, outcome="positive")
    write_proposal(proposal, tmp_path / "p")
    assert read_panel(tmp_path / "p").outputs["sequence"].to_list() == [2, 1]
    tied = proposed(tmp_path, text.replace("08:00", "09:00"), outcome="positive")
    assert "sequence" not in document(tied)["tables"]["outputs"]["columns"]


def test_a_month_written_as_a_number_becomes_a_count(tmp_path):
    text = "worker_id,task_id,month,output\na,t,202411,1.5\na,t,202412,2\na,t,202501,2\n"
    write_proposal(proposed(tmp_path, text), tmp_path / "p")
    assert read_panel(tmp_path / "p").outputs["period"].to_list() == [1, 2, 3]


def test_rows_that_share_a_key_are_proposed_as_items_with_the_other_way_out(tmp_path):
    text = OURS + "a,t,1,7\n"
    proposal = proposed(tmp_path, text)
    assert document(proposal)["tables"]["outputs"]["items"] == "row"
    assert any("aggregate" in doubt for doubt in proposal.doubts)
    means = document(proposed(tmp_path, text, aggregate="mean"))
    assert means["tables"]["outputs"]["aggregate"] == {"output": "mean"}


def test_a_file_without_header_is_read_by_position_with_a_doubt(tmp_path):
    text = OURS.partition("\n")[2]
    columns = {"worker_id": "column_1", "period": "column_3", "output": "column_4"}
    proposal = proposed(tmp_path, text, columns=columns)
    assert document(proposal)["tables"]["outputs"]["header"] is False
    assert any("first line" in doubt for doubt in proposal.doubts)


def test_access_is_that_of_every_arm_but_the_control_where_only_arms_are_known(tmp_path):
    text = "worker_id,item_id,output,Condition\na,i,1.5,GPT base\nb,i,2,Control\nc,i,2,GPT tutor\n"
    proposal = proposed(tmp_path, text, outcome="positive")
    assert any("every arm but the control" in doubt for doubt in proposal.doubts)
    write_proposal(proposal, tmp_path / "p")
    panel = read_panel(tmp_path / "p")
    assert panel.info.control_arm == "Control"
    assert panel.info.first_ai_period == 1
    assert panel.outputs.select("arm", "ai_access").rows() == [
        ("GPT base", True),
        ("Control", False),
        ("GPT tutor", True),
    ]


def test_measures_before_ai_become_abilities(tmp_path):
    text = "student,round,score,pretest,gpa\na,1,5.5,1,3\na,2,6.5,1,3\nb,1,7,2,\nb,2,7.5,2,\n"
    proposal = proposed(tmp_path, text, outcome="positive")
    write_proposal(proposal, tmp_path / "p")
    found = read_panel(tmp_path / "p").abilities.sort("measure", "worker_id")
    assert found.select("worker_id", "measure", "ability").rows() == [
        ("a", "gpa", 3.0),
        ("a", "pretest", 1.0),
        ("b", "pretest", 2.0),
    ]


def test_types_of_a_typed_file_are_converted_where_nothing_is_lost(tmp_path):
    rows = pl.DataFrame({"agent": [1, 2], "wave": [1, 2], "score": [3, 4], "condition": [1.0, 2.0]})
    proposal = proposed(tmp_path, rows, name="rows.parquet", outcome="positive")
    write_proposal(proposal, tmp_path / "p")
    found = read_panel(tmp_path / "p").outputs
    assert found["worker_id"].to_list() == ["1", "2"]
    assert found.select("arm", "ai_access").rows() == [("1", False), ("2", True)]


def test_a_manifest_that_is_there_is_never_replaced(tmp_path):
    proposal = proposed(tmp_path, OURS)
    write_proposal(proposal, tmp_path / "p")
    with pytest.raises(SourceError, match="may have been edited"):
        write_proposal(proposal, tmp_path / "p")


def test_a_damaged_file_is_refused_with_all_reasons(tmp_path):
    with pytest.raises(SourceError, match="shifted_rows"):
        proposed(tmp_path, OURS + "c,t\n")
    with pytest.raises(SourceError, match="no such file"):
        propose(tmp_path / "none.csv", folder=tmp_path)


# Items ---------------------------------------------------------------------------------------------

TWICE = pl.DataFrame(
    {
        "worker_id": ["a", "a", "b"],
        "task_id": ["t"] * 3,
        "period": [1, 1, 1],
        "ai_access": [True, True, False],
        "output": [1.0, 3.0, 5.0],
    }
)


def test_a_panel_whose_rows_share_keys_becomes_one_of_items_or_of_means():
    panel = Panel(info=PanelInfo(name="p"), outputs=TWICE)
    assert panel_violations(declare_items(panel)).is_empty()
    means = aggregate_items(panel, "mean").collect().outputs
    assert means.select("worker_id", "ai_access", "output").rows() == [
        ("a", True, 2.0),
        ("b", False, 5.0),
    ]


def test_means_over_rows_with_and_without_ai_are_refused():
    frame = TWICE.with_columns(ai_access=pl.Series([True, False, False]))
    with pytest.raises(ParameterError, match=r"ai_access\|varies: 1"):
        aggregate_items(Panel(info=PanelInfo(name="p"), outputs=frame))


# The messy case ------------------------------------------------------------------------------------


def test_a_messy_export_becomes_a_valid_panel_without_code(tmp_path):
    export = write_export(tmp_path / "calls.csv", n_agents=60, n_rows=6_000)
    stated = Statements(leave_out_zeros=True)
    proposal = propose(tmp_path / "calls.csv", folder=tmp_path / "p", stated=stated)
    write_proposal(proposal, tmp_path / "p")
    panel = read_panel(tmp_path / "p")
    n_out = export.n_zero + export.n_empty
    assert panel.outputs.height == export.n_rows - n_out
    assert f"{n_out:,} of {export.n_rows:,} rows without output left out" in panel.info.note
    assert panel.info.first_ai_period == min(export.live.values())
    live = panel.outputs.filter("ai_access").group_by("firm_id").agg(pl.col("period").min())
    assert dict(live.iter_rows()) == export.live


def test_zeros_of_a_messy_export_are_refused_with_the_choices_named(tmp_path):
    write_export(tmp_path / "calls.csv", n_agents=12, n_rows=2_000)
    proposal = propose(tmp_path / "calls.csv", folder=tmp_path / "p")
    write_proposal(proposal, tmp_path / "p")
    with pytest.raises(ValueError, match=r'output\|min_exclusive: .*outcome = "count"'):
        read_panel(tmp_path / "p")


WAVES = pl.DataFrame(
    {
        "student": ["a", "b", "c"],
        "group": ["control", "gpt", "control"],
        "score_before": [1, 2, 3],
        "score_after": [2, 4, None],
    }
)


def test_columns_side_by_side_become_periods(tmp_path):
    proposal = proposed(tmp_path, WAVES)
    wide = document(proposal)["tables"]["outputs"]["wide"]
    assert wide == {
        "by": "period",
        "into": "output",
        "columns": {"score_before": 0, "score_after": 1},
    }
    write_proposal(proposal, tmp_path / "p")
    panel = read_panel(tmp_path / "p")
    assert panel.info.first_ai_period == 1
    assert panel.outputs.height == 5
    assert "ai_access" not in panel.outputs.columns


def test_who_gets_ai_in_a_wide_file_is_an_arm_and_not_access_before(tmp_path):
    rows = WAVES.drop("group").with_columns(treated=pl.Series([0, 1, 0]))
    for name in ("rows.csv", "rows.parquet"):
        folder = tmp_path / name.partition(".")[2]
        folder.mkdir()
        proposal = proposed(folder, rows, name=name)
        assert any("says who gets AI, not when" in doubt for doubt in proposal.doubts)
        write_proposal(proposal, folder / "p")
        panel = read_panel(folder / "p")
        assert panel.info.control_arm == "without AI"
        arms = dict(panel.outputs.select("worker_id", "arm").iter_rows())
        assert arms == {"a": "without AI", "b": "with AI", "c": "without AI"}


@pytest.mark.parametrize(
    ("names", "by", "values"),
    [
        (("w1_score", "w2_score"), "period", (1, 2)),
        (("minutes_3", "minutes_7"), "period", (3, 7)),
        (("score_q1", "score_q2"), "item_id", ("score_q1", "score_q2")),
    ],
)
def test_waves_and_items_are_told_by_their_names(tmp_path, names, by, values):
    rows = WAVES.select("student", pl.lit(1.5).alias(names[0]), pl.lit(2.5).alias(names[1]))
    wide = document(proposed(tmp_path, rows))["tables"]["outputs"]["wide"]
    assert wide["by"] == by
    assert wide["columns"] == dict(zip(names, values, strict=True))


def test_a_file_with_several_rows_a_worker_is_not_wide(tmp_path):
    rows = pl.concat([WAVES, WAVES]).with_columns(period=pl.Series([1, 1, 1, 2, 2, 2]))
    assert "wide" not in document(proposed(tmp_path, rows))["tables"]["outputs"]


def test_a_stated_output_is_not_put_below_others(tmp_path):
    found = document(proposed(tmp_path, WAVES, columns={"output": "score_after"}))
    assert "wide" not in found["tables"]["outputs"]


def test_a_stated_task_is_the_only_one(tmp_path):
    text = OURS.replace("task_id", "queue")
    outputs = document(proposed(tmp_path, text, task="calls"))["tables"]["outputs"]
    assert outputs["constants"]["task_id"] == "calls"
    assert "queue" in outputs["ignore"]


def test_spaces_at_the_ends_of_text_are_stripped_and_said(tmp_path):
    proposal = proposed(tmp_path, OURS.replace("a,t", " a ,t"), outcome="positive")
    assert "outputs: strip: worker_id: 2 cells with spaces at an end" in proposal.doubts
    write_proposal(proposal, tmp_path / "p")
    assert set(read_panel(tmp_path / "p").outputs["worker_id"]) == {"a", "b"}


def test_value_labels_are_read_where_asked(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    frame = pl.DataFrame(
        {"worker_id": ["a", "b"], "group": [1, 2], "period": [1, 1], "output": [1.0, 2.0]}
    )
    labels = {"group": {1: "Human only", 2: "Chat"}}
    pyreadstat.write_dta(frame, str(tmp_path / "rows.dta"), variable_value_labels=labels)
    says = Statements(labels=True)
    proposal = propose(tmp_path / "rows.dta", folder=tmp_path / "p", stated=says)
    write_proposal(proposal, tmp_path / "p")
    panel = read_panel(tmp_path / "p")
    assert panel.info.control_arm == "Human only"
    assert set(panel.outputs["arm"]) == {"Human only", "Chat"}


def written_by_r(folder, **frames):
    """An .RData file with these data frames."""
    rdata = pytest.importorskip("rdata")
    file = folder / "work.RData"
    tables = {k: f.to_pandas().astype({"worker_id": object}) for k, f in frames.items()}
    rdata.write_rda(str(file), tables)
    return file


ROWS = pl.DataFrame({"worker_id": ["a", "b"], "period": [1, 1], "output": [1.5, 2.5]})


def test_a_workspace_of_r_with_one_data_frame_is_read(tmp_path):
    file = written_by_r(tmp_path, rows=ROWS)
    write_proposal(propose(file, folder=tmp_path / "p"), tmp_path / "p")
    assert read_panel(tmp_path / "p").outputs["output"].to_list() == [1.5, 2.5]


def test_of_several_data_frames_one_must_be_named(tmp_path):
    file = written_by_r(tmp_path, rows=ROWS, other=ROWS)
    with pytest.raises(SourceError, match=r"name one data frame .*; data frames are rows, other"):
        propose(file, folder=tmp_path / "p")
    with pytest.raises(SourceError, match="no data frame 'lines'; data frames are rows, other"):
        propose(file, folder=tmp_path / "p", stated=Statements(sheet="lines"))
    proposal = propose(file, folder=tmp_path / "p", stated=Statements(sheet="rows"))
    write_proposal(proposal, tmp_path / "p")
    assert read_panel(tmp_path / "p").outputs.height == 2


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_covariates_are_kept_by_their_kind(tmp_path, name):
    rows = pl.DataFrame(
        {
            "worker_id": ["a", "a", "b", "b"],
            "period": [1, 2, 1, 2],
            "output": [1.5, 2.5, 3.5, 4.5],
            "Hour of day": [9, 14, 10, 16],
            "Channel": ["phone", "chat", "phone", "phone"],
        }
    )
    proposal = proposed(tmp_path, rows, name=name, covariates=("Hour of day", "Channel"))
    write_proposal(proposal, tmp_path / "p")
    panel = read_panel(tmp_path / "p")
    assert panel.info.covariates == ("outputs.hour_of_day", "outputs.channel")
    assert panel.outputs["hour_of_day"].to_list() == [9.0, 14.0, 10.0, 16.0]
    assert panel.outputs.schema["channel"] == pl.String


def test_a_covariate_that_is_no_column_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="no column"):
        proposed(tmp_path, OURS, covariates=("hour",))
