"""Size of H1's tests with few firms whose effects differ and are zero on average, by kind of errors.

Trials of the design ``rct`` in the world without AI, access randomized within firms of 14 to 26 workers. To the treated
workers of each firm an effect of its own is given: their log output moves by N(0, sd), the spread of their log output by a
factor exp(N(0, sd)). Both are zero on average over firms, so a test of the average should reject one in twenty.

    python benchmarks/size_with_few_firms.py --firms 6 8 12 20 --replicates 2000
"""

import argparse
import math
from dataclasses import replace

import numpy as np
import polars as pl

import withintask as wt
from withintask.tests_of_model.hypotheses.estimate import run_estimator
from withintask.tests_of_model.hypotheses.h1_compression import HYPOTHESIS

TERMS = {
    "dispersion_by_access": "delta_log_cv",
    "effect_difference": "average_effect_log",
    "pairs_difference": "delta_log_sd",
}
PAIRS_KINDS = ("auto",)


def heterogeneous(panel: wt.Panel, random: np.random.Generator, sd: float) -> wt.Panel:
    """Give every firm's treated workers an effect of their own, zero on average over firms."""
    frame = panel.outputs
    assert isinstance(frame, pl.DataFrame)
    firms = frame["firm_id"].unique().sort()
    effects = pl.DataFrame(
        {
            "firm_id": firms,
            "moved": random.normal(0, sd, len(firms)),
            "spread": np.exp(random.normal(0, sd, len(firms))),
        }
    )
    has_ai = pl.col("ai_access").fill_null(False)
    mean = pl.col("output").log().mean().over("firm_id", "task_id", "period", has_ai)
    log = mean + pl.col("moved") + (pl.col("output").log() - mean) * pl.col("spread")
    changed = (
        frame.join(effects, on="firm_id", how="left", maintain_order="left")
        .with_columns(pl.when(has_ai).then(log.exp()).otherwise(pl.col("output")).alias("output"))
        .drop("moved", "spread")
    )
    return replace(panel, outputs=changed)


def unequal(panel: wt.Panel, random: np.random.Generator) -> wt.Panel:
    """Drop up to a third of each firm's workers, another share in each, so that firms are unequal."""
    frame = panel.outputs
    assert isinstance(frame, pl.DataFrame)
    workers = frame.select("worker_id", "firm_id").unique(maintain_order=True)
    firms = workers["firm_id"].unique().sort()
    kept = dict(zip(firms, random.uniform(2 / 3, 1, len(firms)), strict=True))
    share = np.array([kept[firm] for firm in workers["firm_id"]])
    stay = workers.filter(pl.Series(random.random(workers.height) < share)).select("worker_id")
    return replace(panel, outputs=frame.join(stay, on="worker_id", how="semi"))


def rejections(n_firms: int, sd: float, n: int, seed: int, kinds: list[str]) -> pl.DataFrame:
    """Rejection rates at 5 percent, one row an estimator and kind of errors."""
    settings = [
        f"n_firms={n_firms}",
        f"n_workers={20 * n_firms}",
        "output_noise=0.1",
        "n_tasks=10",
        "n_items=1",
    ]
    estimators = {e.name: e for e in HYPOTHESIS.estimators if e.name in TERMS}
    counts: dict[tuple[str, str], list[bool]] = {}
    for number in range(n):
        random = np.random.default_rng([seed, n_firms, number])
        panel = wt.draw_panel("rct", world="no_ai", seed=seed, replicate=number, settings=settings)
        sample = wt.Sample(heterogeneous(unequal(panel.collect(), random), random, sd))
        for kind in kinds:
            with_kind = sample.with_errors(kind)  # type: ignore[arg-type]
            for name, term in TERMS.items():
                if name == "pairs_difference" and kind not in PAIRS_KINDS:
                    continue
                row = next(r for r in run_estimator(estimators[name], with_kind) if r.term == term)
                if math.isfinite(row.p_value):
                    counts.setdefault((name, kind), []).append(row.p_value < 0.05)
    rows = [(n_firms, *key, len(v), float(np.mean(v))) for key, v in counts.items()]
    return pl.DataFrame(rows, schema=["firms", "estimator", "errors", "n", "size"], orient="row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, nargs="+", default=[6, 8, 12, 20])
    parser.add_argument("--replicates", type=int, default=2_000)
    parser.add_argument("--sd", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--errors", nargs="+", default=["auto", "CR1", "CR3", "wild"])
    given = parser.parse_args()
    for n_firms in given.firms:
        found = rejections(n_firms, given.sd, given.replicates, given.seed, given.errors)
        error = (pl.col("size") * (1 - pl.col("size")) / pl.col("n")).sqrt().alias("mc_error")
        print(found.with_columns(error.round(4), pl.col("size").round(3)), flush=True)


if __name__ == "__main__":
    main()
