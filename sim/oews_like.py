"""An economy in the layout of OEWS: occupation by year, published statistics, top code and marks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems
from withintask.sim.economy import Economy, State, human_pay_by_occupation

# BLS, OEWS Technical Notes: annual wages are hourly ones times 2,080 hours; wages are rounded to cents and to ten
# dollars, employment to ten jobs.
HOURS_PER_YEAR = 2080.0
_CENT, _TEN = 2, -1
_PERCENTILES = {"pct10": 10, "pct25": 25, "median": 50, "pct75": 75, "pct90": 90}
_TOTAL = ("00-0000", "All Occupations")


@dataclass(frozen=True, kw_only=True)
class OewsYear:
    """What the publication of one year is like."""

    is_post: bool
    """Whether AI has arrived."""
    top_code_hourly_usd: float
    """Hourly wages at or above this are published as a bound."""
    top_code_annual_usd: float
    """Annual wages at or above this are published as a bound."""
    annual_mean_usd: float
    """Mean annual pay before AI, which sets the dollar value of the model's unit."""
    n_jobs: float
    """Employment of all occupations."""


def oews_like(
    economy: Economy,
    years: Mapping[int, OewsYear],
    occupations: Sequence[tuple[str, str]],
    *,
    annual_only: Sequence[str] = (),
    not_available: Sequence[str] = (),
) -> pl.DataFrame:
    """Aggregate an economy to published occupation statistics.

    Parameters
    ----------
    economy
        A solved economy; percentiles are those of its whole population, without sampling error.
    years
        Publications by year.
    occupations
        Code and title of each of the economy's occupations, in its order; codes are text.
    annual_only
        Codes for which no hourly wages are released (teachers, for instance).
    not_available
        Codes whose wages are not released at all.

    Returns
    -------
    polars.DataFrame
        One row an occupation and year and one a year for all; measures with ``_bound`` and ``_status``, named as
        in the harmonized table of OEWS.

    Raises
    ------
    ParameterError
        If the number of occupations is not the economy's, or a code is repeated or unknown.
    """
    _fail_if_wrong_codes(economy, occupations, (*annual_only, *not_available))
    frames = [_one_year(economy, year, spec, occupations) for year, spec in sorted(years.items())]
    marks = {"annual_only": list(annual_only), "not_available": list(not_available)}
    marked = pl.concat(frames).with_columns(
        is_annual_only=pl.col("occ_code").is_in(marks["annual_only"])
    )
    return marked.with_columns(_published(marked, years, marks))


def _one_year(
    economy: Economy, year: int, spec: OewsYear, occupations: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    state = economy.after if spec.is_post else economy.before
    pay = _annual_pay(economy, state, spec.annual_mean_usd)
    columns = [*pay.T, pay.ravel()]
    jobs = [spec.n_jobs / len(occupations)] * len(occupations) + [spec.n_jobs]
    labels = [*occupations, _TOTAL]
    statistics = {"mean": [float(c.mean()) for c in columns]}
    quantiles = np.column_stack([np.percentile(c, list(_PERCENTILES.values())) for c in columns])
    statistics |= {name: list(row) for name, row in zip(_PERCENTILES, quantiles, strict=True)}
    return pl.DataFrame(
        {
            "year": pl.Series([year] * len(labels), dtype=pl.Int16),
            "occ_code": [code for code, _ in labels],
            "occ_title": [title for _, title in labels],
            "o_group": ["detailed"] * len(occupations) + ["total"],
            "tot_emp": np.round(jobs, _TEN),
            **{
                f"h_{name}": np.round(np.array(v) / HOURS_PER_YEAR, _CENT)
                for name, v in statistics.items()
            },
            **{f"a_{name}": np.round(v, _TEN) for name, v in statistics.items()},
        }
    )


def _annual_pay(economy: Economy, state: State, annual_mean_usd: float) -> Array:
    """Pay that each worker would have in each occupation, (worker, occupation), dollars a year."""
    premium = state.pay / state.human_pay
    pay = human_pay_by_occupation(economy, state) * premium[:, None]
    return np.asarray(pay * (annual_mean_usd / economy.before.pay_mean))


def _published(
    frame: pl.DataFrame, years: Mapping[int, OewsYear], marks: Mapping[str, list[str]]
) -> list[pl.Expr]:
    """Value, bound and status of every wage."""
    year = pl.col("year")
    caps = {
        "h": year.replace_strict(
            {y: s.top_code_hourly_usd for y, s in years.items()}, return_dtype=pl.Float64
        ),
        "a": year.replace_strict(
            {y: s.top_code_annual_usd for y, s in years.items()}, return_dtype=pl.Float64
        ),
    }
    expressions = [pl.lit("published").alias("tot_emp_status")]
    for name in (n for n in frame.columns if n[:2] in ("h_", "a_")):
        cap, value, code = caps[name[0]], pl.col(name), pl.col("occ_code")
        held = pl.when(code.is_in(marks["not_available"])).then(pl.lit("not_available"))
        hourly = pl.lit(name[0] == "h") & code.is_in(marks["annual_only"])
        marked = (
            held.when(hourly)
            .then(pl.lit("annual_only"))
            .when(value >= cap)
            .then(pl.lit("top_coded"))
        )
        status = marked.otherwise(pl.lit("published"))
        is_number = status.is_in(["published", "top_coded"])
        expressions += [
            pl.when(is_number).then(pl.min_horizontal(value, cap)).alias(name),
            pl.when(status == "top_coded").then(pl.lit(">=")).alias(f"{name}_bound"),
            status.alias(f"{name}_status"),
        ]
    return expressions


def _fail_if_wrong_codes(
    economy: Economy, occupations: Sequence[tuple[str, str]], marked: Sequence[str]
) -> None:
    codes, wanted = [code for code, _ in occupations], economy.population.exposure.shape[0]
    problems = []
    if len(codes) != wanted:
        problems.append(f"{len(codes)} occupations: expected {wanted}, as the economy has")
    problems += [f"{code}: repeated" for code in sorted({c for c in codes if codes.count(c) > 1})]
    problems += [
        f"{code}: marked, but not among the occupations" for code in marked if code not in codes
    ]
    if problems:
        raise ParameterError(list_problems("oews_like", problems))
