"""Which rows are compared with which: items without AI and with it, of one worker or of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from withintask.panel.arrays import Codes, Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.samples.item_rows import ItemRows, describe_left_out

ENOUGH_SHARED = 0.9
"""Share of rows that must lie in cells of both sides for the cells' means to be taken out."""
Form = Literal["within", "between", "before_after", "difference"]
"""What varies: access within workers after AI's arrival; between workers then; before and after of those with access; both."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Rows that enter a comparison, (row,) each."""

    form: Form
    """What varies."""
    rows: ItemRows
    """The rows."""
    side: Codes
    """0 without AI (or before it), 1 with it (or after)."""
    group: Codes
    """1 for workers with access, 0 for those without; 0 everywhere where workers are compared with themselves."""
    message: str
    """What was left out."""


def compare(rows: ItemRows, form: Form, *, arm: int = 0, together: bool = True) -> Comparison:
    """Choose the rows of a comparison and say on which side each is.

    Parameters
    ----------
    rows
        Items of a panel.
    form
        What varies.
    arm
        Number of the arm compared with the control; 0 takes all arms with AI together.
    together
        Whether the message says that several arms are taken together.

    Returns
    -------
    Comparison
        Rows of exposed tasks about which value, access and weight are known.

    Raises
    ------
    EstimationError
        If no row is left on a side.
    """
    usable = rows.is_known & ~(rows.exposure == 0)
    if arm:
        usable &= np.isin(rows.arm, (0, arm)) & np.isin(rows.treatment, (0, arm))
    chosen, side, group = _FORMS[form](rows, usable)
    _fail_if_one_sided(form, side[chosen], group[chosen])
    n_arms = np.unique(rows.arm[chosen & (rows.arm > 0)]).size
    pooled = f"{n_arms} arms with AI taken together" if together and n_arms > 1 else ""
    unused = int(rows.count[usable & ~chosen].sum())
    other = f"{unused} rows left out, of workers or periods that this comparison does not use"
    notes = (describe_left_out(rows), other if unused else "", pooled)
    return Comparison(
        form=form,
        rows=rows.take(chosen),
        side=side[chosen],
        group=group[chosen],
        message="; ".join(note for note in notes if note),
    )


def fewest_compared(rows: ItemRows, *arms: int) -> float:
    """Return the fewest rows with known covariates that a form compares, of those that have rows on all sides."""
    counts = []
    for form in FORMS:
        for arm in dict.fromkeys((0, *arms)):
            try:
                compared = compare(rows, form, arm=arm).rows
            except EstimationError:
                continue
            is_known = np.isfinite(compared.covariates).all(axis=1)
            counts.append(float(compared.count[is_known].sum()))
    return min(counts, default=0.0)


FORMS: tuple[Form, ...] = ("within", "difference", "between", "before_after")
"""The comparison that takes least for granted first."""
FOLLOWED: tuple[Form, ...] = ("within", "difference", "before_after")
"""Those in which workers are seen on both sides."""


def first_form(rows: ItemRows, *, arm: int = 0, forms: Sequence[Form] = FORMS) -> Form:
    """Return the first form that has rows on all its sides.

    Raises
    ------
    EstimationError
        If none has: why not, form by form.
    """
    reasons = []
    for form in forms:
        try:
            compare(rows, form, arm=arm)
        except EstimationError as error:
            reasons.append(str(error))
            continue
        return form
    raise EstimationError("; ".join(reasons))


_Choice = tuple[Flags, Codes, Codes]


def _within(rows: ItemRows, usable: Flags) -> _Choice:
    usable = usable & rows.is_post
    has, lacks = _any(rows, usable & (rows.arm > 0)), _any(rows, usable & (rows.arm == 0))
    return usable & has & lacks, (rows.arm > 0).astype(np.int64), np.zeros_like(rows.arm)


def _between(rows: ItemRows, usable: Flags) -> _Choice:
    usable = usable & rows.is_post
    has, lacks = _any(rows, usable & (rows.arm > 0)), _any(rows, usable & (rows.arm == 0))
    side = (rows.arm > 0).astype(np.int64)
    return usable & (has != lacks), side, side


def _before_after(rows: ItemRows, usable: Flags) -> _Choice:
    has = _any(rows, usable & rows.is_post & (rows.arm > 0))
    belongs = np.where(rows.is_post, rows.arm > 0, rows.arm == 0)
    return usable & has & belongs, rows.is_post.astype(np.int64), np.zeros_like(rows.arm)


def _difference(rows: ItemRows, usable: Flags) -> _Choice:
    has = _any(rows, usable & rows.is_post & (rows.arm > 0))
    lacks = _any(rows, usable & rows.is_post & (rows.arm == 0))
    belongs = rows.is_post | (rows.arm == 0)
    chosen = usable & (has != lacks) & belongs
    return chosen, rows.is_post.astype(np.int64), has.astype(np.int64)


_FORMS = {
    "within": _within,
    "between": _between,
    "before_after": _before_after,
    "difference": _difference,
}
_LACKS = {
    "within": "no worker is seen without and with AI after its arrival",
    "between": "after AI's arrival no workers are seen only with it, or none only without it",
    "before_after": "no worker with AI is seen, or none before its arrival",
    "difference": "workers with AI after its arrival and workers without are not both seen before and after it",
}


def _any(rows: ItemRows, flags: Flags) -> Flags:
    """Whether any row of the row's worker has the flag, (row,)."""
    has = np.zeros(int(rows.worker.max(initial=-1)) + 1, dtype=np.bool_)
    has[rows.worker[flags]] = True
    return has[rows.worker]


def _fail_if_one_sided(form: Form, side: Codes, group: Codes) -> None:
    wanted = {"between": 2, "difference": 4}.get(form, 2)
    if np.unique(side * 2 + group).size < wanted:
        raise EstimationError(f"{form.replace('_', '-')}: {_LACKS[form]}")
