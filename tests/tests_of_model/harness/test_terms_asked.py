"""Terms that are asked for: the same rows in less time, and nothing that is stored is lost."""

import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import change_design, load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness import replicate as module
from withintask.tests_of_model.harness.replicate import plan, replicate
from withintask.tests_of_model.hypotheses.estimate import run_estimator
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.samples.sample import Sample

SMALL = change_design(
    load_design("rct"), n_workers=24, n_firms=4, n_tasks=4, n_items=3, n_pre=1, n_post=1
)
ESTIMATORS = ("pairs_difference", "dispersion_between_arms")


def asked(*terms):
    """Two replicates of two estimators by pairs and by dispersion, of terms that are asked for."""
    world = load_world("reference")
    return plan(
        load_params(), [SMALL], [world], seed=1, replicates=2, estimators=ESTIMATORS, terms=terms
    )


@pytest.fixture(scope="module")
def whole():
    return replicate(asked())


@pytest.mark.parametrize("term", ["delta_log_sd", "ability_gradient_net", "delta_log_cv"])
def test_a_term_asked_for_alone_has_the_row_that_it_has_among_all(whole, term):
    expected = whole.filter(pl.col("term") == term)
    assert expected.height >= 2
    assert replicate(asked(term)).equals(expected)


def test_every_estimator_gives_rows_of_the_terms_asked_for_and_no_others():
    panel = module.simulate(
        module.solve_economy(load_params()),
        SMALL,
        module.draw_shocks(SMALL, seed=1, replicate=0),
    )
    for hypothesis in HYPOTHESES:
        for estimator in hypothesis.estimators:
            last = estimator.terms[-1]
            rows = run_estimator(estimator, Sample(panel, terms=frozenset({last})))
            assert [row.term for row in rows] == [last], estimator.name


def test_a_ledger_of_all_terms_serves_one_and_one_term_does_not_serve_all(
    whole, tmp_path, monkeypatch
):
    ran = []
    run_block = module.run_block
    monkeypatch.setattr(
        module, "run_block", lambda block, named: ran.append(named) or run_block(block, named)
    )
    few = replicate(asked("delta_log_sd"), ledger=tmp_path)
    assert set(few["term"]) == {"delta_log_sd"}
    assert replicate(asked(), ledger=tmp_path).equals(whole)
    assert replicate(asked("delta_log_sd"), ledger=tmp_path).equals(few)
    assert ran == [(("H1", "pairs_difference"),), tuple(("H1", name) for name in _in_order())]


def _in_order():
    return [e.name for h in HYPOTHESES for e in h.estimators if e.name in ESTIMATORS]


def test_terms_asked_for_in_turn_stay_in_the_ledger(tmp_path, monkeypatch):
    first, second = (
        replicate(asked(term), ledger=tmp_path) for term in ("delta_log_sd", "delta_log_noise")
    )
    monkeypatch.setattr(module, "run_block", lambda *a: pytest.fail("ran a stored block"))
    assert replicate(asked("delta_log_sd"), ledger=tmp_path).equals(first)
    assert replicate(asked("delta_log_sd", "delta_log_noise"), ledger=tmp_path).height == (
        first.height + second.height
    )


def test_a_term_that_no_estimator_gives_is_refused():
    with pytest.raises(ParameterError, match=r"delta_log_ds.*did you mean delta_log_sd\?"):
        asked("delta_log_ds")
