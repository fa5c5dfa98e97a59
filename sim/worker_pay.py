"""Pay of the workers of a panel: equations (4) and (5), then noise, premia and shocks."""

from collections.abc import Iterator, Mapping

import numpy as np

from withintask.panel.arrays import Array, Codes
from withintask.panel.panel import Frame
from withintask.sim import equations as eq
from withintask.sim import tables
from withintask.sim.design import Design
from withintask.sim.economy import Economy, State, skill_values
from withintask.sim.ids import Numbering
from withintask.sim.nuisances import is_lost
from withintask.sim.rollout import draw_of_period, states_by_period
from withintask.sim.sample import Sample, Setting


def pay_frames(
    economy: Economy,
    design: Design,
    setting: Setting,
    sample: Sample,
    firm: Codes,
    draws: Mapping[str, Array],
    number: Numbering,
) -> dict[str, Frame]:
    """Return the tables of pay that the design shows, at employers (worker, period): by worker, occupation, schooling."""
    amount = (
        worker_pay(economy, design, setting, sample, firm, draws) / economy.before.human_pay_mean
    )
    frames: dict[str, Frame] = {}
    kept = ~is_lost(design, sample, draws) if design.loses_workers else None
    if "pay" in design.columns:
        frames["pay"] = tables.pay(design, sample, firm, amount, kept, number)
    if "occupation_pay" in design.columns:
        exposure = occupation_exposure(economy, setting)
        frames["occupation_pay"] = tables.occupation_pay(
            design, sample, amount, exposure, kept, number
        )
    if "education_pay" in design.columns:
        frames["education_pay"] = tables.education_pay(design, sample, amount, kept, number)
    return frames


def worker_pay(
    economy: Economy,
    design: Design,
    setting: Setting,
    sample: Sample,
    firm: Codes,
    draws: Mapping[str, Array],
) -> Array:
    """Return pay of every worker and period, eq. (4) and (5), (worker, period), numeraire.

    Parameters
    ----------
    economy, design, setting, sample
        The economy, and who is in the panel.
    firm
        Employer, (worker, period).
    draws
        Shocks of workers.

    Notes
    -----
    The market's AI is in use everywhere once it has arrived, whoever takes part in a trial.
    """
    kind = setting.occupation_type[sample.occupation]
    states = states_by_period(economy, design)
    human_pay = {id(state): _human_pay(economy, sample, state, kind) for state in states}
    premium = {id(state): _premium(economy, setting, state) for state in states}
    source = draw_of_period(design)

    def model_pay(period: int, state: State) -> Array:
        return human_pay[id(state)][:, source[period]] * premium[id(state)][firm[:, period]]

    by_period = [model_pay(period, state) for period, state in enumerate(states)]
    if design.anticipation and design.n_pre and design.n_post:
        last = design.n_pre - 1
        coming = model_pay(last, states[design.n_pre])
        by_period[last] = eq.anticipated(by_period[last], coming, design.anticipation)
    return np.column_stack(by_period) * np.exp(
        _log_extra(economy, design, setting, sample, firm, draws)
    )


def _log_extra(
    economy: Economy,
    design: Design,
    setting: Setting,
    sample: Sample,
    firm: Codes,
    draws: Mapping[str, Array],
) -> Array:
    """Log pay from noise, firm premia and what happens without AI, (worker, period)."""
    log_extra = (
        design.pay_noise * draws["pay_noise"] - design.pay_noise**2 / 2 + setting.firm_premium[firm]
    )
    post = np.arange(design.n_periods) >= design.n_pre
    if design.firm_shock_sd:
        log_extra = log_extra + setting.firm_shock[firm] * post
    for effect in _log_effects(economy, design, setting, sample, draws):
        log_extra = log_extra + effect * post
    return log_extra


def _log_effects(
    economy: Economy,
    design: Design,
    setting: Setting,
    sample: Sample,
    draws: Mapping[str, Array],
) -> Iterator[Array]:
    """Changes of log pay after AI's arrival in proportion to exposure, (worker, period)."""
    if not (design.occupation_shock or design.effect_sd or design.occupation_effect_sd):
        return
    exposure = occupation_exposure(economy, setting)[sample.occupation][:, None]
    if design.occupation_shock:
        yield design.occupation_shock * exposure
    if design.effect_sd:
        draw = draws["worker_effect"][:, draw_of_period(design)]
        yield eq.lognormal_log(design.effect_sd * exposure, draw)
    if design.occupation_effect_sd:
        draw = setting.occupation_effect[sample.occupation][:, None]
        yield eq.lognormal_log(design.occupation_effect_sd * exposure, draw)


def firm_rent(economy: Economy, setting: Setting, state: State) -> Array:
    """Rent per worker of the panel's firms, eq. (4), (firm,), numeraire."""
    params, kinds = economy.params, economy.population.industries
    base = params.base_rent * economy.before.human_pay_mean
    proprietary = kinds.proprietary[setting.industry] * state.capability
    return eq.rent_per_worker(setting.asset_factor, base, proprietary, state.gain_value)


def occupation_exposure(economy: Economy, setting: Setting) -> Array:
    """Exposure of the panel's occupations, the mean over their tasks, (occupation,)."""
    return np.asarray(economy.population.exposure.mean(axis=1)[setting.occupation_type])


def _human_pay(economy: Economy, sample: Sample, state: State, kind: Codes) -> Array:
    """Human pay of every worker drawn, eq. (4), (worker, draw)."""
    human_value, floor_value = skill_values(economy.params, economy.population, state)
    human = sample.human_capital * human_value[kind][:, None, :]
    return np.asarray((human + sample.response * floor_value[kind][:, None, :]).sum(axis=2))


def _premium(economy: Economy, setting: Setting, state: State) -> Array:
    """Pay over human pay in the panel's firms, eq. (5), (firm,)."""
    sharing = economy.population.industries.rent_sharing[setting.industry]
    return eq.rent_premium(firm_rent(economy, setting, state), state.human_pay_mean, sharing)
