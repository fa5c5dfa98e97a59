"""Power of a mixed model, three ways: the toolkit's test, statsmodels' MixedLM on the same panels, and the closed form.

What simr (Green and MacLeod 2016) and DeclareDesign do for a random intercept: draw a data set of workers with several
items each, fit outcome ~ treated + (1 | worker), count rejections. R is not needed: MixedLM is the oracle here.

    python benchmarks/power_mixed_model.py [REPLICATES]
"""

import sys
import warnings

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats

import withintask as wt

NOISE, ITEMS = 0.5, 4
SAME = {
    "proprietary": 0.0,
    "commodity": 1.0,
    "exposure_shape_low": 50.0,
    "exposure_shape_high": 50.0,
}


def economy():
    """AI multiplies everybody's output alike, so that its effect on logs is one number."""
    return wt.solve_economy(
        wt.vary(wt.load_params(), **SAME, ai_multiplicative=0.999, capability=1.0)
    )


def design(n_workers):
    """Half of the workers of one firm get AI at random; each does four items of one task."""
    return wt.change_design(
        wt.load_design("rct"), n_workers=n_workers, n_firms=1, n_tasks=1, n_items=ITEMS,
        output_noise=NOISE, noise_persistence=0.0, item_sd=0.0,
    )  # fmt: skip


def p_values(panel):
    """P-values of the toolkit's test and of MixedLM's."""
    ours = wt.estimate(panel, estimators="effect_between").filter(term="average_effect_log")
    after = panel.outputs.filter(period=panel.info.first_ai_period).to_pandas()
    frame = pd.DataFrame(
        {
            "y": np.log(after["output"]),
            "treated": after["ai_access"].astype(float),
            "worker": after["worker_id"],
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed = smf.mixedlm("y ~ treated", frame, groups="worker").fit()
    return ours["p_value"][0], mixed.pvalues["treated"]


def closed_form(solved, effect, n_workers):
    """Power of the t test of workers' means."""
    ability = np.log(solved.population.workers.human_capital[:, 0]).std()
    error = np.sqrt((ability**2 + NOISE**2 / ITEMS) * 4 / n_workers)
    critical = stats.t.ppf(0.975, n_workers - 2)
    return stats.nct.sf(critical, n_workers - 2, effect / error)


def main(n):
    """Print the table."""
    solved = economy()
    effect = wt.HYPOTHESES[0].estimands["average_effect_log"](solved)
    print(
        f"effect {effect:.3f} log points, {ITEMS} items a worker, noise {NOISE}, {n} replicates, seed 1"
    )
    print("workers  withintask         MixedLM            closed form")
    for n_workers in (40, 80, 120):
        drawn = design(n_workers)
        p = np.array(
            [
                p_values(wt.simulate(solved, drawn, wt.draw_shocks(drawn, seed=1, replicate=k)))
                for k in range(n)
            ]
        )
        shares = (p < 0.05).mean(axis=0)
        errors = np.sqrt(shares * (1 - shares) / n)
        print(
            f"{n_workers:>7}  {shares[0]:.3f} ± {errors[0]:.3f}      {shares[1]:.3f} ± {errors[1]:.3f}      "
            f"{closed_form(solved, effect, n_workers):.3f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
