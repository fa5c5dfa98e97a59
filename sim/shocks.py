"""Standardized draws: the only place where randomness enters.

A shock is standard normal or uniform, so the same draws serve every parameter value. The stream of a shock is
``SeedSequence(seed, spawn_key=(replicate, STREAMS.index(name)))``: any replicate can be drawn alone, and drawing a
stream in chunks gives the same numbers as drawing it whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.sim.design import Design

# Append only: the position of a name is part of its stream.
STREAMS = (
    "ability",
    "taste",
    "access_rank",
    "use_taste",
    "ability_noise",
    "ability_retest_noise",
    "output_noise",
    "attrition",
    "reassignment",
    "pay_noise",
    "move",
    "destination",
    "assets",
    "firm_premium",
    "adoption",
    "cell",
    "occupation",
    "credential",
    "applicant_ability",
    "work_sample_noise",
    "credential_noise",
    "later_output_noise",
    "industry",
    "item_difficulty",
    "own_item_difficulty",
    "rater_noise",
    "outcome",
    "item_access",
    "arm_attrition",
    "noncompliance",
    "firm_shock",
    "worker_effect",
    "occupation_effect",
    "reranking",
    "credential_effect",
    "sampled",
)

_UNIFORM = frozenset(
    (
        "access_rank",
        "attrition",
        "reassignment",
        "move",
        "destination",
        "adoption",
        "cell",
        "occupation",
        "credential",
        "industry",
        "outcome",
        "item_access",
        "arm_attrition",
        "noncompliance",
        "sampled",
    )
)


class ShockStreams:
    """The streams of one replicate, each drawn in order; keeps its position between calls."""

    def __init__(self, *, seed: int, replicate: int = 0) -> None:
        if seed < 0 or replicate < 0:
            raise ParameterError(
                f"seed = {seed}, replicate = {replicate}: expected non-negative numbers"
            )
        self._key = (seed, replicate)
        self._generators: dict[str, np.random.Generator] = {}

    def draw(self, name: str, shape: tuple[int, ...]) -> Array:
        """Draw the next values of a stream: uniform on [0, 1) or standard normal, of the given shape."""
        generator = self._generators.get(name)
        if generator is None:
            seed, replicate = self._key
            sequence = np.random.SeedSequence(seed, spawn_key=(replicate, STREAMS.index(name)))
            generator = self._generators[name] = np.random.Generator(np.random.SFC64(sequence))
        return generator.random(shape) if name in _UNIFORM else generator.standard_normal(shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shocks:
    """All draws of one replicate of one design, by name; only those the design uses are present."""

    seed: int
    """Seed of the study."""
    replicate: int
    """Number of the replicate."""
    draws: Mapping[str, Array]
    """Standardized draws, worker-major."""

    def __getitem__(self, name: str) -> Array:
        """Return the draws of a name."""
        return self.draws[name]


def draw_shocks(design: Design, *, seed: int, replicate: int = 0) -> Shocks:
    """Draw everything that a design needs.

    Parameters
    ----------
    design
        Sizes and nuisances; decides which shocks are drawn, and no other property of them.
    seed, replicate
        Non-negative; equal pairs give equal draws.

    Returns
    -------
    Shocks
        Arrays whose shapes are those of :func:`shock_shapes`.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> first, again = wt.draw_shocks(design, seed=1), wt.draw_shocks(design, seed=1)
    >>> all((first.draws[name] == again.draws[name]).all() for name in first.draws)
    True
    """
    streams = ShockStreams(seed=seed, replicate=replicate)
    draws = {name: streams.draw(name, shape) for name, shape in shock_shapes(design).items()}
    return Shocks(seed=seed, replicate=replicate, draws=MappingProxyType(draws))


def shock_shapes(design: Design, *, n_workers: int | None = None) -> dict[str, tuple[int, ...]]:
    """Return the shape of each shock that a design needs.

    Parameters
    ----------
    design
        The design.
    n_workers
        Workers to draw for, all of the design's if None; a chunk of a streamed panel has fewer.

    Returns
    -------
    dict
        Name to shape; the first axis of a worker's shock is the worker.
    """
    return {
        **common_shapes(design),
        **worker_shapes(design, design.n_workers if n_workers is None else n_workers),
    }


def common_shapes(design: Design) -> dict[str, tuple[int, ...]]:
    """Shapes of the shocks of firms, tasks, occupations, postings and applicants."""
    firms, occupations, periods = (design.n_firms,), (design.n_occupations,), design.n_periods
    shapes: dict[str, tuple[int, ...]] = {
        "assets": firms,
        "firm_premium": firms,
        "adoption": firms,
        "occupation": occupations,
        "industry": (1,),
    }
    shapes["cell"] = (design.n_tasks_by_worker,)
    if design.firm_shock_sd:
        shapes["firm_shock"] = firms
    if design.occupation_effect_sd:
        shapes["occupation_effect"] = occupations
    if design.credential_effect_sd:
        shapes["credential_effect"] = occupations
    if design.item_sd and design.is_item_shared:
        sets = 1 if design.task_sampling == "cells" else design.n_occupations
        shapes["item_difficulty"] = (sets, design.n_tasks_by_worker, periods, design.n_items)
    if design.n_postings_by_occupation:
        shapes["credential"] = (*occupations, periods, design.n_postings_by_occupation)
    if design.n_applicants_by_occupation:
        applicants = (*occupations, periods, design.n_applicants_by_occupation)
        names = ("applicant_ability", "work_sample_noise", "credential_noise", "later_output_noise")
        shapes |= dict.fromkeys(names, applicants)
    return shapes


def worker_shapes(design: Design, n_workers: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the shocks of workers, first axis the worker."""
    workers, periods = (n_workers,), design.n_periods
    draws = design.n_cross_sections
    shapes: dict[str, tuple[int, ...]] = {
        "ability": (*workers, draws),
        "taste": (*workers, draws, 2),
    }
    shapes |= {"access_rank": workers, "use_taste": workers}
    if design.shows("workers", "ability_log"):
        shapes["ability_noise"] = workers
    if design.shows("workers", "ability_retest_log"):
        shapes["ability_retest_noise"] = workers
    if design.has_outputs:
        shapes |= _output_shapes(design, n_workers)
    if design.effect_sd:
        shapes["worker_effect"] = (*workers, draws)
    if design.attrition:
        shapes["attrition"] = workers
    if design.arm_attrition:
        shapes["arm_attrition"] = workers
    if design.has_pay:
        shapes |= {"pay_noise": (*workers, periods)}
        if design.mobility:
            shapes |= {"move": (*workers, periods), "destination": (*workers, periods)}
    return shapes


def _output_shapes(design: Design, n_workers: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the shocks of task outputs and their items, (worker, task, period, item, rater) at most."""
    workers, tasks = (n_workers,), design.n_tasks_by_worker
    items = (*workers, tasks, design.n_periods, design.n_items)
    needed = {
        "output_noise": (items, design.output_noise),
        "own_item_difficulty": (items, design.item_sd and not design.is_item_shared),
        "rater_noise": ((*items, design.n_raters), design.rater_noise),
        "outcome": ((*items, design.n_raters), design.outcome in ("count", "binary")),
        "item_access": (items, design.treatment == "randomized_items"),
        "reassignment": ((*workers, tasks), design.task_reassignment),
        "noncompliance": (workers, design.noncompliance),
        "sampled": (workers, design.undersampling),
        "reranking": ((*workers, design.n_cross_sections), design.reranking),
    }
    return {name: shape for name, (shape, is_needed) in needed.items() if is_needed}
