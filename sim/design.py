"""A data design: what an analyst would have. Its values are data, see ``designs.py``."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Design:
    """One way to observe the economy; sizes, treatment, nuisances, and the columns that the analyst has."""

    name: str
    """Short name, as on the command line."""
    number: int
    """Row of the identification matrix, 1 to 12."""
    summary: str
    """One line."""
    n_workers: int
    """Workers (in each cross-section)."""
    n_firms: int
    """Firms, of near-equal size; worker-weighted draws from the economy's firms."""
    n_occupations: int
    """Occupations, drawn from the economy's with replacement within exposed and unexposed ones."""
    n_occupations_by_firm: int
    """Occupations that one firm employs."""
    n_tasks: int
    """Tasks that every worker does: exposed cells, or the first tasks of the worker's own occupation."""
    n_control_tasks: int
    """Unexposed tasks that every worker does besides, where tasks are sampled as cells."""
    n_pre: int
    """Periods before AI."""
    n_post: int
    """Periods after its arrival."""
    task_sampling: str
    """One of SAMPLINGS."""
    treatment: str
    """One of TREATMENTS."""
    treated_share: float
    """Share of workers with access after AI's arrival, or who use it."""
    is_repeated_cross_section: bool
    """Whether every period samples new workers, without a link."""
    n_postings_by_occupation: int
    """Postings per occupation and period."""
    n_applicants_by_occupation: int
    """Applicants with work samples per occupation and period."""
    ability_noise: float
    """Noise of measured ability, log points; the retest has the same."""
    later_output_noise: float
    """Noise of later output as a measure of log ability, log points."""
    pay_noise: float
    """Transitory pay, log points."""
    mobility: float
    """Probability that a worker changes firm between two periods."""
    ability_selection: float
    """Correlation of the wish to use AI with ability, where use is self-selected."""
    occupation_shock: float
    """Log change of pay and output after AI's arrival per unit of exposure, unrelated to AI."""
    attrition: float
    """Share of workers lost after AI's arrival, 2·share·Φ(-z) of those at ability score z."""
    output_noise: float
    """Noise of measured output, log points."""
    rating_ceiling: float
    """Highest output that can be recorded, in units of mean human output; 0 for none."""
    top_code: float
    """Highest pay percentile published, in units of mean human pay; 0 for none."""
    method_break: float
    """Share of log dispersion lost per unit of exposure when the instrument changes with AI's arrival."""
    task_reassignment: float
    """Share of workers taken off an exposed task after AI's arrival, 2·share·Φ(-z) of those at ability score z."""
    ability_sorting: float
    """Correlation of ability with log assets of the firm."""
    firm_premium_sd: float
    """Firm pay premium unrelated to AI, log points."""
    columns: Mapping[str, tuple[str, ...]]
    """Table to the columns that the analyst has."""

    @property
    def n_periods(self) -> int:
        """Periods in all."""
        return self.n_pre + self.n_post

    @property
    def n_cross_sections(self) -> int:
        """Samples of workers: one followed over time, or a new one each period."""
        return self.n_periods if self.is_repeated_cross_section else 1

    @property
    def has_outputs(self) -> bool:
        """Whether task outputs are seen."""
        return "outputs" in self.columns

    @property
    def has_pay(self) -> bool:
        """Whether pay is seen or aggregated."""
        return bool({"pay", "occupation_pay", "education_pay"} & set(self.columns))

    @property
    def n_tasks_by_worker(self) -> int:
        """Tasks that one worker does."""
        return self.n_tasks + self.n_control_tasks

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the columns as a plain dictionary, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _rebuild, ({**values, "columns": dict(self.columns)},)

    def shows(self, table: str, column: str) -> bool:
        """Whether the analyst has a column."""
        return column in self.columns.get(table, ())


def _rebuild(values: dict[str, Any]) -> Design:
    return Design(**{**values, "columns": MappingProxyType(values["columns"])})
