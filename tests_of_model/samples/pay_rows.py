"""Pay as arrays, prepared once and shared by the estimators of H2 and H4."""

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, Flags, floats
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.transform import (
    codes,
    eager,
    first_known_rows,
    lookup_levels,
    optional,
)
from withintask.tests_of_model.samples.controls import (
    NOTHING,
    Adjust,
    control_columns,
    level_columns,
    weights_of,
)
from withintask.tests_of_model.samples.unknown import known_or_unasked, left_out, told


@dataclass(frozen=True, kw_only=True, eq=False)
class PayRows:
    """Pay of workers, (row,) each."""

    worker: Codes
    """Code of the worker."""
    period: Codes
    """Period as in the panel."""
    is_post: Flags
    """Whether AI has arrived; False everywhere where that is not known."""
    pay: Array
    """Pay in the panel's unit."""
    firm: Codes
    """Code of the firm, -1 where not known; 0 everywhere where the panel tells none."""
    firm_key: Codes
    """Position of the firm and period in the firms table, -1 if absent."""
    occupation: Codes
    """Code of the occupation, -1 where not known; the worker's where pay does not tell it."""
    exposure: Array
    """Exposure of the occupation; NaN where not known."""
    educ_cog: Array
    """Years of codifiable-cognitive education; NaN where not known."""
    educ_soc: Array
    """Years of social-organizational education; NaN where not known."""
    ability: Array
    """Measured log ability; NaN where not known."""
    retest: Array
    """Second measurement; NaN where not known."""
    controls: Array
    """Controls that were asked for, NaN where not known, (row, control)."""
    effects: Codes
    """Levels of fixed effects that were asked for, (row, effect)."""
    weight: Array
    """Sampling weight; 1 where none is known."""

    def take(self, chosen: Flags | Codes) -> "PayRows":
        """Return some of the rows, by mask or position."""
        return PayRows(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @property
    def has_occupations(self) -> bool:
        """Whether the panel tells any occupation."""
        return bool((self.occupation >= 0).any())

    def usable(self, *names: str) -> "tuple[PayRows, str]":
        """Leave out the rows in which a field is not known, and say how many.

        A field that the panel does not tell at all leaves nothing out.
        """
        known = {name: known_or_unasked(getattr(self, name)) for name in names}
        if self.controls.shape[1]:
            known["a control"] = np.asarray(np.isfinite(self.controls).all(axis=1))
        known["the weight"] = self.weight > 0
        note = left_out(known)
        chosen = self.take(np.logical_and.reduce(list(known.values()))) if note else self
        return chosen, note


@dataclass(frozen=True, kw_only=True, eq=False)
class UsablePay:
    """Rows of pay of which all is known that is asked for."""

    rows: PayRows
    """The rows."""
    n_obs: int
    """Rows of the panel; more than ``rows`` where few stand in for many."""
    note: str
    """Rows that were left out."""


def pay_rows(panel: Panel, adjust: Adjust = NOTHING) -> PayRows:
    """Prepare the pay of a panel, with the controls, fixed effects and weights asked for.

    Raises
    ------
    EstimationError
        If the panel has no pay.
    """
    if panel.pay is None:
        raise EstimationError("panel: no table pay")
    frame = eager(panel.pay)
    worker = codes(frame["worker_id"])
    of_worker = lookup_levels(frame["worker_id"], worker, panel.workers)
    occupation = optional(frame, "occupation_code", pl.String)
    if occupation.is_null().all():
        occupation = of_worker.rows(worker, ["occupation_code"]).to_series()
    of_occupation = codes(occupation)
    by_occupation = occupation.alias("occupation_code")
    of_its = lookup_levels(by_occupation, of_occupation, panel.occupations)
    period = frame["period"].to_numpy()
    first = panel.info.first_ai_period
    effects = level_columns(panel, "pay", frame, adjust.absorb)
    controls = control_columns(panel, "pay", frame, adjust.controls)
    return PayRows(
        worker=worker,
        period=period,
        is_post=np.zeros(period.size, dtype=np.bool_) if first is None else period >= first,
        pay=floats(frame["pay"]),
        firm=told(codes(optional(frame, "firm_id", pl.String)), 0),
        firm_key=firm_keys(frame, panel),
        occupation=of_occupation,
        exposure=of_its.of_rows("exposure", of_occupation),
        educ_cog=of_worker.of_rows("educ_cog", worker),
        educ_soc=of_worker.of_rows("educ_soc", worker),
        ability=of_worker.of_rows("ability_log", worker),
        retest=of_worker.of_rows("ability_retest_log", worker),
        controls=controls.to_numpy().reshape(frame.height, -1),
        effects=effects,
        weight=weights_of(panel, "pay", frame, adjust.weight),
    )


def fail_if_not_positive(n_rows: pl.Series, n_positive: pl.Series) -> None:
    """Refuse pay of which some is not positive.

    Parameters
    ----------
    n_rows, n_positive
        Rows of pay, and those that are positive, (group,) each.

    Raises
    ------
    EstimationError
        If they differ.
    """
    if (n_positive < n_rows).any():
        raise EstimationError(
            "pay is not positive in every row; withintask panel validate says where"
        )


def firm_keys(frame: pl.DataFrame, panel: Panel) -> Codes:
    """Row of the table of firms that each row's firm and period has, -1 where there is none, (row,)."""
    if panel.firms is None or "firm_id" not in frame.columns:
        return np.full(frame.height, -1)
    firms = eager(panel.firms)
    known, period = np.unique(firms["period"].to_numpy()), frame["period"].to_numpy()
    if not known.size:
        return np.full(frame.height, -1)
    of_firms = codes(firms["firm_id"])
    ids = firms["firm_id"][first_known_rows(of_firms)].to_frame()
    firm = codes(frame["firm_id"])
    place = lookup_levels(frame["firm_id"], firm, ids).place[firm]
    # One more firm, which no row of firms is of: that of rows without a firm in the table.
    key = np.full((ids.height + 1, known.size), -1)
    has_firm = of_firms >= 0
    in_period = np.searchsorted(known, firms["period"].to_numpy())
    key[of_firms[has_firm], in_period[has_firm]] = np.flatnonzero(has_firm)
    at = np.searchsorted(known, period).clip(max=known.size - 1)
    found = key[place, at]
    return np.where(known[at] == period, found, -1)


def mean_before(rows: PayRows, panel: Panel) -> float:
    """Unit of level returns: mean human pay before AI where firms report it, else mean pay before AI."""
    before = ~rows.is_post if (~rows.is_post).any() else np.ones_like(rows.is_post)
    if panel.firms is not None and (rows.firm_key[before] >= 0).any():
        human = floats(optional(eager(panel.firms), "human_pay_mean", pl.Float64))
        found = human[rows.firm_key[before]][rows.firm_key[before] >= 0]
        if np.isfinite(found).any():
            return float(np.nanmean(found))
    return float(rows.pay[before].mean())
