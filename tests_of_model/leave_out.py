"""Change of leave-out-corrected firm-effect variance when AI arrives, with a jackknife error."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from withintask.panel.errors import EstimationError, list_problems
from withintask.tests_of_model.absorb import FloatArray, IntArray, encode
from withintask.tests_of_model.mover_graph import BoolArray
from withintask.tests_of_model.two_way import VarianceComponents, two_way_components

# Groups of workers left out in turn: t with 19 degrees of freedom, 21 decompositions a side.
N_GROUPS = 20
# Seed of the random split of workers into groups; it moves the standard error only.
_GROUP_SEED = 20_240_301


class LeaveOutChange(NamedTuple):
    """Change of the variance of firm effects, after minus before."""

    change: float
    """Leave-out-corrected variance after minus before, squared log points."""
    std_error: float
    """By delete-group jackknife over workers; NaN if a group cannot be left out."""
    message: str
    """Groups, rows and firms used on each side, and what was left out."""


@dataclass(frozen=True, kw_only=True)
class _Side:
    log_pay: FloatArray
    worker: IntArray
    firm: IntArray

    def take(self, rows: BoolArray) -> "_Side":
        return _Side(log_pay=self.log_pay[rows], worker=self.worker[rows], firm=self.firm[rows])

    def components(self) -> VarianceComponents:
        return two_way_components(self.log_pay, self.worker, self.firm, leave_out="match")


def leave_out_change(
    log_pay: npt.ArrayLike,
    worker: npt.ArrayLike,
    firm: npt.ArrayLike,
    is_post: npt.ArrayLike,
    *,
    n_groups: int = N_GROUPS,
) -> LeaveOutChange:
    """Estimate how the variance of firm effects changes, on each side's leave-one-out set.

    Parameters
    ----------
    log_pay
        (n_obs,), finite.
    worker, firm
        Codes (n_obs,), anything that sorts; a worker keeps the code on both sides.
    is_post
        Whether the row is after adoption (n_obs,), bool or 0 and 1.
    n_groups
        Groups of the jackknife, two or more.

    Returns
    -------
    LeaveOutChange
        ``(change, std_error, message)``.

    Raises
    ------
    EstimationError
        Bad data, fewer workers than groups, or a side without firms tied by enough movers.

    Notes
    -----
    Var(ψ) after minus before, each corrected by leaving out worker-firm matches (Kline, Saggio and
    Sølvsten 2020). Both variances are over observations of the side's own leave-one-out connected
    set; the sets may differ, and the message gives their sizes. Workers are split at random into g
    groups, the same on both sides, so correlation between the sides is kept; the variance is
    (g − 1)/g Σ (θ_(k) − θ̄)² (Kott 2001, delete-a-group jackknife). It treats workers as drawn and
    firm effects as fixed. Sets are pruned anew without each group; a group without which a side has
    no connected set gives a NaN error, never a smaller one.
    """
    before, after, workers = _read(log_pay, worker, firm, is_post, n_groups)
    at_all = [_named(side, name) for side, name in ((before, "before"), (after, "after"))]
    group = _groups(workers, n_groups)
    replicates = np.array([_without(before, after, group, k) for k in range(n_groups)])
    failed = int(np.isnan(replicates).sum())
    deviations = replicates - replicates.mean()
    variance = (n_groups - 1) / n_groups * float(deviations @ deviations)
    return LeaveOutChange(
        change=at_all[1].leave_out.firm - at_all[0].leave_out.firm,
        std_error=float(np.sqrt(variance)),
        message=_message(at_all, n_groups, failed),
    )


def _named(side: _Side, name: str) -> VarianceComponents:
    try:
        return side.components()
    except EstimationError as error:
        raise EstimationError(f"leave-out change, {name}: {error}") from error


def _groups(n_workers: int, n_groups: int) -> IntArray:
    """Group of each worker (n_workers,), equally many in each but for the rest."""
    order = np.random.default_rng(_GROUP_SEED).permutation(n_workers)
    return np.asarray(order % n_groups)


def _without(before: _Side, after: _Side, group: IntArray, left_out: int) -> float:
    """Change without the workers of a group; NaN if a side falls apart."""
    try:
        sides = [side.take(group[side.worker] != left_out).components() for side in (before, after)]
    except EstimationError:
        return float("nan")
    return sides[1].leave_out.firm - sides[0].leave_out.firm


def _message(sides: list[VarianceComponents], n_groups: int, failed: int) -> str:
    parts = [
        f"{name}: {side.n_obs} of {len(side.pruned.rows)} rows, {side.n_firms} firms and "
        f"{side.n_movers} movers in the leave-one-out connected set"
        for name, side in zip(("before", "after"), sides, strict=True)
    ]
    parts.append(f"jackknife over {n_groups} groups of workers")
    if failed:
        parts.append(f"no standard error: {failed} of the groups cannot be left out")
    if min(side.leave_out.firm for side in sides) <= 0:
        parts.append("a corrected variance is not positive")
    return "; ".join(parts)


def _read(
    log_pay: npt.ArrayLike,
    worker: npt.ArrayLike,
    firm: npt.ArrayLike,
    is_post: npt.ArrayLike,
    n_groups: int,
) -> tuple[_Side, _Side, int]:
    """Check the rows and split them; worker codes are shared by both sides."""
    y = np.asarray(log_pay, dtype=float)
    columns = {"worker": worker, "firm": firm, "is_post": is_post}
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    problems = [
        f"{name} has shape {column.shape}, expected {y.shape}"
        for name, column in arrays.items()
        if column.shape != y.shape
    ]
    post = arrays["is_post"]
    if not np.isin(post, (0, 1)).all():
        problems.append("is_post has values other than 0 and 1")
    n_workers = len(np.unique(arrays["worker"]))
    if n_groups < 2 or n_workers < n_groups:
        problems.append(f"{n_groups} groups of {n_workers} workers, expected from 2 to as many")
    if not np.isfinite(y).all():
        problems.append(f"log_pay has {int((~np.isfinite(y)).sum())} missing or infinite values")
    if not problems and len(np.unique(post)) < 2:
        problems.append("all rows are on one side of is_post")
    if problems:
        raise EstimationError(list_problems("leave-out change", problems))
    rows = _Side(log_pay=y, worker=encode(arrays["worker"]), firm=encode(arrays["firm"]))
    return rows.take(post == 0), rows.take(post == 1), n_workers
