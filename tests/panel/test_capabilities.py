"""An estimator's needs are checked by name, and what is missing is said."""

from types import SimpleNamespace

import polars as pl
import pytest

from withintask.panel.capabilities import capabilities, missing
from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo

OUTPUTS = pl.DataFrame(
    {
        "worker_id": ["a", "a", "b"],
        "task_id": ["t", "u", "t"],
        "period": [1, 2, 1],
        "ai_access": [False, True, False],
        "ai_use": pl.Series([None, None, None], dtype=pl.Float64),
        "output": [1.0, 1.0, 1.0],
        "firm_id": ["f", None, "g"],
    }
)
PANEL = Panel(
    info=PanelInfo(name="p", first_ai_period=2),
    outputs=OUTPUTS,
    firms=pl.DataFrame({"firm_id": ["g"], "period": [1]}),
    pay=pl.DataFrame({"worker_id": ["a"], "period": [2], "pay": [1.0], "firm_id": ["x"]}),
)

MET = [
    "outputs",
    "outputs.output",
    "outputs.ai_access varies",
    "outputs.worker_id repeats over period",
    "outputs.task_id repeats over worker_id",
    "outputs.firm_id->firms.firm_id",
    "info.first_ai_period",
    "outputs.period spans first_ai_period",
]
UNMET = {
    "postings": "no table postings",
    "workers.ability_log": "no table workers",
    "outputs.unit": "no column outputs.unit",
    "outputs.ai_use": "outputs.ai_use is null in every row",
    "outputs.output varies": "outputs.output is the same in every row",
    "outputs.worker_id,task_id repeats over period": (
        "no worker_id and task_id of outputs is seen with two values of period"
    ),
    "pay.firm_id->firms.firm_id": "no pay.firm_id is found in firms.firm_id",
    "pay.period spans first_ai_period": "no row of pay is before AI arrived (2)",
    "outputs.firm_id->postings.firm_id": "no table postings",
}


@pytest.mark.parametrize("panel", [PANEL, PANEL.lazy()], ids=["eager", "lazy"])
@pytest.mark.parametrize("need", MET)
def test_a_need_that_is_met_is_not_missing(need, panel):
    assert missing(panel, (need,)) == ()


@pytest.mark.parametrize("panel", [PANEL, PANEL.lazy()], ids=["eager", "lazy"])
@pytest.mark.parametrize("need", UNMET)
def test_a_need_that_is_not_met_is_named_with_its_reason(need, panel):
    assert missing(panel, (need,)) == (f"{need}: {UNMET[need]}",)


def test_an_empty_table_is_missing():
    panel = PANEL.with_tables(outputs=OUTPUTS.head(0))
    assert missing(panel, ("outputs",)) == ("outputs: no rows in outputs",)


def test_an_unstated_arrival_of_ai_is_missing():
    panel = Panel(info=PanelInfo(name="p"), outputs=OUTPUTS)
    needs = ("info.first_ai_period", "outputs.period spans first_ai_period")
    assert [gap.partition(": ")[2] for gap in missing(panel, needs)] == [
        "not stated",
        "info.first_ai_period is not stated",
    ]


def test_the_order_of_rows_does_not_matter():
    needs = (*MET, *UNMET)
    shuffled = PANEL.with_tables(outputs=OUTPUTS.reverse())
    assert missing(shuffled, needs) == missing(PANEL, needs)


@pytest.mark.parametrize(
    "need",
    ["outptus", "outputs.acces", "info.arrival", "outputs.output is big", "pay.pay->pay.x", ""],
)
def test_a_need_that_no_panel_could_meet_is_refused(need):
    with pytest.raises(ParameterError, match="need"):
        missing(PANEL, (need,))


def test_capabilities_have_one_row_an_estimator():
    runs = SimpleNamespace(name="runs", needs=("outputs.output",))
    cannot = SimpleNamespace(name="cannot", needs=("outputs.output", "outputs.unit"))
    hypotheses = [
        SimpleNamespace(name="h1", estimators=(runs, cannot)),
        SimpleNamespace(name="h2", estimators=(runs,)),
    ]
    assert capabilities(PANEL, hypotheses).rows() == [
        ("h1", "runs", True, []),
        ("h1", "cannot", False, ["outputs.unit: no column outputs.unit"]),
        ("h2", "runs", True, []),
    ]


def test_one_of_two_alternatives_is_enough():
    outputs = pl.DataFrame({"worker_id": ["a"], "task_id": ["t"], "period": [1], "output": [1.0]})
    tests = pl.DataFrame({"worker_id": ["a"], "measure": ["test"], "ability": [1.0]})
    need = "workers.ability_log or abilities.ability"
    panel = Panel(info=PanelInfo(name="p"), outputs=outputs)
    assert missing(panel, (need,)) == (f"{need}: no table workers, no table abilities",)
    assert missing(panel.with_tables(abilities=tests), (need,)) == ()


def test_an_alternative_that_no_panel_can_have_is_refused():
    with pytest.raises(ParameterError, match="no panel can have workers.height"):
        missing(Panel(info=PanelInfo(name="p")), ("workers.ability_log or workers.height",))
