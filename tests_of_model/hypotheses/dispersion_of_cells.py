"""The dispersion estimators of H1 from sums by cell: the same numbers as from rows, whatever their number."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.dispersion import (
    WITHOUT_INFLUENCE,
    Cells,
    Combined,
    combine,
    fit_groups,
)
from withintask.tests_of_model.hypotheses.estimates import from_fit
from withintask.tests_of_model.hypotheses.hypothesis import Estimate
from withintask.tests_of_model.regression.absorb import compact_codes
from withintask.tests_of_model.regression.grouping import encode
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.samples.cell_arms import Form, Treatment
from withintask.tests_of_model.samples.cell_sums import (
    AVERAGES,
    ROUNDING,
    SMALLEST_CELL,
    CellMeasure,
    CellSums,
)
from withintask.tests_of_model.samples.unknown import joined


@dataclass(frozen=True, kw_only=True)
class CellTerm:
    """What a term of an estimator asks of sums."""

    form: Form
    """Which rows are compared."""
    measure: CellMeasure
    """Which dispersion."""
    treatment: Treatment = "access"
    """What tells the arms."""
    is_pooled: bool = False
    """Whether cells hold all firms."""

    @property
    def arms(self) -> tuple[int, ...]:
        """As for :func:`withintask.tests_of_model.hypotheses.dispersion.combine`."""
        return (0, 1) if self.form in ("by_arm", "between_arms") else (0,)

    @property
    def sides(self) -> tuple[int, ...]:
        """As for :func:`withintask.tests_of_model.hypotheses.dispersion.combine`."""
        return (1,) if self.form == "between_arms" else (0, 1)


def _terms(
    form: Form, *measures: CellMeasure, treatment: Treatment = "access"
) -> dict[str, CellTerm]:
    names = {
        "log_cv": "delta_log_cv",
        "log_variance": "delta_log_variance",
        "log_iqr": "delta_log_iqr",
    }
    return {
        names.get(measure, "delta_log_cv"): CellTerm(
            form=form, measure=measure, treatment=treatment
        )
        for measure in measures
    }


CELL_TERMS: Mapping[str, Mapping[str, CellTerm]] = MappingProxyType(
    {
        "dispersion_by_access": _terms("by_arm", "log_cv"),
        "other_measures_by_access": {
            **_terms("by_arm", "log_variance", "log_iqr"),
            "delta_log_cv_pooled": CellTerm(form="by_arm", measure="log_cv", is_pooled=True),
        },
        "dispersion_by_use": _terms("by_arm", "log_cv", treatment="use"),
        "dispersion_between_arms": _terms("between_arms", "log_cv", "log_variance"),
        "dispersion_before_after": _terms("before_after", "log_cv", "log_variance"),
        "dispersion_by_exposure": _terms("by_exposure", "log_cv"),
        "other_measures_by_exposure": _terms("by_exposure", "log_variance", "log_iqr"),
        "deviation_regression": _terms("by_arm", "log_deviation"),
    }
)
"""Estimators that passes by cell serve, and their terms."""
SUM_TERMS: Mapping[str, Mapping[str, CellTerm]] = MappingProxyType(
    {
        name: {term: asked for term, asked in terms.items() if asked.measure != "log_iqr"}
        for name, terms in CELL_TERMS.items()
    }
)
"""Those of them that sums alone serve, as any database makes them: not interquartile ranges."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupedCells:
    """Parts of cells sorted into groups, with the groups' effects."""

    sums: CellSums
    """The parts, (part,) each."""
    cells: Cells
    """The cells; a row of them is a part."""
    combined: Combined
    """Effects of groups."""
    mean_left: Array
    """Mean over the cell's rows of the log spread without each, less the cell's (or of log deviations), (part,)."""
    influence: Array
    """Mean influence of the part's rows on its cell, (part,)."""
    factor: Array
    """What a row's deviation from mean_left counts in its pseudo-value, (part,)."""

    @property
    def group(self) -> Codes:
        """Group of each part."""
        return self.cells.group[self.cells.of_row]

    @property
    def is_used(self) -> Flags:
        """Parts of usable groups of some worker time."""
        return np.isfinite(self.combined.effect)[self.group] & (self.time[self.group] > 0)

    @property
    def time(self) -> Array:
        """Worker time of each group, before AI if that was seen, (group,)."""
        sums = self.sums
        counted = np.ones_like(sums.is_post) if sums.is_post.all() else ~sums.is_post
        amount = sums.n_rows * sums.time_share * counted
        return np.asarray(np.bincount(self.group, amount, self.cells.n_groups), dtype=float)

    @property
    def weight(self) -> Array:
        """Weight of a row of each group, (group,)."""
        size = np.bincount(self.group, self.sums.n_rows, minlength=self.cells.n_groups)
        return np.asarray(self.time / np.maximum(size, 1))

    @property
    def treated(self) -> Array:
        """Whether the task of each group is exposed, (group,)."""
        flags = np.zeros(self.cells.n_groups)
        flags[self.group] = self.sums.is_exposed
        return flags


def group_cells(sums: CellSums, term: CellTerm) -> GroupedCells:
    """Sort parts of cells into groups, as :func:`withintask.tests_of_model.hypotheses.dispersion.make_cells` does rows.

    Raises
    ------
    EstimationError
        If no group is usable.
    """
    group = compact_codes(sums.task if term.is_pooled else encode(sums.firm, sums.task))
    arm = sums.arm if 1 in term.arms else np.zeros_like(sums.arm)
    cells = _cells(group, arm, sums)
    theta, influence, mean_left = _dispersion(cells, sums, term.measure)
    combined = combine(cells, theta, arms=term.arms, sides=term.sides)
    if not np.isfinite(combined.effect).any():
        raise EstimationError(f"no firm-task group is usable: {combined.message}")
    scale = 1.0 if term.measure in AVERAGES else -(sums.n_cell - 1)
    return GroupedCells(
        sums=sums,
        cells=cells,
        combined=combined,
        mean_left=mean_left,
        influence=influence,
        factor=scale * combined.share[cells.of_row],
    )


def _cells(group: Codes, arm: Codes, sums: CellSums) -> Cells:
    wave = encode(sums.period)
    n_periods, n_groups = int(wave.max()) + 1, int(group.max()) + 1
    # Cells are numbered along (group, arm, wave), the last axis fastest.
    code = (group * 2 + arm) * n_periods + wave
    cell = np.arange(n_groups * 2 * n_periods)
    post_period = np.zeros(n_periods, dtype=np.bool_)
    post_period[wave[sums.is_post]] = True
    return Cells(
        of_row=code,
        group=cell // (2 * n_periods),
        arm=cell // n_periods % 2,
        is_post=post_period[cell % n_periods],
        count=np.bincount(code, sums.n_rows, cell.size).astype(np.float64),
        n_groups=n_groups,
    )


def _dispersion(cells: Cells, sums: CellSums, measure: CellMeasure) -> tuple[Array, Array, Array]:
    """Log dispersion of each cell, (cell,); mean influence of a part's rows, and mean over a cell's rows, (part,) each."""
    n = cells.count[cells.of_row]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.bincount(cells.of_row, sums.left, minlength=cells.count.size)
        mean_left = (total / cells.count)[cells.of_row]
        if measure in AVERAGES:
            of_part, scale = mean_left, np.ones_like(n)
        else:
            variance = sums.square / (n - 1)
            variance = np.where(variance > (ROUNDING * sums.center) ** 2, variance, np.nan)
            spread = np.log(variance)
            if measure == "log_cv":
                spread = spread / 2 - np.log(sums.center)
            of_part, scale = spread - (n - 1) * mean_left, -(n - 1)
        usable = (n >= SMALLEST_CELL) & np.isfinite(of_part)
        influence = np.where(usable, scale * (sums.left / sums.n_rows - mean_left), 0.0)
    theta = np.full(cells.count.size, np.nan)
    theta[cells.of_row[usable]] = of_part[usable]
    return theta, influence, mean_left


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitRows:
    """Rows of one group and unit as one, (row,) each."""

    group: Codes
    """Their group."""
    n_rows: Array
    """How many there are."""
    moved: Array
    """Mean over them of share times influence."""
    clusters: tuple[Codes, ...]
    """What errors are clustered by."""


def parts_as_rows(grouped: GroupedCells, clusters: tuple[Codes, ...]) -> UnitRows:
    """Take used parts as they are, where each lies in one cluster of every dimension, (used part,) each."""
    used = grouped.is_used
    share = grouped.combined.share[grouped.cells.of_row]
    return UnitRows(
        group=grouped.group[used],
        n_rows=grouped.sums.n_rows[used],
        moved=(share * grouped.influence)[used],
        clusters=clusters,
    )


def average(
    term: str, asked: CellTerm, grouped: GroupedCells, rows: UnitRows, options: Options, note: str
) -> Estimate:
    """Average groups' effects with the weights and clustered errors of the rows behind the sums.

    Notes
    -----
    As :func:`withintask.tests_of_model.hypotheses.dispersion.fit_effects`: rows of one group have the same regressors and
    weight, so those of one unit enter coefficients, clustered scores and corrections for few clusters through their number
    and mean.
    """
    weight = rows.n_rows * grouped.weight[rows.group]
    columns, names = [np.ones(rows.group.size)], ["effect"]
    if asked.form == "by_exposure":
        columns = [grouped.treated[rows.group], *columns]
        names = ["effect", "constant"]
    fitted = fit_groups(
        grouped.combined.effect[rows.group] + rows.moved,
        np.column_stack(columns),
        names,
        group=rows.group,
        has_influence=asked.measure not in WITHOUT_INFLUENCE,
        clusters=rows.clusters,
        effects=Effects(weights=weight, n_obs=int(rows.n_rows.sum())),
        options=options,
    )
    return from_fit(fitted, {term: "effect"}, message=joined(note, grouped.combined.message))[0]
