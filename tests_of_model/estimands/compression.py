"""Truths of H1: dispersion within exposed tasks, and the gradient of gains in ability."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim.cells import SkillCells, exposed_cells
from withintask.sim.economy import Economy
from withintask.sim.params import Params
from withintask.tests_of_model.estimands.truth import Estimand


def scope(params: Params) -> bool:
    """The claim is made where skill and AI substitute inside a task, ρ > 0."""
    return params.task_substitution > 0


def delta_log_cv(economy: Economy) -> float:
    """H1a: Σ ω_z E_j[ln CV(y₁|z,j) - ln CV(y₀|z)] over exposed cells, firms worker-weighted."""
    return _sum_over_cells(economy, _log_cv)


def delta_log_variance(economy: Economy) -> float:
    """H1a with the log variance of log output in place of the log coefficient of variation."""
    return _sum_over_cells(economy, _log_variance_of_log)


def delta_log_mean_variance(economy: Economy) -> float:
    """The same with the variance of log output averaged over firms before the log is taken."""
    total = 0.0
    for cells in exposed_cells(economy):
        weight = cells.grid.weight
        after = np.exp(_log_variance_of_log(cells.output_after(), weight)) @ cells.firm_weight
        before = _log_variance_of_log(cells.human_output, weight)
        total += float(cells.cell_weight @ (np.log(after) - before))
    return total


def delta_log_iqr(economy: Economy) -> float:
    """H1a with the log interquartile range of log output; output rises with skill, so quartiles of skill serve."""
    total = 0.0
    for cells in exposed_cells(economy):
        skill = economy.population.workers.human_capital[:, cells.skill]
        quartile = np.quantile(skill, [1 / 4, 3 / 4])
        log_before = np.log(economy.params.task_productivity * quartile)
        log_after = np.log(cells.output_at(economy, quartile))
        change = np.log(np.diff(log_after)[..., 0]) - np.log(np.diff(log_before))[0]
        total += float(cells.mean_over_cells(change))
    return total


def delta_log_cv_pooled(economy: Economy) -> float:
    """The change in ln CV when output is pooled over firms; it holds the spread of AI across firms too."""
    total = 0.0
    for cells in exposed_cells(economy):
        output, weight = cells.output_after(), cells.grid.weight
        mean = cells.firm_weight @ (output @ weight).T
        square = cells.firm_weight @ (output**2 @ weight).T
        after = np.log(square - mean**2) / 2 - np.log(mean)
        total += float(cells.cell_weight @ (after - _log_cv(cells.human_output, weight)))
    return total


def ability_gradient(economy: Economy) -> float:
    """H1b: population coefficient on ln θ of ln(y₁/y₀) on (ln θ, e_k, cell x firm effects), exposed cells."""
    workers = economy.population.workers
    moments, products = np.zeros((2, 2)), np.zeros(2)
    for cells in exposed_cells(economy):
        gain = cells.mean_over_cells(np.log(cells.output_after() / cells.human_output))
        regressors = np.column_stack([workers.log_ability, workers.education[:, cells.skill]])
        regressors = regressors - regressors.mean(axis=0)
        n_workers = regressors.shape[0]
        moments += cells.cell_weight.sum() * regressors.T @ regressors / n_workers
        products += (regressors.T @ cells.grid.basis / n_workers) @ gain
    return float(np.linalg.solve(moments, products)[0])


def _log_cv(output: Array, weight: Array) -> Array:
    mean = output @ weight
    return np.asarray(np.log((output - mean[..., None]) ** 2 @ weight) / 2 - np.log(mean))


def _log_variance_of_log(output: Array, weight: Array) -> Array:
    log_output = np.log(output)
    deviation = log_output - (log_output @ weight)[..., None]
    return np.asarray(np.log(deviation**2 @ weight))


def _sum_over_cells(economy: Economy, statistic: Callable[[Array, Array], Array]) -> float:
    def change(cells: SkillCells) -> Array:
        weight = cells.grid.weight
        return statistic(cells.output_after(), weight) - statistic(cells.human_output, weight)

    return sum(float(cells.mean_over_cells(change(cells))) for cells in exposed_cells(economy))


TRUTHS: Mapping[str, Estimand] = MappingProxyType(
    {
        "delta_log_cv": delta_log_cv,
        "delta_log_variance": delta_log_variance,
        "delta_log_mean_variance": delta_log_mean_variance,
        "delta_log_iqr": delta_log_iqr,
        "delta_log_cv_pooled": delta_log_cv_pooled,
        "ability_gradient": ability_gradient,
    }
)
"""Estimands by the name of their term."""
