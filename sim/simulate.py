"""Simulate what a data design lets an analyst see of the economy."""

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import Frame, Panel, PanelInfo
from withintask.sim import tables
from withintask.sim.block import Block
from withintask.sim.design import Design
from withintask.sim.design_checks import check_design
from withintask.sim.economy import Economy
from withintask.sim.ids import Numbering, number_codes, number_ids
from withintask.sim.moves import firm_history
from withintask.sim.output_tables import ARMS
from withintask.sim.outputs import worker_outputs
from withintask.sim.postings import screening_frames
from withintask.sim.rollout import Rollout, roll_out, states_by_period
from withintask.sim.sample import Sample, Setting, draw_sample, draw_setting
from withintask.sim.shocks import Shocks, draw_shocks
from withintask.sim.worker_pay import firm_rent, occupation_exposure, pay_frames


def simulate(economy: Economy, design: Design, shocks: Shocks, *, coded: bool = False) -> Panel:
    """Draw a panel from an economy.

    Parameters
    ----------
    economy
        Solved economy; its parameters are the panel's.
    design
        What is observed, of how many.
    shocks
        Draws made for this design; equal shocks give equal panels.
    coded
        Whether ids are categories instead of texts: the same ids, which estimators need not code again.

    Returns
    -------
    Panel
        Exactly the tables and columns that the design's analyst has.

    Raises
    ------
    ParameterError
        If the economy cannot fill the design, for example with more tasks than it has.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> economy = wt.solve_economy(wt.load_params(), n_workers=2**10)
    >>> panel = wt.simulate(economy, design, wt.draw_shocks(design, seed=1))
    >>> panel.outputs["worker_id"].n_unique()
    60
    """
    check_design(design, economy.params)
    draws = shocks.draws
    setting = draw_setting(economy, design, draws)
    rollout = roll_out(economy, design, setting)
    sample = draw_sample(economy, design, setting, draws)
    number = number_codes if coded else number_ids
    frames = sample_frames(economy, design, setting, rollout, sample, draws, number)
    frames |= setting_frames(economy, design, setting, rollout, draws, number)
    return Panel(info=panel_info(design), **tables.visible(frames, design.columns))


def simulate_many(
    economy: Economy, design: Design, *, seed: int, replicates: range
) -> Iterator[Panel]:
    """Draw many replicates of one design, one panel each, in order.

    Parameters
    ----------
    economy, design
        As for :func:`simulate`.
    seed
        Seed of the study.
    replicates
        Numbers of the replicates; each is the same panel that :func:`simulate` draws alone. Columns
        that do not vary between replicates, such as ids, are shared by all of them.

    Yields
    ------
    Panel
        One a replicate.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> economy = wt.solve_economy(wt.load_params(), n_workers=2**10)
    >>> panels = wt.simulate_many(economy, design, seed=1, replicates=range(2))
    >>> [panel.outputs["worker_id"].n_unique() for panel in panels]
    [60, 60]
    """
    check_design(design, economy.params)
    for replicate in replicates:
        yield simulate(economy, design, draw_shocks(design, seed=seed, replicate=replicate))


def panel_info(design: Design) -> PanelInfo:
    """Name the panel, and say when AI arrives and what is recorded."""
    is_score = design.outcome == "score"
    return PanelInfo(
        name=design.name,
        source="withintask simulator",
        first_ai_period=design.n_pre if design.n_post else None,
        is_synthetic=True,
        note=design.summary,
        outcome=None if design.outcome == "positive" else cast("OutcomeKind", design.outcome),
        outcome_floor=design.score_floor if is_score else None,
        outcome_ceiling=design.score_ceiling if is_score else None,
        control_arm=ARMS[0] if design.is_trial and design.shows("outputs", "arm") else None,
    )


def sample_frames(
    economy: Economy,
    design: Design,
    setting: Setting,
    rollout: Rollout,
    sample: Sample,
    draws: Mapping[str, Array],
    number: Numbering = number_ids,
) -> dict[str, Frame]:
    """Return the tables of workers, outputs and pay of these workers."""
    frames: dict[str, Frame] = {}
    firm = firm_history(design, setting, sample, draws)
    if design.has_outputs:
        frames["outputs"] = worker_outputs(
            Block(
                economy=economy,
                design=design,
                setting=setting,
                rollout=rollout,
                sample=sample,
                firm=firm,
                draws=draws,
                number=number,
            )
        )
    if design.has_pay:
        frames |= pay_frames(economy, design, setting, sample, firm, draws, number)
    if "workers" in design.columns:
        measured = _measured_ability(design, sample, draws)
        frames["workers"] = tables.workers(design, sample, measured, number)
    return frames


def setting_frames(
    economy: Economy,
    design: Design,
    setting: Setting,
    rollout: Rollout,
    draws: Mapping[str, Array],
    number: Numbering = number_ids,
) -> dict[str, Frame]:
    """Return the tables of tasks, occupations, firms, industries, postings and screening."""
    frames: dict[str, Frame] = {}
    if "tasks" in design.columns:
        frames["tasks"] = tables.tasks(design, setting, number)
    if "occupations" in design.columns:
        frames["occupations"] = tables.occupations(
            occupation_exposure(economy, setting), design.n_workers, number
        )
    if {"firms", "industries"} & set(design.columns):
        frames |= _firm_frames(economy, design, setting, rollout, number)
    if {"postings", "screening"} & set(design.columns):
        frames |= screening_frames(economy, design, setting, draws, number)
    return frames


def _measured_ability(
    design: Design, sample: Sample, draws: Mapping[str, Array]
) -> dict[str, Array]:
    noises = (("ability_log", "ability_noise"), ("ability_retest_log", "ability_retest_noise"))
    return {
        column: sample.log_ability[:, 0] + design.ability_noise * draws[noise]
        for column, noise in noises
        if noise in draws
    }


def _firm_frames(
    economy: Economy, design: Design, setting: Setting, rollout: Rollout, number: Numbering
) -> dict[str, Frame]:
    unit = economy.before.human_pay_mean
    states = states_by_period(economy, design)
    rent = np.column_stack([firm_rent(economy, setting, state) for state in states]) / unit
    human_pay = np.array([state.human_pay_mean for state in states]) / unit
    return {
        "firms": tables.firms(setting, rent, human_pay, rollout.firm_capability, number),
        "industries": tables.industries(economy.population.industries),
    }
