"""Recovery of the economy's truth from synthetic panels, and bias where theory says so.

Each case runs N replicates. A mean estimate farther than four Monte-Carlo errors from the truth fails; under an
unbiased estimator that happens with probability 6e-5 a case. Coverage may fall short of 95 percent by four binomial errors.
Designs are the plain ones, of hardly any noise, where each estimator's own property is seen; what noise does is the matrix's.
"""

import pytest
from plain_designs import plain_design

from withintask.sim.designs import change_design, load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.replicate import plan, replicate

pytestmark = pytest.mark.slow

N = 100
ERRORS = 4
SHORTFALL = ERRORS * (0.95 * 0.05 / N) ** 0.5


@pytest.fixture(scope="module")
def diagnosis():
    """Diagnose one estimator in one design and world; kept, since cases share replicates."""
    kept = {}

    def get(design, estimator, *, world="reference", **changes):
        key = (design, estimator, world, tuple(changes.items()))
        if key not in kept:
            changed = change_design(plain_design(design), **changes)
            study = plan(
                load_params(),
                [changed],
                [load_world(world)],
                seed=11,
                replicates=N,
                estimators=[estimator],
            )
            kept[key] = wide(diagnose(replicate(study)))
        return {row["term"]: row for row in kept[key].iter_rows(named=True)}

    return get


UNBIASED = [
    ("rct-ability", "dispersion_by_access", "delta_log_cv"),
    ("rct-ability", "other_measures_by_access", "delta_log_variance"),
    ("rct", "dispersion_between_arms", "delta_log_cv"),
    ("rct", "dispersion_before_after", "delta_log_variance"),
    ("rct-ability", "gradient_iv", "ability_gradient"),
    ("rct", "gradient_of_output", "ability_gradient"),
    ("task-cross-section", "dispersion_by_exposure", "delta_log_cv"),
    ("everything-linked", "mincer_iv", "delta_return_cog"),
    ("everything-linked", "mincer_iv", "delta_return_soc"),
    ("everything-linked", "mincer_iv", "delta_return_gap"),
    ("everything-linked", "mincer_iv", "delta_log_return_gap"),
    ("everything-linked", "exposure_triple_iv", "delta_log_return_cog_by_exposure"),
    ("pay-panel", "mincer_no_ability", "delta_log_return_gap"),
    ("postings-screening", "linear_probability", "delta_credential"),
    ("postings-screening", "logit", "delta_credential"),
    ("postings-screening", "signal_reliability", "delta_log_reliability"),
    ("linked-pay-assets", "variance_contrast", "between_variance_contrast"),
    ("linked-pay-assets", "variance_change", "delta_between_variance"),
    ("linked-pay-assets", "leave_out", "delta_firm_effect_variance"),
    ("linked-pay-assets", "rent_sharing", "rent_sharing"),
]


@pytest.mark.parametrize(("design", "estimator", "term"), UNBIASED)
def test_the_truth_is_recovered_and_covered(design, estimator, term, diagnosis):
    row = diagnosis(design, estimator)[term]
    assert row["n_failed"] == 0
    assert abs(row["bias"]) < ERRORS * row["bias_mc_se"], row
    assert row["coverage"] > 0.95 - SHORTFALL, row


BIASED = [
    (
        "rct-ability",
        "gradient",
        "ability_gradient",
        1,
        "noise in measured ability attenuates least squares",
    ),
    (
        "task-panel-selected",
        "dispersion_by_use",
        "delta_log_cv",
        1,
        "the able choose AI, and gain less from it",
    ),
    (
        "everything-linked",
        "mincer_no_ability",
        "delta_return_cog",
        1,
        "schooling stands in for ability, whose return AI changes",
    ),
    (
        "everything-linked",
        "mincer_no_ability",
        "delta_log_return_cog",
        -1,
        "AI helps the less able, who have less schooling",
    ),
    ("education-cells", "education_cells", "delta_log_return_soc", -1, "cells lack ability"),
    (
        "postings-screening",
        "compression_ols",
        "credential_slope",
        -1,
        "measured compression is noisy",
    ),
    (
        "oews",
        "occupation_percentiles",
        "delta_log_cv",
        1,
        "pay by occupation mixes tasks, firms and prices",
    ),
]


@pytest.mark.parametrize(("design", "estimator", "term", "sign", "reason"), BIASED)
def test_bias_is_where_theory_says(design, estimator, term, sign, reason, diagnosis):
    row = diagnosis(design, estimator)[term]
    assert sign * row["bias"] > ERRORS * row["bias_mc_se"], reason


def test_the_instrument_removes_attenuation_of_the_credential_slope(diagnosis):
    ols = diagnosis("postings-screening", "compression_ols")["credential_slope"]
    iv = diagnosis("postings-screening", "compression_iv")["credential_slope"]
    assert abs(iv["bias"]) < abs(ols["bias"]) / 4
    assert iv["coverage"] > 0.95 - SHORTFALL


STAGGERED = {"treatment": "staggered", "n_post": 5, "n_firms": 36, "n_workers": 540, "n_tasks": 12}


def test_two_way_effects_are_biased_under_staggered_adoption_and_the_robust_estimate_is_not(
    diagnosis,
):
    two_way = diagnosis("rct", "dispersion_two_way_effects", **STAGGERED)["delta_log_cv"]
    robust = diagnosis("rct", "dispersion_staggered", **STAGGERED)["delta_log_cv"]
    assert two_way["bias"] > ERRORS * two_way["bias_mc_se"]
    assert abs(robust["bias"]) < ERRORS * robust["bias_mc_se"]


def test_staggered_intervals_cover_where_firms_have_the_same_ai(diagnosis):
    """With proprietary AI, whose effects on six adopting firms have a heavy tail, they fall short: see estimators.md."""
    alike = diagnosis("rct", "dispersion_staggered", world="commodity", **STAGGERED)["delta_log_cv"]
    assert alike["coverage"] > 0.95 - SHORTFALL


NULLS = [
    ("rct-ability", "dispersion_by_access", "delta_log_cv"),
    ("rct-ability", "gradient_iv", "ability_gradient"),
    ("everything-linked", "mincer_iv", "delta_return_gap"),
    ("postings", "linear_probability", "delta_credential"),
    ("linked-pay-assets", "variance_contrast", "between_variance_contrast"),
]


@pytest.mark.parametrize(("design", "estimator", "term"), NULLS)
def test_size_holds_where_ai_is_switched_off(design, estimator, term, diagnosis):
    row = diagnosis(design, estimator, world="no_ai")[term]
    assert row["power"] < 0.05 + ERRORS * (0.05 * 0.95 / N) ** 0.5


def test_a_method_break_deceives_before_and_after_but_not_randomization(diagnosis):
    before_after = diagnosis("task-cross-section", "dispersion_by_exposure", world="method_break")[
        "delta_log_cv"
    ]
    one_arm = diagnosis("rct", "dispersion_before_after", world="method_break")["delta_log_cv"]
    for deceived in (before_after, one_arm):
        assert deceived["bias"] < -ERRORS * deceived["bias_mc_se"]
    for estimator in ("dispersion_by_access", "dispersion_between_arms"):
        randomized = diagnosis("rct", estimator, world="method_break")["delta_log_cv"]
        assert abs(randomized["bias"]) < ERRORS * randomized["bias_mc_se"]


def test_noise_attenuates_compression_unless_periods_repeat(diagnosis):
    noisy = {"output_noise": 0.3, "n_pre": 2, "n_post": 2}
    plain = diagnosis("rct", "other_measures_by_access", **noisy)["delta_log_variance"]
    net = diagnosis("rct", "variance_net_of_noise", **noisy)["delta_log_mean_variance"]
    assert plain["bias"] > ERRORS * plain["bias_mc_se"]
    assert abs(net["bias"]) < ERRORS * net["bias_mc_se"]
    assert net["coverage"] > 0.95 - SHORTFALL


def test_attrition_that_spares_the_able_does_not_select_the_arms(diagnosis):
    row = diagnosis("rct-ability", "dispersion_by_access", world="selection")["delta_log_cv"]
    assert abs(row["bias"]) < ERRORS * row["bias_mc_se"]


def test_dispersion_rises_where_skill_and_ai_are_complements(diagnosis):
    # Complements skew output to the right, so that cells of ten workers keep a bias of order 1/n²; thirty do not.
    row = diagnosis("rct-ability", "dispersion_by_access", world="complements", n_workers=1200)[
        "delta_log_cv"
    ]
    assert row["truth"] > 0
    assert abs(row["bias"]) < ERRORS * row["bias_mc_se"]


FEW_TASKS = {"n_tasks": 4}
BY_ITEM = {**FEW_TASKS, "treatment": "randomized_items"}


def of_items(estimator, world, changes):
    """Diagnose an estimator on the packaged trial: items of noise .5 and persistence .2, eight a cell."""
    design = change_design(load_design("rct"), **changes)
    study = plan(
        load_params(),
        [design],
        [load_world(world)],
        seed=11,
        replicates=N,
        estimators=[estimator],
    )
    frame = wide(diagnose(replicate(study)))
    return {row["term"]: row for row in frame.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("estimator", "changes"),
    [("pairs_within", BY_ITEM), ("pairs_before_after", FEW_TASKS)],
)
def test_ability_net_of_noise_is_recovered_from_simulated_items(estimator, changes):
    """Firms have the same AI. Coverage of ability is not asked for: it is that of the four tasks drawn, which do not stand for all."""
    rows = of_items(estimator, "commodity", changes)
    for term in ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net", "delta_log_noise"):
        assert rows[term]["n_failed"] == 0
        assert abs(rows[term]["bias"]) < ERRORS * rows[term]["bias_mc_se"], term
    assert rows["delta_log_noise"]["coverage"] > 0.95 - SHORTFALL


def test_ai_that_only_steadies_simulated_items_is_not_taken_for_compression():
    rows = of_items("pairs_difference", "steadier", FEW_TASKS)
    for term in ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net"):
        assert rows[term]["coverage"] > 0.95 - SHORTFALL
        assert rows[term]["power"] < 0.05 + ERRORS * (0.05 * 0.95 / N) ** 0.5
    # Noise falls to .6 of what it was: by ln .6 = -.51.
    assert rows["delta_log_noise"]["bias"] == pytest.approx(-0.51, abs=0.05)
    assert rows["delta_log_noise"]["power"] > 0.99
