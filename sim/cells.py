"""Task output across workers and firms within each exposed cell: the tensor behind the estimands."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.sim import equations as eq
from withintask.sim.economy import Economy
from withintask.sim.population import SkillGrid, skill_response


@dataclass(frozen=True, kw_only=True, eq=False)
class SkillCells:
    """Exposed tasks of one skill type, before and after AI, with firms and skills as axes.

    Axes are (cell, firm, node): cells are tasks with x > 0, firms the quadrature nodes of all kinds of
    industry, nodes the values of human capital at which smooth functions are evaluated.
    """

    skill: int
    """0 cog, 1 soc."""
    occupation: Codes
    """Occupation of each cell, (cell,)."""
    cell_weight: Array
    """ω_z, pre-period worker-time shares among all exposed cells, (cell,)."""
    firm_weight: Array
    """Worker weights of firms, (firm,)."""
    ai_output: Array
    """m after AI at full use, (cell, firm)."""
    grid: SkillGrid
    """Human-capital nodes and their weights."""
    human_output: Array
    """hφ at the nodes, (node,)."""
    relative_skill: Array
    """h/h̄ at the nodes, (node,)."""
    response: Array
    """Output per unit of m at the nodes, (node,)."""

    def output_after(self) -> Array:
        """Output with AI, (cell, firm, node)."""
        return eq.task_output(self.human_output, self.ai_output[:, :, None], self.response)

    def output_at(self, economy: Economy, skill: Array) -> Array:
        """Output with AI at given human capital, (cell, firm, len(skill))."""
        params, mean = economy.params, economy.population.workers.human_capital_mean[self.skill]
        response = skill_response(params, skill, mean)
        return eq.task_output(
            params.task_productivity * skill, self.ai_output[:, :, None], response
        )

    def mean_over_cells(self, values: Array) -> Array:
        """Weighted mean over cells and firms of an array whose first two axes they are."""
        return np.tensordot(
            np.outer(self.cell_weight, self.firm_weight), values, axes=((0, 1), (0, 1))
        )


def exposed_cells(economy: Economy) -> tuple[SkillCells, ...]:
    """Return the exposed cells of an economy, one entry a skill type that has any.

    Parameters
    ----------
    economy
        A solved economy; cells are the tasks with positive exposure, whether or not AI has arrived.

    Returns
    -------
    tuple of SkillCells
        Weights ω_z sum to 1 over all entries.
    """
    exposure = economy.population.exposure
    occupation, task = np.nonzero(exposure > 0)
    skill_of_cell = economy.population.task_skill[task]
    parts = []
    for skill in np.unique(skill_of_cell):
        chosen = skill_of_cell == skill
        cells = (occupation[chosen], task[chosen])
        parts.append(_skill_cells(economy, int(skill), cells, occupation.size))
    return tuple(parts)


def firm_capabilities(economy: Economy, capability: float) -> tuple[Array, Array]:
    """Return A_jt at the firm nodes of all kinds of industry, and their worker weights, (firm,)."""
    state = economy.after
    kinds = economy.population.industries
    deployed = eq.firm_capability(
        capability, economy.params.commodity, kinds.proprietary[:, None], state.asset_factor
    )
    return deployed.ravel(), np.asarray(state.firm_weight).ravel()


def _skill_cells(
    economy: Economy, skill: int, cells: tuple[Codes, Codes], n_exposed: int
) -> SkillCells:
    params, workers = economy.params, economy.population.workers
    deployed, firm_weight = firm_capabilities(economy, economy.after.capability)
    grid = workers.skill_grids[skill]
    relative = grid.node / workers.human_capital_mean[skill]
    exposure = economy.after.exposure[cells]
    return SkillCells(
        skill=skill,
        occupation=cells[0],
        cell_weight=np.full(exposure.size, 1 / n_exposed),
        firm_weight=firm_weight,
        ai_output=eq.ai_output(params.ai_floor, exposure[:, None], deployed, 1.0),
        grid=grid,
        human_output=params.task_productivity * grid.node,
        relative_skill=relative,
        response=skill_response(params, grid.node, workers.human_capital_mean[skill]),
    )
