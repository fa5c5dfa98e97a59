"""Task outputs of workers: equation (1), then the nuisances of the design, then measurement, equation (11)."""

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.panel.panel import Frame
from withintask.sim import equations as eq
from withintask.sim import output_tables as tables
from withintask.sim.access import Use, draw_use, reached_capability
from withintask.sim.block import Block
from withintask.sim.measurement import measured, rating_limits
from withintask.sim.nuisances import is_lost, is_unsampled, log_change, with_new_instrument
from withintask.sim.sample import Sample, Skills, skills_at


def worker_outputs(block: Block) -> Frame:
    """Return the outputs table of these workers.

    Returns
    -------
    polars.DataFrame
        One row a worker, task and period, or one of each of their items and raters, with the columns that the design
        shows.
    """
    use = draw_use(block)
    output = _output(block, use)
    change = log_change(block, use)
    output = output if change is None else output * np.exp(change)
    if block.design.method_break:
        output = with_new_instrument(block, output)
    arrays = tables.OutputArrays(
        output=measured(block, use, output),
        use=use,
        is_kept=_kept_cells(block),
        rating_limits=rating_limits(block),
    )
    return tables.outputs(block, arrays)


def _output(block: Block, use: Use) -> Array:
    """Output as the model has it, eq. (1), (worker, task, period, item); an axis of length 1 for items alike."""
    capability = reached_capability(block, use)
    output = _task_output(block, block.sample, capability)
    if not block.design.reranking:
        return output
    score = eq.reranked_score(
        block.sample.ability_score, block.design.reranking, block.draws["reranking"]
    )
    others = skills_at(block.economy, score, block.draws["taste"])
    anew = _task_output(block, others, capability)
    return np.where(use.is_used & (block.exposure > 0), anew, output)


def _task_output(block: Block, skills: Sample | Skills, capability: Array) -> Array:
    """Output at given skills and capability, (worker, task, period, item).

    Notes
    -----
    Equation (1) is linear in m, so output is hφ + (A_jt a)·u with u = αx[μ h/h̄ + (1-μ)(h/h̄)^(1-ρ)].
    """
    params = block.economy.params
    human_output = params.task_productivity * _of_task(block, skills.human_capital)
    reach = eq.reach(params.capability, params.reach_rate)
    augmented = eq.augmentable_exposure(block.exposure[..., 0], reach)
    response = _of_task(block, skills.response)
    gain = eq.gain_per_capability(params.ai_floor, augmented, response)
    # A period at a time: the last axes are too short to run over quickly.
    by_period = [
        eq.task_output(
            human_output[:, :, draw, None], capability[:, :, period], gain[:, :, draw, None]
        )
        for period, draw in enumerate(block.source)
    ]
    return np.stack(by_period, axis=2)


def _of_task(block: Block, by_skill: Array) -> Array:
    """Pick the skill type of each task: (worker, draw, skill) to (worker, task, draw)."""
    skill = block.setting.task_skill
    if block.design.task_sampling == "cells" or (skill == skill[0]).all():
        return np.take(np.moveaxis(by_skill, 1, 2), skill[0], axis=1)
    of_worker = skill[block.sample.occupation][:, :, None]
    return np.take_along_axis(np.moveaxis(by_skill, 1, 2), of_worker, axis=1)


def _kept_cells(block: Block) -> Flags | None:
    """Cells that sampling, attrition and reassignment leave, (worker, task, period); None if all."""
    design, exposure = block.design, block.exposure[..., 0]
    if not (design.loses_workers or design.task_reassignment or design.undersampling):
        return None
    shape = (block.sample.worker.size, exposure.shape[1], design.n_periods)
    lost = np.zeros(shape, dtype=np.bool_)
    if design.loses_workers:
        lost |= is_lost(design, block.sample, block.draws)[:, None, :]
    if design.undersampling:
        lost |= is_unsampled(design, block.sample, block.draws)[:, None, :]
    if design.task_reassignment:
        chance = eq.loss_probability(design.task_reassignment, block.score[..., 0])
        moved = block.draws["reassignment"][:, :, None] < chance
        lost |= moved & (exposure > 0) & block.rollout.is_post
    return ~lost
