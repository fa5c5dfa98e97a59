"""From output to what is recorded of it, equation (11): items, noise, raters, ceilings and kinds of outcome."""

import numpy as np

from withintask.panel.arrays import Array
from withintask.sim import equations as eq
from withintask.sim.access import Use
from withintask.sim.block import Block
from withintask.sim.design import Design

Limits = tuple[float | None, float | None]
"""Floor and ceiling of a rating; None where there is none."""


def measured(block: Block, use: Use, output: Array) -> Array:
    """Return what is recorded of every item by every rater, (worker, task, period, item, rater).

    Parameters
    ----------
    block, use
        The workers, and who uses AI.
    output
        y, (worker, task, period, item); an axis of length 1 where items are alike.
    """
    design, draws = block.design, block.draws
    factor = _log_factor(block, use)
    if factor is not None:
        # In place: at these sizes fresh memory costs more than the arithmetic.
        output = np.multiply(np.exp(factor, out=factor), output, out=factor)
    rated = output[..., None]
    if design.rater_noise:
        rated = rated * np.exp(eq.lognormal_log(design.rater_noise, draws["rater_noise"]))
    ceiling = _output_ceiling(block)
    rated = rated if ceiling is None else np.minimum(rated, ceiling)
    shape = (*output.shape[:3], design.n_items, design.n_raters)
    return _recorded(block, np.broadcast_to(rated, shape))


def rating_limits(block: Block) -> Limits:
    """Lowest and highest value that can be recorded, in units of what is recorded."""
    design = block.design
    if design.outcome == "score":
        return design.score_floor, design.score_ceiling
    return None, _output_ceiling(block) if design.outcome == "positive" else None


def _output_ceiling(block: Block) -> float | None:
    """Output at which recording ends; None if it does not."""
    ceiling = block.design.rating_ceiling
    return ceiling * block.mean_output if ceiling else None


def _log_factor(block: Block, use: Use) -> Array | None:
    """Log of difficulty times noise, (worker, task, period, item), in fresh memory; None if there is neither."""
    design, factor = block.design, None
    if design.output_noise:
        sd: float | Array = design.output_noise
        if design.ai_noise_ratio != 1:
            sd = eq.noise_sd(design.output_noise, design.ai_noise_ratio, use.is_used)
        factor = np.asarray(sd * _noise(design, block.draws["output_noise"]))
        # Of mean 1 without AI; what AI steadies keeps its mean in logs.
        factor -= design.output_noise**2 / 2
    if design.item_sd:
        difficulty = eq.lognormal_log(design.item_sd, _difficulty(block))
        factor = difficulty if factor is None else np.add(factor, difficulty, out=factor)
    return factor


def _noise(design: Design, innovation: Array) -> Array:
    """Standard normal noise, persistent over a worker's items in the order of work: by period, task and item."""
    if not design.noise_persistence:
        return innovation
    if design.is_repeated_cross_section:
        return eq.persistent(innovation, design.noise_persistence)
    ordered = np.swapaxes(innovation, 1, 2)
    chain = eq.persistent(ordered.reshape(len(ordered), -1), design.noise_persistence)
    return np.ascontiguousarray(np.swapaxes(chain.reshape(ordered.shape), 1, 2))


def _difficulty(block: Block) -> Array:
    """Standard normal difficulty of each worker's items, (worker, task, period, item)."""
    if not block.design.is_item_shared:
        return block.draws["own_item_difficulty"]
    occupation = block.sample.occupation
    is_common = block.design.task_sampling == "cells"
    return block.draws["item_difficulty"][np.zeros_like(occupation) if is_common else occupation]


def _recorded(block: Block, rated: Array) -> Array:
    """What the outcome's kind makes of rated output."""
    design = block.design
    if design.outcome == "positive":
        return rated
    if design.outcome == "time":
        return 1 / rated
    if design.outcome == "log":
        return np.log(rated)
    relative = rated / block.mean_output
    if design.outcome == "count":
        return eq.counted(block.draws["outcome"], design.count_mean * relative)
    if design.outcome == "binary":
        return eq.is_solved(block.draws["outcome"], design.log_odds_slope * np.log(relative))
    return eq.scored(np.log(relative), design.score_slope, design.score_floor, design.score_ceiling)
