"""Employers of workers over time."""

from collections.abc import Mapping

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.sim import equations as eq
from withintask.sim.design import Design
from withintask.sim.rollout import draw_of_period
from withintask.sim.sample import Sample, Setting


def firm_history(
    design: Design, setting: Setting, sample: Sample, draws: Mapping[str, Array]
) -> Codes:
    """Firm of every worker and period, (worker, period).

    Movers go to any firm with equal probability; with sorting, the abler to firms of more assets.
    """
    history = np.repeat(sample.firm[:, None], design.n_periods, axis=1)
    if has_movers(design):
        target = _destination(design, setting, sample, draws["destination"])
        for period in range(1, design.n_periods):
            moves = draws["move"][:, period] < design.mobility
            history[:, period] = np.where(moves, target[:, period], history[:, period - 1])
    return history


def _destination(design: Design, setting: Setting, sample: Sample, uniform: Array) -> Codes:
    """Firm to which a worker would move in each period, (worker, period)."""
    if not design.mobility_sorting:
        return (uniform * design.n_firms).astype(np.int64)
    score = sample.ability_score[:, draw_of_period(design)]
    rank = eq.sorted_destination(uniform, design.mobility_sorting, score)
    by_assets = np.argsort(setting.firm_log_assets, kind="stable")
    return by_assets[np.minimum((rank * design.n_firms).astype(np.int64), design.n_firms - 1)]


def has_movers(design: Design) -> bool:
    """Whether workers change firm: where their pay is seen."""
    return bool(design.mobility and design.has_pay)
