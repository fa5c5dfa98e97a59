"""Time of one draw of the bank, beside one economy solved for the same moments.

    python benchmarks/bench_bank.py

Prints processor time: of the ten reduced moments, of both changes of the Gini, of the twelve features from one economy of as many
points, and what 2^16 draws take on one core and on two.
"""

import time

import numpy as np
from rows import record

from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.tests_of_model.harness.parallel import one_blas_thread
from withintask.tests_of_model.moments.bank import N_DRAWS, N_WORKERS
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.moments import ALL_NAMES, economy_moments, params_with
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reduced import reduced_moments

N_REDUCED, N_SOLVED = 2**13, 2**9


def main() -> None:
    """Measure and print."""
    params, prior = load_params(), load_prior()
    values = prior.quantile(np.random.default_rng(0).uniform(size=(N_REDUCED, len(prior.names))))
    reduced_moments(params, prior.names, values[:2])
    many_ginis(params, prior.names, values[:2], n_workers=N_WORKERS)
    with one_blas_thread():
        reduced = timed(lambda: reduced_moments(params, prior.names, values), N_REDUCED)
        few = values[:N_SOLVED]
        ginis = timed(lambda: many_ginis(params, prior.names, few, n_workers=N_WORKERS), N_SOLVED)
        whole = timed(lambda: [solved(params, prior.names, row) for row in few], N_SOLVED)
    record(
        key="bank_draw",
        what="a draw of the bank: ten moments and both changes of the Gini",
        ours=reduced + ginis,
        peer="one economy solved for the same",
        theirs=whole,
        ratio_limit=1.0,
        note=f"processor time; moments {1e3 * reduced:.3f} ms, changes of the Gini {1e3 * ginis:.2f} ms",
    )
    record(
        key="bank",
        what=f"{N_DRAWS:,} draws of the bank, from the cost of one",
        ours=(reduced + ginis) * N_DRAWS / 60,
        unit="min of one core",
        limit=20.0,
    )


def timed(function, n) -> float:
    """Processor seconds a draw."""
    start = time.process_time()
    function()
    return (time.process_time() - start) / n


def solved(params, names, row):
    """All moments of one economy with uncut tails."""
    economy = solve_economy(params_with(params, names, row), n_workers=N_WORKERS, is_cut=False)
    return economy_moments(economy, ALL_NAMES)


if __name__ == "__main__":
    main()
