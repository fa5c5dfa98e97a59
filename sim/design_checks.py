"""What a design may ask for; all problems are found before anything is drawn."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from withintask.panel.errors import ParameterError, list_problems, unknown_name
from withintask.sim.design import Design
from withintask.sim.params import Params

TREATMENTS = ("universal", "randomized", "self_selected", "staggered", "staggered_opposed")
"""Who has AI after its arrival: everybody, a random part of each firm's workers, those who choose it, or firms in
random order; ``staggered_opposed`` lets the firms with the most assets adopt first."""

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
            "worker_id", "task_id", "period", "firm_id", "ai_access", "ai_use", "output", "unit", "rating_ceiling",
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

_UNIT = ("treated_share", "mobility", "method_break")
_HALF = ("attrition", "task_reassignment")
_CORRELATION = ("ability_sorting", "ability_selection")
_NOT_NEGATIVE = (
    "ability_noise", "later_output_noise", "pay_noise", "output_noise", "firm_premium_sd", "rating_ceiling", "top_code",
)  # fmt: skip


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
    return _type_problems(design) or [*_size_problems(design), *_table_problems(design)]


def _type_problems(design: Design) -> list[str]:
    problems = []
    for field in fields(design):
        value, kind = getattr(design, field.name), field.type
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind is int and (not is_number or not isinstance(value, int) or value < 0):
            problems.append(f"{field.name} = {value!r}: expected a whole number, 0 or more")
        if kind is float and (not is_number or value != value):  # noqa: PLR0124 (NaN)
            problems.append(f"{field.name} = {value!r}: expected a number")
        if kind in (str, bool) and not isinstance(value, kind):
            expected = "true or false" if kind is bool else "a text"
            problems.append(f"{field.name} = {value!r}: expected {expected}")
    return problems


def _size_problems(design: Design) -> list[str]:
    from_cells = design.task_sampling == "cells"
    checks = [
        (
            design.task_sampling in SAMPLINGS,
            f"task_sampling = {design.task_sampling!r}: expected one of {SAMPLINGS}",
        ),
        (
            design.treatment in TREATMENTS,
            f"treatment = {design.treatment!r}: expected one of {TREATMENTS}",
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
    for low, high, text, names in (
        (0, 1, "[0, 1]", _UNIT),
        (0, 1 / 2, "[0, 0.5]", _HALF),
        (-1, 1, "[-1, 1]", _CORRELATION),
        (0, float("inf"), "0 or more", _NOT_NEGATIVE),
    ):
        values = {name: getattr(design, name) for name in names}
        checks += [
            (low <= v <= high, f"{name} = {v}: expected {text}") for name, v in values.items()
        ]
    return [message for holds, message in checks if not holds]


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
