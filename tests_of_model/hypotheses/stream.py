"""Estimates on panels larger than memory, from sums made in passes over them; the numbers are those of memory."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.capabilities import missing
from withintask.panel.errors import EstimationError, ModelError, ParameterError, list_problems
from withintask.panel.panel import Panel
from withintask.panel.transform import codes
from withintask.panel.trial_arms import of_arm, with_access
from withintask.tests_of_model.hypotheses.dispersion_of_cells import (
    CELL_TERMS,
    CellTerm,
    GroupedCells,
    UnitRows,
    average,
    group_cells,
    parts_as_rows,
)
from withintask.tests_of_model.hypotheses.estimate import (
    FAILED,
    NOT_ESTIMABLE,
    UNUSABLE,
    as_frame,
    attempt,
    choose,
)
from withintask.tests_of_model.hypotheses.estimates import failure
from withintask.tests_of_model.hypotheses.hypothesis import Estimate, Estimator
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.errors import Errors, check_errors
from withintask.tests_of_model.regression.options import Options
from withintask.tests_of_model.samples.cell_arms import KnownRows, known_rows, place_in_arms
from withintask.tests_of_model.samples.cell_passes import (
    FormRows,
    cell_moments,
    constant_left,
    form_rows,
    hold,
    leave_out,
    moved_by_unit,
    whole_cells,
)
from withintask.tests_of_model.samples.cell_quantiles import log_ranges
from withintask.tests_of_model.samples.cell_source import MEMORY, CellSource, open_cells
from withintask.tests_of_model.samples.cell_sums import AVERAGES, CellMeasure, as_cell_sums
from withintask.tests_of_model.samples.scanned_sample import ScannedSample
from withintask.tests_of_model.samples.task_rows import ENOUGH_FIRMS, clusters_of, with_tasks
from withintask.tests_of_model.samples.unknown import joined

OF_PAY = (
    "mincer",
    "mincer_iv",
    "mincer_no_ability",
    "exposure_triple_iv",
    "exposure_triple_no_ability",
    "mincer_pooled",
)
"""Estimators of H2 that are made of sums of pay and schooling by occupation."""
OF_FIRMS = ("variance_contrast", "variance_change", "rent_sharing")
"""Estimators of H4 that are made of sums of pay by firm and period."""
OF_POSTINGS = (
    "linear_probability",
    "logit",
    "compression_iv",
    "compression_ols",
    "signal_reliability",
)
"""Estimators of H3 that are made of sums of postings and work samples by occupation and period."""
OF_SUMMARIES = ("occupation_percentiles", "education_cells")
"""Estimators of tables that hold sums already, by occupation, schooling and year."""
OF_ITEMS = (
    "effect_within",
    "effect_between",
    "effect_before_after",
    "effect_difference",
    "access_by_ability",
    "access_by_ability_iv",
    "gradient",
    "gradient_iv",
    "gradient_of_output",
    "variance_net_of_noise",
    "dispersion_staggered",
    "dispersion_staggered_imputed",
    "dispersion_two_way_effects",
    "effect_staggered",
    "gradient_staggered",
)
"""Estimators of H1 that are made of sums of items by worker, task, period and access."""
OF_TABLES = (*OF_PAY, *OF_FIRMS, *OF_POSTINGS, *OF_SUMMARIES)
"""Estimators that sums of other tables than outputs serve."""
SERVED = (*CELL_TERMS, *OF_ITEMS, *OF_TABLES)
"""Estimators that sums serve."""
NEEDS_ROWS = "needs_rows"
"""Status of a term that sums do not serve."""
_NO_SUMS = "sums do not serve it: it needs every row, in memory (--engine fast)"


def estimate_streamed(
    panel: Panel,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    errors: Errors = "auto",
    arm: str = "",
    files: Sequence[Path] = (),
    memory_bytes: int = MEMORY,
    spill: Path | None = None,
) -> pl.DataFrame:
    """Estimate hypotheses on a panel of any size, from sums made in passes over it.

    Parameters
    ----------
    panel
        Lazy; it is not validated, but for outputs that are not positive.
    hypotheses, estimators
        As for :func:`withintask.tests_of_model.hypotheses.estimate.estimate`; an estimator named that sums do not serve is
        refused.
    errors, arm
        As there, but for ``randomization``, which assigns access to rows anew.
    files, memory_bytes, spill
        As for :func:`withintask.tests_of_model.samples.cell_source.open_cells`.

    Returns
    -------
    polars.DataFrame
        As :func:`withintask.tests_of_model.hypotheses.estimate.estimate`: the same numbers up to rounding. Terms that need
        rows have status ``needs_rows``.

    Raises
    ------
    ParameterError
        If a name is not known, or what is asked for needs rows: all of it.
    SourceError
        If the disk is too small for what spills, or the panel changed while it was read.
    """
    chosen = choose(hypotheses, estimators)
    fail_if_rows_are_needed([e for _, e in chosen] if estimators else [], errors)
    options = Options(errors=errors)
    sample = ScannedSample(with_access(panel), options, arm=arm)
    panel = of_arm(panel, arm) if arm else panel
    opened = open_cells(panel, () if arm else files, memory_bytes=memory_bytes, spill=spill)
    rows = _rows(with_access(panel), sample, opened, [e for _, e in chosen])
    return as_frame(
        (hypothesis, estimator, "", row)
        for (hypothesis, estimator), found in zip(chosen, rows, strict=True)
        for row in found
    ).drop("arm")


def fail_if_rows_are_needed(estimators: Sequence[Estimator], errors: Errors) -> None:
    """Refuse estimators and errors that sums by cell do not serve, all at once.

    Raises
    ------
    ParameterError
        Names them, and what sums serve.
    """
    check_errors(errors)
    problems = [f"{e.name}: {_NO_SUMS}" for e in estimators if e.name not in SERVED]
    if errors == "randomization":
        problems.append(
            "errors randomization: access is assigned to rows anew, which sums do not hold"
        )
    if problems:
        others = [e.name for h in HYPOTHESES for e in h.estimators if e.name not in SERVED]
        advice = f"Sums serve all estimators but {', '.join(others)}."
        raise ParameterError(list_problems("estimates from sums", problems, advice=advice))


def _rows(
    panel: Panel,
    sample: ScannedSample,
    opened: AbstractContextManager[CellSource],
    estimators: Sequence[Estimator],
) -> list[tuple[Estimate, ...]]:
    """Rows of each estimator; the panel is opened once for all of them."""
    gaps = {e.name: _gaps(panel, e.needs) for e in estimators}
    is_served = any(e.name in CELL_TERMS and not gaps[e.name] for e in estimators)
    rows = {e.name: _unserved(e, gaps[e.name]) or _of_sample(e, sample) for e in estimators}
    if not is_served:
        return [rows[e.name] for e in estimators]
    try:
        with opened as source:
            run = _Run(source, panel, sample.options)
            return [rows[e.name] or run.estimates(e) for e in estimators]
    except EstimationError as error:
        failed = {
            e.name: tuple(failure(t, UNUSABLE, str(error)) for t in e.terms) for e in estimators
        }
        return [rows[e.name] or failed[e.name] for e in estimators]


def _of_sample(estimator: Estimator, sample: ScannedSample) -> tuple[Estimate, ...]:
    """Rows of an estimator that the sums of a scanned sample serve; empty of any other."""
    if estimator.name in OF_TABLES:
        return attempt(estimator, sample)
    if estimator.name not in OF_ITEMS:
        return ()
    try:
        return attempt(estimator, sample, missing(sample.item_sums, estimator.needs))
    except EstimationError as error:
        return tuple(failure(term, UNUSABLE, str(error)) for term in estimator.terms)


def _gaps(panel: Panel, needs: Sequence[str]) -> Sequence[str]:
    """What a panel lacks, but for what sums by worker will tell unless something else is amiss."""
    later = re.compile(r"outputs\.(output|.* varies|period spans .*|worker_id repeats .*)")
    columns = {need.split()[0] for need in needs if later.fullmatch(need)}
    there = [f"outputs.{name}" for name in _columns(panel)]
    is_short = columns - {*there, "outputs.period"}
    others = missing(panel, [need for need in needs if not later.fullmatch(need)])
    return missing(panel, needs) if is_short or others else ()


def _columns(panel: Panel) -> list[str]:
    return [] if panel.outputs is None else panel.outputs.lazy().collect_schema().names()


def _unserved(estimator: Estimator, gaps: Sequence[str]) -> tuple[Estimate, ...]:
    """Rows of an estimator that cannot be run, with the reason; empty if it can."""
    if gaps:
        return tuple(failure(term, NOT_ESTIMABLE, "; ".join(gaps)) for term in estimator.terms)
    if estimator.name not in SERVED:
        return tuple(failure(term, NEEDS_ROWS, _NO_SUMS) for term in estimator.terms)
    return ()


class _Run:
    """Estimates from one open source; what several of them need is made once."""

    def __init__(self, source: CellSource, panel: Panel, options: Options) -> None:
        self.source, self.panel, self.options = source, panel, options
        self.known: KnownRows | None = None
        self.unit = ""
        self.held: FormRows | None = None
        self.moments: dict[tuple[bool, bool], pl.DataFrame] = {}

    def estimates(self, estimator: Estimator) -> tuple[Estimate, ...]:
        """Rows of an estimator that sums serve; whatever goes wrong becomes rows with a status."""
        return tuple(
            self._term(estimator, term, CELL_TERMS[estimator.name].get(term))
            for term in estimator.terms
        )

    def _term(self, estimator: Estimator, term: str, asked: CellTerm | None) -> Estimate:
        if asked is None:
            return failure(term, NEEDS_ROWS, _NO_SUMS)
        note = ""
        try:
            known = self._known(asked)
            if not known.met.issuperset(
                n for n in estimator.needs if n.startswith("outputs.") and "->" not in n
            ):
                gaps = missing(self.panel, estimator.needs)
                if gaps:
                    return failure(term, NOT_ESTIMABLE, "; ".join(gaps))
            note = known.note
            return self._effect(term, asked, known)
        except EstimationError as error:
            return failure(
                term, UNUSABLE, joined(str(error), note if "usable" in str(error) else "")
            )
        except ModelError:
            raise
        except (ArithmeticError, ValueError) as error:
            return failure(term, FAILED, f"{type(error).__name__}: {error}")

    def _known(self, asked: CellTerm) -> KnownRows:
        """Rows of which all is known, of the term's treatment; their arms are placed anew when it changes."""
        if self.known is None or self.known.treatment != asked.treatment:
            self.known = known_rows(self.source, asked.treatment)
            self.unit, self.held = "", None
        return self.known

    def _held(self, asked: CellTerm, known: KnownRows, unit: str) -> FormRows:
        """The rows that a term compares, held anew when they are others than those of the term before."""
        rows = form_rows(self.source, known, asked.form, unit)
        if rows != self.held:
            hold(self.source, rows, known.n_rows)
            self.held, self.moments = rows, {}
        return replace(rows, is_weighted=False) if asked.measure in AVERAGES else rows

    def _moments(self, asked: CellTerm, rows: FormRows) -> pl.DataFrame:
        """Moments of the rows that are held, or of their logs."""
        is_log = asked.measure in ("log_variance", "log_iqr")
        key = is_log, rows.is_weighted
        if key not in self.moments:
            measure: CellMeasure = "log_variance" if is_log else "log_cv"
            self.moments[key] = cell_moments(self.source, rows, measure)
        return self.moments[key]

    def _effect(self, term: str, asked: CellTerm, known: KnownRows) -> Estimate:
        has_arms = asked.form in ("by_arm", "before_after") or known.is_treatment_told
        if asked.form != "between_arms" and has_arms and not self.unit:
            self.unit = place_in_arms(self.source, known)
        rows = self._held(asked, known, self.unit if has_arms else "")
        cells = self._cells(asked, known, rows)
        assert self.panel.info.first_ai_period is not None
        grouped = group_cells(as_cell_sums(cells, self.panel.info.first_ai_period), asked)
        units = self._units(asked, rows, cells, grouped)
        return average(term, asked, grouped, units, self.options, known.note)

    def _cells(self, asked: CellTerm, known: KnownRows, rows: FormRows) -> pl.DataFrame:
        moments = self._moments(asked, rows).join(known.tasks, on="task_id", how="left")
        if asked.form != "by_exposure":
            moments = moments.filter("is_exposed")
        elif moments["is_exposed"].all():
            raise EstimationError("no unexposed task to compare with")
        if moments.is_empty():
            message = "no row of an exposed task and a known arm"
            raise EstimationError(joined(message, known.note))
        cells = whole_cells(self.source, rows, moments, asked.measure, pooled=asked.is_pooled)
        if asked.measure == "log_iqr":
            return log_ranges(self.source, cells)
        return leave_out(self.source, rows, cells, asked.measure)

    def _units(
        self, asked: CellTerm, rows: FormRows, cells: pl.DataFrame, grouped: GroupedCells
    ) -> UnitRows:
        """Sums by what errors are clustered by: the parts themselves where that is firms, else a third pass."""
        used, sums = grouped.is_used, grouped.sums
        if np.unique(sums.firm[used]).size >= ENOUGH_FIRMS and self._firms_hold_units():
            return parts_as_rows(grouped, with_tasks(sums.firm[used], sums.task[used]))
        constant = constant_left(cells, asked.measure, is_weighted=rows.is_weighted)
        marked = cells.with_columns(
            pl.Series("mean_left", grouped.mean_left - constant),
            pl.Series("factor", grouped.factor),
            pl.Series("group", grouped.group),
            pl.Series("firm", sums.firm),
            pl.Series("task", sums.task),
        ).filter(pl.Series(used))
        return _unit_rows(moved_by_unit(self.source, rows, marked, asked.measure))

    def _firms_hold_units(self) -> bool:
        """Tell whether every worker, or all that was assigned as one, is in one firm, in all rows."""
        if "firm_id" not in self.source.columns:
            return False
        checks = [("worker_id", "firm_id")]
        if "assignment_id" in self.source.columns and self._are_teams_assigned():
            unit = "coalesce('a' || assignment_id, 'w' || worker_id)"
            checks += [(unit, "firm_id"), ("worker_id", unit)]
        counts = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 FROM who GROUP BY {inner} HAVING min({outer}) <> max({outer}))) AS n_{k}"
            for k, (inner, outer) in enumerate(checks)
        )
        return not any(self.source.frame(f"SELECT {counts}").row(0))

    def _are_teams_assigned(self) -> bool:
        """Tell whether something else than single workers was assigned."""
        return bool(
            self.source.frame(
                "SELECT coalesce(bool_or(assignment_id <> worker_id), false) AS x FROM who"
            )["x"][0]
        )


def _unit_rows(frame: pl.DataFrame) -> UnitRows:
    n_rows = frame["n_rows"].to_numpy().astype(float)
    task = frame["task"].to_numpy()
    assignment: Codes = codes(frame["assignment_id"].cast(pl.String))
    return UnitRows(
        group=frame["group"].to_numpy(),
        n_rows=n_rows,
        moved=frame["moved"].to_numpy() / n_rows,
        clusters=clusters_of(
            codes(frame["worker_id"]), task, frame["firm"].to_numpy(), np.maximum(assignment, -1)
        ),
    )
