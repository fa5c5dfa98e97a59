"""Economies that many tests share."""

import pytest

from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary


@pytest.fixture(scope="session")
def params():
    """Return the baseline parameters."""
    return load_params()


@pytest.fixture(scope="session")
def economy(params):
    """Return the baseline economy."""
    return solve_economy(params)


@pytest.fixture(scope="session")
def industries(params):
    """Return the economy whose industries differ in technology structure and rent sharing."""
    return solve_economy(vary(params, proprietary_gap=0.5, rent_sharing_gap=0.1))


@pytest.fixture(scope="session")
def small_economy(params):
    """Return an economy of 256 points and few occupations, for plain loops."""
    small = vary(params, proprietary_gap=0.5, rent_sharing_gap=0.1, n_occupations=5)
    return solve_economy(small, n_workers=2**8)
