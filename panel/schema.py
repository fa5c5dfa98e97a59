"""The tables of a within-task panel: columns, types, keys, foreign keys and rules.

A panel is a set of tables that refer to each other by text keys. ``outputs`` (worker x task x
period, or each of their items) is the heart; every other table, and every column that may be
null, unlocks estimators.

What null means, everywhere: *not known*. A null is never zero, never "does not apply" and never
"below the detection limit"; where a column needs more than that, its description says so. An
optional column may be left out of a table altogether, which is the same as null in every row.
A key is never null.

Rules are named Boolean expressions over one row. They hold for a row whose columns are known and
say themselves what null means: a rule that evaluates to null is counted as broken.
"""

# ruff: noqa: N805 (dataframely hands a rule its schema; a rule's docstring states it)

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import dataframely as dy
import polars as pl

SCHEMA_VERSION = 2
"""Version of these tables, written into every panel; raised when a column changes its meaning."""

READABLE_VERSIONS = (1, 2)
"""Versions that are read; a panel of schema 1 is one of schema 2 without its further columns."""

LARGEST_PERIOD = 99_999
"""Periods count (years, quarters, days): a larger number is a date (202101) or a clock time."""

UNKNOWN = "not known"
PAY_STATISTICS = ("pay_mean", "pay_p10", "pay_p25", "pay_p50", "pay_p75", "pay_p90")
BOUNDS = (">=", "<")


def _key(description: str, *, primary: bool = True) -> dy.String:
    return dy.String(
        primary_key=primary,
        nullable=False,
        min_length=1,
        description=description,
        metadata={"null": "never null"},
    )


def _period(description: str) -> dy.Int64:
    return dy.Int64(
        primary_key=True,
        min=-LARGEST_PERIOD,
        max=LARGEST_PERIOD,
        description=description,
        metadata={"null": "never null", "unit": "count of periods"},
    )


def _text(
    description: str, *, null: str = UNKNOWN, one_of: tuple[str, ...] | None = None
) -> dy.String:
    check = None if one_of is None else {"one_of": lambda value: value.is_in(list(one_of))}
    return dy.String(
        nullable=True,
        min_length=1,
        check=check,
        description=description,
        metadata={"null": null, "values": one_of},
    )


def _number(
    description: str,
    *,
    unit: str,
    null: str | None = UNKNOWN,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
) -> dy.Float64:
    return dy.Float64(
        nullable=null is not None,
        min=low,
        min_exclusive=above,
        max=high,
        description=description,
        metadata={"null": null or "never null", "unit": unit},
    )


def _flag(description: str, *, null: str | None = UNKNOWN) -> dy.Bool:
    return dy.Bool(
        nullable=null is not None,
        description=description,
        metadata={"null": null or "never null"},
    )


def _in_order(names: tuple[str, ...]) -> pl.Expr:
    """Each known value is at least as large as every known value before it."""
    pairs = [(low, high) for i, low in enumerate(names) for high in names[i + 1 :]]
    return pl.all_horizontal((pl.col(low) <= pl.col(high)).fill_null(True) for low, high in pairs)


class Workers(dy.Schema):
    """One row a worker. Null: the worker's occupation, ability or schooling was not measured."""

    worker_id = _key("the worker; the same text in every table")
    occupation_code = _text("occupation before AI arrived")
    ability_log = _number(
        "ability measured before AI arrived, for example a test score", unit="log points"
    )
    ability_retest_log = _number(
        "a second, independent measurement of the same ability", unit="log points"
    )
    educ_cog = _number("schooling in codifiable cognitive skill", unit="years", low=0)
    educ_soc = _number("schooling in social and organizational skill", unit="years", low=0)


class Tasks(dy.Schema):
    """One row a task. Null: the task's occupation, type, exposure or weight is not known."""

    task_id = _key("the task; the same text in every table")
    occupation_code = _text("occupation the task belongs to", null="not known, or many")
    skill_type = _text(
        "the skill it takes: codifiable-cognitive or social-organizational", one_of=("cog", "soc")
    )
    exposure = _number("share of the task that AI can draft", unit="share", low=0, high=1)
    time_share = _number(
        "share of the occupation's working time before AI arrived, or the sampling weight",
        unit="share",
        above=0,
        high=1,
    )


class Items(dy.Schema):
    """One row an item: a call, a ticket, a case, a question. Null: its task is not known, or many.

    Further columns can be declared as covariates.
    """

    item_id = _key("the item; the same text in every table")
    task_id = _text("the task it is an item of", null="not known, or many")


class Occupations(dy.Schema):
    """One row an occupation. Null: exposure or employment is not known."""

    occupation_code = _key("the occupation, in one classification for the whole panel")
    exposure = _number(
        "time-weighted share of its tasks that AI can draft", unit="share", low=0, high=1
    )
    employment = _number("workers in it before AI arrived", unit="workers", low=0)


class Outputs(dy.Schema):
    """One row a worker, task and period, or one of each of their items: what was produced.

    Where `item_id` is known, a worker has a row for each item of a task in a period; where
    `rater_id` is known, one for each rater of it. Null: the firm, the access, the use, the unit or
    the limits of the rating were not recorded. A rating that has no floor or no ceiling also has
    null there. Output itself is never null: a worker who did not do the task in the period has no
    row. What output may be depends on the panel's `outcome`.
    """

    worker_id = _key("the worker")
    task_id = _key("the task")
    period = _period("the period, rising with time")
    item_id = _text("the item; part of the key", null="the row is all of worker, task and period")
    rater_id = _text("who or what rated the item; part of the key", null="not rated, or by all")
    sequence = dy.Int64(
        nullable=True,
        min=0,
        description="place of the item among all items of the worker, in the order of work",
        metadata={"null": UNKNOWN, "unit": "count of items"},
    )
    firm_id = _text("the firm the worker worked for")
    ai_access = _flag("whether the worker could use AI on this task in this period, or item")
    ai_use = _number(
        "share of the work on the task that was done with AI", unit="share", low=0, high=1
    )
    arm = _text("arm of the trial; `control_arm` of the panel names the control", null="in none")
    assignment_id = _text(
        "what was assigned as one: the worker, team, class or item", null="not assigned, or unknown"
    )
    stratum_id = _text("the stratum or block within which was assigned", null="none, or unknown")
    weight = _number("sampling weight of the row", unit="weight", above=0)
    output = _number("what was produced, of the panel's outcome", unit="as `unit` says", null=None)
    unit = _text("unit of output, one a task", null="not stated for any row of the task")
    rating_floor = _number("lowest value the rating can take", unit="as output", null="none known")
    rating_ceiling = _number(
        "highest value the rating can take", unit="as output", null="none known"
    )

    @dy.rule()
    def ai_use_without_access(cls) -> pl.Expr:
        """AI is used only where there was access; unknown access or use breaks nothing."""
        used = (pl.col("ai_use") > 0).fill_null(False)
        return ~(used & (~pl.col("ai_access")).fill_null(False))

    @dy.rule()
    def rating_limits(cls) -> pl.Expr:
        """The floor is below the ceiling, where both are known."""
        return (pl.col("rating_floor") < pl.col("rating_ceiling")).fill_null(True)

    @dy.rule()
    def output_within_rating(cls) -> pl.Expr:
        """Output is between the known limits of its rating."""
        above = (pl.col("output") >= pl.col("rating_floor")).fill_null(True)
        return above & (pl.col("output") <= pl.col("rating_ceiling")).fill_null(True)


class Abilities(dy.Schema):
    """One row a worker and measure: ability as measured before AI arrived, in any unit.

    One worker can have several measures, such as two tests or a grade; `workers.ability_log` and
    `workers.ability_retest_log` are two more, in log points.
    """

    worker_id = _key("the worker")
    measure = _key("the test, grade or forecast")
    ability = _number("the value, more is abler", unit="one a measure, as `unit` says", null=None)
    unit = _text("unit of the measure", null="not stated for any row of the measure")


class Pay(dy.Schema):
    """One row a worker and period. Null: the firm, occupation or unit was not recorded."""

    worker_id = _key("the worker")
    period = _period("the period, rising with time")
    firm_id = _text("the firm that paid")
    occupation_code = _text("the worker's occupation in the period")
    pay = _number("pay per unit of time", unit="as `unit` says", null=None, above=0)
    unit = _text("unit of pay, one for the whole table", null="not stated for any row")


class Firms(dy.Schema):
    """One row a firm and period. Null: not known; a firm without rents has rent 0, not null."""

    firm_id = _key("the firm; the same text in every table")
    period = _period("the period, rising with time")
    industry_code = _text("the industry of the firm")
    n_workers = _number("workers of the firm", unit="workers", above=0)
    pay_mean = _number("mean pay of its workers, shared rents included", unit="as pay", above=0)
    assets = _number("complementary assets", unit="one for the whole table", above=0)
    rent_per_worker = _number("rent per worker, before sharing", unit="as pay", low=0)
    human_pay_mean = _number("mean pay for human capital, without rents", unit="as pay", above=0)
    ai_capability = _number("AI capability the firm can deploy", unit="index", low=0)


class Industries(dy.Schema):
    """One row an industry. Null: the technology structure or rent sharing was not measured."""

    industry_code = _key("the industry, in one classification for the whole panel")
    proprietary = _number("weight of proprietary AI, η1, as measured", unit="index", low=0)
    rent_sharing = _number(
        "elasticity of pay to 1 + rent per worker / mean human pay, ξ, as measured",
        unit="elasticity",
        low=0,
        high=1,
    )


class Postings(dy.Schema):
    """One row a vacancy. Null: the firm was not named."""

    posting_id = _key("the posting")
    occupation_code = _key("the occupation searched for", primary=False)
    period = dy.Int64(
        min=-LARGEST_PERIOD,
        max=LARGEST_PERIOD,
        description="the period, rising with time",
        metadata={"null": "never null", "unit": "count of periods"},
    )
    firm_id = _text("the firm that posted")
    is_credential_required = _flag("whether a degree or certificate is required", null=None)


class Screening(dy.Schema):
    """One row an applicant. Null: no such signal; later output is null for those not hired."""

    applicant_id = _key("the applicant")
    occupation_code = _key("the occupation applied for", primary=False)
    period = dy.Int64(
        min=-LARGEST_PERIOD,
        max=LARGEST_PERIOD,
        description="the period, rising with time",
        metadata={"null": "never null", "unit": "count of periods"},
    )
    work_sample_log = _number("quality of the work sample", unit="log points", null="none seen")
    credential_log = _number(
        "the credential as a signal of log ability", unit="log points", null="none seen"
    )
    later_output_log = _number(
        "output observed after hiring", unit="log points", null="not hired, or not observed"
    )


class OccupationPay(dy.Schema):
    """One row an occupation and period: published statistics of pay.

    Null: not published. A top-coded or suppressed-from-below percentile is *not* null: it keeps
    the published limit as its value, and its ``…_bound`` says on which side the truth lies.
    """

    occupation_code = _key("the occupation")
    period = _period("the period, rising with time")
    employment = _number("workers", unit="workers", low=0)
    pay_mean = _number("mean pay", unit="one for the whole table", above=0)
    pay_mean_bound = _text("'>=' or '<' if pay_mean is a bound", null="exact", one_of=BOUNDS)
    pay_p10 = _number("10th percentile of pay", unit="as pay_mean", above=0)
    pay_p10_bound = _text("'>=' or '<' if pay_p10 is a bound", null="exact", one_of=BOUNDS)
    pay_p25 = _number("25th percentile of pay", unit="as pay_mean", above=0)
    pay_p25_bound = _text("'>=' or '<' if pay_p25 is a bound", null="exact", one_of=BOUNDS)
    pay_p50 = _number("median pay", unit="as pay_mean", above=0)
    pay_p50_bound = _text("'>=' or '<' if pay_p50 is a bound", null="exact", one_of=BOUNDS)
    pay_p75 = _number("75th percentile of pay", unit="as pay_mean", above=0)
    pay_p75_bound = _text("'>=' or '<' if pay_p75 is a bound", null="exact", one_of=BOUNDS)
    pay_p90 = _number("90th percentile of pay", unit="as pay_mean", above=0)
    pay_p90_bound = _text("'>=' or '<' if pay_p90 is a bound", null="exact", one_of=BOUNDS)
    method = _text("estimation method or segment within which periods compare", null="one method")

    @dy.rule()
    def percentiles_in_order(cls) -> pl.Expr:
        """Known percentiles do not fall from p10 to p90."""
        return _in_order(PAY_STATISTICS[1:])

    @dy.rule()
    def bound_without_value(cls) -> pl.Expr:
        """A bound stands beside a value."""
        return pl.all_horizontal(
            pl.col(name).is_not_null() | pl.col(f"{name}_bound").is_null()
            for name in PAY_STATISTICS
        )


class EducationPay(dy.Schema):
    """One row an occupation, schooling cell and period. Null: the log mean was not published."""

    occupation_code = _key("the occupation")
    educ_cog = dy.Float64(
        primary_key=True,
        min=0,
        description="schooling in codifiable cognitive skill",
        metadata={"null": "never null", "unit": "years"},
    )
    educ_soc = dy.Float64(
        primary_key=True,
        min=0,
        description="schooling in social and organizational skill",
        metadata={"null": "never null", "unit": "years"},
    )
    period = _period("the period, rising with time")
    n_workers = _number("workers in the cell", unit="workers", null=None, low=1)
    pay_mean = _number("mean pay", unit="one for the whole table", null=None, above=0)
    pay_log_mean = _number("mean of log pay", unit="log of pay_mean's unit")


SCHEMAS: Mapping[str, type[dy.Schema]] = MappingProxyType(
    {
        "workers": Workers,
        "tasks": Tasks,
        "items": Items,
        "occupations": Occupations,
        "outputs": Outputs,
        "abilities": Abilities,
        "pay": Pay,
        "firms": Firms,
        "industries": Industries,
        "postings": Postings,
        "screening": Screening,
        "occupation_pay": OccupationPay,
        "education_pay": EducationPay,
    }
)
"""Every table of a panel, in the order in which they are documented."""


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """An id of one table that must be found in another, where both tables are present."""

    table: str
    """the table that refers"""
    column: str
    """its column; a null refers to nothing and is allowed"""
    parent: str
    """the table referred to, which has a column of the same name"""


def _refers(table: str, parent: str, column: str) -> ForeignKey:
    return ForeignKey(table=table, column=column, parent=parent)


FOREIGN_KEYS = (
    _refers("outputs", "workers", "worker_id"),
    _refers("outputs", "tasks", "task_id"),
    _refers("outputs", "items", "item_id"),
    _refers("outputs", "firms", "firm_id"),
    _refers("items", "tasks", "task_id"),
    _refers("abilities", "workers", "worker_id"),
    _refers("pay", "workers", "worker_id"),
    _refers("pay", "firms", "firm_id"),
    _refers("pay", "occupations", "occupation_code"),
    _refers("workers", "occupations", "occupation_code"),
    _refers("tasks", "occupations", "occupation_code"),
    _refers("firms", "industries", "industry_code"),
    _refers("postings", "firms", "firm_id"),
    _refers("postings", "occupations", "occupation_code"),
    _refers("screening", "occupations", "occupation_code"),
    _refers("occupation_pay", "occupations", "occupation_code"),
    _refers("education_pay", "occupations", "occupation_code"),
)
"""References that :func:`withintask.panel.validate.panel_violations` checks."""

ONE_UNIT: Mapping[str, str | None] = MappingProxyType(
    {"outputs": "task_id", "abilities": "measure", "pay": None}
)
"""Tables whose ``unit`` is one for each value of the column (None: for the whole table)."""

FURTHER_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({"outputs": ("item_id", "rater_id")})
"""Columns that are part of a table's key where the table has them; null is then one value more."""


def key_of(table: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the key of a table that has these columns."""
    further = [name for name in FURTHER_KEYS.get(table, ()) if name in set(columns)]
    return (*SCHEMAS[table].primary_key(), *further)
