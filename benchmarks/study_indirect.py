"""Recovery from noisy panels: parameters fitted to a panel's estimates as they are, and by indirect inference.

    python benchmarks/study_indirect.py [panels] [simulated]

Panels of the everything-linked design at the baseline with output noise of .5 log points; α, σ, χ and ξ are fitted to m1, m3, m4 and m5.
Prints, for each moment and each parameter (in logs), the mean error over panels in both ways with its standard error, and the median
error with its interval by order statistics: where a moment's error is as large as the moment, some panels put a parameter at a bound of
the search, and the mean of its log says where the bound is. The median does not, and is the same in every scale.
"""

import sys

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import binom

from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.moments.indirect import estimate_binding, indirect_target
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.noise import quiet_design
from withintask.tests_of_model.moments.of_panel import panel_moments
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reduced import reduced_moments

NAMES = ("m1", "m3", "m4", "m5")
FREE = ("ai_floor", "substitution", "credential_cost_scale", "rent_sharing")
NOISE, SEED = 0.5, 7
WIDEST = 3.0
N_ROUNDS = 1


def main(n_panels: int, n_simulated: int) -> None:
    """Run the study and print its table."""
    params = load_params()
    design = change_design(quiet_design(), output_noise=NOISE)
    prior = load_prior()
    economy = solve_economy(params)
    panels = [
        panel_moments(simulate(economy, design, draw_shocks(design, seed=SEED, replicate=k)), NAMES)
        for k in range(n_panels)
    ]
    scale = np.std(panels, axis=0)
    truth = np.log([getattr(params, name) for name in FREE])
    center = params
    for _ in range(N_ROUNDS):
        binding = estimate_binding(design, center, prior, names=NAMES, n_panels=n_simulated)
        target = indirect_target(panels[0], binding, source="panel")
        center = params_with(params, FREE, np.exp(fitted(params, target.value, scale, truth)))
    freed = [indirect_target(e, binding, source="panel").value for e in panels]
    exact = reduced_moments(params, (), np.empty((1, 0)), moments=NAMES)[0]
    show("as they are", NAMES, np.array(panels) - exact)
    show("indirect", NAMES, np.array(freed) - exact)
    errors: dict[str, list[np.ndarray]] = {"as they are": [], "indirect": []}
    for estimates in panels:
        target = indirect_target(estimates, binding, source="panel")
        for way, moments in (("as they are", estimates), ("indirect", target.value)):
            errors[way].append(fitted(params, moments, scale, truth) - truth)
    for way, rows in errors.items():
        show(way, [f"ln {name}" for name in FREE], np.array(rows))


def show(way, names, errors):
    """Print mean and median errors over panels, (panel, name), with the mean's standard error and the median's 95 percent interval."""
    spread = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    first = int(binom.ppf(0.025, len(errors), 0.5))
    low, high = np.sort(errors, axis=0)[[first, len(errors) - 1 - first]]
    for k, name in enumerate(names):
        print(
            f"{way:12} {name:25} mean error {errors[:, k].mean():+.5f} ({spread[k]:.5f}), "
            f"median {np.median(errors[:, k]):+.5f} [{low[k]:+.5f}, {high[k]:+.5f}], "
            f"at a bound {np.mean(np.abs(errors[:, k]) > WIDEST - 0.01):.2f}",
            flush=True,
        )


def fitted(params, moments, scale, truth):
    """Parameters, in logs, whose moments come nearest, within a factor of e^3 of the truth."""

    def gap(point):
        got = reduced_moments(params, FREE, np.exp(point)[None], moments=NAMES)[0]
        return (got - moments) / scale

    return least_squares(gap, truth, bounds=(truth - WIDEST, truth + WIDEST)).x


if __name__ == "__main__":
    counts = [int(value) for value in sys.argv[1:]]
    main(*(counts + [100, 200][len(counts) :]))
