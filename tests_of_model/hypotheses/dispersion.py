"""Dispersion of output within cells, its change, and the influence of every row on it.

A cell holds the rows of one firm, task, arm and period; a group is a firm and task. The effect of a group is a sum of
its cells' log dispersions with weights that make a difference or a difference in differences. Each row gets a
pseudo-value: its group's effect plus the row's own influence on it, so that the weighted mean of the pseudo-values
is the estimate and their clustered covariance is its sampling variance, over workers or firms and over tasks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.regression.fitted import Fit
from withintask.tests_of_model.regression.grouping import encode, is_nested
from withintask.tests_of_model.regression.options import Effects, Options
from withintask.tests_of_model.regression.two_way_errors import fit_two_way
from withintask.tests_of_model.samples.cell_sums import ROUNDING, SMALLEST_CELL
from withintask.tests_of_model.samples.task_rows import TaskRows, clusters

MEASURES = ("log_cv", "log_variance", "log_iqr", "log_deviation")
"""Log coefficient of variation of output; log variance and log interquartile range of log output; mean log absolute
deviation from the cell's mean, over that mean."""


WITHOUT_INFLUENCE = ("log_iqr",)
"""Measures of which the influence of a row is not computed: a jackknife of quantiles is not consistent (Miller 1974)."""
NO_ERROR = "the error of interquartile ranges is not known where clusters part firm-task groups; the log variance has one"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Cells of a sample of task rows."""

    of_row: Codes
    """Cell of each row, (row,)."""
    group: Codes
    """Group of each cell, (cell,)."""
    arm: Codes
    """Arm of each cell, (cell,)."""
    is_post: Flags
    """Whether the cell is after AI's arrival, (cell,)."""
    count: Array
    """Rows of each cell, 0 where empty, (cell,)."""
    n_groups: int
    """Groups."""


def make_cells(
    group: Codes, arm: Codes, period: Codes, is_post: Flags, count: Array | None = None
) -> Cells:
    """Sort rows into cells of group, arm and period; periods are those that occur, whatever lies between them.

    A row may stand for several, as ``count`` says, (row,).
    """
    wave = encode(period)
    n_periods = int(wave.max()) + 1
    n_groups = int(group.max()) + 1
    # Cells are numbered along (group, arm, wave), the last axis fastest.
    code = (group * 2 + arm) * n_periods + wave
    n_cells = n_groups * 2 * n_periods
    cell = np.arange(n_cells)
    post_period = np.zeros(n_periods, dtype=np.bool_)
    post_period[wave[is_post]] = True
    return Cells(
        of_row=code,
        group=cell // (2 * n_periods),
        arm=cell // n_periods % 2,
        is_post=post_period[cell % n_periods],
        count=np.bincount(code, count, minlength=n_cells).astype(np.float64),
        n_groups=n_groups,
    )


def log_dispersion(
    cells: Cells, output: Array, measure: str, weight: Array | None = None
) -> tuple[Array, Array]:
    """Log dispersion of each cell, corrected for its size, and each row's influence on it.

    Parameters
    ----------
    cells
        Cells of the rows.
    output
        Positive output, (row,).
    measure
        One of MEASURES.
    weight
        Sampling weights, (row,); for the CV and the variance alone.

    Returns
    -------
    tuple of arrays
        (cell,) and (row,). Cells of fewer than SMALLEST_CELL rows or without variation are NaN. The jackknife
        removes the bias of order 1/n; the interquartile range is uncorrected and its influence is zero.
    """
    if measure == "log_iqr":
        return _log_iqr(cells, np.log(output)), np.zeros(output.size)
    if measure == "log_deviation":
        return _log_deviation(cells, output)
    values = output if measure == "log_cv" else np.log(output)
    n, row_cell = cells.count, cells.of_row
    w = _mean_one(weight, cells)
    # Deviations from each cell's mean, so that no digits are lost where the spread is small beside the mean.
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.bincount(row_cell, w * values, minlength=n.size) / n
    values = values - center[row_cell]
    total = np.bincount(row_cell, w * values, minlength=n.size).astype(np.float64)
    square = np.bincount(row_cell, w * values**2, minlength=n.size).astype(np.float64)
    theta_left = np.empty(values.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = _log_spread(n, total, square, center, measure)
        for part in _parts(values.size):
            c, wv = row_cell[part], w[part] * values[part]
            left = (n[c] - w[part], total[c] - wv, square[c] - w[part] * values[part] ** 2)
            theta_left[part] = _log_spread(*left, center[c], measure)
        mean_left = np.bincount(row_cell, theta_left, minlength=n.size) / n
        corrected = n * theta - (n - 1) * mean_left
        usable = (n >= SMALLEST_CELL) & np.isfinite(corrected)
        influence = _of_left_out(theta_left, mean_left, cells, usable)
    return np.where(usable, corrected, np.nan), influence


def _of_left_out(theta_left: Array, mean_left: Array, cells: Cells, usable: Flags) -> Array:
    """Influence of rows from the measures without each, in their place; zero in cells that are not usable, (row,)."""
    for part in _parts(theta_left.size):
        c = cells.of_row[part]
        moved = -(cells.count[c] - 1) * (theta_left[part] - mean_left[c])
        theta_left[part] = np.where(usable[c], moved, 0.0)
    return theta_left


_ROWS_AT_ONCE = 2**16


def _parts(n_rows: int) -> Iterator[slice]:
    """Rows a part at a time: what is made of each row alone then stays in the processor's own memory."""
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(start, start + _ROWS_AT_ONCE)


def _mean_one(weight: Array | None, cells: Cells) -> Array:
    """Weights that are one on average in each cell, (row,)."""
    if weight is None or (weight == 1).all():
        return np.broadcast_to(1.0, cells.of_row.shape)
    total = np.bincount(cells.of_row, weight, minlength=cells.count.size)
    return np.asarray(weight * (cells.count / np.where(total > 0, total, 1))[cells.of_row])


def _log_spread(n: Array, total: Array, square: Array, center: Array, measure: str) -> Array:
    """Log spread from the count, sum and sum of squares of deviations from a center near the mean."""
    mean = total / n
    variance = (square - n * mean**2) / (n - 1)
    variance = np.where(variance > (ROUNDING * center) ** 2, variance, np.nan)
    if measure == "log_cv":
        return np.asarray(np.log(variance) / 2 - np.log(center + mean))
    return np.asarray(np.log(variance))


def _log_deviation(cells: Cells, output: Array) -> tuple[Array, Array]:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(cells.of_row, output, minlength=cells.count.size) / cells.count
        deviation = np.log(np.abs(output / mean[cells.of_row] - 1))
        theta = np.bincount(cells.of_row, deviation, minlength=cells.count.size) / cells.count
    usable = (cells.count >= SMALLEST_CELL) & np.isfinite(theta)
    influence = (
        np.where(usable[cells.of_row], deviation, 0.0) - np.where(usable, theta, 0.0)[cells.of_row]
    )
    return np.where(usable, theta, np.nan), influence


def _log_iqr(cells: Cells, values: Array) -> Array:
    order = np.lexsort((values, cells.of_row))
    ordered = values[order]
    start = np.cumsum(cells.count) - cells.count
    spread = np.full(cells.count.size, np.nan)
    usable = np.flatnonzero(cells.count >= SMALLEST_CELL)
    at = [_interpolate(ordered, start[usable], cells.count[usable], q) for q in (1 / 4, 3 / 4)]
    with np.errstate(divide="ignore"):
        spread[usable] = np.log(at[1] - at[0])
    return np.where(np.isfinite(spread), spread, np.nan)


def _interpolate(ordered: Array, start: Array, count: Array, quantile: float) -> Array:
    place = start + quantile * (count - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, (start + count - 1).astype(np.int64))
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupEffects:
    """Effects of groups and pseudo-values of rows; rows of unusable groups are left out."""

    effect: Array
    """Effect of each group, NaN where unusable, (group,)."""
    pseudo: Array
    """Pseudo-values, (row,)."""
    controls: Array
    """Pseudo-values of the controls' differences, (row, control)."""
    is_used: Flags
    """Rows of usable groups, (row,)."""
    has_influence: bool = True
    """Whether pseudo-values hold the influence of rows on their groups; those of interquartile ranges do not."""
    message: str
    """Which groups were left out."""


def group_effects(
    cells: Cells,
    output: Array,
    measure: str,
    *,
    arms: tuple[int, ...],
    sides: tuple[int, ...] = (0, 1),
    weight: Array | None = None,
    controls: Array | None = None,
) -> GroupEffects:
    """Effect of each group: after minus before, for arm 1 minus the same for arm 0.

    Parameters
    ----------
    cells, output, measure
        As for :func:`log_dispersion`.
    arms
        (0, 1) for a difference between arms, (0,) for one arm.
    sides
        (0, 1) for after minus before, (1,) for after alone.
    weight
        Sampling weights, (row,).
    controls
        (row, control); their pseudo-values are those of the same differences of their means.
    """
    theta, influence = log_dispersion(cells, output, measure, weight)
    combined = combine(cells, theta, arms=arms, sides=sides)
    columns = np.empty((output.size, 0)) if controls is None else controls
    effect, pseudo = combined.effect[cells.group], influence
    for part in _parts(output.size):
        c = cells.of_row[part]
        pseudo[part] = effect[c] + combined.share[c] * influence[part]
    return GroupEffects(
        effect=combined.effect,
        pseudo=pseudo,
        controls=_of_means(cells, columns, combined.weights, combined.share),
        is_used=np.isfinite(effect)[cells.of_row],
        has_influence=measure not in WITHOUT_INFLUENCE,
        message=combined.message,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Combined:
    """Log dispersions of cells put together into effects of groups."""

    effect: Array
    """Effect of each group, NaN where unusable, (group,)."""
    weights: Array
    """What a cell's log dispersion counts in its group's effect, (cell,)."""
    share: Array
    """What a row's influence on its cell counts in the row's pseudo-value, (cell,)."""
    message: str
    """Which groups were left out."""


def combine(
    cells: Cells, theta: Array, *, arms: tuple[int, ...], sides: tuple[int, ...] = (0, 1)
) -> Combined:
    """Put the log dispersions of cells, (cell,), together; arms and sides as for :func:`group_effects`."""
    sign = np.where(cells.is_post, 1.0, -1.0) * np.where(
        cells.arm == 1, 1.0, -1.0 if 1 in arms else 1.0
    )
    slot = (cells.group * 2 + cells.arm) * 2 + cells.is_post
    exists = cells.count > 0
    n_slots = cells.n_groups * 4
    periods = np.bincount(slot[exists], minlength=n_slots)
    weights = np.where(exists, sign / np.maximum(periods[slot], 1), 0.0)
    wanted = np.isin(np.arange(n_slots) // 2 % 2, arms) & np.isin(np.arange(n_slots) % 2, sides)
    is_missing = (
        np.bincount(np.arange(n_slots) // 4, wanted & (periods == 0), minlength=cells.n_groups) > 0
    )
    effect = np.bincount(
        cells.group, np.where(exists, weights * theta, 0.0), minlength=cells.n_groups
    ).astype(np.float64)
    effect[is_missing] = np.nan
    size = np.bincount(cells.group, cells.count)
    n_left = int(np.count_nonzero((size > 0) & ~np.isfinite(effect)))
    return Combined(
        effect=effect,
        weights=weights,
        share=weights / np.maximum(cells.count, 1) * size[cells.group],
        message=_left_out(n_left, int(np.count_nonzero(size > 0))),
    )


def _of_means(cells: Cells, columns: Array, weights: Array, share: Array) -> Array:
    """Pseudo-values of the groups' differences of means of columns, (row, column)."""
    out = np.empty_like(columns)
    for k, column in enumerate(columns.T):
        total = np.bincount(cells.of_row, column, minlength=cells.count.size)
        mean = total / np.maximum(cells.count, 1)
        effect = np.bincount(cells.group, weights * mean, minlength=cells.n_groups)
        deviation = column - mean[cells.of_row]
        out[:, k] = effect[cells.group[cells.of_row]] + share[cells.of_row] * deviation
    return out


def _left_out(n_left: int, n_groups: int) -> str:
    if n_left == 0:
        return ""
    return f"{n_left} of {n_groups} firm-task groups left out: an empty cell, under {SMALLEST_CELL} rows, or no variation"


def _used(rows: TaskRows, cells: Cells, effects: GroupEffects) -> tuple[Flags, Array]:
    """Rows of usable groups with time, and their weights, (row,) and (used row,)."""
    row_group = cells.group[cells.of_row]
    counted = np.ones_like(rows.is_post) if rows.is_post.all() else ~rows.is_post
    time = np.bincount(row_group, rows.time_share * counted, minlength=cells.n_groups)
    size = np.bincount(row_group, minlength=cells.n_groups)
    used = effects.is_used & (time > 0)[row_group]
    weight = (time / np.maximum(size, 1))[row_group if used.all() else row_group[used]]
    return used, weight


def fit_effects(
    rows: TaskRows,
    cells: Cells,
    effects: GroupEffects,
    treated: Array | None = None,
    *,
    options: Options,
) -> Fit:
    """Average the groups' effects, weighted by worker time before AI if it was seen, with clustered errors.

    Parameters
    ----------
    rows, cells, effects
        The sample; all share the row axis.
    treated
        Indicator of treated rows' groups, (row,), for a difference between groups; None for a mean.
    options
        How to fit.

    Returns
    -------
    Fit
        One coefficient ``effect``; with treated also ``constant``.

    Raises
    ------
    EstimationError
        If no group is usable.

    Notes
    -----
    Pseudo-values are regressed on those of the controls, so that the constant is the effect where the controls' means do not
    differ; what the controls explain within cells makes it more precise.
    """
    if not effects.is_used.any():
        raise EstimationError(f"no firm-task group is usable: {effects.message}")
    used, weight = _used(rows, cells, effects)
    chosen = slice(None) if used.all() else np.flatnonzero(used)
    ones = np.ones(weight.size)
    columns = [ones] if treated is None else [treated[chosen], ones]
    names = ["effect"] if treated is None else ["effect", "constant"]
    columns += list(effects.controls[chosen].T)
    names += [f"control {k}" for k in range(effects.controls.shape[1])]
    return fit_groups(
        effects.pseudo[chosen],
        np.column_stack(columns) if len(columns) > 1 else ones[:, None],
        names,
        group=cells.group[cells.of_row][chosen],
        has_influence=effects.has_influence,
        clusters=clusters(rows.take(used)),
        effects=Effects(weights=weight),
        options=options,
    )


def fit_groups(
    y: Array,
    X: Array,
    names: list[str],
    *,
    group: Codes,
    has_influence: bool,
    clusters: tuple[Codes, ...],
    effects: Effects,
    options: Options,
) -> Fit:
    """Regress groups' effects, with their rows' influence where it is known, with clustered errors.

    Parameters
    ----------
    y, X, names
        As for :func:`withintask.tests_of_model.regression.two_way_errors.fit_two_way`, (row,) and (row, regressor).
    group
        Group of each row, (row,).
    has_influence
        Whether y holds the rows' influence on their groups.
    clusters, effects, options
        As there.

    Returns
    -------
    Fit
        Without errors where there is no influence and clusters part groups: effects vary between clusters that hold whole groups by
        as much as they err, but clusters that part groups, such as workers, see effects of which each has the same share, so that
        their scores cancel, however large the error.
    """
    if has_influence or any(is_nested(group, codes) for codes in clusters):
        return fit_two_way(y, X, names=names, clusters=clusters, options=options, effects=effects)
    plain = replace(options, errors="CR1")
    fitted = fit_two_way(y, X, names=names, clusters=clusters, options=plain, effects=effects)
    unknown = np.full_like(fitted.covariance, np.nan)
    return replace(fitted, covariance=unknown, messages=(NO_ERROR,))
