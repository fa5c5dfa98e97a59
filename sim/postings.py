"""Postings and applicants of a panel: equation (9), then what happens without AI."""

from collections.abc import Mapping

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.panel import Frame
from withintask.sim import equations as eq
from withintask.sim import tables
from withintask.sim.design import Design
from withintask.sim.economy import Economy
from withintask.sim.ids import Numbering
from withintask.sim.sample import Setting
from withintask.sim.screening import credential_probability, screening_after, screening_before
from withintask.sim.worker_pay import occupation_exposure


def screening_frames(
    economy: Economy,
    design: Design,
    setting: Setting,
    draws: Mapping[str, Array],
    number: Numbering,
) -> dict[str, Frame]:
    """Return the tables of postings and screening that the design has draws for."""
    slope = _signal_slope(economy, design, setting)
    frames: dict[str, Frame] = {}
    if "credential" in draws:
        probability = _requirement(economy, design, setting, draws, slope)
        frames["postings"] = tables.postings(draws["credential"] < probability[:, :, None], number)
    if "applicant_ability" in draws:
        params = economy.params
        log_ability = params.ability_sd * draws["applicant_ability"] - params.ability_sd**2 / 2
        frames["screening"] = tables.screening(
            work_sample=slope[:, :, None] * log_ability
            + params.work_sample_noise * draws["work_sample_noise"],
            credential=log_ability + params.credential_noise * draws["credential_noise"],
            later_output=log_ability + design.later_output_noise * draws["later_output_noise"],
            number=number,
        )
    return frames


def _signal_slope(economy: Economy, design: Design, setting: Setting) -> Array:
    """ε_o of the panel's occupations, eq. (9), (occupation, period)."""
    kind = setting.occupation_type
    before, after = screening_before(economy), screening_after(economy)
    is_post = np.arange(design.n_periods) >= design.n_pre
    return np.where(is_post, after.signal_slope[kind][:, None], before.signal_slope[kind][:, None])


def _requirement(
    economy: Economy, design: Design, setting: Setting, draws: Mapping[str, Array], slope: Array
) -> Array:
    """Probability that a posting requires a credential, (occupation, period)."""
    _, probability = credential_probability(economy.params, slope)
    if design.anticipation and design.n_pre and design.n_post:
        last = design.n_pre - 1
        probability[:, last] = eq.anticipated(
            probability[:, last], probability[:, last + 1], design.anticipation
        )
    exposure = occupation_exposure(economy, setting)
    shift = np.zeros(exposure.size)
    if design.credential_drift:
        shift += design.credential_drift * exposure
    if design.credential_effect_sd:
        shift += eq.effect_log(design.credential_effect_sd, draws["credential_effect"], exposure)
    if shift.any():
        after = probability[:, design.n_pre :]
        probability[:, design.n_pre :] = eq.drifted_probability(after, shift[:, None])
    return np.asarray(probability)
