"""Coverage of ability's sets by the number of tasks, which a panel draws from all tasks of an economy.

Below ten, tasks are taken as given: the sets are those of the tasks seen, and hold the truth of all tasks less often than 95 percent.

    python benchmarks/coverage_by_tasks.py --replicates 200
"""

import argparse
import math

import polars as pl

import withintask as wt

TERMS = ("delta_log_sd", "delta_log_cv_net", "ability_gradient_net", "delta_log_noise")


def coverage(n_tasks: int, replicates: int, seed: int) -> pl.DataFrame:
    """Share of sets that hold the truth of all tasks, by term; firms have the same AI."""
    design = wt.change_design(wt.load_design("rct"), n_tasks=n_tasks)
    study = wt.plan(
        wt.load_params(),
        [design],
        [wt.load_world("commodity")],
        seed=seed,
        replicates=replicates,
        estimators=["pairs_before_after"],
    )
    holds = pl.col("conf_low").le(pl.col("truth")) & pl.col("conf_high").ge(pl.col("truth"))
    return wt.replicate(study).group_by("term").agg(holds.mean().alias("coverage"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1, 2, 4, 10, 20])
    settings = parser.parse_args()
    error = math.sqrt(0.95 * 0.05 / settings.replicates)
    print(f"Monte-Carlo error of a coverage of .95: {error:.3f}")
    print("tasks  " + "  ".join(TERMS))
    for n_tasks in settings.tasks:
        found = dict(coverage(n_tasks, settings.replicates, settings.seed).iter_rows())
        print(f"{n_tasks:>5}  " + "  ".join(f"{found[t]:>{len(t)}.3f}" for t in TERMS))


if __name__ == "__main__":
    main()
