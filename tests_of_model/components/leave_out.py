"""Change of leave-out-corrected firm-effect variance when AI arrives, with an error over firms."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes, Flags
from withintask.panel.errors import EstimationError, list_problems
from withintask.tests_of_model.components.two_way import VarianceComponents, two_way_components
from withintask.tests_of_model.regression.identifiers import (
    compact_codes,
    known_codes,
    left_out_ids,
)


class LeaveOutChange(NamedTuple):
    """Change of the variance of firm effects, after minus before."""

    change: float
    """Leave-out-corrected variance after minus before, squared log points."""
    std_error: float
    """Over firms drawn from a population, and over random projections where firms are many."""
    n_firms: int
    """Firms in the leave-one-out connected set of either side."""
    message: str
    """Rows and firms used on each side, and what was left out."""


def leave_out_change(
    log_pay: npt.ArrayLike,
    worker: npt.ArrayLike,
    firm: npt.ArrayLike,
    is_post: npt.ArrayLike,
    *,
    n_projections: int | None = None,
) -> LeaveOutChange:
    """Estimate how the variance of firm effects changes, on each side's leave-one-out set.

    Parameters
    ----------
    log_pay
        (n_obs,), finite.
    worker, firm
        Ids (n_obs,), anything that sorts; a firm keeps its id on both sides. Rows in which one is not known (null,
        NaN) are left out and counted in the message.
    is_post
        Whether the row is after adoption (n_obs,), bool or 0 and 1.
    n_projections
        As for :func:`withintask.tests_of_model.components.two_way.two_way_components`: None for exact leverages unless firms
        are many.

    Returns
    -------
    LeaveOutChange
        ``(change, std_error, n_firms, message)``.

    Raises
    ------
    EstimationError
        Bad data, or a side without firms tied by enough movers.

    Notes
    -----
    Var(ψ) after minus before, each corrected by leaving out worker-firm matches (Kline, Saggio and
    Sølvsten 2020). Both variances are over observations of the side's own leave-one-out connected
    set; the sets may differ, and the message gives their sizes.

    The error is that of a weighted mean over firms of (ψ̂ - ψ̄)² after minus before. It counts the draw
    of firms and the estimation error of each ψ̂, whose correlation between firms tied by movers it leaves out. Where leverages
    are projected, the variances of both sides' simulation errors are added.
    """
    y, post, workers, firms = _read(log_pay, worker, firm, is_post)
    known = {"worker": workers >= 0, "firm": firms >= 0}
    note = left_out_ids(known)
    y, post, workers, firms = _known(y, post, workers, firms)
    before = _named(y[~post], workers[~post], firms[~post], "before", n_projections)
    after = _named(y[post], workers[post], firms[post], "after", n_projections)
    influence = np.zeros(int(firms.max()) + 1)
    influence[np.unique(firms[post])[after.firms]] += _influence(after)
    influence[np.unique(firms[~post])[before.firms]] -= _influence(before)
    n_firms = int(np.count_nonzero(influence))
    return LeaveOutChange(
        change=after.leave_out.firm - before.leave_out.firm,
        std_error=float(
            np.sqrt(
                n_firms / (n_firms - 1) * influence @ influence
                + before.simulation.firm**2
                + after.simulation.firm**2
            )
        ),
        n_firms=n_firms,
        message="; ".join(part for part in (_message(before, after), note) if part),
    )


def _named(
    y: Array, worker: Codes, firm: Codes, name: str, n_projections: int | None
) -> VarianceComponents:
    try:
        return two_way_components(y, worker, firm, leave_out="match", n_projections=n_projections)
    except EstimationError as error:
        raise EstimationError(f"leave-out change, {name}: {error}") from error


def _influence(side: VarianceComponents) -> Array:
    """What each firm adds to the variance of firm effects, from its mean (n_firms,)."""
    return np.asarray(side.firm_share * (side.firm_effects**2 - side.plug_in.firm))


def _message(before: VarianceComponents, after: VarianceComponents) -> str:
    parts = [
        f"{name}: {side.n_obs} of {len(side.pruned.rows)} rows, {side.n_firms} firms and "
        f"{side.n_movers} movers in the leave-one-out connected set"
        for name, side in (("before", before), ("after", after))
    ]
    simulated = float(np.hypot(before.simulation.firm, after.simulation.firm))
    if simulated > 0:
        parts.append(
            f"leverages by {max(before.n_projections, after.n_projections)} random projections, whose error of "
            f"{simulated:.2g} is in the standard error"
        )
    if min(before.leave_out.firm, after.leave_out.firm) <= 0:
        parts.append("a corrected variance is not positive")
    return "; ".join(parts)


def _read(
    log_pay: npt.ArrayLike, worker: npt.ArrayLike, firm: npt.ArrayLike, is_post: npt.ArrayLike
) -> tuple[Array, Flags, Codes, Codes]:
    """Check the rows; codes are shared by both sides."""
    y = np.asarray(log_pay, dtype=float)
    columns = {"worker": worker, "firm": firm, "is_post": is_post}
    arrays = {
        name: np.asarray(is_post) if name == "is_post" else known_codes(column)[0]
        for name, column in columns.items()
    }
    problems = [
        f"{name} has shape {column.shape}, expected {y.shape}"
        for name, column in arrays.items()
        if column.shape != y.shape
    ]
    post = arrays["is_post"]
    if not np.isin(post, (0, 1)).all():
        problems.append("is_post has values other than 0 and 1")
    if not np.isfinite(y).all():
        problems.append(f"log_pay has {int((~np.isfinite(y)).sum())} missing or infinite values")
    if not problems and len(np.unique(post)) < 2:
        problems.append("all rows are on one side of is_post")
    if problems:
        raise EstimationError(list_problems("leave-out change", problems))
    return y, post.astype(np.bool_), arrays["worker"], arrays["firm"]


def _known(y: Array, post: Flags, worker: Codes, firm: Codes) -> tuple[Array, Flags, Codes, Codes]:
    """Leave out rows whose worker or firm is not known."""
    known = (worker >= 0) & (firm >= 0)
    if known.all():
        return y, post, worker, firm
    if len(np.unique(post[known])) < 2:
        raise EstimationError(
            "leave-out change: worker and firm are known together on one side of is_post at most"
        )
    return y[known], post[known], compact_codes(worker[known]), compact_codes(firm[known])
