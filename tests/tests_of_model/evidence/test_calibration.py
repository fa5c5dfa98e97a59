"""Calibration of posteriors by ranks."""

import numpy as np
import pytest

from withintask.sim.params import load_params
from withintask.tests_of_model.evidence.calibration import (
    N_RANKS,
    calibrate_posteriors,
    uniform_ranks,
)
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.targets import make_target

FIXED = {
    "task_substitution": 0.9,
    "substitution": 2.0,
    "credential_cost_scale": 0.015,
    "commodity": 0.3,
    "base_rent": 0.25,
    "capital_intensity": 0.5,
    "asset_gini": 0.75,
    "own_gini": 0.75,
}
"""Leaves α, μ, η1 and ξ, so that the check is fast."""


@pytest.fixture(scope="module")
def bank():
    return make_bank(load_params(), load_prior(), n_draws=2**11, n_workers=2**8)


@pytest.fixture(scope="module")
def target():
    errors = np.array([0.013, 0.003, 0.0005])
    return make_target(
        np.zeros(3), ("m1", "m3", "m5"), covariance=np.diag(errors**2), source="test"
    )


def test_uniform_ranks_are_not_rejected_and_piled_ones_are():
    even = np.tile(np.arange(N_RANKS + 1), 5)
    assert uniform_ranks(even) == (0.0, 1.0)
    assert uniform_ranks(np.where(even < 50, 0, even))[1] < 1e-6


@pytest.mark.slow
def test_the_truth_ranks_uniformly_in_its_posteriors(bank, target):
    found = calibrate_posteriors(
        bank, target, fixed=FIXED, n_draws=40, n_particles=2**7
    ).uniformity()
    # Six names at .001: a false alarm once in 170 changes of the stream.
    assert found.filter(found["p_value"] < 0.001)["name"].to_list() == []


def test_posteriors_of_other_errors_than_were_drawn_are_found_out(bank, target):
    """A third of the error that the moments have: ranks pile up at the ends, and intervals cover too little."""
    known = FIXED | {"ai_multiplicative": 0.1, "proprietary": 0.7}
    narrow = calibrate_posteriors(
        bank,
        target,
        fixed=known,
        n_draws=16,
        n_particles=2**7,
        believed=target.covariance / 9,
    )
    covered = narrow.uniformity().filter(narrow.uniformity()["name"] == "ai_floor")
    # .5 nominal; with errors a third as wide a normal's interval covers .18: 8 or more of 16 once in 300.
    assert covered["covered_0.5"].item() < 0.5


def test_finished_parts_are_taken_from_the_folder(bank, target, tmp_path):
    first = calibrate_posteriors(
        bank, target, fixed=FIXED, n_draws=2, n_particles=2**7, folder=tmp_path
    )
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = calibrate_posteriors(
        bank, target, fixed=FIXED, n_draws=2, n_particles=2**7, folder=tmp_path
    )
    assert first.ranks.equals(again.ranks)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
