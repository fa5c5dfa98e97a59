"""How often the sets of ΔGini hold the truth: profile (χ² of one) and projection (χ² of five), at 95 percent.

    python benchmarks/study_sets.py [draws] [cache] [bank draws]

Parameters are drawn from the prior (within the range that sets look in), m1 to m5 around theirs with the errors of the panel that links
everything, from 100 simulated panels. Prints both shares with their errors.
"""

import sys
from pathlib import Path

import numpy as np

from withintask.sim.params import load_params
from withintask.tests_of_model.evidence.profile_sets import LEVEL, sets_that_hold
from withintask.tests_of_model.evidence.simulated_panels import simulated_panels
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reduced import reduced_moments
from withintask.tests_of_model.moments.reweight import with_quadrature

N_REPLICATES = 100


def main(n_draws: int, cache: Path, n_bank: int) -> None:
    """Run the study and print both shares."""
    params, prior = load_params(), load_prior()
    bank = make_bank(params, prior, n_draws=n_bank, folder=cache)
    panels = simulated_panels(bank, n_replicates=N_REPLICATES, noise=None, folder=cache)
    names = panels.target.names
    tail = (1 - LEVEL) / 2
    held = []
    for draw in range(n_draws):
        generator = np.random.default_rng(draw)
        truth = prior.quantile(generator.uniform(tail, 1 - tail, size=(1, len(prior.names))))
        error = generator.multivariate_normal(
            np.zeros(len(names)), with_quadrature(bank, panels.target)
        )
        seen = reduced_moments(params, prior.names, truth, moments=names)[0] + error
        held.append(sets_that_hold(bank, panels.target.with_value(seen), truth[0]))
    for name, share in zip(("profile", "projection"), np.mean(held, axis=0), strict=True):
        error = np.sqrt(share * (1 - share) / n_draws)
        print(f"{name:12} holds the truth in {share:.3f} ({error:.3f}) of {n_draws}", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 200,
        Path(given[1]) if len(given) > 1 else Path("cache"),
        int(given[2]) if len(given) > 2 else 2**12,
    )
