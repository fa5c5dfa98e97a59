"""What a design costs: unit costs times what there is of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from withintask.panel.errors import ParameterError, list_problems, unknown_name

Quantity = Callable[[Any], Any]
"""Of a design, or of anything with the sizes of many designs as arrays under the same names."""


@dataclass(frozen=True, kw_only=True)
class CostUnit:
    """Something that is paid for."""

    name: str
    """Name in ``--cost`` and in a study file."""
    meaning: str
    """What one of it is."""
    count: Quantity
    """How many a design has."""


def _rows(d: Any) -> Any:
    return d.n_workers * d.n_tasks_by_worker * d.n_items * d.n_periods


COST_UNITS = (
    CostUnit(name="firm", meaning="one firm that takes part", count=lambda d: d.n_firms),
    CostUnit(
        name="worker",
        meaning="one worker, once (in each cross-section where workers are new every period)",
        count=lambda d: d.n_workers * d.n_cross_sections,
    ),
    CostUnit(
        name="treated_worker",
        meaning="one worker with access to AI",
        count=lambda d: d.n_workers * d.treated_share,
    ),
    CostUnit(
        name="task",
        meaning="one kind of task that one worker does, whatever the items and periods",
        count=lambda d: d.n_workers * d.n_tasks_by_worker,
    ),
    CostUnit(
        name="item",
        meaning="one item (call, ticket, case, text) that one worker does in one period and that is recorded",
        count=_rows,
    ),
    CostUnit(
        name="rating",
        meaning="one item judged by one rater",
        count=lambda d: _rows(d) * d.n_raters,
    ),
    CostUnit(name="rater", meaning="one rater, once", count=lambda d: d.n_raters),
    CostUnit(
        name="period", meaning="one period in the field, before or after", count=lambda d: d.n_periods
    ),
    CostUnit(
        name="worker_period",
        meaning="one worker in the field for one period",
        count=lambda d: d.n_workers * d.n_periods,
    ),
    CostUnit(
        name="posting",
        meaning="one job posting that is read",
        count=lambda d: d.n_postings_by_occupation * d.n_occupations * d.n_periods,
    ),
    CostUnit(
        name="applicant",
        meaning="one applicant whose work sample is seen",
        count=lambda d: d.n_applicants_by_occupation * d.n_occupations * d.n_periods,
    ),
)  # fmt: skip
"""All that can be given a cost."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Unit costs, in one currency."""

    by_unit: Mapping[str, float]
    """Unit to cost; what is left out costs nothing."""

    def of(self, design: Any) -> Any:
        """Cost of a design, or of many whose sizes are arrays."""
        counts = {unit.name: unit.count for unit in COST_UNITS}
        return sum(cost * counts[name](design) for name, cost in self.by_unit.items())

    def parts(self, design: Any) -> dict[str, float]:
        """Cost of a design by unit."""
        counts = {unit.name: unit.count for unit in COST_UNITS}
        return {name: float(cost * counts[name](design)) for name, cost in self.by_unit.items()}


def make_costs(values: Mapping[str, float], *, where: str = "--cost") -> Costs:
    """Check unit costs.

    Raises
    ------
    ParameterError
        Lists every unknown unit, with the nearest known one, and every cost that is not a number of 0 or more.
    """
    known = tuple(unit.name for unit in COST_UNITS)
    problems = [unknown_name(name, known) for name in values if name not in known]
    problems += [
        f"{name} = {value!r}: expected a number, 0 or more"
        for name, value in values.items()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < np.inf
    ]
    if problems:
        lines = [f"{unit.name}: {unit.meaning}" for unit in COST_UNITS]
        raise ParameterError(
            list_problems(where, problems, advice="Units of cost are\n  " + "\n  ".join(lines))
        )
    return Costs(by_unit={name: float(value) for name, value in values.items()})


def parse_costs(texts: Sequence[str]) -> dict[str, float]:
    """Read ``firm=5000`` and the like.

    Raises
    ------
    ParameterError
        Lists everything that is not of that form.
    """
    values, problems = {}, []
    for text in texts:
        name, _, number = text.partition("=")
        try:
            values[name.strip()] = float(number.replace(",", ""))
        except ValueError:
            problems.append(f"{text!r}: expected unit=number, for example worker=150")
    if problems:
        raise ParameterError(list_problems("--cost", problems))
    return values
