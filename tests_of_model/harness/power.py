"""Power: curves over sizes of a design, the smallest sample, and the smallest detectable effect."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError, list_problems, nearest
from withintask.panel.notation import parameter_names
from withintask.panel.panel import Panel
from withintask.panel.transform import eager
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.params import Params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.diagnosands import LEVEL
from withintask.tests_of_model.harness.diagnose import diagnose, wide
from withintask.tests_of_model.harness.replicate import solved
from withintask.tests_of_model.harness.verdict import POWER_GOAL
from withintask.tests_of_model.hypotheses.estimate import run_estimator
from withintask.tests_of_model.hypotheses.hypothesis import Estimator
from withintask.tests_of_model.samples.sample import Sample

SHORT_NAMES = {
    "workers": "n_workers",
    "tasks": "n_tasks",
    "firms": "n_firms",
    "occupations": "n_occupations",
}
"""Sizes by the names that the command line takes."""


def parse_grid(vary: Sequence[str]) -> dict[str, list[int]]:
    """Read sizes such as ``workers=50,100`` into fields of a design.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form.
    """
    grid: dict[str, list[int]] = {}
    problems = []
    for text in vary:
        name, equals, values = text.partition("=")
        try:
            grid[SHORT_NAMES.get(name, name)] = sorted({int(value) for value in values.split(",")})
        except ValueError:
            problems.append(f"{text!r}: expected name=number,number, for example workers=50,100")
        if not equals:
            problems.append(f"{text!r}: expected an equals sign")
    if problems:
        raise ParameterError(list_problems("--vary", problems))
    return grid


def parse_effects(effect: str) -> tuple[str, list[float]]:
    """Read a parameter and its values, such as ``capability=0.25,0.5``.

    Raises
    ------
    ParameterError
        If it is not of that form or names no parameter.
    """
    name, _, values = effect.partition("=")
    if name not in parameter_names():
        raise ParameterError(
            f"--effect {effect!r}: {name} is no parameter{nearest(name, parameter_names())}"
        )
    try:
        return name, sorted({float(value) for value in values.split(",")})
    except ValueError:
        raise ParameterError(
            f"--effect {effect!r}: expected a parameter and numbers, for example capability=0.25,0.5"
        ) from None


def design_grid(design: Design, grid: Mapping[str, Sequence[int]]) -> tuple[Design, ...]:
    """Return the design at every combination of sizes; firms shrink with workers so that their size stays.

    Raises
    ------
    ParameterError
        If a combination is impossible.
    """
    found = []
    for values in itertools.product(*grid.values()):
        sizes = dict(zip(grid, values, strict=True))
        if "n_workers" in sizes and "n_firms" not in sizes:
            by_firm = design.n_workers / design.n_firms
            sizes["n_firms"] = max(1, round(sizes["n_workers"] / by_firm))
        label = ",".join(f"{name}={value}" for name, value in sizes.items())
        found.append(change_design(design, **sizes, name=f"{design.name}[{label}]"))
    return tuple(found)


def power_table(
    replicates: pl.DataFrame, designs: Sequence[Design], term: str, *, varied: Sequence[str]
) -> pl.DataFrame:
    """Return power with its Monte-Carlo error at every size, in the order of the designs.

    Parameters
    ----------
    replicates
        Rows of one estimator.
    designs
        The designs that were run.
    term
        The estimand.
    varied
        Fields of the design that differ between them.

    Returns
    -------
    polars.DataFrame
        world, design, the fields varied, n_workers, n_firms, n_tasks_by_worker, estimator, truth, bias, bias_mc_se, power,
        power_mc_se, empirical_se, coverage, n_replicates, n_failed.
    """
    sizes = tuple(dict.fromkeys((*varied, "n_workers", "n_firms", "n_tasks_by_worker")))
    by_design = pl.DataFrame(
        [(d.name, *(getattr(d, size) for size in sizes)) for d in designs],
        schema={"design": pl.String, **dict.fromkeys(sizes, pl.Int64)},
        orient="row",
    )
    table = wide(diagnose(replicates.filter(pl.col("term") == term)))
    kept = (
        "estimator",
        "truth",
        "bias",
        "bias_mc_se",
        "power",
        "power_mc_se",
        "empirical_se",
        "coverage",
        "n_replicates",
        "n_failed",
    )
    return by_design.join(
        table.select("world", "design", *kept), on="design", how="left", maintain_order="left"
    )


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where power reaches the goal, from a probit fit of rejections."""

    value: float
    """Estimated size or effect; infinity if power does not rise with it."""
    low: float
    """Lower end of a 95 percent interval."""
    high: float
    """Upper end."""
    is_extrapolated: bool
    """Whether it lies outside what was run."""


def smallest_sample(
    size: Array, rejections: Array, trials: Array, *, goal: float = POWER_GOAL
) -> Crossing:
    """Find the sample at which power reaches the goal.

    Parameters
    ----------
    size, rejections, trials
        Sizes run, tests that rejected, and replicates, (size,) each.
    goal
        Power asked for.

    Raises
    ------
    EstimationError
        If fewer than two sizes were run.

    Notes
    -----
    For a two-sided test of level .05 whose standard error falls with √n, power is about Φ(b√n - 1.96): a probit that
    is linear in √n, with intercept near -1.96. The interval is by Fieller's theorem in √n.
    """
    root = _crossing(np.sqrt(size), rejections, trials, goal)
    return replace(root, value=root.value**2, low=root.low**2, high=root.high**2)


def smallest_effect(
    effect: Array, rejections: Array, trials: Array, *, goal: float = POWER_GOAL
) -> Crossing:
    """Find the true effect, in absolute value, that a design finds with the power asked for.

    Parameters
    ----------
    effect, rejections, trials
        Truths run, tests that rejected, and replicates, (effect,) each.
    goal
        Power asked for.

    Raises
    ------
    EstimationError
        If fewer than two effects were run.

    Notes
    -----
    As for :func:`smallest_sample`, with a probit that is linear in the effect.
    """
    return _crossing(np.abs(effect), rejections, trials, goal)


def _crossing(x: Array, rejections: Array, trials: Array, goal: float) -> Crossing:
    if np.unique(x).size < 2:
        raise EstimationError("power: expected at least two sizes or effects to search between")
    params, covariance = _probit(np.column_stack([np.ones(x.size), x]), rejections, trials)
    target = float(ndtri(goal))
    value = float((target - params[0]) / params[1])
    if params[1] <= 0 or value <= 0:
        return Crossing(value=math.inf, low=math.nan, high=math.inf, is_extrapolated=True)
    low, high = _fieller(params, covariance, target)
    outside = not x.min() <= value <= x.max()
    return Crossing(value=value, low=low, high=high, is_extrapolated=outside)


def _probit(X: Array, hits: Array, trials: Array) -> tuple[Array, Array]:
    def loss(b: Array) -> float:
        index = X @ b
        # Half a pseudo-trial of each kind keeps the fit finite where all or none reject.
        return -float((hits + 1 / 2) @ log_ndtr(index) + (trials - hits + 1 / 2) @ log_ndtr(-index))

    start = np.array([-float(ndtri(1 - LEVEL / 2)), 1 / float(X[:, 1].mean())])
    b = minimize(loss, start, method="BFGS").x
    index = X @ b
    density = np.exp(-(index**2) / 2) / math.sqrt(2 * math.pi)
    p = np.clip(ndtr(index), np.finfo(float).eps, 1 - np.finfo(float).eps)
    weight = (trials + 1) * density**2 / (p * (1 - p))
    return b, np.linalg.inv((X * weight[:, None]).T @ X)


def _fieller(b: Array, covariance: Array, target: float) -> tuple[float, float]:
    z = float(ndtri(1 - LEVEL / 2))
    shift = target - b[0]
    a2 = b[1] ** 2 - z**2 * covariance[1, 1]
    a1 = -2 * (b[1] * shift + z**2 * covariance[0, 1])
    a0 = shift**2 - z**2 * covariance[0, 0]
    root = a1**2 - 4 * a2 * a0
    if a2 <= 0 or root < 0:
        return 0.0, math.inf
    ends = sorted((-a1 + sign * math.sqrt(root)) / (2 * a2) for sign in (-1, 1))
    return max(ends[0], 0.0), max(ends[1], 0.0)


def search_size(
    rejects: Callable[[int, int], float],
    *,
    low: int,
    high: int,
    goal: float = POWER_GOAL,
    trials: int = 4_000,
) -> int:
    """Find the smallest size by stochastic bisection with a likelihood over candidate sizes.

    Parameters
    ----------
    rejects
        Function of a size and a replicate number: 1 if the test rejects, else 0.
    low, high
        Sizes to search between.
    goal
        Power asked for.
    trials
        Replicates in all.

    Returns
    -------
    int
        The median of the posterior over sizes.

    Notes
    -----
    A sequential probit design: each replicate is run at the present median, where it tells most (Kesten 1958; the
    Bayesian form follows Chaloner and Verdinelli 1995). Power is taken to be Φ(√(n/n*)(z_goal + 1.96) - 1.96).
    """
    sizes = np.unique(np.geomspace(low, high, 400).round().astype(int))
    z = float(ndtri(1 - LEVEL / 2))
    log_weight = np.zeros(sizes.size)
    place = sizes.size // 2
    for number in range(trials):
        index = np.sqrt(sizes[place] / sizes) * (float(ndtri(goal)) + z) - z
        hit = rejects(int(sizes[place]), number)
        log_weight += log_ndtr(index) if hit else log_ndtr(-index)
        weight = np.exp(log_weight - log_weight.max())
        place = int(np.searchsorted(np.cumsum(weight), weight.sum() / 2))
    return int(sizes[place])


def rejection(
    estimator: Estimator, term: str, params: Params, design: Design, *, seed: int, replicate: int
) -> float:
    """Draw one replicate and tell whether the test of no effect rejects.

    Parameters
    ----------
    estimator, term
        Whose test.
    params, design, seed, replicate
        What is drawn.

    Returns
    -------
    float
        1 if it rejects at LEVEL, 0 if not, NaN if there is no p-value.
    """
    economy, _ = solved(params)
    panel = simulate(economy, design, draw_shocks(design, seed=seed, replicate=replicate))
    (p_value,) = (
        row.p_value for row in run_estimator(estimator, Sample(panel)) if row.term == term
    )
    return float(p_value < LEVEL) if math.isfinite(p_value) else math.nan


def detectable_effect(std_error: float, *, goal: float = POWER_GOAL) -> float:
    """Smallest effect that a two-sided normal test finds with the given power, (z_{1-level/2} + z_goal)·std_error."""
    return float(ndtri(1 - LEVEL / 2) + ndtri(goal)) * std_error


def two_group_power(effect: float, sd: float, n_by_group: int) -> float:
    """Closed form: power of a two-sided z test of two equal groups' means."""
    return _normal_power(effect, sd * math.sqrt(2 / n_by_group))


def cluster_power(
    effect: float, sd: float, n_clusters_by_arm: int, cluster_size: int, intraclass: float
) -> float:
    """Closed form: the same with whole clusters assigned, variance times 1 + (m - 1)·ICC."""
    inflation = 1 + (cluster_size - 1) * intraclass
    return _normal_power(effect, sd * math.sqrt(2 * inflation / (n_clusters_by_arm * cluster_size)))


def _normal_power(effect: float, std_error: float) -> float:
    z, shift = float(ndtri(1 - LEVEL / 2)), abs(effect) / std_error
    return float(ndtr(shift - z) + ndtr(-shift - z))


def calibrate(design: Design, pilot: Panel) -> Design:
    """Take from a pilot panel what it shows of noise, firm sizes, mobility and firm premia.

    Parameters
    ----------
    design
        The design to be powered.
    pilot
        A panel with outputs or pay.

    Returns
    -------
    Design
        With ``output_noise`` from the change over two periods before AI of a worker's log output on a task,
        ``n_firms`` from workers per firm, ``mobility`` from changes of firm, where the pilot shows them.
    """
    changes: dict[str, object] = {}
    first = pilot.info.first_ai_period
    if pilot.outputs is not None:
        changes |= _from_outputs(design, eager(pilot.outputs), first)
    if pilot.pay is not None and "firm_id" in eager(pilot.pay).columns:
        changes |= _from_pay(eager(pilot.pay))
    return replace(change_design(design, **changes), name=design.name)


def _from_outputs(design: Design, frame: pl.DataFrame, first: int | None) -> dict[str, object]:
    found: dict[str, object] = {}
    before = frame if first is None else frame.filter(pl.col("period") < first)
    spread = (
        before.group_by("worker_id", "task_id")
        .agg(pl.col("output").log().var().alias("variance"))
        .drop_nulls("variance")
    )
    if spread.height:
        found["output_noise"] = math.sqrt(float(spread["variance"].mean()))  # type: ignore[arg-type]
    if "firm_id" in frame.columns and frame["firm_id"].n_unique() > 1:
        by_firm = frame["worker_id"].n_unique() / frame["firm_id"].n_unique()
        found["n_firms"] = max(1, round(design.n_workers / by_firm))
    return found


def _from_pay(frame: pl.DataFrame) -> dict[str, object]:
    moved = (
        frame.sort("worker_id", "period")
        .with_columns(is_move=(pl.col("firm_id") != pl.col("firm_id").shift(1).over("worker_id")))
        .get_column("is_move")
        .drop_nulls()
    )
    return {"mobility": float(moved.mean())} if moved.len() else {}  # type: ignore[arg-type]
