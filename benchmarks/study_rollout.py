"""Size, power and coverage of the staggered estimators: ``python benchmarks/study_rollout.py size|joint|power|panels [N]``.

Paths of firms: effects that differ between firms and grow with time since AI came (78 percent in the first period), noise
independent over periods, firm and period effects; equal cohorts, the last one never inside the panel.

``size``: share of 5 percent tests that reject where effects differ (standard deviation .3) and are zero on average, of the
average from the second period with AI on (what `dispersion_staggered` reports) and of that over all periods. ``power``: the same
where effects are -.25 on average and differ little. ``joint``: share of 95 percent bands that miss an effect by time since the
start, and of joint tests of the leads that reject. ``panels``: `dispersion_staggered` on drawn panels, in two worlds: share
that reject, share of intervals that hold the truth. N replicates (20,000; joint 500; panels 100); seed 1.
"""

import sys

import numpy as np
from scipy import special

import withintask as wt
from withintask.tests_of_model.regression.aggregates import Averages, average
from withintask.tests_of_model.regression.group_time import Paths, pair_effects
from withintask.tests_of_model.regression.simultaneous import band_factors, joint_test

FIRMS, PERIODS = (6, 8, 12, 20), (2, 4, 8, 16)
N_BEFORE, NOISE, SPREAD, RATE = 3, 0.15, 0.3, 1.5
MEAN_EFFECT, SMALL_SPREAD = -0.25, 0.05
LEVEL, SEED = 0.95, 1


class Plan:
    """A roll-out whose estimates and influences are computed once, as linear maps of the paths."""

    def __init__(self, n_firms: int, n_after: int) -> None:
        self.n_periods = N_BEFORE + n_after
        self.start = np.minimum(
            N_BEFORE + np.arange(n_firms) * (n_after + 1) // n_firms, self.n_periods
        )
        self.random = np.random.default_rng([SEED, n_firms, n_after])
        size = n_firms * self.n_periods
        basis = np.linalg.qr(self.random.standard_normal((size, size)))[0]
        found = [self.averages(direction.reshape(n_firms, -1)) for direction in basis]
        self.dof = found[0].dof
        self.estimate = np.array([a.estimate for a in found]).T @ basis
        influence = np.array([a.influence for a in found])
        self.influence = np.einsum("bca,bv->cav", influence, basis)

    def averages(self, value: np.ndarray) -> Averages:
        """Settled, overall, and by time since the start, of paths (firm, period)."""
        n_firms = self.start.size
        paths = Paths(
            value=value,
            start=self.start,
            weight=np.ones(n_firms),
            stratum=np.zeros(n_firms, dtype=np.int64),
        )
        effects = pair_effects(paths, np.arange(n_firms))
        age = effects.event_time
        times = [age == e for e in np.unique(age)]
        return average(effects, [age >= 1, age >= 0, *times])

    def draw(self, n: int, mean: float, spread: float) -> np.ndarray:
        """Draw paths; firm and period effects leave every comparison, and are left out, (replicate, firm x period)."""
        n_firms = self.start.size
        age = np.maximum(np.arange(self.n_periods) - self.start[:, None] + 1, 0)
        effect = mean + spread * self.random.standard_normal((n, n_firms, 1))
        noise = NOISE * self.random.standard_normal((n, n_firms, self.n_periods))
        return (noise + effect * -np.expm1(-RATE * age)).reshape(n, -1)

    def rejects(self, value: np.ndarray) -> np.ndarray:
        """Share of tests that reject, of the settled and the overall average."""
        variance = sum((value @ each[:2].T) ** 2 for each in self.influence)
        t = (value @ self.estimate[:2].T) / np.sqrt(variance)
        return (2 * special.stdtr(self.dof[:2], -np.abs(t)) < 1 - LEVEL).mean(axis=0)

    def joint(self, value: np.ndarray) -> tuple[bool, bool]:
        """Whether the band misses zero, and whether the leads reject."""
        found = self.averages(value.reshape(self.start.size, -1))
        parts = (slice(2, None), slice(2, 2 + int(self.start.max()) - 1))
        times, leads = (
            Averages(
                estimate=found.estimate[part],
                influence=found.influence[:, part],
                dof=found.dof[part],
                weight=found.weight[part],
            )
            for part in parts
        )
        half = band_factors(times, level=LEVEL) * np.sqrt(times.covariance.diagonal())
        known = np.isfinite(half)
        misses = bool((np.abs(times.estimate[known]) > half[known]).any())
        return misses, joint_test(leads).p_value < 1 - LEVEL


def shares(replicates: int, mean: float, spread: float) -> None:
    print(f"{replicates} replicates; settled / overall")
    print("firms    " + "    ".join(f"{p:>2d} periods" for p in PERIODS))
    for n_firms in FIRMS:
        cells = []
        for n_after in PERIODS:
            plan = Plan(n_firms, n_after)
            cells.append(
                " / ".join(f"{x:.3f}" for x in plan.rejects(plan.draw(replicates, mean, spread)))
            )
        print(f"{n_firms:5d}  " + "  ".join(cells), flush=True)


def joint(replicates: int) -> None:
    print(f"{replicates} replicates; band misses / leads reject")
    for n_firms in FIRMS:
        for n_after in (4, 8):
            plan = Plan(n_firms, n_after)
            values = plan.draw(replicates, 0.0, SPREAD)
            rows = [plan.joint(value) for value in values]
            print(
                f"{n_firms:5d} {n_after:3d}  "
                + " / ".join(f"{x:.3f}" for x in np.mean(rows, axis=0)),
                flush=True,
            )


def panels(replicates: int) -> None:
    print("world      firms periods  rejects  covers  mean estimate (truth)")
    for world in ("commodity", "reference"):
        for n_firms in (6, 12, 20):
            for n_after in PERIODS:
                settings = [
                    "treatment=staggered", "n_items=1", "n_pre=2", "n_tasks=12", "output_noise=0.2",
                    f"n_firms={n_firms}", f"n_post={n_after}", f"n_workers={12 * n_firms}",
                ]  # fmt: skip
                rows = []
                for replicate in range(replicates):
                    panel = wt.draw_panel(
                        "rct", world=world, seed=SEED, replicate=replicate, settings=settings
                    )
                    row = wt.estimate(panel, estimators="dispersion_staggered").row(0, named=True)
                    holds = row["conf_low"] <= row["truth"] <= row["conf_high"]
                    rows.append((row["p_value"] < 1 - LEVEL, holds, row["estimate"], row["truth"]))
                rejected, covered, estimate, truth = np.mean(rows, axis=0)
                print(
                    f"{world:10s} {n_firms:5d} {n_after:7d}  {rejected:.2f}     {covered:.2f}    {estimate:+.3f} ({truth:+.3f})",
                    flush=True,
                )


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "size"
    given = [int(word) for word in sys.argv[2:3]]
    if what == "joint":
        joint(*(given or [500]))
    elif what == "panels":
        panels(*(given or [100]))
    else:
        mean, spread = (0.0, SPREAD) if what == "size" else (MEAN_EFFECT, SMALL_SPREAD)
        shares(*(given or [20_000]), mean, spread)


if __name__ == "__main__":
    main()
