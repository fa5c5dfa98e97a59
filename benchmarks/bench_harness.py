"""Time a replication study beside a plain loop that fits the same regressions with pyfixest, and the harness's overhead.

Run ``python benchmarks/bench_harness.py [--replicates 100]``. The three loops draw the same panels with our simulator,
on one core: the harness (capabilities, estimators, rows), a bare loop over simulator and estimators without it, and a loop
as one would write it with pyfixest, where it is installed. They take turns; medians count. Coefficients are compared first.
"""

import argparse
import importlib.util
import os
import statistics
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import polars as pl
from rows import record

from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.sim.worlds import REFERENCE, load_world
from withintask.tests_of_model.harness.replicate import plan, replicate, solved
from withintask.tests_of_model.hypotheses.estimate import choose
from withintask.tests_of_model.samples.sample import Sample

SEED = 1
TURNS = 4


def pyfixest_linear_probability(panel):
    """Requirement on exposed x post with occupation and period effects, clustered by occupation."""
    import pyfixest

    rows = panel.postings.join(panel.occupations, on="occupation_code").select(
        required=pl.col("is_credential_required").cast(pl.Float64),
        treated=((pl.col("exposure") > 0) & (pl.col("period") >= panel.info.first_ai_period)).cast(
            pl.Float64
        ),
        occupation="occupation_code",
        period="period",
    )
    formula = "required ~ treated | occupation + period"
    found = pyfixest.feols(formula, rows.to_pandas(), vcov={"CRV1": "occupation"})
    return found.coef()["treated"]


def pyfixest_gradient(panel):
    """Log output on access x post x ability with worker-task and task-period effects, clustered by firm."""
    import pyfixest

    rows = (
        panel.outputs.join(panel.workers, on="worker_id")
        .join(panel.tasks.select("task_id", "exposure", "skill_type"), on="task_id")
        .filter(pl.col("exposure") > 0)
        .with_columns(post=(pl.col("period") >= panel.info.first_ai_period).cast(pl.Float64))
        .with_columns(
            arm=pl.col("ai_access").cast(pl.Float64).max().over("worker_id"),
            education=pl.when(pl.col("skill_type") == "soc").then("educ_soc").otherwise("educ_cog"),
        )
        .select(
            y=pl.col("output").log(),
            pair=pl.format("{} {}", "worker_id", "task_id"),
            group=pl.format("{} {} {} {}", "firm_id", "task_id", "arm", "period"),
            firm="firm_id",
            ability=pl.col("post") * pl.col("ability_log"),
            education=pl.col("post") * pl.col("education"),
            treated_ability=pl.col("post") * pl.col("arm") * pl.col("ability_log"),
            treated_education=pl.col("post") * pl.col("arm") * pl.col("education"),
        )
    )
    formula = "y ~ treated_ability + treated_education + ability + education | pair + group"
    found = pyfixest.feols(formula, rows.to_pandas(), vcov={"CRV1": "firm"})
    return found.coef()["treated_ability"]


CASES = (
    ("rct", "dispersion_by_access", None),
    ("rct", "pairs_difference", None),
    ("postings", "linear_probability", pyfixest_linear_probability),
    ("rct-ability", "gradient", pyfixest_gradient),
)


def seconds(run):
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


def bench(design_name, estimator_name, peer, n):
    params, design = load_params(), load_design(design_name)
    economy, _ = solved(params)
    ((_, estimator),) = [(h, e) for h, e in choose() if e.name == estimator_name]

    def draw(number, coded=False):
        shocks = draw_shocks(design, seed=SEED, replicate=number)
        return simulate(economy, design, shocks, coded=coded)

    panels = [draw(number) for number in range(n)]
    ours = [estimator.run(Sample(panel))[0].estimate for panel in panels[:3]]
    is_here = peer is not None and importlib.util.find_spec("pyfixest") is not None
    if is_here:
        np.testing.assert_allclose(ours, [peer(panel) for panel in panels[:3]], rtol=1e-6)

    def harness():
        worlds = [load_world(REFERENCE)]
        study = plan(params, [design], worlds, seed=SEED, replicates=n, estimators=[estimator_name])
        return replicate(study)

    runs = {
        "study": harness,
        "bare": lambda: [estimator.run(Sample(draw(number, coded=True))) for number in range(n)],
        "draws": lambda: [draw(number, coded=True) for number in range(n)],
    }
    if is_here:
        runs["pyfixest"] = lambda: [peer(draw(number)) for number in range(n)]
    turns = [{name: seconds(run)[0] for name, run in runs.items()} for _ in range(TURNS)]
    began = time.process_time()
    harness()
    cpu = (time.process_time() - began) / n
    each = {name: statistics.median(turn[name] for turn in turns) / n for name in runs}
    rows = sum(frame.height for frame in panels[0].tables().values())
    record(
        key=f"harness_{estimator_name}",
        what=f"a replicate of {design_name} ({rows:,} rows), {estimator_name}, drawn, estimated, kept",
        ours=each["study"],
        peer="a plain loop with pyfixest" if peer else "",
        theirs=each.get("pyfixest"),
        ratio_limit=1.0,
        turns=TURNS,
        note=f"processor time {1e3 * cpu:.1f} ms, draws alone {1e3 * each['draws']:.2f} ms, the harness itself {1e3 * (each['study'] - each['bare']):.2f} ms",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=100)
    options = parser.parse_args()
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    for case in CASES:
        bench(*case, options.replicates)


if __name__ == "__main__":
    main()
