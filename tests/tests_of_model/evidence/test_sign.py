"""The sign of ΔGini: entropies, measurements, levers, sets, worlds, answers."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params, vary
from withintask.sim.policies import Policy, load_policies
from withintask.sim.worlds import load_worlds
from withintask.tests_of_model.evidence.answers import Question, answer
from withintask.tests_of_model.evidence.levers import crossing_probabilities, policy_intervals
from withintask.tests_of_model.evidence.measurements import (
    Measurement,
    added_information,
    by_measurement,
    given_measurement,
    load_measurements,
    truth_of,
    value_of,
    values_of_measurements,
)
from withintask.tests_of_model.evidence.profile_sets import gini_sets, sets_that_hold
from withintask.tests_of_model.evidence.rivals import Rival
from withintask.tests_of_model.evidence.sign import by_world, entropy, sign_row, with_size
from withintask.tests_of_model.evidence.simulated_panels import target_of
from withintask.tests_of_model.harness.kept import Stages
from withintask.tests_of_model.moments.bank import features_at, make_bank
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reweight import posterior
from withintask.tests_of_model.moments.targets import make_target

NAMES = ("m1", "m3", "m5")
COVARIANCE = np.diag([0.03, 0.004, 0.0006]) ** 2


@pytest.fixture(scope="module")
def params():
    return vary(load_params(), task_substitution=0.9)


@pytest.fixture(scope="module")
def bank(params):
    return make_bank(params, load_prior(), n_draws=2**11, n_workers=2**8)


@pytest.fixture(scope="module")
def target(bank, params):
    return target_of(bank, params, NAMES, COVARIANCE)


@pytest.fixture(scope="module")
def after(bank, target):
    return posterior(bank, target, n_particles=2**8)


@pytest.fixture(scope="module")
def truth(params):
    return truth_of(features_at(params, (), np.empty((1, 0)), n_workers=2**10)[0], params)


def test_entropy_of_a_sign_is_one_bit_at_most():
    np.testing.assert_allclose(entropy(np.array([0.0, 0.5, 1.0, 1 + 1e-15])), [0, 1, 0, 0])


def test_few_moments_leave_the_sign_open(after):
    assert 0.05 < sign_row(after)["income_rises"] < 0.95


def test_the_answer_itself_settles_the_sign(after, truth):
    (incomes,) = (m for m in load_measurements() if m.name == "incomes")
    given = given_measurement(after, incomes, truth[incomes.of])
    assert given.interval("m6")[0] > 0
    row = by_measurement(after, truth, (incomes,)).row(1, named=True)
    assert row["entropy"] < 0.05


def test_a_measurement_without_error_is_worth_the_entropy_and_noise_nothing(after):
    rises = (after.of("m6") > 0).astype(float)[:, None]
    sharp, _ = value_of(after, rises, np.array([[1e-4]]), n_outer=50)
    blunt, _ = value_of(after, rises, np.array([[1e6]]), n_outer=50)
    before = float(entropy(sign_row(after)["income_rises"]))
    assert sharp == pytest.approx(0, abs=1e-9)
    assert blunt == pytest.approx(before, abs=1e-3)


def test_information_is_worth_more_the_sharper_it_is(after):
    sharp, blunt = (
        Measurement(name=str(e), summary="", of="proprietary_share", std_error=e, source="test")
        for e in (0.05, 0.5)
    )
    table = values_of_measurements(after, (sharp, blunt), n_outer=100)
    assert table["measurement"][0] == "0.05"
    assert table["fall"].is_sorted(descending=True)


def test_a_panel_of_twice_the_size_adds_an_independent_one_of_the_same(target):
    combination, variance = added_information(target, with_size(target, 2.0).covariance)
    gained = combination @ np.diag(1 / variance) @ combination.T
    np.testing.assert_allclose(gained, np.linalg.inv(COVARIANCE), rtol=1e-9, atol=1e-6)
    with pytest.raises(ParameterError, match="worse in some direction"):
        added_information(target, with_size(target, 0.5).covariance)


def test_a_panel_that_is_better_at_one_moment_adds_that_alone(target):
    better = COVARIANCE.copy()
    better[0, 0] /= 3
    combination, variance = added_information(target, better)
    assert variance.size == 1
    shown = combination[:, 0] * target.std_error
    np.testing.assert_allclose(np.abs(shown), [1, 0, 0], atol=1e-12)
    # Precision 3 in place of 1: an independent look with half of the variance.
    np.testing.assert_allclose(variance, [1 / 2])


def test_a_policy_that_changes_nothing_has_no_effect(bank, target, params):
    fixed = posterior(bank, target, fixed={"own_gini": 0.75}, n_particles=2**7)
    same = Policy(name="same", summary="", axis="own_gini", value=0.75)
    row = policy_intervals(fixed, params, (same,), n_draws=20).row(0, named=True)
    assert (row["income_low"], row["income_high"]) == (0.0, 0.0)


def test_less_concentrated_ownership_leaves_pay_alone(after, params):
    table = policy_intervals(after, params, load_policies(), n_draws=40)
    (row,) = table.filter(table["policy"] == "shared_ownership").to_dicts()
    assert (row["pay_low"], row["pay_high"]) == (0.0, 0.0)
    assert row["income_low"] < 0


def test_technology_structure_crosses_the_boundary_and_assets_hardly_move_it(after, params):
    table = crossing_probabilities(after, params, n_draws=60)
    turns = dict(zip(table["axis"], table["turns_up"] + table["turns_down"], strict=True))
    assert turns["proprietary_share"] > 0.9
    assert turns["asset_gini"] < 0.3


def test_sets_hold_the_draws_within_their_distance(bank, after):
    sets = gini_sets(bank, after)
    assert sets.projection_low <= sets.profile_low < sets.profile_high <= sets.projection_high
    gap = after.features[:, [0, 2, 4]] - after.target.value
    distance = np.sum(gap**2 / np.diagonal(COVARIANCE), axis=1)
    near = after.of("m6")[distance < 3.8]
    # Ends are computed on fewer points of the population, with an error of some 1e-4.
    assert sets.profile_low < near.min() + 1e-3
    assert sets.profile_high > near.max() - 1e-3


def test_sets_hold_the_truth_of_exact_moments_and_not_that_of_moments_far_away(
    bank, target, params
):
    truth = np.array([getattr(params, name) for name in bank.prior.names])
    assert sets_that_hold(bank, target, truth) == (True, True)
    # Fifty errors off in m1, whose value then has the other sign.
    far = target.with_value(target.value + np.array([50, 0, 0]) * target.std_error)
    assert sets_that_hold(bank, far, truth)[1] is False


def test_sets_of_a_target_with_the_answer_are_refused(bank):
    wanted = make_target(
        [-0.2, 0.01], ("m1", "m6"), covariance=np.diag([0.03, 0.003]) ** 2, source="test"
    )
    with pytest.raises(ParameterError, match="among the moments"):
        gini_sets(bank, posterior(bank, wanted, n_particles=2**8))


def test_worlds_that_the_moments_exclude_lose_their_odds(bank, target):
    table = by_world(bank, target, load_worlds(), n_particles=2**7)
    odds = dict(zip(table["world"], table["log_odds"], strict=True))
    assert set(odds) >= {"reference", "no_ai", "complements", "commodity"}
    # Dispersion falls by a fifth with an error of .03: six and more errors from no change or a rise.
    assert odds["no_ai"] < -10
    assert odds["complements"] < -10
    assert table["probability"].sum() == pytest.approx(1)


def test_a_rival_that_moves_estimates_as_far_as_ai_does_keeps_its_odds_and_one_without_loses_them(
    bank, target, params
):
    zero = np.zeros(5)
    at_base = dict(zip(("m1", "m3", "m5"), target.value, strict=True))
    mimic = np.array([at_base.get(f"m{k}", 0.0) for k in range(1, 6)])
    # In a world without AI the shift is that of estimates against the reference, whose mean is at the base.
    rivals = [
        Rival(name=name, says="", has_ai=has_ai, shift=shift, std_error=zero)
        for name, has_ai, shift in (
            ("mimic", False, zero),
            ("nothing", False, -mimic),
            ("as seen", True, zero),
        )
    ]
    table = by_world(bank, target, (), rivals=rivals, n_particles=2**9)
    odds = dict(zip(table["world"], table["log_odds"], strict=True))
    # A likelihood of 1 at every parameter beside the mean over the prior, which is less.
    assert odds["mimic"] > 0
    assert odds["nothing"] < -10
    # The same population as the reference, up to the Monte-Carlo error of both evidences.
    assert odds["as seen"] == pytest.approx(0, abs=0.5)


def test_answers_are_kept_and_come_out_the_same(bank, target, params, tmp_path):
    question = Question(
        bank=bank,
        target=target,
        truth=params,
        measurements=load_measurements()[:2],
        n_particles=2**7,
        fixed={"substitution": 2.0},
    )
    stages = Stages(folder=tmp_path, key=question.key())
    first = answer(question, stages=stages)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = answer(question, stages=stages)
    assert set(first) == {"sizes", "priors", "measurements", "values", "crossings"}
    assert all(first[name].equals(again[name]) for name in first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


def test_a_bad_file_of_measurements_is_refused_with_every_problem(tmp_path):
    path = tmp_path / "measurements.toml"
    path.write_text(
        '[a]\nsummary = ""\nof = "rent_sharin"\nstd_error = 0\nsource = ""\n[b]\nof = "m7"\n',
        encoding="utf-8",
    )
    with pytest.raises(ParameterError) as error:
        load_measurements(path)
    message = str(error.value)
    assert [
        p for p in ("rent_sharing", "std_error = 0", "[b]: expected keys") if p not in message
    ] == []
