"""Items as arrays: what each worker did, one row an item and rater, in the order of the work."""

from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError
from withintask.panel.outcome import OutcomeKind, analysed
from withintask.panel.panel import Panel
from withintask.panel.transform import (
    codes,
    eager,
    first_known_rows,
    lookup,
    lookup_levels,
    optional,
)
from withintask.tests_of_model.regression.grouping import compact_codes, encode
from withintask.tests_of_model.samples.controls import (
    NOTHING,
    Adjust,
    control_columns,
    level_columns,
    weights_of,
)
from withintask.tests_of_model.samples.names import Names
from withintask.tests_of_model.samples.unknown import known_or_unasked, left_out, told

UNKNOWN = -1
"""Code of an arm or a rater that was not recorded."""

_LEVELS = ("count", "binary", "score")
_COVARIATES_OF = {"outputs": "", "workers": "worker_id", "tasks": "task_id", "items": "item_id"}
"""Tables whose covariates rows can have, and the key by which they are found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemRows:
    """Items of a panel as arrays, (row,) each unless said otherwise."""

    worker: Codes
    """Code of the worker."""
    task: Codes
    """Code of the task."""
    item: Codes
    """Code of the item; a row of its own worker, task and period where items are not named."""
    firm: Codes
    """Code of the firm; one more code where it is not known."""
    period: Codes
    """Period as in the panel."""
    arm: Codes
    """0 without AI, 1 and up with it, as `arm_names` lists them; UNKNOWN where access was not recorded."""
    treatment: Codes
    """Arm of the trial to which the row belongs, before AI too; as `arm` where arms are not named."""
    position: Codes
    """Place in the worker's own order, 0 and up; equal where the order among items was not recorded."""
    rater: Codes
    """Code of the rater; UNKNOWN where not recorded."""
    assignment: Codes
    """Code of what was assigned as one; the worker where not recorded."""
    stratum: Codes
    """Code of the stratum of assignment; one code where there is none."""
    measure: Codes
    """Code of skill type and unit of output: tasks that share it measure the same thing."""
    weight: Array
    """Sampling weight of the row times the time share of its task; 1 where neither is known."""
    exposure: Array
    """Exposure of the task; NaN where not known."""
    is_soc: Flags
    """Whether the task takes social-organizational skill."""
    value: Array
    """Output on the scale of analysis, more is better: logs, or levels of counts, answers and scores."""
    is_post: Flags
    """Whether AI has arrived; True everywhere where the panel does not say when it did."""
    is_known: Flags
    """Whether value, arm, weight, firm and exposure are known."""
    use: Array
    """Use of AI in [0, 1]: 0 before its arrival, NaN where not known."""
    covariates: Array
    """Declared covariates of rows, workers, tasks and items as numbers, NaN where not known, (row, covariate)."""
    covariate_names: tuple[str, ...]
    """Their names; a text has one for each value but its first."""
    effects: Codes
    """Levels of fixed effects that were asked for, (row, effect)."""
    effect_names: tuple[str, ...]
    """Their names."""
    kind: OutcomeKind
    """Kind of outcome."""
    arm_names: tuple[str, ...]
    """Names of the arms, the control first."""
    has_items: bool
    """Whether the panel names items."""
    has_order: bool
    """Whether the panel says in which order each worker did them."""
    has_raters: bool
    """Whether the panel names raters."""
    names: Names
    """worker_id of each code of a worker."""
    sums_row: Codes | None = None
    """Row of the sums that a row is; None where each is one row of the panel."""
    n_rows: Array | None = None
    """Rows of the panel that a row stands for, whose mean its value is; None where each is one."""
    level: Array | None = None
    """Their mean output in its own unit."""
    value_square: Array | None = None
    """Sum of squares of their values around the mean."""
    level_square: Array | None = None
    """The same of output in its own unit."""

    @property
    def count(self) -> Array:
        """Rows of the panel that each row stands for, (row,)."""
        return np.ones(self.value.size) if self.n_rows is None else self.n_rows

    @property
    def worker_ids(self) -> pl.DataFrame:
        """worker_id of each row."""
        return self.names.of(self.worker)

    @property
    def is_log(self) -> bool:
        """Whether values are logs, so that differences are shares."""
        return self.kind not in _LEVELS

    def take(self, chosen: Flags) -> "ItemRows":
        """Return the rows of a mask; the rows themselves if all are chosen."""
        if chosen.all():
            return self
        place = np.flatnonzero(chosen)
        columns = {
            field.name: getattr(self, field.name).take(place, axis=0)
            for field in fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **columns)


def item_rows(panel: Panel, adjust: Adjust = NOTHING) -> ItemRows:
    """Prepare the items of a panel, of any schema; columns that it lacks are not known.

    Parameters
    ----------
    panel
        With outputs.
    adjust
        Controls in the place of the declared covariates, fixed effects, and further weights.

    Returns
    -------
    ItemRows
        One row a row of outputs, in its order.

    Raises
    ------
    EstimationError
        If the panel has no outputs, or its arms have no control.

    Notes
    -----
    Analysed are log output, minus the log of times, logs as they are, and counts, answers and scores in levels; a
    score with both limits known is its share of the range between them.
    """
    if panel.outputs is None:
        raise EstimationError("panel: no outputs, so there are no items")
    frame = eager(panel.outputs)
    first = panel.info.first_ai_period
    task = codes(frame["task_id"])
    of_task = lookup_levels(frame["task_id"], task, panel.tasks)
    skill = of_task.values("skill_type").cast(pl.String)
    period = frame["period"].to_numpy()
    is_post = np.ones(frame.height, dtype=np.bool_) if first is None else period >= first
    worker, value = codes(frame["worker_id"]), _value(panel, frame)
    arm, treatment, names = _arms(panel, frame, is_post)
    firm = told(codes(optional(frame, "firm_id", pl.String)), 0)
    exposure, share = of_task.of_rows("exposure", task), of_task.of_rows("time_share", task)
    weight, sequence = _weight(frame, share), _numbers(frame, "sequence")
    weight = weight * weights_of(panel, "outputs", frame, adjust.weight)
    covariates = _controls(panel, frame, adjust)
    return ItemRows(
        worker=worker,
        task=task,
        item=_items(frame),
        firm=firm,
        period=period,
        arm=arm,
        treatment=treatment,
        position=_positions(worker, period, sequence),
        rater=_optional_codes(frame, "rater_id"),
        assignment=_assignment(frame, worker),
        stratum=told(codes(optional(frame, "stratum_id", pl.String)), 0),
        measure=encode(codes(skill)[task], codes(optional(frame, "unit", pl.String))),
        weight=weight,
        exposure=exposure,
        is_soc=(skill == "soc").fill_null(False).to_numpy()[task],
        value=value,
        is_post=is_post,
        is_known=_is_known(value, arm, weight, firm) & known_or_unasked(exposure),
        use=np.where(is_post, _numbers(frame, "ai_use"), 0.0),
        covariates=covariates.to_numpy().reshape(frame.height, -1),
        covariate_names=tuple(covariates.columns),
        effects=level_columns(panel, "outputs", frame, adjust.absorb),
        effect_names=adjust.absorb,
        kind=panel.info.outcome_kind,
        arm_names=names,
        has_items=_is_named(frame, "item_id"),
        has_order=bool(frame.height) and bool(np.isfinite(sequence).all()),
        has_raters=_is_named(frame, "rater_id"),
        names=Names(frame["worker_id"], worker),
    )


def with_arms(rows: ItemRows, panel: Panel) -> ItemRows:
    """Return the rows with the arms of a panel that has the same rows of outputs with other access."""
    assert panel.outputs is not None
    arm, treatment, _ = _arms(panel, eager(panel.outputs), rows.is_post)
    return replace(rows, arm=arm, treatment=treatment)


def _is_known(value: Array, arm: Codes, weight: Array, firm: Codes) -> Flags:
    return np.isfinite(value) & (arm != UNKNOWN) & (weight > 0) & (firm >= 0)


def _controls(panel: Panel, frame: pl.DataFrame, adjust: Adjust) -> pl.DataFrame:
    """The columns asked for, or the declared covariates."""
    if adjust.controls:
        return control_columns(panel, "outputs", frame, adjust.controls)
    return _covariates(panel, frame)


def _value(panel: Panel, frame: pl.DataFrame) -> Array:
    """Output on the scale of its kind; a score as its share of the range, where both limits are known."""
    info = panel.info
    with np.errstate(divide="ignore", invalid="ignore"):
        value = analysed(floats(frame["output"]), info.outcome_kind)
    if info.outcome_floor is None or info.outcome_ceiling is None:
        return value
    return (value - info.outcome_floor) / (info.outcome_ceiling - info.outcome_floor)


def _arms(
    panel: Panel, frame: pl.DataFrame, is_post: Flags
) -> tuple[Codes, Codes, tuple[str, ...]]:
    """Arm by what the worker had at the row, arm by trial, and the arms' names, the control first."""
    access = floats(optional(frame, "ai_access", pl.Boolean).cast(pl.Boolean))
    label = optional(frame, "arm", pl.String)
    if label.null_count() == frame.height:
        arm = np.where(np.isfinite(access), np.nan_to_num(access), UNKNOWN).astype(np.int64)
        return arm, arm, ("without AI", "with AI")
    control = panel.info.control_arm
    others = label.drop_nulls().unique().sort()
    if control is None or control not in others:
        raise EstimationError(
            f"panel: arms {', '.join(others)} without a control; state control_arm, one of them"
        )
    names = (control, *(str(name) for name in others if name != control))
    treatment = floats(label.replace_strict(names, range(len(names)), default=None))
    assigned = np.where(np.isfinite(treatment), np.nan_to_num(treatment), UNKNOWN).astype(np.int64)
    has_ai = np.where(np.isfinite(access), access > 0, (assigned != 0) & is_post)
    return np.where(has_ai | (assigned < 0), assigned, 0), assigned, names


def _weight(frame: pl.DataFrame, time_share: Array) -> Array:
    """Weights; a missing one beside others is unknown, NaN."""
    share = told(time_share, 1.0)
    weight = floats(frame["weight"]) if "weight" in frame.columns else np.ones(frame.height)
    return np.asarray(share * weight)


def _items(frame: pl.DataFrame) -> Codes:
    """Items by name; a row without a name is an item of its own."""
    if not _is_named(frame, "item_id"):
        return _keys(frame)
    column = frame["item_id"]
    if isinstance(column.dtype, pl.Categorical):
        named = _by_appearance(codes(column))
    else:
        # Order carries no meaning here, and a million names are faster hashed than sorted.
        hashed = column.cast(pl.String).cast(pl.Categorical(pl.Categories.random()))
        named = compact_codes(hashed.to_physical().fill_null(0).to_numpy())
    is_null = column.is_null().to_numpy()
    if not is_null.any():
        return named
    return compact_codes(np.where(is_null, named.max() + 1 + np.arange(frame.height), named))


def _by_appearance(codes: Codes) -> Codes:
    """Number codes, -1 where not known, anew in the order in which they appear."""
    first = first_known_rows(codes)
    if (np.diff(first) > 0).all():
        return codes
    place = np.empty_like(first)
    place[np.argsort(first)] = np.arange(first.size)
    return np.where(codes >= 0, place[codes], -1)


def _keys(frame: pl.DataFrame) -> Codes:
    """Task and period, which tell a worker's rows apart where items are not named."""
    return encode(codes(frame["task_id"]), frame["period"].to_numpy())


def _positions(worker: Codes, period: Codes, sequence: Array) -> Codes:
    """Rank of each row's period and sequence among those of its worker."""
    if worker.size == 0:
        return worker
    columns = (worker, period, np.nan_to_num(sequence, nan=-1.0))
    order = np.lexsort(columns[::-1])
    is_new = [np.diff(column[order], prepend=column[order[0]]) != 0 for column in columns]
    rank = np.cumsum(is_new[0] | is_new[1] | is_new[2])
    start = np.maximum.accumulate(np.where(is_new[0], rank, 0))
    position = np.empty(worker.size, dtype=np.int64)
    position[order] = rank - start
    return position


def _assignment(frame: pl.DataFrame, worker: Codes) -> Codes:
    if not _is_named(frame, "assignment_id"):
        return worker
    named = _optional_codes(frame, "assignment_id")
    return encode(named == UNKNOWN, np.where(named == UNKNOWN, worker, named))


def _optional_codes(frame: pl.DataFrame, name: str) -> Codes:
    """Codes of a column, UNKNOWN where it is null or absent."""
    column = optional(frame, name, pl.String)
    return np.where(column.is_null().to_numpy(), UNKNOWN, codes(column))


def _numbers(frame: pl.DataFrame, name: str) -> Array:
    return floats(optional(frame, name, pl.Float64))


def _covariates(panel: Panel, frame: pl.DataFrame) -> pl.DataFrame:
    """Declared covariates of each row, texts as indicators."""
    columns = []
    for name in panel.info.covariates:
        table, _, column = name.partition(".")
        parent = getattr(panel, table, None)
        key = _COVARIATES_OF.get(table)
        if parent is None or key is None or (key and key not in frame.columns):
            continue
        series = (
            frame[column] if table == "outputs" else lookup(frame, key, parent, (column,))[column]
        )
        columns.extend(_as_numbers(series.alias(name)))
    return pl.DataFrame(columns) if columns else pl.DataFrame(np.empty((frame.height, 0)))


def _as_numbers(column: pl.Series) -> list[pl.Series]:
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return [pl.Series(column.name, floats(column))]
    values = column.cast(pl.String).drop_nulls().unique().sort()
    return [
        pl.Series(f"{column.name}={value}", floats(column.cast(pl.String) == value))
        for value in values[1:]
    ]


def _is_named(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and frame[name].null_count() < frame.height


def describe_left_out(rows: ItemRows) -> str:
    """Say how many rows are left out because something about them is not known; empty if none."""
    known = {
        "value": np.isfinite(rows.value),
        "access": rows.arm != UNKNOWN,
        "weight": rows.weight > 0,
        "firm": rows.firm >= 0,
    }
    return left_out(known, n_rows=rows.n_rows)
