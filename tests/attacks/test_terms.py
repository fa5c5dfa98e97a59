"""An estimator that cannot give the term asked for is one clear error, before the work."""

from dataclasses import replace

import pytest

from withintask.panel.errors import EstimationError, ModelError, ParameterError
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.power.question import (
    PowerQuestion,
    plan_power,
    search_smallest,
)
from withintask.tests_of_model.hypotheses.estimate import choose, estimate
from withintask.tests_of_model.hypotheses.hypothesis import Estimator
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.moments import of_panel


@pytest.fixture(scope="module")
def panel():
    design = change_design(load_design("everything-linked"), n_workers=60, n_firms=6)
    return simulate(
        solve_economy(load_params(), n_workers=2**9), design, draw_shocks(design, seed=1)
    )


def question(estimator, hypothesis="H1"):
    return PowerQuestion(
        hypothesis=hypothesis,
        design="rct",
        estimator=estimator,
        settings=(),
        pilot=None,
        seed=1,
    )


def test_estimate_refuses_an_estimator_that_the_hypothesis_does_not_have(panel):
    with pytest.raises(
        ParameterError, match=r"(?s)H2 does not have: 1 problem.*gradient estimates H1"
    ):
        estimate(panel, hypotheses="H2", estimators="gradient")


def test_one_of_two_names_that_does_not_fit_is_refused_too():
    with pytest.raises(ParameterError, match="mincer estimates H2"):
        choose("H1", ("gradient", "mincer"))


def test_names_that_fit_are_chosen():
    assert [e.name for _, e in choose(("H1", "H2"), ("gradient", "mincer"))] == [
        "gradient",
        "mincer",
    ]


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("gradient", r"(?s)gradient: workers.ability_log.*No replicate was run"),
        ("mincer", "'mincer': it belongs to another hypothesis than H1. Nothing was drawn"),
        ("nobody", "unknown"),
    ],
)
def test_power_refuses_an_estimator_without_the_term_before_the_work(estimator, message):
    asked = question(estimator)
    with pytest.raises(ModelError, match=message):
        plan_power(asked, vary=["workers=40"], effect="", replicates=10)
    with pytest.raises(ModelError, match=message):
        search_smallest(asked, "workers=40,80", replicates=10)


def test_a_moment_that_no_estimator_gives_is_named_with_the_others(panel, monkeypatch):
    bare = tuple(replace(h, estimators=()) if h.name == "H1" else h for h in HYPOTHESES)
    monkeypatch.setattr(of_panel, "HYPOTHESES", bare)
    with pytest.raises(EstimationError, match=r"(?s)m1 .*: no estimator of H1 gives.*m2 .*m6"):
        of_panel.panel_moments(panel, ("m1", "m2", "m6"))


def crash(_):
    raise RuntimeError("of a plugin")


@pytest.mark.parametrize("run", [lambda _: (), crash], ids=["gives nothing", "raises"])
def test_an_estimator_that_gives_no_row_of_its_term_is_one_error_of_the_moment(
    panel, monkeypatch, run
):
    def broken(name):
        return Estimator(name="mine", summary="", needs=(), terms=(name,), run=run), name

    monkeypatch.setattr(of_panel, "estimator_of", broken)
    with pytest.raises(ModelError, match="m1, mine: "):
        of_panel.panel_moments(panel, ("m1",))
