"""Every registered estimator gives from sums the numbers of memory, or is named here as one that needs rows."""

import os
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from drawn_items import Items, draw_items
from estimator_panels import ESTIMATORS, panel_of

import withintask as wt
from tests.tests_of_model.hypotheses.test_stream import (
    PANELS,
    assert_same,
    drawn,
    streamed,
    trial_of_two_arms,
)
from withintask import larger
from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.store import write_panel
from withintask.tests_of_model.hypotheses.estimate import estimate
from withintask.tests_of_model.hypotheses.stream import (
    NEEDS_ROWS,
    OF_FIRMS,
    OF_ITEMS,
    OF_PAY,
    OF_POSTINGS,
    OF_TABLES,
    SERVED,
)

NEED_ROWS = {
    "pairs_within",
    "pairs_between",
    "pairs_before_after",
    "pairs_difference",
    "pairs_logit",
    "pairs_staggered",
    "leave_out",
}
FORMS = ("within", "between", "before_after", "difference")
EFFECTS = tuple(f"effect_{form}" for form in FORMS)


def test_every_estimator_is_served_by_sums_or_named_as_one_that_needs_rows():
    names = [estimator.name for estimator in ESTIMATORS.values()]
    assert sorted(names) == sorted((*SERVED, *NEED_ROWS))


@pytest.mark.parametrize("name", [n for n, e in ESTIMATORS.items() if e.name in SERVED])
def test_sums_give_the_numbers_of_memory(name, tmp_path):
    panel, estimator = panel_of(name).collect(), ESTIMATORS[name].name
    rows = estimate(panel, estimators=estimator)
    assert "ok" in rows["status"].to_list()
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=estimator))


@pytest.mark.parametrize("name", sorted(NEED_ROWS))
def test_what_needs_rows_is_refused_by_name(name, tmp_path):
    with pytest.raises(ParameterError, match=f"{name}: .*needs every row"):
        streamed(drawn(), tmp_path / "p", estimators=name)


def test_among_all_estimators_no_number_is_given_of_what_needs_rows(tmp_path):
    panel = panel_of("H1-gradient_staggered").collect()
    frame = streamed(panel, tmp_path / "p", estimators=(), hypotheses="H1")
    waiting = frame.filter(pl.col("estimator").is_in(NEED_ROWS))
    assert NEEDS_ROWS in waiting["status"].to_list()
    assert set(waiting["status"]) <= {NEEDS_ROWS, "not_estimable"}
    assert waiting["estimate"].is_nan().all()


@cache
def linked(*settings):
    small = ["n_workers=400", "n_firms=24", *settings]
    return wt.draw_panel("everything-linked", seed=4, settings=small).collect()


def with_holes(frame, seed=0, **shares):
    random = np.random.default_rng(seed)
    return frame.with_columns(
        **{
            name: pl.when(pl.Series(random.random(frame.height)) > share).then(name)
            for name, share in shares.items()
        }
    )


def unknown_fields():
    panel = linked()
    return panel.with_tables(
        pay=with_holes(panel.pay, firm_id=0.05, occupation_code=0.05),
        workers=with_holes(panel.workers, educ_cog=0.1, ability_log=0.1, occupation_code=0.1),
        occupations=with_holes(panel.occupations, exposure=0.1),
        firms=with_holes(panel.firms, rent_per_worker=0.1),
    )


def unbalanced():
    """Some workers are seen once, some occupations hold one worker."""
    panel = linked()
    return panel.with_tables(pay=panel.pay.sample(fraction=0.35, seed=3))


def no_occupations():
    panel = linked()
    pay = panel.pay.drop("occupation_code", "firm_id")
    return panel.with_tables(pay=pay, workers=panel.workers.drop("occupation_code"))


def occupations_of_workers():
    panel = linked()
    return panel.with_tables(pay=panel.pay.drop("occupation_code"))


def not_in_order():
    panel = linked()
    return panel.with_tables(pay=panel.pay.sample(fraction=1, shuffle=True, seed=1))


LINKED = {
    "all known": linked,
    "unknown fields": unknown_fields,
    "unbalanced": unbalanced,
    "no occupations": no_occupations,
    "occupations of workers": occupations_of_workers,
    "rows in no order": not_in_order,
}


@pytest.mark.parametrize("name", LINKED)
def test_pay_from_sums_gives_the_numbers_of_memory(name, tmp_path):
    panel, names = LINKED[name](), (*OF_PAY, *OF_FIRMS)
    rows = estimate(panel, estimators=names)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=names))


@pytest.mark.parametrize("errors", ["CR1", "CR2", "CR3", "wild"])
def test_so_it_does_for_every_kind_of_error(errors, tmp_path):
    panel, names = linked(), ("mincer", "mincer_iv", "mincer_pooled", "rent_sharing", *EFFECTS)
    rows = estimate(panel, estimators=names, errors=errors)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=names, errors=errors))


def test_postings_and_work_samples_with_gaps_give_the_numbers_of_memory(tmp_path):
    panel = wt.draw_panel("postings-screening", seed=4).collect()
    panel = panel.with_tables(
        postings=with_holes(panel.postings, occupation_code=0.05, is_credential_required=0.1),
        screening=with_holes(panel.screening, work_sample_log=0.1, later_output_log=0.01),
        occupations=with_holes(panel.occupations, exposure=0.1),
    )
    rows = estimate(panel, estimators=OF_POSTINGS)
    assert rows["status"].to_list() == ["ok"] * len(OF_POSTINGS)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=OF_POSTINGS))


@pytest.mark.parametrize("name", PANELS)
def test_items_from_sums_give_the_numbers_of_memory(name, tmp_path):
    panel = PANELS[name]()
    rows = estimate(panel, estimators=OF_ITEMS)
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=OF_ITEMS))


def of_kind(kind):
    """A trial whose outcome is of another kind."""
    panel = drawn_items("difference")
    log = pl.col("output").log()
    output = {
        "positive": pl.col("output"),
        "time": 1 / pl.col("output"),
        "log": log,
        "count": (3 * pl.col("output")).round(),
        "binary": (log > 0).cast(pl.Float64),
        "score": 10 / (1 + 1 / pl.col("output")),
    }[kind]
    info = replace(panel.info, outcome=kind)
    if kind == "score":
        info = replace(info, outcome_floor=0.0, outcome_ceiling=10.0)
    return replace(panel, info=info, outputs=panel.outputs.with_columns(output=output))


@cache
def drawn_items(form):
    settings = Items(form=form, n_workers=60, n_items=12, n_tasks=4, n_firms=12, ability_sd=0.6)
    return draw_items(settings, np.random.default_rng(4)).collect()


@pytest.mark.parametrize("kind", ["positive", "time", "log", "count", "binary", "score"])
def test_outcomes_of_every_kind_give_the_numbers_of_memory(kind, tmp_path):
    panel = of_kind(kind)
    rows = estimate(panel, estimators=(*EFFECTS, "gradient_of_output"))
    assert "ok" in rows["status"].to_list()
    names = (*EFFECTS, "gradient_of_output")
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=names))


def shared_items():
    """All workers do the same items, with AI and without."""
    panel = drawn_items("within")
    item = pl.int_range(pl.len()).over("worker_id", "task_id").cast(pl.String)
    return panel.with_tables(outputs=panel.outputs.with_columns(item_id=item + pl.col("task_id")))


def with_covariates():
    panel = drawn_items("between")
    outputs = panel.outputs.with_columns(
        weekday=(pl.int_range(pl.len()) % 3).cast(pl.String),
        load=pl.when(pl.int_range(pl.len()) % 50 > 0).then(
            (pl.int_range(pl.len()) % 7).cast(pl.Float64)
        ),
    )
    info = replace(panel.info, covariates=("outputs.weekday", "outputs.load"))
    return replace(panel, info=info, outputs=outputs)


@pytest.mark.parametrize(
    ("made", "says"), [(shared_items, "item"), (with_covariates, "a covariate not known")]
)
def test_shared_items_and_covariates_of_rows_tell_sums_apart(made, says, tmp_path):
    panel = made()
    rows = estimate(panel, estimators=EFFECTS)
    assert says in " ".join(rows["message"])
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=EFFECTS))


def test_one_of_several_arms_is_compared(tmp_path):
    panel = trial_of_two_arms()
    rows = estimate(panel, estimators=OF_ITEMS, arm="tool")
    assert_same(rows, streamed(panel, tmp_path / "p", estimators=OF_ITEMS, arm="tool"))


def test_pay_that_is_not_positive_is_refused(tmp_path):
    panel = linked()
    panel = panel.with_tables(pay=panel.pay.with_columns(pay=pl.col("pay") - 1))
    frame = streamed(panel, tmp_path / "p", estimators=("mincer", "rent_sharing"))
    assert all("pay is not positive" in message for message in frame["message"])


def test_a_panel_that_changes_meanwhile_gives_no_estimate_of_pay(tmp_path, monkeypatch):
    write_panel(linked(), tmp_path / "p")

    def changing(*_, **__):
        os.utime(tmp_path / "p" / "pay.parquet", ns=(1, 1))
        return pl.DataFrame()

    monkeypatch.setattr(larger, "estimate_streamed", changing)
    with pytest.raises(SourceError, match="pay.parquet: changed while it was read"):
        larger.estimate_larger(tmp_path / "p", estimators="mincer")


def test_names_of_what_is_served_do_not_repeat():
    assert len(set(SERVED)) == len(SERVED)
    assert set(OF_TABLES) <= set(SERVED)
