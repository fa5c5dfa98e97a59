"""An example of each public name, shown in the reference and run by tests: a cell begins with the names that it shows."""

# %% setup
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import withintask as wt

folder = Path(tempfile.mkdtemp())
small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]

# %% draw_panel, Panel
panel = wt.draw_panel("rct-ability", seed=1, settings=small)
assert panel.outputs.height == 120 * 4 * 4 * 2

# %% write_panel, read_panel, validate
wt.write_panel(panel, folder / "panel")
again = wt.read_panel(folder / "panel")
assert wt.validate(again).outputs.height == panel.outputs.height

# %% PanelInfo
info = wt.PanelInfo(name="my trial", first_ai_period=1, outcome="time")
assert info.outcome_kind == "time"

# %% capabilities
can = wt.capabilities(panel)
assert "pairs_difference" in can["estimator"].to_list()

# %% estimate, Estimates
result = wt.estimate(panel, estimators="pairs_difference")
assert result.recommended == ("pairs_difference",)
print(result.summary(width=80))

# %% side_by_side
other = wt.estimate(
    wt.draw_panel("rct-ability", seed=2, settings=small), estimators="pairs_difference"
)
print(wt.side_by_side({"first trial": result, "second trial": other}).table("markdown"))

# %% effect_by_baseline
groups = wt.effect_by_baseline(panel)
assert groups.height >= 2

# %% persistence_curve
curve = wt.persistence_curve(panel)
assert curve.height > 0


# %% Sample, Estimator, Estimate, from_moments
def mean_change(sample: wt.Sample) -> tuple[wt.Estimate, ...]:
    """Change of mean log output."""
    rows = sample.panel.outputs.with_columns(pl.col("output").log())
    by = rows.group_by("period").agg(pl.col("output").mean()).sort("period")
    change = float(by["output"].diff()[1])
    return (
        wt.from_moments(
            "average_effect_log",
            change,
            0.1,
            dof=10,
            n_obs=rows.height,
            n_clusters=11,
            convention="example",
        ),
    )


mine = wt.Estimator(
    name="mine",
    summary="example",
    needs=("outputs.output",),
    terms=("average_effect_log",),
    run=mean_change,
)
(row,) = mine.run(wt.Sample(panel))
assert row.term == "average_effect_log"

# %% HYPOTHESES, Hypothesis
names = [hypothesis.name for hypothesis in wt.HYPOTHESES]
assert names == ["H1", "H2", "H3", "H4"]

# %% load_design, load_designs, change_design, Design
design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
assert design.n_workers == 60 and len(wt.load_designs()) == 12

# %% load_params, vary, Params
params = wt.vary(wt.load_params(), rent_sharing=0.3)
assert params.rent_sharing == 0.3

# %% load_world
world = wt.load_world("no_ai")
assert world.change_params(params).capability == 0

# %% solve_economy, Economy
economy = wt.solve_economy(params, n_workers=2**10)
assert economy.after.final_output > economy.before.final_output

# %% draw_shocks, simulate, simulate_many
shocks = wt.draw_shocks(design, seed=1)
drawn = wt.simulate(economy, design, shocks)
first, second = wt.simulate_many(economy, design, seed=1, replicates=range(2))
assert drawn.outputs.equals(first.outputs)

# %% write_streamed
written = wt.write_streamed(economy, design, seed=1, folder=folder / "large")
assert written.n_rows == drawn.outputs.height

# %% regime, boundary
assert wt.regime(params, n_workers=2**10) is not None
share = wt.boundary(params, along="proprietary_share", n_workers=2**10)
assert 0 < share < 1

# %% plan, replicate, diagnose, verdicts
study = wt.plan(
    params,
    [design],
    [wt.load_world("reference"), world],
    seed=1,
    replicates=4,
    estimators=["dispersion_by_access"],
)
replicates = wt.replicate(study)
print(wt.diagnose(replicates).head(3))
print(wt.verdicts(replicates).head(1))

# %% smallest_sample
found = wt.smallest_sample(
    np.array([40.0, 80.0, 160.0]), np.array([20.0, 55.0, 90.0]), np.array([100.0, 100.0, 100.0])
)
assert 80 < found.value < 160

# %% fit, Effects, Inference, Instruments, Options
draws = np.random.default_rng(1)
x = draws.normal(size=200)
firm = np.repeat(np.arange(20), 10)
y = 0.5 * x + draws.normal(size=200)
fitted = wt.fit(
    y,
    x[:, None],
    names=("x",),
    effects=wt.Effects(absorb=(firm,)),
    inference=wt.Inference(cluster=(firm,)),
)
print(fitted.params, fitted.std_error)

# %% regress
data = pl.DataFrame({"y": y, "x": x, "firm": firm})
print(wt.regress("y ~ x | firm", data, cluster="firm"))

# %% between_within
parts = wt.between_within(y, firm)
assert parts.between >= 0 or parts.within > 0

# %% load_target
target = wt.load_target("illustrative")
assert target.names[0] == "m1"

# %% ModelError
try:
    wt.estimate(panel, estimators="pairs_diference")
except wt.ModelError as error:
    assert "did you mean pairs_difference?" in str(error)
