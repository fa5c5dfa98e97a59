"""The economy: prices, rents, pay, income and screening of a population, before and after AI."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError
from withintask.sim import equations as eq
from withintask.sim.inequality import gini, lognormal_log_sd, percentile_ratio, theil
from withintask.sim.params import Params
from withintask.sim.population import Population, draw_population


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """The economy at one capability of AI.

    Means over firms are exact (weights of the firm nodes); the numeraire is final output.
    """

    capability: float
    """A_t."""
    exposure: Array
    """x(z) of the tasks that AI augments now, 0 elsewhere, (occupation, task)."""
    output_ratio: Array
    """Output of each task relative to before AI, (occupation, task)."""
    final_output: float
    """Ŷ, final output relative to before AI."""
    task_price: Array
    """p_z, (occupation, task)."""
    human_pay: Array
    """hc_i, (worker,)."""
    human_pay_mean: float
    """hc̄, the same in every firm, since workers are independent of firms."""
    gain_value: float
    """E[Σ_z τ p u], value of what one unit of capability adds per worker."""
    asset_factor: Array
    """κ at the firm nodes, mean 1, (firm,)."""
    rent: Array
    """Rent per worker, (industry, firm)."""
    premium: Array
    """Pay over human pay, (industry, firm)."""
    rent_sharing: Array
    """ξ of each kind of industry, (industry,)."""
    firm_weight: Array
    """Worker weights, (industry, firm), summing to 1."""
    pay: Array
    """w, (worker,)."""
    income: Array
    """Income, (worker,)."""
    profit_mean: float
    """E[profit] per worker."""

    @property
    def rent_mean(self) -> float:
        """E[rent] per worker."""
        return float(np.sum(self.firm_weight * self.rent))

    @property
    def pay_mean(self) -> float:
        """E[w], exact over firms."""
        return self.human_pay_mean * float(np.sum(self.firm_weight * self.premium))

    @property
    def profit_share(self) -> float:
        """Profit as a share of total income."""
        return self.profit_mean / (self.pay_mean + self.profit_mean)

    @cached_property
    def gini_pay(self) -> float:
        """Gini of pay."""
        return gini(self.pay)

    @cached_property
    def gini_income(self) -> float:
        """Gini of income."""
        return gini(self.income)

    @cached_property
    def theil_pay(self) -> float:
        """Theil index of pay."""
        return theil(self.pay)

    @cached_property
    def theil_income(self) -> float:
        """Theil index of income."""
        return theil(self.income)

    def percentile_ratio_pay(self, high: float, low: float) -> float:
        """Ratio of two percentiles of pay, given in percent."""
        return percentile_ratio(self.pay, high, low)

    def percentile_ratio_income(self, high: float, low: float) -> float:
        """Ratio of two percentiles of income, given in percent."""
        return percentile_ratio(self.income, high, low)

    @cached_property
    def between_variance(self) -> float:
        """Variance of log pay between firms, worker-weighted at the firms' expectation: V_b."""
        log_premium = np.log(self.premium)
        mean = np.sum(self.firm_weight * log_premium)
        return float(np.sum(self.firm_weight * (log_premium - mean) ** 2))

    @cached_property
    def between_variance_by_industry(self) -> Array:
        """V_b within each kind of industry: variance of ξ ln(1 + rent/hc̄), worker-weighted, (industry,)."""
        weight = self.firm_weight[0] * len(self.firm_weight)
        mean = self.log_premium @ weight
        return np.asarray((self.log_premium - mean[:, None]) ** 2 @ weight)

    @cached_property
    def log_premium(self) -> Array:
        """Log of pay over human pay, ξ ln(1 + rent/hc̄), (industry, firm)."""
        log_rent = np.log1p(self.rent / self.human_pay_mean)
        return np.asarray(self.rent_sharing[:, None] * log_rent)

    @cached_property
    def within_variance(self) -> float:
        """Variance of log pay within firms, V_w; the same in every firm."""
        return float(np.log(self.human_pay).var())

    @property
    def between_share(self) -> float:
        """V_b/(V_b + V_w)."""
        return self.between_variance / (self.between_variance + self.within_variance)


@dataclass(frozen=True, kw_only=True, eq=False)
class Economy:
    """A population before AI (A=0) and after it (A=A_T)."""

    params: Params
    population: Population
    before: State
    after: State

    @property
    def delta_gini_income(self) -> float:
        """Change in the Gini of income; its sign is the regime, eq. (10)."""
        return self.after.gini_income - self.before.gini_income

    @property
    def delta_gini_pay(self) -> float:
        """Change in the Gini of pay."""
        return self.after.gini_pay - self.before.gini_pay


@dataclass(frozen=True, kw_only=True, eq=False)
class _Assets:
    """Log assets, standardized or after cumulative advantage, at workers' firms and at the nodes."""

    worker: Array
    firm: Array


def solve_economy(
    params: Params, *, n_workers: int = 2**15, scramble: int = 0, is_cut: bool = True
) -> Economy:
    """Solve the static economy before and after AI.

    Parameters
    ----------
    params
        Parameters of the model.
    n_workers
        Points of the population, a power of two.
    scramble
        Seed of the quasi-random points.
    is_cut
        Whether the tails of assets, ownership and ability are cut at 1/(2n); see
        :func:`withintask.sim.population.draw_population`.

    Returns
    -------
    Economy
        Deterministic in its arguments.

    Raises
    ------
    ParameterError
        If n_workers is not a power of two of at least 2^8.

    Notes
    -----
    Equations (1), (3)-(6) at A=0 and at A=A_T, with the same assets; see :func:`solve_path` for eq. (7).

    Examples
    --------
    >>> import withintask as wt
    >>> economy = wt.solve_economy(wt.load_params(), n_workers=2**10)
    >>> economy.after.final_output > economy.before.final_output
    True
    """
    _check_size(n_workers)
    population = draw_population(params, n_workers=n_workers, scramble=scramble, is_cut=is_cut)
    assets = _initial_assets(params, population)
    return Economy(
        params=params,
        population=population,
        before=_solve_state(params, population, 0.0, assets),
        after=_solve_state(params, population, params.capability, assets),
    )


def solve_path(
    params: Params, n_periods: int, *, n_workers: int = 2**15, scramble: int = 0
) -> tuple[State, ...]:
    """Solve the economy over periods, with assets that grow with relative rents, eq. (7).

    Parameters
    ----------
    params
        Parameters; ``cumulative_advantage`` is γ, ``capability_rate`` the speed of the frontier.
    n_periods
        Periods after the one before AI.

    Returns
    -------
    tuple of State
        ``n_periods + 1`` states; the first is before AI.
    """
    _check_size(n_workers)
    population = draw_population(params, n_workers=n_workers, scramble=scramble)
    assets = _initial_assets(params, population)
    path = eq.capability_path(np.arange(n_periods + 1), params.capability, params.capability_rate)
    states = []
    for capability in path:
        state = _solve_state(params, population, float(capability), assets)
        states.append(state)
        assets = _advance(params, population, assets) if capability > 0 else assets
    return tuple(states)


@lru_cache(maxsize=16)
def solve_at(economy: Economy, capability: float) -> State:
    """Return the state of an economy's population at another capability.

    Parameters
    ----------
    economy
        A solved economy.
    capability
        A_t >= 0.
    """
    assets = _initial_assets(economy.params, economy.population)
    return _solve_state(economy.params, economy.population, capability, assets)


def asset_factor(
    params: Params, log_assets: Array, node_log_assets: Array, node_weight: Array
) -> Array:
    """κ = K^ψ over its mean across firms (the nodes), shape of log_assets."""
    scaled_mean = node_weight @ np.exp(params.capital_intensity * node_log_assets)
    return np.asarray(np.exp(params.capital_intensity * log_assets) / scaled_mean)


def _check_size(n_workers: int) -> None:
    if n_workers < 2**8 or n_workers & (n_workers - 1):
        raise ParameterError(f"n_workers = {n_workers}: expected a power of two, at least 256")


def _initial_assets(params: Params, population: Population) -> _Assets:
    log_sd = lognormal_log_sd(params.asset_gini)
    return _Assets(worker=log_sd * population.asset_score, firm=log_sd * population.firm_score)


def _advance(params: Params, population: Population, assets: _Assets) -> _Assets:
    nodes, weight = assets.firm, population.firm_weight
    grown = [
        eq.next_log_assets(
            log_assets, asset_factor(params, log_assets, nodes, weight), params.cumulative_advantage
        )
        for log_assets in (assets.worker, assets.firm)
    ]
    return _Assets(worker=grown[0], firm=grown[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tasks:
    """Means over workers of what each task needs, (occupation, task)."""

    human_output: Array
    response: Array


def _task_means(params: Params, population: Population) -> _Tasks:
    shape = population.exposure.shape
    human = params.task_productivity * population.workers.human_capital_mean
    response = population.response.mean(axis=0)
    return _Tasks(
        human_output=np.broadcast_to(human[population.task_skill], shape),
        response=np.broadcast_to(response[population.task_skill], shape),
    )


def _solve_state(
    params: Params, population: Population, capability: float, assets: _Assets
) -> State:
    exposure = eq.augmentable_exposure(population.exposure, eq.reach(capability, params.reach_rate))
    tasks = _task_means(params, population)
    gain = eq.gain_per_capability(params.ai_floor, exposure, tasks.response)
    capability_mean = capability * (params.commodity + params.proprietary)
    ratio = 1 + capability_mean * gain / tasks.human_output
    share = tasks.human_output / tasks.human_output.sum()
    final = eq.final_output_ratio(share, ratio, params.substitution)
    price = eq.task_price(final, ratio, params.substitution)
    time_value = price / exposure.size
    commodity = params.commodity * capability
    hc_mean = float(np.sum(time_value * (tasks.human_output + commodity * gain)))
    gain_value = float(np.sum(time_value * gain))
    hc = _human_pay(params, population, price, params.ai_floor * exposure * commodity)
    v_bar = float(tasks.human_output.mean())
    firms = _solve_firms(params, population, assets, capability, (v_bar, hc_mean, gain_value))
    return State(
        capability=capability,
        exposure=exposure,
        output_ratio=ratio,
        final_output=final,
        task_price=price,
        human_pay=hc,
        human_pay_mean=hc_mean,
        gain_value=gain_value,
        pay=hc * firms.worker_premium,
        income=eq.income(hc * firms.worker_premium, population.ownership, firms.profit_mean),
        asset_factor=firms.asset_factor,
        rent=firms.rent,
        premium=firms.premium,
        rent_sharing=population.industries.rent_sharing,
        firm_weight=firms.weight,
        profit_mean=firms.profit_mean,
    )


def skill_values(params: Params, population: Population, state: State) -> tuple[Array, Array]:
    """Pay per unit of human capital and of skill response in each occupation, eq. (4), (occupation, skill) each.

    Human pay of a worker is the sum over skills of ``h·first + response·second`` in his occupation.
    """
    commodity_output = params.ai_floor * state.exposure * params.commodity * state.capability
    return _skill_values(params, population, state.task_price, commodity_output)


def human_pay_by_occupation(economy: Economy, state: State) -> Array:
    """Human pay that every worker would have in every occupation, eq. (4), (worker, occupation), numeraire."""
    population = economy.population
    human, floor = skill_values(economy.params, population, state)
    return np.asarray(population.workers.human_capital @ human.T + population.response @ floor.T)


def _skill_values(
    params: Params, population: Population, price: Array, commodity_output: Array
) -> tuple[Array, Array]:
    n_tasks = price.shape[1]
    is_skill = (population.task_skill[:, None] == np.arange(2)).astype(float)
    human = params.task_productivity * price @ is_skill / n_tasks
    floor = (price * commodity_output) @ is_skill / n_tasks
    return human, floor


def _human_pay(
    params: Params, population: Population, price: Array, commodity_output: Array
) -> Array:
    human, floor = _skill_values(params, population, price, commodity_output)
    of_worker = population.occupation
    return np.asarray(
        (population.workers.human_capital * human[of_worker]).sum(axis=1)
        + (population.response * floor[of_worker]).sum(axis=1)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Firms:
    asset_factor: Array
    rent: Array
    premium: Array
    weight: Array
    profit_mean: float
    worker_premium: Array


def _solve_firms(
    params: Params,
    population: Population,
    assets: _Assets,
    capability: float,
    values: tuple[float, float, float],
) -> _Firms:
    """Rents and premia at the firm nodes and at every worker's firm, eq. (4) and (5)."""
    v_bar, hc_mean, gain_value = values
    kinds = population.industries
    node_factor = asset_factor(params, assets.firm, assets.firm, population.firm_weight)
    worker_factor = asset_factor(params, assets.worker, assets.firm, population.firm_weight)
    by_kind = params.base_rent * v_bar + kinds.proprietary * capability * gain_value
    rent = node_factor * by_kind[:, None]
    premium = eq.rent_premium(rent, hc_mean, kinds.rent_sharing[:, None])
    weight = np.broadcast_to(population.firm_weight / by_kind.size, rent.shape)
    worker_rent = worker_factor * by_kind[population.industry]
    return _Firms(
        asset_factor=node_factor,
        rent=rent,
        premium=premium,
        weight=weight,
        profit_mean=float(np.sum(weight * eq.profit(rent, hc_mean, premium))),
        worker_premium=eq.rent_premium(
            worker_rent, hc_mean, kinds.rent_sharing[population.industry]
        ),
    )
