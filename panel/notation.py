"""The one place where a symbol meets a name.

Fields of ``Params``, ``Design`` and ``Shocks`` and the columns of the schemas are names of this table (tested).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """One row of the notation table."""

    name: str
    """Name in code."""
    symbol: str
    """Symbol in the paper or in the model's equations; empty if it has none."""
    kind: str
    """``parameter``, ``design``, ``shock``, ``variable`` or ``column``."""
    dims: str
    """Axes, always in the order worker, task, period; empty for a scalar."""
    unit: str
    """Unit of measurement."""
    domain: str
    """Admissible values."""
    meaning: str
    """What it is, in one line."""
    equation: str = ""
    """Equation of the model in which it first appears."""


def _rows(kind: str, table: str) -> tuple[Symbol, ...]:
    rows = []
    for line in table.strip().splitlines():
        name, symbol, dims, unit, domain, equation, meaning = (p.strip() for p in line.split("|"))
        rows.append(
            Symbol(
                name=name,
                symbol=symbol,
                kind=kind,
                dims=dims,
                unit=unit,
                domain=domain,
                equation=equation,
                meaning=meaning,
            )
        )
    return tuple(rows)


# name | symbol | dims | unit | domain | equation | meaning
_PARAMETERS = _rows(
    "parameter",
    """
ability_sd            | sd(ln θ) |  | log points   | (0, 2]    | 1  | standard deviation of log ability
return_per_year       |          |  | log points/yr| [0, 1]    | 1  | log human capital per year of schooling
educ_mean             | ē        |  | years        | [0, 20]   | 8  | education at mean log ability and taste
educ_ability_slope    | b_θ      |  | years        | [-5, 5]   | 8  | education per standard deviation of log ability
educ_taste_sd         | s_e      |  | years        | [0, 10]   | 8  | spread of education from tastes
educ_cost             | c        |  | utility/yr²  | (0, 10]   | 8  | entrants' quadratic cost of schooling
educ_cost_ability     | ν        |  | elasticity   | [0, 5]    | 8  | how much ability lowers that cost
educ_taste_bound      |          |  | std. dev.    | (0, 6]    | 8  | entrants' tastes and ability are truncated here
n_occupations         |          |  | count        | [2, 1000] |    | occupations
n_tasks               |          |  | count        | [1, 100]  |    | equally timed tasks in an occupation
n_cog_tasks           |          |  | count        | [1, 100]  |    | tasks in an occupation that are codifiable-cognitive
unexposed_share       |          |  | share        | [0, 1)    |    | share of occupations that AI does not reach
exposure_shape_low    |          |  |              | (0, 50]   |    | first shape of the Beta distribution of exposure
exposure_shape_high   |          |  |              | (0, 50]   |    | second shape of the Beta distribution of exposure
exposure_seed         |          |  |              | [0, 2**32)|    | seed of the exposure draw
task_productivity     | φ(z)     |  | output       | (0, 100]  | 1  | output per unit of human capital
ai_floor              | α        |  | output       | [0, 10]   | 1  | floor per unit of exposure and capability
capability            | A_T      |  |              | [0, 100]  | 1  | AI frontier after arrival
capability_rate       |          |  | 1/period     | (0, inf]  | 1  | speed at which the frontier is reached
reach_rate            |          |  | 1/capability | (0, inf]  | 1  | reach(A) = 1 - exp(-reach_rate A)
ai_multiplicative     | μ        |  | share        | [0, 1)    | 1  | share of AI that multiplies skill
task_substitution     | ρ        |  |              | [-10, 1]  | 1  | substitution of skill and AI inside a task
substitution          | σ        |  |              | (0, 100]  | 3  | elasticity of substitution across tasks
asset_gini            | Gini(K)  |  | Gini         | [0, .95]  | 4  | concentration of complementary assets
own_gini              | Gini(ω)  |  | Gini         | [0, .95]  | 6  | concentration of ownership
capital_intensity     | ψ        |  | elasticity   | [0, 2]    | 4  | how strongly proprietary AI leans on assets
commodity             | η0       |  | capability   | [0, 10]   | 4  | AI that every firm can buy
proprietary           | η1       |  | capability   | [0, 10]   | 4  | AI that follows a firm's assets
proprietary_gap       |          |  | capability   | [0, 10]   | 4  | industries have η1 ± this
base_rent             | R0       |  | v̄            | [0, 10]   | 4  | rents per worker before AI
rent_sharing          | ξ        |  | elasticity   | [0, 1]    | 5  | elasticity of pay to 1 + rent / human pay
rent_sharing_gap      |          |  | elasticity   | [0, 1]    | 5  | industries have ξ ± this
cumulative_advantage  | γ        |  | 1/period     | [0, 1]    | 7  | growth of log assets per relative rent
work_sample_noise     | σ_q      |  | log points   | (0, 10]   | 9  | noise of a work sample
credential_noise      | σ_c      |  | log points   | (0, 10]   | 9  | noise of a credential as a signal of log ability
credential_cost       | k̄        |  | log points²  | (-1, 10]  | 9  | mean cost of requiring a credential
credential_cost_scale | χ        |  | log points²  | (0, 10]   | 9  | spread of that cost
""",
)

_VARIABLES = _rows(
    "variable",
    """
ability         | θ      | worker               |           | > 0     | 1 | ability, mean 1
educ_cog        | e_C    | worker               | years     | >= 0    | 8 | education in codifiable-cognitive skill
educ_soc        | e_S    | worker               | years     | >= 0    | 8 | education in social-organizational skill
human_capital   | h_k    | worker               |           | > 0     | 1 | ability times schooling, per skill type
exposure        | x(z)   | task                 | share     | [0, 1]  | 1 | share of a task that AI can draft
ai_use          | a_izt  | worker, task, period | share     | [0, 1]  | 1 | use of AI
ai_output       | m      | worker, task, period | output    | >= 0    | 1 | AI's own output on the task, α x A_jt a
output          | y      | worker, task, period | output    | > 0     | 1 | task output
task_price      | p_z    | task                 | numeraire | > 0     | 3 | price of task output
human_pay       | hc_i   | worker               | numeraire | > 0     | 4 | pay for human capital and commodity AI
rent_per_worker | rent_j | firm                 | numeraire | >= 0    | 4 | rents of the firm per worker
asset_factor    | κ_j    | firm                 |           | > 0     | 4 | K_j^ψ over its mean
assets          | K_j    | firm                 |           | > 0     | 4 | complementary assets
ownership       | ω_i    | worker               |           | >= 0    | 6 | share in profits, mean 1
pay             | w_ij   | worker               | numeraire | > 0     | 5 | pay
profit          |        | firm                 | numeraire | >= 0    | 5 | rents kept by owners
income          |        | worker               | numeraire | > 0     | 6 | pay plus share in profits
signal_slope    | ε_o    | occupation           |           | > 0     | 9 | elasticity of output to ability
credential_gain | ΔV     | occupation           | log points² | > 0   | 9 | fall in posterior variance from a credential
credential_probability | Pr | occupation         | share     | [0, 1]  | 9 | probability that a credential is required
""",
)

SYMBOLS: tuple[Symbol, ...] = _PARAMETERS + _VARIABLES
"""Every name of the project that stands for a quantity of the model."""


def parameter_names() -> tuple[str, ...]:
    """Return the names of the model's parameters, in the order of the table."""
    return tuple(row.name for row in SYMBOLS if row.kind == "parameter")


def symbol(name: str) -> Symbol:
    """Return the row of a name.

    Raises
    ------
    KeyError
        If the table has no such name.
    """
    for row in SYMBOLS:
        if row.name == name:
            return row
    raise KeyError(name)
