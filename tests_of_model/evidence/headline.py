"""The headline: what the moments identify, how wide the sign-ambiguous set is, and which claims hold here."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.errors import ParameterError, list_problems
from withintask.sim.params import Params, params_hash
from withintask.tests_of_model.evidence.claim import Claim
from withintask.tests_of_model.evidence.claims import claims
from withintask.tests_of_model.evidence.scenarios import (
    FREE_GIVEN_SHARING,
    by_end,
    scenarios,
    tally,
)
from withintask.tests_of_model.evidence.sign_sets import SetPlan, SignSets, sign_sets
from withintask.tests_of_model.harness.kept import Stages, stage_key
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.errors import ProfileInterval, profile_interval
from withintask.tests_of_model.moments.fit import MsmFit, fit_msm
from withintask.tests_of_model.moments.free_parameters import FREE
from withintask.tests_of_model.moments.moments import N_WORKERS, NAMES, model_moments, params_with
from withintask.tests_of_model.moments.noise import PanelNoise, panel_noise
from withintask.tests_of_model.moments.of_panel import OF_PANEL
from withintask.tests_of_model.moments.sensitivity import Sensitivity, gini_gradient, sensitivity
from withintask.tests_of_model.moments.targets import MomentTarget

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class HeadlinePlan:
    """How much to compute."""

    n_starts: int
    """Starts of the fit."""
    n_replicates: int
    """Replicates from which the panel's covariance comes."""
    sets: SetPlan
    """Panel sizes and effort of the ranges of ΔGini."""
    sharings: tuple[float, ...]
    """Rent sharing at which scenarios are fitted."""
    n_scenario_workers: int
    """Points of the population in scenarios."""
    profiled: tuple[str, ...]
    """Parameters whose profile interval is computed."""
    digits: int
    """Significant digits to which fitted parameters are rounded for the panel's covariance, so that it can be kept."""
    is_quick: bool = False
    """Whether it is a first look, and the page says so."""


FULL = HeadlinePlan(
    n_starts=20,
    n_replicates=200,
    sets=SetPlan(sizes=(1, 4, 16, 64, 256, 1024, 4096), n_points=960, n_workers=2**13),
    sharings=(0.05, 0.10, 0.15),
    n_scenario_workers=2**11,
    profiled=FREE,
    digits=3,
)
"""The whole page, a few minutes. Rent sharing: the range of Card et al. (2018)."""

QUICK = HeadlinePlan(
    n_starts=4,
    n_replicates=60,
    sets=SetPlan(
        sizes=(1, 32, 1024),
        n_points=240,
        n_workers=2**10,
        boxes=("plausible",),
        has_threshold=False,
    ),
    sharings=(0.10,),
    n_scenario_workers=2**9,
    profiled=(),
    digits=3,
    is_quick=True,
)
"""A first look, about a minute: coarse populations, one box, three panel sizes."""

TRIAL = replace(
    QUICK,
    n_starts=1,
    n_replicates=12,
    sets=replace(QUICK.sets, sizes=(1, 1024), n_points=24, n_workers=2**8),
    n_scenario_workers=2**8,
)
"""To see that everything runs, half a minute; its figures are good for nothing else."""

PLANS = {"full": FULL, "quick": QUICK, "trial": TRIAL}
"""Plans by name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Headline:
    """Everything that the page shows."""

    target: MomentTarget
    """What was fitted to."""
    fit: MsmFit
    """The six-moment fit."""
    profiles: tuple[ProfileInterval, ...]
    """Profile intervals of the parameters."""
    with_gini: Sensitivity | None
    """Sensitivity with m1 to m6; None if a parameter is at a bound."""
    given_sharing: Sensitivity | None
    """Sensitivity of α, μ, σ, χ, η1 and ΔGini with m1 to m5 and ξ given."""
    sharing_gradient: float
    """dΔGini/dξ with α, μ, σ, χ and η1 fitted again to m1 to m5; NaN if a parameter is at a bound."""
    noise: PanelNoise
    """Covariance of m1 to m5 in the linked design."""
    sets: SignSets
    """Ranges of ΔGini by panel size, with and without m6."""
    claims: tuple[Claim, ...]
    """Verdicts."""
    scenarios: pl.DataFrame
    """Targets at the ends of their ranges."""
    is_quick: bool
    """Whether the quick plan was used."""

    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Tables of the page, by file name."""
        tables = {
            "parameters": self.fit.table(),
            "moments": self.fit.moment_table(),
            "roots": self.fit.root_table(),
            "ranges": self.sets.ranges,
            "threshold": self.sets.threshold,
            "exact_curve": self.sets.curve,
            "cloud": self.sets.cloud,
            "scenarios": self.scenarios,
            "scenario_signs": tally(self.scenarios),
            "scenario_ends": by_end(self.scenarios),
            "claims": pl.DataFrame(
                [{"name": claim.name, "verdict": claim.verdict} for claim in self.claims]
            ),
        }
        tables |= {f"claim_{claim.name}": claim.evidence for claim in self.claims}
        for name, effects in (
            ("sensitivity_six", self.with_gini),
            ("sensitivity_five", self.given_sharing),
        ):
            if effects is not None:
                tables[name] = effects.table()
        return tables


def headline(
    target: MomentTarget,
    start: Params,
    *,
    plan: HeadlinePlan = FULL,
    cache: Path | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> Headline:
    """Fit the model and compute everything that the page shows.

    Parameters
    ----------
    target
        Six targets, with errors and ranges.
    start
        First start, and the parameters that are not free.
    plan
        How much to compute.
    cache
        Folder for finished parts; a killed run goes on from there.
    executor
        Any executor; serial if None. Results do not depend on it.
    on_progress
        Called with the stage, what is done and what there is in all.

    Raises
    ------
    ParameterError
        If the targets lack a moment, an error or a range; all are listed.
    """

    def stage(name: str) -> Callable[[int, int], None]:
        return lambda done, total: None if on_progress is None else on_progress(name, done, total)

    _fail_if_incomplete(target)
    stages = _stages(cache, target, start, plan)
    fit = fit_msm(
        target,
        start,
        n_starts=plan.n_starts,
        ledger=stages.path("starts.json"),
        executor=executor,
        on_progress=stage("fit"),
    )
    jobs = [_Profile(fit=fit, name=name, stages=stages) for name in plan.profiled]
    profiles = run_all(_profile, jobs, executor=executor, on_progress=stage("profiles"))
    noise = panel_noise(
        rounded(fit.params, plan.digits),
        n_replicates=plan.n_replicates,
        executor=executor,
        ledger=None if cache is None else cache / "panels",
        on_progress=stage("panels"),
    )
    sets = sign_sets(
        fit.params,
        noise,
        plan.sets,
        stages=stages,
        executor=executor,
        on_progress=stage("ranges"),
    )
    given = _given_sharing(target, fit)
    return Headline(
        target=target,
        fit=fit,
        profiles=tuple(profiles),
        with_gini=None if fit.bound else sensitivity(fit),
        given_sharing=None if given is None else sensitivity(given),
        sharing_gradient=float("nan") if given is None else _sharing_gradient(fit, given),
        noise=noise,
        sets=sets,
        claims=claims(fit.params, on_progress=stage("claims")),
        scenarios=_scenarios(target, fit, plan, stages, executor, stage("scenarios")),
        is_quick=plan.is_quick,
    )


def _fail_if_incomplete(target: MomentTarget) -> None:
    """Refuse targets that some part of the page could not use, before the others are computed."""
    problems = [f"{name}: missing" for name in NAMES if name not in target.names]
    if target.covariance is None:
        problems.append("standard errors: missing")
    ends = zip(target.names, target.low, target.high, strict=True)
    problems += [
        f"{name}: no range" for name, low, high in ends if name in OF_PANEL and not low < high
    ]
    if problems:
        advice = "The page needs six moments with errors, and ranges for m1 to m5."
        raise ParameterError(list_problems("targets of the headline", problems, advice=advice))


def _stages(cache: Path | None, target: MomentTarget, start: Params, plan: HeadlinePlan) -> Stages:
    known = [target.names, target.value.tolist(), target.low.tolist(), target.high.tolist()]
    covariance = None if target.covariance is None else target.covariance.tolist()
    return Stages(folder=cache, key=stage_key(*known, covariance, params_hash(start), plan))


def rounded(params: Params, digits: int) -> Params:
    """Round the free parameters to some significant digits."""
    return params_with(
        params, FREE, [float(f"{getattr(params, name):.{digits}g}") for name in FREE]
    )


def _scenarios(
    target: MomentTarget,
    fit: MsmFit,
    plan: HeadlinePlan,
    stages: Stages,
    executor: Executor | None,
    report: Callable[[int, int], None],
) -> pl.DataFrame:
    def compute() -> pl.DataFrame:
        return scenarios(
            target,
            fit.params,
            sharings=plan.sharings,
            n_workers=plan.n_scenario_workers,
            executor=executor,
            on_progress=report,
        )

    return stages.frame("scenarios", compute)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Profile:
    fit: MsmFit
    name: str
    stages: Stages


def _profile(job: _Profile) -> ProfileInterval:
    def compute() -> pl.DataFrame:
        found = profile_interval(job.fit.problem, job.fit.best.point, job.name)
        return pl.DataFrame([asdict(found)])

    kept = job.stages.frame(f"profile_{job.name}", compute)
    return ProfileInterval(**kept.row(0, named=True))


def _given_sharing(target: MomentTarget, fit: MsmFit) -> MsmFit | None:
    """Fit α, μ, σ, χ and η1 to the fitted model's own m1 to m5, with ξ held; None if a parameter is at a bound."""
    if fit.bound:
        return None
    own = model_moments(fit.params, OF_PANEL, n_workers=N_WORKERS)
    five = target.take(OF_PANEL).with_value(own)
    return fit_msm(five, fit.params, free=FREE_GIVEN_SHARING, n_starts=1)


def _sharing_gradient(fit: MsmFit, given: MsmFit) -> float:
    """∂ΔGini/∂ξ - ∂ΔGini/∂θ (∂m/∂θ)⁻¹ ∂m/∂ξ over the five parameters θ, along the parameters that keep m1 to m5."""
    place = fit.names.index("rent_sharing")
    slope = gini_gradient(fit.problem, fit.best.point)
    jacobian = fit.errors.jacobian[: len(OF_PANEL)]
    others = np.delete(np.arange(len(fit.names)), place)
    moved = np.linalg.solve(jacobian[:, others], jacobian[:, place])
    total = slope[place] - slope[others] @ moved
    return float(total / fit.problem.free.slope(fit.best.point)[place])
