"""A data design: what an analyst would have. Its values are data, see ``designs.py``."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
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
    # Measurement, eq. (11). The values given here, and below, change nothing: a design that leaves them so is the same
    # design, with the same hash, as before there were such fields.
    n_items: int = 1
    """Items of each task that a worker does in a period."""
    is_item_shared: bool = False
    """Whether all workers do the same items of a task in a period, or each has items of the worker's own."""
    item_sd: float = 0.0
    """Spread of items' difficulty, log points."""
    noise_persistence: float = 0.0
    """First-order autocorrelation of the noise of output over a worker's items, in the order of work."""
    ai_noise_ratio: float = 1.0
    """Noise of output where AI is in use, as a multiple of the noise without it."""
    n_raters: int = 1
    """Raters of each item."""
    rater_noise: float = 0.0
    """Noise of one rating of an item, log points."""
    outcome: str = "positive"
    """What is recorded, one of the kinds of ``panel/outcome.py``."""
    count_mean: float = 1.0
    """Expected count at mean human output, where the outcome is a count."""
    log_odds_slope: float = 1.0
    """Log-odds of success per log point of output, where the outcome is binary; even odds at mean human output."""
    score_slope: float = 1.0
    """Points per log point of output, where the outcome is a score; the middle of the scale at mean human output."""
    score_floor: float = 0.0
    """Lowest score."""
    score_ceiling: float = 1.0
    """Highest score."""
    undersampling: float = 0.0
    """Share of workers whom the outputs leave out by design, 2·share·Φ(-z) of those at ability score z; the column
    ``outputs.weight`` is one over the chance to be in it."""
    # Switches: what happens without any effect of AI, see ``switches.py``.
    spillover: float = 0.0
    """Share of the treated's capability that reaches untreated teammates."""
    hawthorne: float = 0.0
    """Rise of the treated's output from being in the trial, log points."""
    hawthorne_slope: float = 0.0
    """Share of that rise lost per standard deviation of log ability."""
    item_choice: float = 0.0
    """Log points by which the treated's items are harder, per standard deviation of log ability."""
    practice: float = 0.0
    """Log output gained per log point of one plus items of the task done before."""
    practice_slope: float = 0.0
    """Share of that gain lost per standard deviation of log ability."""
    quality_tradeoff: float = 0.0
    """Quality given up for speed where AI is used, log points per unit of exposure; only speed is recorded."""
    arm_attrition: float = 0.0
    """Share of the treated lost after AI's arrival, 2·share·Φ(-z) of those at ability score z; no others are lost."""
    anticipation: float = 0.0
    """Share of AI's effect that is there in the last period before it."""
    firm_shock_sd: float = 0.0
    """Spread of firms' shocks to output and pay after AI's arrival, log points."""
    firm_shock_assets: float = 0.0
    """Correlation of these shocks with firms' log assets."""
    credential_drift: float = 0.0
    """Rise of the log-odds of a required credential after AI's arrival per unit of exposure, unrelated to AI."""
    mobility_sorting: float = 0.0
    """Correlation of a mover's ability with the rank of the new firm's assets."""
    noncompliance: float = 0.0
    """Share of workers who do not use the AI they were given, or use AI without access (which no record shows)."""
    effect_sd: float = 0.0
    """Spread among workers of AI's effect, log points per unit of exposure: around 0 on log output where it is used, and
    a factor of mean 1 on pay after its arrival."""
    occupation_effect_sd: float = 0.0
    """Spread among occupations of AI's effect on pay, a factor of mean 1, log points per unit of exposure."""
    credential_effect_sd: float = 0.0
    """Spread among occupations of an effect of mean zero on required credentials after AI's arrival, log-odds per unit of
    exposure."""
    reranking: float = 0.0
    """Part of workers' ability on exposed tasks that is drawn anew where AI is used: ranks change, the distribution does
    not."""

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

    @property
    def n_rows_by_task(self) -> int:
        """Rows of a worker, task and period: its items, each by each rater."""
        return self.n_items * self.n_raters

    @property
    def is_trial(self) -> bool:
        """Whether access is randomized, to workers, items or firms."""
        return self.treatment.startswith("randomized")

    @property
    def loses_workers(self) -> bool:
        """Whether workers leave the panel."""
        return bool(self.attrition or self.arm_attrition)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the columns as a plain dictionary, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _rebuild, ({**values, "columns": dict(self.columns)},)

    def shows(self, table: str, column: str) -> bool:
        """Whether the analyst has a column."""
        return column in self.columns.get(table, ())


OFF: Mapping[str, object] = MappingProxyType(
    {field.name: field.default for field in fields(Design) if field.default is not MISSING}
)
"""Fields that can be left out, and the value at which each changes nothing."""


def _rebuild(values: dict[str, Any]) -> Design:
    return Design(**{**values, "columns": MappingProxyType(values["columns"])})
