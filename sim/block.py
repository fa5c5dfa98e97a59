"""Workers of one panel, or of one chunk of it, with all that they are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.sim.design import Design
from withintask.sim.economy import Economy
from withintask.sim.ids import Numbering, number_ids
from withintask.sim.moves import has_movers
from withintask.sim.rollout import Rollout, draw_of_period
from withintask.sim.sample import Sample, Setting


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """What task outputs are made of; arrays have the axes worker, task, period and item, of length 1 where alike."""

    economy: Economy
    """The solved economy."""
    design: Design
    """What is observed."""
    setting: Setting
    """Firms, occupations and tasks."""
    rollout: Rollout
    """When AI is there, for which firm."""
    sample: Sample
    """The workers."""
    firm: Codes
    """Employer, (worker, period)."""
    draws: Mapping[str, Array]
    """Shocks of the workers, and of what they share."""
    number: Numbering = number_ids
    """What makes ids."""

    @cached_property
    def source(self) -> Codes:
        """Sample of workers that each period observes, (period,)."""
        return draw_of_period(self.design)

    @cached_property
    def exposure(self) -> Array:
        """x(z), (worker, task, 1, 1); one row where all workers have the same tasks."""
        tasks = self.setting.task_exposure
        is_common = self.design.task_sampling == "cells"
        of_worker = tasks if is_common else tasks[self.sample.occupation]
        return of_worker[:, :, None, None]

    @cached_property
    def score(self) -> Array:
        """Standardized log ability, (worker, 1, period, 1)."""
        return self.sample.ability_score[:, self.source][:, None, :, None]

    @cached_property
    def firm_capability(self) -> Array:
        """Capability of the worker's employer, (worker, 1, period, 1)."""
        return self._of_employer(self.rollout.firm_capability)

    @cached_property
    def firm_age(self) -> Array:
        """Periods since the worker's employer adopted AI, counted from 1; 0 before, (worker, 1, period, 1)."""
        return self._of_employer(self.rollout.firm_age)

    def _of_employer(self, by_firm: Array) -> Array:
        stays = not has_movers(self.design)
        period = np.arange(self.design.n_periods)
        of_worker = by_firm[self.sample.firm] if stays else by_firm[self.firm, period]
        return of_worker[:, None, :, None]

    @cached_property
    def post(self) -> Array:
        """1 after AI's arrival, 0 before, (period, 1)."""
        return self.rollout.is_post.astype(np.float64)[:, None]

    @cached_property
    def mean_output(self) -> float:
        """Mean human output on a cognitive task, φ h̄."""
        workers = self.economy.population.workers
        return float(self.economy.params.task_productivity * workers.human_capital_mean[0])
