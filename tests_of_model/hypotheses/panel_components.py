"""Worker and firm effects in a panel's pay or output: the two-way decomposition, before AI and after it."""

from dataclasses import asdict

import numpy as np
import polars as pl

from withintask.panel.arrays import Flags
from withintask.panel.errors import EstimationError, ParameterError
from withintask.panel.memory import Data, as_panel
from withintask.panel.transform import eager
from withintask.tests_of_model.components.mover_graph import LeaveOut
from withintask.tests_of_model.components.two_way import VarianceComponents, two_way_components

_CORRECTIONS = ("plug_in", "homoskedastic", "leave_out")


def components(
    data: Data,
    *,
    table: str = "pay",
    levels: bool = False,
    leave_out: LeaveOut = "match",
    by_side: bool = True,
    seed: int = 0,
) -> pl.DataFrame:
    """Split the variance of pay or output into worker effects, firm effects and their covariance.

    Parameters
    ----------
    data
        Panel, as for :func:`withintask.estimate`, with workers seen at several firms.
    table
        ``pay`` or ``outputs``.
    levels
        Take the outcome as it is, instead of its log.
    leave_out
        ``match`` or ``observation``, see :func:`withintask.two_way_components`.
    by_side
        Before AI and after it apart, where the panel says when it came.
    seed
        Of random projections, which replace exact leverages in large panels.

    Returns
    -------
    polars.DataFrame
        side, correction, firm, worker, covariance, correlation, total, n_obs, n_movers, n_firms, message: one row a side and
        correction (plug_in; homoskedastic, Andrews et al. 2008; leave_out, Kline, Saggio and Sølvsten 2020).

    Raises
    ------
    ParameterError
        Another table, or one that the panel lacks or that names no firm.

    Examples
    --------
    >>> import withintask as wt
    >>> panel = wt.draw_panel("linked-pay-assets", seed=1, settings=["n_workers=300", "n_firms=20"])
    >>> rows = wt.components(panel)
    >>> rows["correction"].unique(maintain_order=True).to_list()
    ['plug_in', 'homoskedastic', 'leave_out']
    """
    panel = as_panel(data).collect()
    frame = getattr(panel, table, None) if table in ("pay", "outputs") else None
    if frame is None or "firm_id" not in eager(frame).columns:
        raise ParameterError(
            f"components: table {table!r}, expected 'pay' or 'outputs' of a panel that has it with firm_id"
        )
    rows = eager(frame)
    values = rows["pay" if table == "pay" else "output"].cast(pl.Float64).to_numpy()
    if not levels and panel.info.outcome_kind != "log" and not (values > 0).all():
        raise ParameterError("components: the outcome has zeros or negative values; ask for levels")
    y = (
        values
        if levels or (table == "outputs" and panel.info.outcome_kind == "log")
        else np.log(values)
    )
    first = panel.info.first_ai_period
    sides: dict[str, Flags] = {"all": np.ones(rows.height, dtype=np.bool_)}
    if by_side and first is not None:
        post = (rows["period"] >= first).to_numpy()
        sides = {"before AI": ~post, "with AI": post} if post.any() and not post.all() else sides
    found: list[dict[str, object]] = []
    for side, chosen in sides.items():
        part = rows.filter(pl.Series(chosen))
        try:
            split = two_way_components(
                y[chosen], part["worker_id"], part["firm_id"], leave_out=leave_out, seed=seed
            )
            found += _rows(side, split)
        except EstimationError as error:
            found.append({"side": side, "message": str(error)})
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


_SCHEMA = {
    "side": pl.String,
    "correction": pl.String,
    "firm": pl.Float64,
    "worker": pl.Float64,
    "covariance": pl.Float64,
    "correlation": pl.Float64,
    "total": pl.Float64,
    "n_obs": pl.Int64,
    "n_movers": pl.Int64,
    "n_firms": pl.Int64,
    "message": pl.String,
}


def _rows(side: str, split: VarianceComponents) -> list[dict[str, object]]:
    projected = f"{split.n_projections} random projections" if split.n_projections else ""
    unknown = (
        f"{split.n_unknown} rows left out, worker or firm not known" if split.n_unknown else ""
    )
    common = {
        "side": side,
        "total": split.total,
        "n_obs": split.n_obs,
        "n_movers": split.n_movers,
        "n_firms": split.n_firms,
        "message": "; ".join(note for note in (projected, unknown) if note),
    }
    return [
        common
        | {"correction": name, "correlation": getattr(split, name).correlation}
        | asdict(getattr(split, name))
        for name in _CORRECTIONS
    ]
