"""What a design is, is told by what varies, in words that are true."""

import polars as pl
import pytest

from withintask.panel.ability import ability_measures
from withintask.panel.design_kind import design_kind
from withintask.panel.design_words import design_sentences
from withintask.panel.errors import ParameterError
from withintask.panel.panel import Panel, PanelInfo


def grid(access, *, n_workers=6, periods=(0, 1, 2, 3), n_items=2, firms=3):
    rows = [
        {
            "worker_id": f"w{w}",
            "task_id": "t",
            "period": p,
            "item_id": f"i{w}-{p}-{k}",
            "firm_id": f"f{w % firms}",
            "ai_access": access(w, p, k),
            "output": 1.0 + w,
        }
        for w in range(n_workers)
        for p in periods
        for k in range(n_items)
    ]
    return pl.DataFrame(rows, schema_overrides={"ai_access": pl.Boolean, "period": pl.Int64})


def panel(frame, **info):
    info = {"name": "p", "first_ai_period": 1} | info
    return Panel(info=PanelInfo(**info), outputs=frame)


def told(subject):
    return " ".join(design_sentences(subject, design_kind(subject)))


def test_access_by_item_is_within_workers():
    kind = design_kind(panel(grid(lambda w, p, k: k == 1)))
    assert (kind.n_within_cells, kind.n_over_time, kind.between_workers) == (6, 0, False)
    assert "within workers by item: 6 of 6 workers" in told(panel(grid(lambda w, p, k: k == 1)))


def test_access_by_worker_is_between_workers_at_once():
    frame = grid(lambda w, p, k: w < 2 and p >= 1)
    kind = design_kind(panel(frame.drop("firm_id")))
    assert kind.between_workers
    assert not kind.between_firms
    assert (kind.starts.periods, kind.starts.n_starting, kind.starts.n_never) == ((1,), 2, 4)
    assert "2 workers start at once, in period 1; 4 workers never" in told(
        panel(frame.drop("firm_id"))
    )


def test_access_by_firm_is_staggered_between_firms():
    frame = grid(lambda w, p, k: w % 3 < 2 and p >= 1 + w % 3)
    kind = design_kind(panel(frame))
    assert kind.between_firms
    assert (kind.starts.unit, kind.starts.periods) == ("firm", (1, 2))
    assert "2 firms start staggered over 2 periods: 1, 2; 1 firm never" in told(panel(frame))


def test_access_of_everyone_at_once_is_before_and_after():
    kind = design_kind(panel(grid(lambda w, p, k: p >= 1)))
    assert (kind.between_workers, kind.n_over_time) == (False, 6)
    assert "comparison before and after" in told(panel(grid(lambda w, p, k: p >= 1)))


def test_the_periods_that_occur_are_those_of_the_design():
    frame = grid(lambda w, p, k: w % 3 == 0 and p >= 6, periods=(0, 3, 6, 9))
    kind = design_kind(panel(frame, first_ai_period=6))
    assert kind.periods == (0, 3, 6, 9)
    assert kind.starts.periods == (6,)
    assert "2 periods before, 2 from then on" in told(panel(frame, first_ai_period=6))
    assert "at once, in period 6" in told(panel(frame, first_ai_period=6))


def test_access_that_ends_is_told():
    frame = grid(lambda w, p, k: w < 2 and p == 1).drop("firm_id")
    assert design_kind(panel(frame)).starts.n_ending == 2
    assert "taken away again from 2 workers" in told(panel(frame))


def test_unknown_access_is_neither_with_nor_without():
    frame = grid(lambda w, p, k: None if w == 5 else w < 2)
    kind = design_kind(panel(frame, first_ai_period=None))
    assert kind.n_unknown == 8
    assert kind.starts.n_always + kind.starts.n_never + kind.starts.n_starting == 5


def test_the_order_of_rows_says_nothing():
    frame = grid(lambda w, p, k: w % 3 < 2 and p >= 1 + w % 3)
    expected = design_kind(panel(frame))
    for seed in range(3):
        assert design_kind(panel(frame.sample(fraction=1, shuffle=True, seed=seed))) == expected
    assert design_kind(panel(frame.lazy())) == expected


ASSIGNED = {
    "worker": (pl.col("worker_id"), ("worker",), 6),
    "class": (pl.col("firm_id"), ("group of workers", "firm"), 3),
    "item": (pl.col("item_id"), ("item",), 48),
}


@pytest.mark.parametrize(("ids", "what", "n"), ASSIGNED.values(), ids=ASSIGNED.keys())
def test_what_was_assigned_is_told_by_the_ids_it_is_one_with(ids, what, n):
    frame = grid(lambda w, p, k: k == 1).with_columns(assignment_id=ids)
    kind = design_kind(panel(frame))
    assert (kind.assigned, kind.n_assigned) == (what, n)


def test_units_that_hold_both_arms_in_one_period_are_not_what_was_assigned():
    by_worker = grid(lambda w, p, k: w % 2 == 1)
    for ids, n in ((pl.col("worker_id"), 0), (pl.lit("team"), 1)):
        drawn = panel(by_worker.with_columns(assignment_id=ids))
        kind = design_kind(drawn)
        assert kind.n_divided == n
        told = any("not what was assigned" in text for text in design_sentences(drawn, kind))
        assert told == (n > 0)


def test_crossed_items_are_told_from_nested_ones():
    nested = design_kind(panel(grid(lambda w, p, k: k == 1))).items
    assert (nested.n_items, nested.n_shared) == (48, 0)
    crossed = grid(lambda w, p, k: k == 1).with_columns(item_id=pl.col("item_id").str.slice(3))
    items = design_kind(panel(crossed)).items
    assert (items.n_items, items.n_shared, items.longest_sequence) == (8, 8, 8)


def test_one_row_a_cell_without_items_cannot_tell_ability_from_noise():
    frame = grid(lambda w, p, k: w < 2, n_items=1).drop("item_id")
    assert "cannot be told apart" in told(panel(frame))


def test_arms_are_a_treatment_where_access_is_not_there():
    frame = grid(lambda w, p, k: None).with_columns(
        arm=pl.when(pl.col("worker_id") < "w3").then(pl.lit("chat")).otherwise(pl.lit("none"))
    )
    subject = panel(frame.drop("ai_access"), control_arm="none")
    kind = design_kind(subject)
    assert kind.treatment == "arm"
    assert kind.arms == (("chat", 3), ("none", 3))
    assert kind.between_workers


def test_covariates_are_described_by_what_they_are():
    frame = grid(lambda w, p, k: k == 1).with_columns(age=pl.lit(1.0), shift=pl.lit("late"))
    text = told(panel(frame, covariates=("outputs.age", "outputs.shift")))
    assert "Covariates: outputs.age (number), outputs.shift (category)." in text


def test_a_panel_without_outputs_has_no_design():
    with pytest.raises(ParameterError, match="no table outputs"):
        design_kind(Panel(info=PanelInfo(name="p")))


# Ability -------------------------------------------------------------------------------------------

WORKERS = pl.DataFrame({"worker_id": ["a", "b", "c"], "ability_log": [0.1, 0.3, None]})
ABILITIES = pl.DataFrame(
    {
        "worker_id": ["a", "b", "c", "a", "b"],
        "measure": ["test", "test", "test", "grade", "grade"],
        "ability": [10.0, 20.0, 30.0, 4.0, 4.0],
    }
)


def measured(**options):
    subject = Panel(info=PanelInfo(name="p"), workers=WORKERS, abilities=ABILITIES)
    return ability_measures(subject, **options)


def test_every_known_measure_of_ability_is_a_row():
    counts = measured().group_by("measure").len().sort("measure")
    assert counts.rows() == [("ability_log", 2), ("grade", 2), ("test", 3)]


def test_standardized_measures_have_mean_zero_and_deviation_one():
    ability = measured(standardized=True).filter(pl.col("measure") == "test")["ability"]
    assert ability.to_list() == [-1.0, 0.0, 1.0]


def test_a_measure_without_variation_cannot_be_standardized():
    assert "grade" not in measured(standardized=True)["measure"].to_list()
