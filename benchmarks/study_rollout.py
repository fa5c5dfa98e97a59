"""Size, power and coverage of the staggered estimators: ``python benchmarks/study_rollout.py size|power|panels``.

``size``: paths of firms with effects that differ (normal, mean 0) and grow with time; share of tests at 5 percent that reject,
of the average from the second period on and over all periods, share of bands that miss an effect by time since the start,
and share of joint tests of the leads that reject. ``power``: the same with a mean effect. ``panels``: dispersion_staggered
on drawn trials, share that reject and share of intervals that hold the truth. Seed 1; replicates as the second argument.
"""

import sys
from collections.abc import Iterator

import numpy as np
from scipy import special

import withintask as wt
from withintask.tests_of_model.regression.aggregates import Averages, average
from withintask.tests_of_model.regression.group_time import Paths, pair_effects
from withintask.tests_of_model.regression.simultaneous import band_factors, joint_test

FIRMS, PERIODS = (6, 8, 12, 20), (2, 4, 8, 16)
N_BEFORE, NOISE, SPREAD, RATE = 3, 0.15, 0.3, 1.5
MEAN_EFFECT, SMALL_SPREAD = -0.25, 0.05
LEVEL = 0.95


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "size"
    replicates = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    {"size": size, "power": power, "panels": panels}[what](replicates)


def draws(n_firms: int, n_after: int, mean: float, spread: float, n: int) -> Iterator[Paths]:
    """Paths of firms that start in equal cohorts, the last one never inside the panel."""
    random = np.random.default_rng([1, n_firms, n_after])
    n_periods = N_BEFORE + n_after
    for _ in range(n):
        rank = random.permutation(n_firms)
        start = np.minimum(N_BEFORE + rank * (n_after + 1) // n_firms, n_periods)
        age = np.maximum(np.arange(n_periods) - start[:, None] + 1, 0)
        effect = mean + spread * random.standard_normal(n_firms)
        value = NOISE * random.standard_normal((n_firms, n_periods))
        value += random.standard_normal((n_firms, 1)) + random.standard_normal(n_periods)
        value += effect[:, None] * -np.expm1(-RATE * age)
        yield Paths(
            value=value,
            start=start,
            weight=np.ones(n_firms),
            stratum=np.zeros(n_firms, dtype=np.int64),
        )


def rejects(averages: Averages) -> np.ndarray:
    error = np.sqrt(averages.covariance.diagonal())
    p = 2 * special.stdtr(averages.dof, -np.abs(averages.estimate / error))
    return np.where(np.isfinite(p), p < 1 - LEVEL, False)


def of_paths(paths: Paths) -> list[float]:
    """Whether the settled and the overall average reject, the band misses zero, the leads reject."""
    effects = pair_effects(paths, np.arange(paths.start.size))
    age = effects.event_time
    both = average(effects, [age >= 1, age >= 0])
    times = average(effects, [age == e for e in np.unique(age)])
    error = np.sqrt(times.covariance.diagonal())
    half = band_factors(times, level=LEVEL) * error
    known = np.isfinite(half)
    misses = bool((np.abs(times.estimate[known]) > half[known]).any())
    leads = joint_test(average(effects, [age == e for e in np.unique(age[age < 0])]))
    return [*rejects(both), misses, leads.p_value < 1 - LEVEL]


def size(replicates: int) -> None:
    print(
        f"{replicates} replicates, Monte-Carlo error of .05: {np.sqrt(0.05 * 0.95 / replicates):.4f}"
    )
    print("firms periods  settled overall  band  leads")
    for n_firms in FIRMS:
        for n_after in PERIODS:
            rows = [of_paths(p) for p in draws(n_firms, n_after, 0.0, SPREAD, replicates)]
            print(
                f"{n_firms:5d} {n_after:7d}  "
                + "  ".join(f"{x:.3f}" for x in np.mean(rows, axis=0)),
                flush=True,
            )


def power(replicates: int) -> None:
    print("firms  " + "  ".join(f"{p:>2d} periods" for p in PERIODS) + "   settled / overall")
    for n_firms in FIRMS:
        cells = []
        for n_after in PERIODS:
            rows = [
                of_paths(p)[:2]
                for p in draws(n_firms, n_after, MEAN_EFFECT, SMALL_SPREAD, replicates)
            ]
            cells.append("/".join(f"{x:.2f}" for x in np.mean(rows, axis=0)))
        print(f"{n_firms:5d}  " + "   ".join(cells), flush=True)


def panels(replicates: int) -> None:
    print("world      firms periods  rejects  covers  mean estimate (truth)")
    for world in ("commodity", "reference"):
        for n_firms in (6, 12, 20):
            for n_after in (2, 4, 8, 16):
                rows = []
                settings = [
                    "treatment=staggered", f"n_firms={n_firms}", f"n_post={n_after}", "n_items=1",
                    "n_pre=2", f"n_workers={12 * n_firms}", "n_tasks=12", "output_noise=0.2",
                ]  # fmt: skip
                for replicate in range(replicates):
                    panel = wt.draw_panel(
                        "rct", world=world, seed=1, replicate=replicate, settings=settings
                    )
                    row = wt.estimate(panel, estimators="dispersion_staggered").row(0, named=True)
                    rows.append(
                        (
                            row["p_value"] < 1 - LEVEL,
                            row["conf_low"] <= row["truth"] <= row["conf_high"],
                            row["estimate"],
                            row["truth"],
                        )
                    )
                rejected, covered, estimate, truth = np.mean(rows, axis=0)
                print(
                    f"{world:10s} {n_firms:5d} {n_after:7d}  {rejected:.2f}     {covered:.2f}    {estimate:+.3f} ({truth:+.3f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
