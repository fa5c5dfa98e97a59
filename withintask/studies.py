"""Studies of the model: judge replicates, fit to moments, see what moves the fit, compute the headline."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import polars as pl

from withintask.model_results import HeadlineResult, ModelFit, MomentSensitivity, Verdicts
from withintask.panel.errors import ParameterError, nearest, quoted
from withintask.sim.params import Params
from withintask.tests_of_model.evidence import headline as of_headline
from withintask.tests_of_model.harness.rule import Looks
from withintask.tests_of_model.harness.verdict import judge_replicates
from withintask.tests_of_model.moments import fit as of_moments
from withintask.tests_of_model.moments import sensitivity as of_sensitivity
from withintask.tests_of_model.moments.free_parameters import FREE
from withintask.tests_of_model.moments.moments import N_WORKERS
from withintask.tests_of_model.moments.problem import WeightKind
from withintask.tests_of_model.moments.search import Progress
from withintask.tests_of_model.moments.targets import MomentTarget


def verdicts(replicates: pl.DataFrame, *, looks: Looks | None = None) -> Verdicts:
    """Judge every design and estimator on every claim.

    Parameters
    ----------
    replicates
        Rows of :func:`withintask.replicate` in the reference world, without AI, and in any rival worlds.
    looks
        When the tests were to be made; once, with all replicates, if None.

    Returns
    -------
    Verdicts
        One row a claim, design and estimator; ``is_chosen`` marks the estimator with which a design is judged on a claim.

    Raises
    ------
    ParameterError
        If there are no replicates in the reference world.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    >>> study = wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=["dispersion_by_access"])
    >>> wt.verdicts(wt.replicate(study)).filter(claim="H1a")["verdict"].item()
    'underpowered'
    """
    judged = judge_replicates(replicates, looks=looks)
    return Verdicts(judged.verdicts, judged.worlds)


def fit_msm(
    target: MomentTarget,
    start: Params,
    *,
    free: Sequence[str] = FREE,
    weight: WeightKind = "diagonal",
    n_starts: int = 20,
    n_workers: int = N_WORKERS,
    seed: int = 0,
    must_reach: bool = False,
    executor: Executor | None = None,
    ledger: Path | None = None,
    on_progress: Progress | None = None,
) -> ModelFit:
    """Fit the model's parameters to moments.

    Parameters
    ----------
    target
        Moments to match, with their errors; of :func:`withintask.load_target`.
    start
        First start, and the values of the parameters that are not free.
    free
        Free parameters; α, μ, σ, χ, η1 and ξ if left out.
    weight
        ``diagonal``, ``optimal`` or ``identity``.
    n_starts
        Starts: the first, then Sobol points of the plausible ranges.
    n_workers
        Points of the population, the same for every parameter value.
    seed
        Seed of the Sobol starts.
    must_reach
        Refuse a fit with as many parameters as moments that does not meet its targets.
    executor, ledger, on_progress
        Any executor, serial if None; a file that keeps finished starts; what is called with what is done.

    Returns
    -------
    ModelFit
        The lowest minimum and every other distinct one.

    Raises
    ------
    ParameterError
        Fewer moments than free parameters, a singular weight, a start out of bounds, an unknown name.
    EstimationError
        The Jacobian is singular at the start; the direction is named.
    ConvergenceError
        No search converged, or ``must_reach`` and the targets are out of reach.

    Examples
    --------
    >>> import withintask as wt
    >>> target = wt.load_target("illustrative").take(("m1", "m4"))
    >>> free = ("ai_floor", "credential_cost_scale")
    >>> result = wt.fit_msm(target, wt.load_params(), free=free, n_starts=1, n_workers=2**10)
    >>> result.params.ai_floor > 0
    True
    """
    fit = of_moments.fit_msm(
        target,
        start,
        free=free,
        weight=weight,
        n_starts=n_starts,
        n_workers=n_workers,
        seed=seed,
        must_reach=must_reach,
        executor=executor,
        ledger=ledger,
        on_progress=on_progress,
    )
    return ModelFit(fit)


def sensitivity(fit: ModelFit | of_moments.MsmFit) -> MomentSensitivity:
    """Compute how a fit, and the change in inequality that it implies, depend on each moment.

    Parameters
    ----------
    fit
        Of :func:`withintask.fit_msm`.

    Returns
    -------
    MomentSensitivity
        For the parameters in natural units and for ΔGini of income.

    Raises
    ------
    ParameterError
        If the targets have no errors, or a parameter is at a bound, where no derivative exists.
    EstimationError
        If the Jacobian at the fit is singular; the direction is named.

    Examples
    --------
    >>> import withintask as wt
    >>> target = wt.load_target("illustrative").take(("m1", "m4"))
    >>> free = ("ai_floor", "credential_cost_scale")
    >>> fit = wt.fit_msm(target, wt.load_params(), free=free, n_starts=1, n_workers=2**10)
    >>> wt.sensitivity(fit).filter(row="ai_floor", moment="m1")["gradient"].item() < 0
    True
    """
    plain = fit.fit if isinstance(fit, ModelFit) else fit
    return MomentSensitivity(of_sensitivity.sensitivity(plain))


def headline(
    target: MomentTarget,
    start: Params,
    *,
    plan: Literal["full", "quick", "trial"] | of_headline.HeadlinePlan = "full",
    cache: Path | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> HeadlineResult:
    """Fit the model and say what the moments identify and which claims hold.

    Parameters
    ----------
    target
        Six targets, with errors and ranges.
    start
        First start, and the parameters that are not free.
    plan
        How much to compute: ``full`` (minutes), ``quick`` (about one, marked as a first look), ``trial`` (to see that it runs),
        or a plan of your own.
    cache
        Folder for finished parts; a killed run goes on from there.
    executor
        Any executor; serial if None. Results do not depend on it.
    on_progress
        Called with the stage, what is done and what there is in all.

    Returns
    -------
    HeadlineResult
        Claims with what holds of each; ``write(folder)`` makes the page.

    Raises
    ------
    ParameterError
        If the targets lack a moment, an error or a range; all are listed. If there is no such plan.

    Examples
    --------
    >>> import withintask as wt
    >>> start = wt.vary(wt.load_params(), n_occupations=10)
    >>> result = wt.headline(wt.load_target("illustrative"), start, plan="trial")
    >>> result.filter(name="compression_with_concentration")["verdict"].item()
    'holds'
    """
    if isinstance(plan, str) and plan not in of_headline.PLANS:
        hint = nearest(plan, of_headline.PLANS)
        raise ParameterError(f"plan {quoted(plan)}: expected full, quick or trial{hint}")
    chosen = of_headline.PLANS[plan] if isinstance(plan, str) else plan
    page = of_headline.headline(
        target, start, plan=chosen, cache=cache, executor=executor, on_progress=on_progress
    )
    return HeadlineResult(page)
