"""BLAS has one thread where a second does not pay, and its own number again afterwards."""

import pytest
import scipy.linalg  # noqa: F401  (a BLAS of its own, which is seen once it is loaded)
from threadpoolctl import threadpool_info, threadpool_limits

from withintask.tests_of_model.regression.threads import threads_for, threads_for_rows


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize(
    ("hold", "size", "inside"),
    [
        (threads_for, 100, {2}),
        (threads_for, 1_000, {1}),
        (threads_for, 8_000, {2}),
        (threads_for_rows, 1_000, {2}),
        (threads_for_rows, 1_000_000, {1}),
    ],
)
def test_small_systems_and_long_columns_have_one_thread(hold, size, inside):
    with threadpool_limits(2, "blas"):
        if blas_threads() != {2}:
            pytest.skip("BLAS has fewer than two threads here")
        with hold(size), hold(size):
            assert blas_threads() == inside
        assert blas_threads() == {2}
