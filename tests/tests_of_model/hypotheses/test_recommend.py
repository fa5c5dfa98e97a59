"""One estimator is recommended for each hypothesis, by needs and design, never by its result."""

import polars as pl
import pytest

from withintask.panel.capabilities import missing
from withintask.panel.panel import Panel, PanelInfo
from withintask.report.design import describe_design
from withintask.tests_of_model.hypotheses.recommend import recommendations
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES


def panel(access, *, n_items, n_workers=12, periods=(0, 1, 2, 3)):
    rows = [
        {
            "worker_id": f"w{w}",
            "task_id": "t",
            "period": p,
            "item_id": f"i{w}-{p}-{k}",
            "firm_id": f"f{w % 4}",
            "ai_access": access(w, p, k),
            "output": 1.0 + w + 0.1 * p,
        }
        for w in range(n_workers)
        for p in periods
        for k in range(n_items)
    ]
    frame = pl.DataFrame(rows, schema_overrides={"period": pl.Int64})
    return Panel(info=PanelInfo(name="p", first_ai_period=1), outputs=frame)


DESIGNS = {
    "by item": (lambda w, p, k: p >= 1 and k % 2 == 1, 4, "pairs_within"),
    "between workers, items": (lambda w, p, k: p >= 1 and w < 6, 2, "pairs_difference"),
    "everyone at once, items": (lambda w, p, k: p >= 1, 2, "pairs_before_after"),
    "between workers": (lambda w, p, k: p >= 1 and w < 6, 1, "dispersion_by_access"),
    "staggered": (lambda w, p, k: w % 4 < 3 and p >= 1 + w % 4, 1, "dispersion_staggered"),
    "staggered, items": (lambda w, p, k: w % 4 < 3 and p >= 1 + w % 4, 2, "pairs_staggered"),
    "everyone at once": (lambda w, p, k: p >= 1, 1, "dispersion_before_after"),
}


def verdicts(subject, hypothesis="H1"):
    frame = recommendations(subject).filter(pl.col("hypothesis") == hypothesis)
    return {name: (verdict, why) for _, name, verdict, why in frame.iter_rows()}


@pytest.mark.parametrize(("access", "n_items", "expected"), DESIGNS.values(), ids=DESIGNS.keys())
def test_the_recommended_estimator_is_that_of_the_design(access, n_items, expected):
    found = verdicts(panel(access, n_items=n_items))
    assert [name for name, (verdict, _) in found.items() if verdict == "recommended"] == [expected]


@pytest.mark.parametrize(("access", "n_items", "_"), DESIGNS.values(), ids=DESIGNS.keys())
def test_every_estimator_has_a_verdict_with_its_reason(access, n_items, _):
    subject = panel(access, n_items=n_items)
    found = recommendations(subject)
    assert found.height == sum(len(h.estimators) for h in HYPOTHESES)
    assert not (found["why"] == "").any()
    for hypothesis in HYPOTHESES:
        for estimator in hypothesis.estimators:
            verdict, _ = verdicts(subject, hypothesis.name)[estimator.name]
            assert (verdict == "lacks") == bool(missing(subject, estimator.needs))


def test_the_values_of_output_decide_nothing():
    subject = panel(DESIGNS["staggered"][0], n_items=1)
    assert subject.outputs is not None
    other = subject.with_tables(outputs=subject.outputs.with_columns(output=pl.lit(2.5)))
    assert recommendations(other).equals(recommendations(subject))


def test_a_pay_panel_is_described_without_a_design():
    pay = pl.DataFrame({"worker_id": ["w"], "period": [1], "pay": [1.0]})
    text = describe_design(Panel(info=PanelInfo(name="pay"), pay=pay))
    assert "No task outputs" in text
    assert "H4" in text
