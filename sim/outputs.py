"""Task outputs of workers: equation (1), then the nuisances of the design."""

from collections.abc import Mapping

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.panel.panel import Frame
from withintask.sim import equations as eq
from withintask.sim import tables
from withintask.sim.design import Design
from withintask.sim.economy import Economy
from withintask.sim.rollout import Rollout, draw_of_period
from withintask.sim.sample import Sample, Setting, loss_probability


def worker_outputs(
    economy: Economy,
    design: Design,
    setting: Setting,
    rollout: Rollout,
    sample: Sample,
    draws: Mapping[str, Array],
) -> Frame:
    """Return the outputs table of these workers.

    Parameters
    ----------
    economy, design, setting, rollout
        The economy and what the panel shares among its workers.
    sample
        The workers.
    draws
        Shocks of workers (``shocks.worker_shapes``).

    Returns
    -------
    polars.DataFrame
        One row a worker, task and period, with the columns that the design shows.

    Notes
    -----
    Equation (1) is linear in m, so output is hφ + (A_jt a)·u with u = αx[μ h/h̄ + (1-μ)(h/h̄)^(1-ρ)].
    """
    params = economy.params
    is_common = design.task_sampling == "cells"
    exposure = setting.task_exposure if is_common else setting.task_exposure[sample.occupation]
    use = sample.is_treated[:, draw_of_period(design)] & (rollout.firm_age[sample.firm] > 0)
    human_output = params.task_productivity * _of_task(
        sample.human_capital, setting, sample, is_common=is_common
    )
    capability = rollout.firm_capability[sample.firm] * use
    augmented = eq.augmentable_exposure(exposure, eq.reach(params.capability, params.reach_rate))
    response = _of_task(sample.response, setting, sample, is_common=is_common)
    gain = eq.gain_per_capability(params.ai_floor, augmented[:, :, None], response)
    # A period at a time: the last axis is too short to run over quickly.
    by_period = [
        eq.task_output(human_output[:, :, draw], capability[:, [period]], gain[:, :, draw])
        for period, draw in enumerate(draw_of_period(design))
    ]
    output = np.stack(by_period, axis=2)
    arrays = tables.OutputArrays(
        output=_disturb(economy, design, rollout, exposure, output, draws),
        has_access=_access(design, rollout, use),
        use=use,
        is_kept=_kept_rows(design, rollout, sample, exposure, draws),
        rating_ceiling=rating_ceiling(economy, design),
    )
    return tables.outputs(design, sample, arrays)


def rating_ceiling(economy: Economy, design: Design) -> float | None:
    """Highest output that the design's rating can record, output; None if it has no ceiling."""
    if not design.rating_ceiling:
        return None
    mean = economy.params.task_productivity * economy.population.workers.human_capital_mean[0]
    return float(design.rating_ceiling * mean)


def is_lost(design: Design, sample: Sample, draws: Mapping[str, Array]) -> Flags:
    """Whether attrition takes the worker whom a period would observe out of it, (worker, period)."""
    score = sample.ability_score[:, draw_of_period(design)]
    is_post = np.arange(design.n_periods) >= design.n_pre
    return np.asarray(
        (draws["attrition"][:, None] < loss_probability(design.attrition, score)) & is_post
    )


def _access(design: Design, rollout: Rollout, use: Flags) -> Flags:
    """Access follows use where it is assigned; where use is chosen, all have access after arrival."""
    return (
        np.broadcast_to(rollout.is_post, use.shape) if design.treatment == "self_selected" else use
    )


def _of_task(by_skill: Array, setting: Setting, sample: Sample, *, is_common: bool) -> Array:
    """Pick the skill type of each task: (worker, draw, skill) to (worker, task, draw)."""
    skill = setting.task_skill
    if is_common or (skill == skill[0]).all():
        return np.take(np.moveaxis(by_skill, 1, 2), skill[0], axis=1)
    of_worker = skill[sample.occupation][:, :, None]
    return np.take_along_axis(np.moveaxis(by_skill, 1, 2), of_worker, axis=1)


def _disturb(
    economy: Economy,
    design: Design,
    rollout: Rollout,
    exposure: Array,
    output: Array,
    draws: Mapping[str, Array],
) -> Array:
    """Apply shock, change of instrument, noise and ceiling to output, in this order."""
    post = rollout.is_post.astype(np.float64)
    if design.occupation_shock:
        output = output * np.exp(design.occupation_shock * exposure[:, :, None] * post)
    if design.method_break:
        center = np.log(
            economy.params.task_productivity * economy.population.workers.human_capital_mean[0]
        )
        shrink = 1 - design.method_break * exposure[:, :, None] * post
        output = np.exp(center + shrink * (np.log(output) - center))
    if design.output_noise:
        # In place: at these sizes fresh memory costs more than the arithmetic.
        factor = design.output_noise * draws["output_noise"]
        factor -= design.output_noise**2 / 2
        output = np.multiply(np.exp(factor, out=factor), output, out=factor)
    ceiling = rating_ceiling(economy, design)
    return output if ceiling is None else np.minimum(output, ceiling)


def _kept_rows(
    design: Design, rollout: Rollout, sample: Sample, exposure: Array, draws: Mapping[str, Array]
) -> Flags | None:
    """Rows that attrition and reassignment leave, (worker, task, period); None if all."""
    if not (design.attrition or design.task_reassignment):
        return None
    lost = np.zeros((sample.worker.size, exposure.shape[1], rollout.is_post.size), dtype=np.bool_)
    if design.attrition:
        lost |= is_lost(design, sample, draws)[:, None, :]
    if design.task_reassignment:
        score = sample.ability_score[:, draw_of_period(design)]
        chance = loss_probability(design.task_reassignment, score)
        moved = draws["reassignment"][:, :, None] < chance[:, None, :]
        lost |= moved & (exposure > 0)[:, :, None] & rollout.is_post
    return ~lost
