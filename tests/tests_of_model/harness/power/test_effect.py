"""An effect in the user's terms is solved for through the model."""

import numpy as np
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.sim.designs import change_design, load_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.tests_of_model.estimands.ability import delta_log_sd
from withintask.tests_of_model.harness.power.effect import (
    effect_words,
    parse_effect,
    solve_effect,
)
from withintask.tests_of_model.harness.power.terms import asked_terms, choose_test

PARAMS = load_params()


@pytest.mark.parametrize("parameter", ["capability", "ai_floor"])
def test_the_economy_that_is_found_has_the_effect(parameter):
    solved = solve_effect(PARAMS, parse_effect("delta_log_sd=-0.10", parameter=parameter))
    assert delta_log_sd(solve_economy(solved.params)) == pytest.approx(-0.10, abs=1e-6)
    changed = {n for n in vars(PARAMS) if getattr(PARAMS, n) != getattr(solved.params, n)}
    assert changed == {parameter}
    assert parameter in effect_words(solved)


def test_a_percentage_is_one_of_what_the_log_is_taken_of():
    assert parse_effect("delta_log_sd=-10%").value == pytest.approx(np.log(0.9))


@pytest.mark.parametrize(
    ("text", "move", "said"),
    [
        ("delta_log_sdd=-0.1", "", r"did you mean delta_log_sd\?"),
        ("delta_log_sd=-0.1", "capabilty", r"did you mean capability\?"),
        ("delta_log_sd=much", "", "expected a number or a percentage"),
        ("delta_credential=10%", "", "no change of a log"),
        ("delta_log_sd=-100%", "", "more than -100%"),
    ],
)
def test_an_effect_that_cannot_be_read_is_refused(text, move, said):
    with pytest.raises(ParameterError, match=said):
        parse_effect(text, parameter=move)


def test_an_effect_that_the_model_cannot_give_is_refused_with_the_nearest_that_it_can():
    with pytest.raises(
        ParameterError, match=r"the nearest is -0\.3\d+ \(-3\d\.\d%\), at capability = 2"
    ):
        solve_effect(PARAMS, parse_effect("delta_log_sd=-2"))


def test_a_parameter_that_moves_nothing_is_named():
    with pytest.raises(ParameterError, match="own_gini does not move delta_log_sd"):
        solve_effect(PARAMS, parse_effect("delta_log_sd=-0.1", parameter="own_gini"))


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("H1b", "ability_gradient"),
        ("h2 LOG gap", "delta_log_return_gap"),
        ("delta_log_noise", "delta_log_noise"),
        ("H3", ""),
    ],
)
def test_terms_go_by_hypothesis_claim_or_name(name, term):
    (asked,) = asked_terms([name])
    assert asked.term == term


def test_all_unknown_names_are_listed_with_the_nearest():
    with pytest.raises(ParameterError, match=r"(?s)'H9'.*did you mean delta_log_sd\?"):
        asked_terms(["H9", "delta_log_sdd"])


@pytest.mark.parametrize(
    ("name", "changes", "estimator"),
    [
        ("H1", {"n_items": 1, "output_noise": 0.03}, "dispersion_by_access"),
        ("H1", {"n_items": 3}, "pairs_difference"),
        ("H1b", {}, "gradient_of_output"),
        ("delta_log_sd", {"n_items": 3, "treatment": "randomized_firms"}, "pairs_difference"),
    ],
)
def test_the_estimator_is_the_one_that_such_a_panel_calls_for(name, changes, estimator):
    design = change_design(load_design("rct"), n_workers=120, n_firms=6, n_tasks=4, **changes)
    test = choose_test(asked_terms([name])[0], PARAMS, design)
    assert test.estimator == estimator
    assert test.why


def test_a_staggered_design_is_not_tested_between_arms_of_one_period():
    changes = {"treatment": "staggered", "n_post": 3, "n_items": 1}
    design = change_design(load_design("rct"), n_workers=240, n_firms=12, n_tasks=4, **changes)
    test = choose_test(asked_terms(["delta_log_cv"])[0], PARAMS, design)
    assert test.estimator == "dispersion_staggered"


def test_a_term_that_the_design_cannot_feed_is_refused_with_what_is_missing():
    with pytest.raises(EstimationError, match=r"(?s)linear_probability: .*no table postings"):
        choose_test(asked_terms(["H3"])[0], PARAMS, load_design("rct"))


@pytest.mark.parametrize(
    ("estimator", "said"),
    [("mincer", "another hypothesis"), ("pairs_difference", "does not estimate")],
)
def test_a_named_estimator_of_something_else_is_refused(estimator, said):
    with pytest.raises(ParameterError, match=said):
        choose_test(
            asked_terms(["delta_log_cv"])[0], PARAMS, load_design("rct"), estimator=estimator
        )
