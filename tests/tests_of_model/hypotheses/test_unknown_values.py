"""What is not known stays unknown, and the order of rows says nothing: the same for every estimator."""

import numpy as np
import polars as pl
import pytest

import withintask as wt
from withintask.tests_of_model.hypotheses.estimate import choose, run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.samples.sample import Sample

ESTIMATORS = {f"{h.name}-{e.name}": e for h, e in choose()}
# Without persistent noise, so that pairs of neighbouring items count: an item whose access is not known still stands between two
# others, which a panel without it does not tell.
SMALL = ["n_workers=600", "n_firms=30", "n_occupations=20", "mobility=0.3", "noise_persistence=0"]
# Columns that an estimator reads as values: (table, column). A row in which one is null is left out, or the estimator refuses.
VALUES = [
    ("outputs", "ai_access"),
    ("outputs", "firm_id"),
    ("pay", "firm_id"),
    ("pay", "occupation_code"),
    ("screening", "work_sample_log"),
    ("screening", "later_output_log"),
]
ATTRIBUTES = [
    ("tasks", "exposure"),
    ("tasks", "time_share"),
    ("tasks", "skill_type"),
    ("occupations", "exposure"),
    ("workers", "ability_log"),
    ("workers", "ability_retest_log"),
    ("workers", "educ_cog"),
    ("workers", "educ_soc"),
]


@pytest.fixture(scope="module")
def linked():
    return wt.draw_panel("everything-linked", seed=1, settings=SMALL)


@pytest.fixture(scope="module")
def trial():
    return wt.draw_panel("rct-ability", seed=2, settings=["n_workers=240", "n_firms=12"])


def numbers(rows):
    return [(row.term, row.estimate, row.std_error, row.n_clusters) for row in rows]


def same(first, second):
    for (term, *found), (expected_term, *expected) in zip(
        numbers(first), numbers(second), strict=True
    ):
        assert term == expected_term
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-12, nan_ok=True)


def is_same(first, second):
    """Whether an estimator gave the same numbers twice; it may ignore a column, but take no null for a value."""
    try:
        same(first, second)
    except AssertionError:
        return False
    return True


def run(name, panel):
    return run_estimator(ESTIMATORS[name], Sample(panel))


KNOWN_BEFORE = {
    (name, "ai_access")
    for name in (
        "H1-dispersion_staggered",
        "H1-dispersion_staggered_imputed",
        "H1-pairs_staggered",
        "H1-gradient_staggered",
        "H1-effect_staggered",
    )
}
"""Estimators of roll-outs: nobody has access before AI arrived, recorded or not, so that only later rows are left out."""


def nulled(panel, table, column, share=0.15, since=None):
    """The panel with a column null in some rows, and the panel without these rows, of periods from a first one on."""
    frame = getattr(panel, table)
    is_null = np.random.default_rng(3).random(frame.height) < share
    if since is not None:
        is_null &= (frame["period"] >= since).to_numpy()
    unknown = frame.with_columns(
        pl.when(pl.lit(pl.Series(is_null))).then(None).otherwise(pl.col(column)).alias(column)
    )
    return panel.with_tables(**{table: unknown}), panel.with_tables(
        **{table: frame.filter(~is_null)}
    )


def reads(name, table, column):
    return any(need.startswith(f"{table}.") for need in ESTIMATORS[name].needs)


@pytest.mark.parametrize(("table", "column"), VALUES, ids=lambda part: part)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_value_that_is_not_known_leaves_its_row_out(name, table, column, linked):
    if not reads(name, table, column):
        pytest.skip("does not read the table")
    unknown, without = nulled(linked, table, column)
    rows = run(name, unknown)
    alike = is_same(rows, run(name, without)) or is_same(rows, run(name, linked))
    if (name, column) in KNOWN_BEFORE:
        alike = is_same(rows, run(name, nulled(linked, table, column, since=1)[1]))
    assert alike
    if not is_same(rows, run(name, linked)) and rows[0].status == OK:
        assert "left out" in rows[0].message


@pytest.mark.parametrize(("table", "column"), ATTRIBUTES, ids=lambda part: part)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_attribute_that_is_not_known_is_as_one_that_is_not_there(name, table, column, linked):
    unknown, without = nulled(linked, table, column)
    rows = run(name, unknown)
    assert is_same(rows, run(name, without)) or is_same(rows, run(name, linked))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_order_of_rows_does_not_matter_where_workers_move_and_firms_change(name, linked):
    industry = pl.col("industry_code")
    moved = linked.with_tables(
        firms=linked.firms.with_columns(
            pl.when(pl.col("period") == 1, pl.col("firm_id").hash(seed=1) % 3 == 0)
            .then(industry.reverse())
            .otherwise(industry)
            .alias("industry_code")
        ),
        pay=linked.pay.with_columns(
            pl.when(pl.col("period") == 1, pl.col("worker_id").hash(seed=2) % 4 == 0)
            .then(pl.col("occupation_code").reverse())
            .otherwise(pl.col("occupation_code"))
            .alias("occupation_code")
        ),
        outputs=linked.outputs.with_columns(
            pl.when(pl.col("period") == 1, pl.col("worker_id").hash(seed=3) % 4 == 0)
            .then(pl.col("firm_id").reverse())
            .otherwise(pl.col("firm_id"))
            .alias("firm_id")
        ),
    )
    turned = moved.with_tables(
        **{table: frame.reverse() for table, frame in moved.tables().items()}
    )
    same(run(name, turned), run(name, moved))


def test_treated_workers_without_a_record_of_access_are_not_controls(trial):
    treated = trial.outputs.filter("ai_access")["worker_id"].unique().sort()
    lost = treated.gather_every(2)
    blank = trial.with_tables(
        outputs=trial.outputs.with_columns(
            pl.when(pl.col("worker_id").is_in(lost.implode()), pl.col("period") >= 1)
            .then(None)
            .otherwise(pl.col("ai_access"))
            .alias("ai_access")
        )
    )
    without = trial.with_tables(
        outputs=trial.outputs.filter(~pl.col("worker_id").is_in(lost.implode()))
    )
    for name in ("H1-gradient_iv", "H1-dispersion_by_access"):
        expected = run(name, without)[0]
        found = run(name, blank)[0]
        assert found.estimate == pytest.approx(expected.estimate, rel=1e-9)
        assert "access to AI in" in found.message


def checkerboard(seed=0, n_workers=200, n_tasks=8):
    """Access to every second task of every worker; spread among workers is halved with access and only there."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(0, 0.4, n_workers)
    rows = []
    for period in (0, 1):
        for task in range(n_tasks):
            access = ((np.arange(n_workers) + task) % 2 == 1) & (period == 1)
            log_output = ability * np.where(access, 0.5, 1.0)
            rows.append(
                pl.DataFrame(
                    {
                        "worker_id": [f"w{i}" for i in range(n_workers)],
                        "task_id": f"t{task}",
                        "period": period,
                        "ai_access": access,
                        "output": np.exp(log_output),
                    }
                )
            )
    outputs = pl.concat(rows).with_columns(pl.col("period").cast(pl.Int64))
    info = wt.PanelInfo(name="checkerboard", first_ai_period=1)
    return wt.Panel(info=info, outputs=outputs)


@pytest.mark.parametrize(
    ("estimator", "term", "expected"),
    [
        ("dispersion_before_after", "delta_log_variance", 2 * np.log(0.5)),
        ("other_measures_by_access", "delta_log_variance", 2 * np.log(0.5)),
        ("dispersion_between_arms", "delta_log_variance", 2 * np.log(0.5)),
        ("gradient_of_output", "ability_gradient", -0.5),
    ],
)
def test_where_access_varies_between_tasks_the_arm_is_the_tasks(estimator, term, expected):
    rows = {row.term: row for row in run(f"H1-{estimator}", checkerboard())}
    assert rows[term].status in (OK, "perfect_fit", "no_variance")
    # The same workers stand in both periods of an arm, so that only the arms' sampling of workers is left.
    assert rows[term].estimate == pytest.approx(expected, abs=0.15)


def changed_access(trial, expression):
    return trial.with_tables(outputs=trial.outputs.with_columns(ai_access=expression))


def test_access_that_ends_or_begins_late_is_said_and_not_read_as_if_it_lasted():
    panel = wt.draw_panel("rct", seed=1, settings=["n_workers=80", "n_firms=4", "n_post=3"])
    treated = pl.col("ai_access").max().over("worker_id")
    first = panel.info.first_ai_period
    ends = changed_access(panel, treated & (pl.col("period") == first))
    begins = changed_access(panel, treated & (pl.col("period") > first))
    for name in (
        "H1-dispersion_by_access",
        "H1-dispersion_before_after",
        "H1-gradient_of_output",
    ):
        (row, *_) = run(name, ends)
        assert row.status == "unusable"
        assert "access ends for 40 workers" in row.message
        (row, *_) = run(name, begins)
        assert row.status == "unusable"
        assert "access begins in different periods" in row.message


def test_access_by_item_has_no_before():
    panel = checkerboard()
    doubled = pl.concat(
        [
            panel.outputs.with_columns(item_id=pl.lit("a")),
            panel.outputs.with_columns(
                item_id=pl.lit("b"), ai_access=(pl.col("period") == 1) & ~pl.col("ai_access")
            ),
        ]
    )
    (row, *_) = run("H1-dispersion_by_access", panel.with_tables(outputs=doubled))
    assert "access varies between items" in row.message


@pytest.mark.parametrize("waves", [(0, 3, 6, 9), (2018, 2019, 2021, 2024)])
def test_periods_are_those_that_occur(waves):
    settings = ["treatment=staggered", "n_post=3", "n_firms=30", "n_workers=450"]
    panel = wt.draw_panel("rct", seed=1, settings=settings)
    outputs = panel.outputs.with_columns(
        pl.col("period").replace_strict(range(4), waves, return_dtype=pl.Int64)
    )
    spread = wt.Panel(
        info=wt.PanelInfo(name="waves", first_ai_period=waves[1]),
        outputs=outputs,
        tasks=panel.tasks,
    )
    for name in ("H1-dispersion_staggered", "H1-dispersion_two_way_effects"):
        same(run(name, spread), run(name, panel))
        assert run(name, spread)[0].status == OK


def test_few_tasks_do_not_take_the_place_of_assigned_classes():
    panel = checkerboard(n_tasks=4)
    classes = pl.col("worker_id").str.slice(1).cast(pl.Int64) % 50
    assigned = panel.with_tables(
        outputs=panel.outputs.with_columns(
            assignment_id=classes.cast(pl.String),
            ai_access=(pl.col("period") == 1) & (classes % 2 == 1),
        )
    )
    (row, *_) = run("H1-dispersion_between_arms", assigned)
    assert row.n_clusters == 50


def test_a_single_task_gives_a_reason_and_no_crash():
    panel = checkerboard(n_tasks=1)
    (row,) = run("H1-gradient_of_output", panel)
    assert (row.status, "two other tasks" in row.message) == ("unusable", True)


def test_dispersion_keeps_its_digits_where_the_spread_is_tiny():
    rng = np.random.default_rng(5)
    n_workers = 400
    deviation = rng.normal(size=(2, n_workers)) * 1e-7
    outputs = pl.concat(
        pl.DataFrame(
            {
                "worker_id": [f"w{i}" for i in range(n_workers)],
                "task_id": "t",
                "period": period,
                "ai_access": (np.arange(n_workers) % 2 == 1) & (period == 1),
                "output": 1 + deviation[period],
            }
        ).with_columns(pl.col("period").cast(pl.Int64))
        for period in (0, 1)
    )

    def estimate(scale):
        frame = outputs.with_columns(output=1 + (pl.col("output") - 1) * scale)
        info = wt.PanelInfo(name="tiny", first_ai_period=1)
        return run("H1-dispersion_by_access", wt.Panel(info=info, outputs=frame))[0].estimate

    # A hundred times the spread has the same change of its log; what is left is the CV's own curvature, about 1e-5.
    assert estimate(1.0) == pytest.approx(estimate(100.0), abs=1e-4)
