"""What a design may ask for; all problems are found before anything is drawn."""

from collections.abc import Mapping
from dataclasses import fields
from sys import float_info
from types import MappingProxyType
from typing import get_args

from withintask.panel.errors import ParameterError, list_problems, quoted, unknown_name
from withintask.panel.outcome import OutcomeKind
from withintask.sim.design import Design
from withintask.sim.params import Params

TREATMENTS = (
    "universal", "randomized", "self_selected", "staggered", "staggered_opposed", "randomized_items", "randomized_firms",
)  # fmt: skip
"""Who has AI after its arrival: everybody, a random part of each firm's workers, those who choose it, firms in random
order (``staggered_opposed`` lets the firms with the most assets adopt first), a random part of each worker's items, or a
random part of the firms."""

SAMPLINGS = ("cells", "occupations")
"""How tasks are sampled: exposed (and control) task cells that all workers do, or the tasks of the worker's own
occupation."""

_PERCENTILES = ("pay_p10", "pay_p25", "pay_p50", "pay_p75", "pay_p90")

OBSERVABLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "workers": ("worker_id", "occupation_code", "ability_log", "ability_retest_log", "educ_cog", "educ_soc"),
        "tasks": ("task_id", "occupation_code", "skill_type", "exposure", "time_share"),
        "occupations": ("occupation_code", "exposure", "employment"),
        "outputs": (
            "worker_id", "task_id", "period", "item_id", "rater_id", "sequence", "firm_id", "ai_access", "ai_use", "arm",
            "assignment_id", "stratum_id", "weight", "output", "unit", "rating_floor", "rating_ceiling",
        ),
        "pay": ("worker_id", "period", "firm_id", "occupation_code", "pay", "unit"),
        "firms": (
            "firm_id", "period", "industry_code", "assets", "rent_per_worker", "human_pay_mean", "ai_capability",
        ),
        "industries": ("industry_code", "proprietary", "rent_sharing"),
        "postings": ("posting_id", "occupation_code", "period", "is_credential_required"),
        "screening": (
            "applicant_id", "occupation_code", "period", "work_sample_log", "credential_log", "later_output_log",
        ),
        "occupation_pay": (
            "occupation_code", "period", "employment", "pay_mean", *_PERCENTILES,
            *(f"{name}_bound" for name in _PERCENTILES), "method",
        ),
        "education_pay": (
            "occupation_code", "educ_cog", "educ_soc", "period", "n_workers", "pay_mean", "pay_log_mean",
        ),
    }
)  # fmt: skip
"""Tables and columns that the simulator can fill."""

_UNIT = (
    "treated_share", "mobility", "method_break", "noise_persistence", "spillover", "anticipation", "noncompliance",
    "reranking",
)  # fmt: skip
_HALF = ("attrition", "task_reassignment", "arm_attrition", "undersampling")
_CORRELATION = ("ability_sorting", "ability_selection", "firm_shock_assets", "mobility_sorting")
_NOT_NEGATIVE = (
    "ability_noise", "later_output_noise", "pay_noise", "output_noise", "firm_premium_sd", "rating_ceiling", "top_code",
    "item_sd", "ai_noise_ratio", "rater_noise", "firm_shock_sd", "effect_sd", "occupation_effect_sd",
    "credential_effect_sd",
)  # fmt: skip
_SIGNED = (
    "hawthorne", "hawthorne_slope", "item_choice", "practice", "practice_slope", "quality_tradeoff", "credential_drift",
)  # fmt: skip
_LARGEST = 100
_FINITE = ("log_odds_slope", "score_slope", "score_floor", "score_ceiling")


def check_design(design: Design, params: Params) -> None:
    """Refuse a design that this economy cannot fill.

    Raises
    ------
    ParameterError
        Lists what the economy lacks.
    """
    problems = []
    if design.task_sampling == "occupations" and design.n_tasks > params.n_tasks:
        problems.append(
            f"n_tasks = {design.n_tasks}: an occupation has {params.n_tasks}; "
            "ask for fewer tasks or raise the parameter n_tasks"
        )
    reaches_all = (
        params.n_cog_tasks == params.n_tasks
        and round(params.unexposed_share * params.n_occupations) == 0
    )
    if design.n_control_tasks and reaches_all:
        problems.append(
            f"n_control_tasks = {design.n_control_tasks}: AI reaches every task of the economy"
        )
    if problems:
        raise ParameterError(
            list_problems(f"design {design.name}", problems, advice="Nothing was drawn.")
        )


def design_problems(design: Design) -> list[str]:
    """Name everything that is wrong with a design: first types, and where they are right, values."""
    return _type_problems(design) or [
        *_size_problems(design),
        *_measurement_problems(design),
        *_range_problems(design),
        *_table_problems(design),
    ]


def _type_problems(design: Design) -> list[str]:
    problems = []
    for field in fields(design):
        value, kind = getattr(design, field.name), field.type
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind is int and (not is_number or not isinstance(value, int) or value < 0):
            problems.append(f"{field.name} = {quoted(value)}: expected a whole number, 0 or more")
        if kind is float and (not is_number or value != value):  # noqa: PLR0124 (NaN)
            problems.append(f"{field.name} = {quoted(value)}: expected a number")
        if kind in (str, bool) and not isinstance(value, kind):
            expected = "true or false" if kind is bool else "a text"
            problems.append(f"{field.name} = {quoted(value)}: expected {expected}")
    return problems


def _size_problems(design: Design) -> list[str]:
    from_cells = design.task_sampling == "cells"
    checks = [
        (
            design.task_sampling in SAMPLINGS,
            f"task_sampling = {quoted(design.task_sampling)}: expected one of {SAMPLINGS}",
        ),
        (
            design.treatment in TREATMENTS,
            f"treatment = {quoted(design.treatment)}: expected one of {TREATMENTS}",
        ),
        (design.n_workers >= 1, f"n_workers = {design.n_workers}: expected at least 1"),
        (
            1 <= design.n_firms <= design.n_workers,
            f"n_firms = {design.n_firms}: expected 1 to n_workers = {design.n_workers}",
        ),
        (design.n_pre + design.n_post >= 1, "n_pre + n_post = 0: expected a period"),
        (
            from_cells or design.n_occupations > 1,
            f"n_occupations = {design.n_occupations}: expected at least 2 (one exposed, one not)",
        ),
        (
            1 <= design.n_occupations_by_firm <= max(design.n_occupations, 1),
            f"n_occupations_by_firm = {design.n_occupations_by_firm}: "
            f"expected 1 to n_occupations = {design.n_occupations}",
        ),
        (
            from_cells or design.n_control_tasks == 0,
            "n_control_tasks: expected 0 where workers do their own tasks",
        ),
    ]
    return [message for holds, message in checks if not holds]


def _measurement_problems(design: Design) -> list[str]:
    checks = (
        (
            design.outcome in get_args(OutcomeKind),
            f"outcome = {quoted(design.outcome)}: expected one of {get_args(OutcomeKind)}",
        ),
        (
            design.score_floor < design.score_ceiling,
            f"score_floor = {design.score_floor}: expected below score_ceiling = {design.score_ceiling}",
        ),
        (design.count_mean > 0, f"count_mean = {design.count_mean}: expected above 0"),
        (design.n_items >= 1, "n_items = 0: expected at least 1"),
        (design.n_raters >= 1, "n_raters = 0: expected at least 1"),
    )
    return [message for holds, message in checks if not holds]


def _range_problems(design: Design) -> list[str]:
    problems = []
    for low, high, text, names in (
        (0, 1, "[0, 1]", _UNIT),
        (0, 1 / 2, "[0, 0.5]", _HALF),
        (-1, 1, "[-1, 1]", _CORRELATION),
        (0, float("inf"), "0 or more", _NOT_NEGATIVE),
        (-_LARGEST, _LARGEST, f"[-{_LARGEST}, {_LARGEST}]", _SIGNED),
        (-float_info.max, float_info.max, "a finite number", _FINITE),
    ):
        values = {name: getattr(design, name) for name in names}
        problems += [
            f"{name} = {v}: expected {text}" for name, v in values.items() if not low <= v <= high
        ]
    return problems


def _table_problems(design: Design) -> list[str]:
    problems = [
        f"columns.{unknown_name(table, OBSERVABLE)}"
        for table in design.columns
        if table not in OBSERVABLE
    ]
    for table in design.columns.keys() & OBSERVABLE.keys():
        known = OBSERVABLE[table]
        problems += [
            f"columns.{table}.{unknown_name(c, known)}"
            for c in design.columns[table]
            if c not in known
        ]
    problems += [
        f"columns.{table}.{name}: named {names.count(name)} times"
        for table, names in design.columns.items()
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    sources = (
        ("outputs", design.n_tasks_by_worker, "n_tasks"),
        ("tasks", design.n_tasks_by_worker, "n_tasks"),
        ("postings", design.n_postings_by_occupation, "n_postings_by_occupation"),
        ("screening", design.n_applicants_by_occupation, "n_applicants_by_occupation"),
        ("occupations", design.n_occupations, "n_occupations"),
    )
    shown = [
        (table, size) for table, count, size in sources if table in design.columns and not count
    ]
    problems += [f"{size} = 0: expected at least 1 where {table} are seen" for table, size in shown]
    if design.is_repeated_cross_section:
        linked = [table for table in ("workers", "pay") if table in design.columns]
        problems += [
            f"columns.{table}: a repeated cross-section has no worker ids to link it"
            for table in linked
        ]
    return problems
