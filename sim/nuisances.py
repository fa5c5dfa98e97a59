"""What changes task output, or takes workers out of a panel, without any effect of AI."""

from collections.abc import Iterator, Mapping

import numpy as np

from withintask.panel.arrays import Array, Flags
from withintask.sim import equations as eq
from withintask.sim.access import Use
from withintask.sim.block import Block
from withintask.sim.design import Design
from withintask.sim.rollout import draw_of_period
from withintask.sim.sample import Sample


def log_change(block: Block, use: Use) -> Array | None:
    """Return the change of log output that the design's nuisances make, (worker, task, period, item); None if none."""
    total: Array | None = None
    for change in _log_changes(block, use):
        total = change if total is None else total + change
    return total


def _log_changes(block: Block, use: Use) -> Iterator[Array]:
    design, score, exposure = block.design, block.score, block.exposure
    if design.occupation_shock:
        yield design.occupation_shock * exposure * block.post
    if design.hawthorne:
        rise = eq.hawthorne_log(design.hawthorne, design.hawthorne_slope, score)
        yield rise * use.is_treated
    if design.item_choice:
        yield eq.item_choice_log(design.item_choice, score) * use.is_treated
    if design.practice:
        done = _items_done(design)
        yield eq.practice_log(design.practice, design.practice_slope, done, score)
    if design.quality_tradeoff:
        yield eq.quality_tradeoff_log(design.quality_tradeoff, exposure) * use.is_used
    if design.firm_shock_sd:
        yield block.setting.firm_shock[block.firm][:, None, :, None] * block.post
    if design.effect_sd:
        draw = block.draws["worker_effect"][:, block.source][:, None, :, None]
        yield eq.effect_log(design.effect_sd, draw, exposure) * use.is_used


def with_new_instrument(block: Block, output: Array) -> Array:
    """Shrink log dispersion around a common center after AI's arrival, in proportion to exposure."""
    center = np.log(block.mean_output)
    shrink = 1 - block.design.method_break * block.exposure * block.post
    return np.asarray(np.exp(center + shrink * (np.log(output) - center)))


def is_lost(design: Design, sample: Sample, draws: Mapping[str, Array]) -> Flags:
    """Whether attrition takes the worker whom a period would observe out of it, (worker, period)."""
    draw = draw_of_period(design)
    score = sample.ability_score[:, draw]
    lost = np.zeros(score.shape, dtype=np.bool_)
    if design.attrition:
        lost |= draws["attrition"][:, None] < eq.loss_probability(design.attrition, score)
    if design.arm_attrition and design.treatment != "randomized_items":
        is_taken = draws["arm_attrition"][:, None] < eq.loss_probability(
            design.arm_attrition, score
        )
        lost |= is_taken & sample.is_treated[:, draw]
    return np.asarray(lost & (np.arange(design.n_periods) >= design.n_pre))


def is_unsampled(design: Design, sample: Sample, draws: Mapping[str, Array]) -> Flags:
    """Whether the worker whom a period would observe was not sampled, (worker, period)."""
    score = sample.ability_score[:, draw_of_period(design)]
    return np.asarray(draws["sampled"][:, None] < eq.loss_probability(design.undersampling, score))


def _items_done(design: Design) -> Array:
    """Items of a task that a worker did before each, (period, item)."""
    done = np.arange(design.n_periods * design.n_items, dtype=np.float64)
    return done.reshape(design.n_periods, design.n_items)
