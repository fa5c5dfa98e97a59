"""Which estimators fit a panel, which single one is recommended, and why not the others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import polars as pl

from withintask.panel.capabilities import Gaps, missing
from withintask.panel.design_kind import DesignKind, design_kind
from withintask.panel.errors import EstimationError
from withintask.panel.panel import Panel
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES

RECOMMENDED = "recommended"
FITS = "fits"
LACKS = "lacks"
"""The panel lacks what the estimator needs."""


def recommendations(panel: Panel) -> pl.DataFrame:
    """Say of every estimator whether it fits a panel, and recommend one for each hypothesis.

    Parameters
    ----------
    panel
        Any panel, eager or lazy.

    Returns
    -------
    polars.DataFrame
        ``hypothesis, estimator, verdict, why``: verdict is ``recommended`` (at most once a
        hypothesis), ``fits`` or ``lacks``. Recommended is, where a worker has two items or more in
        a cell, the form of pairs that the design has, since the dispersion of single outputs is
        mostly noise; else the first in the order of trust among those that have what they need,
        whose design is there, and that estimate the hypothesis's primary term. No estimate
        decides it.
    """
    panel = with_access(panel)
    kind = design_kind(panel) if panel.outputs is not None else None
    rows = [row for hypothesis in HYPOTHESES for row in _of_hypothesis(panel, hypothesis, kind)]
    columns = ("hypothesis", "estimator", "verdict", "why")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def recommended_estimators(panel: Panel, hypotheses: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the estimators recommended for a panel, in the order of the hypotheses.

    Parameters
    ----------
    panel
        Any panel.
    hypotheses
        Names to keep; all if empty.

    Raises
    ------
    EstimationError
        If no estimator that could stand for one of them fits.
    """
    chosen = recommendations(panel).filter(pl.col("verdict") == RECOMMENDED)
    if hypotheses:
        chosen = chosen.filter(pl.col("hypothesis").is_in(list(hypotheses)))
    if chosen.is_empty():
        raise EstimationError(
            f"panel {panel.info.name}: no estimator that could stand for a hypothesis fits; "
            "withintask panel describe says what each lacks"
        )
    return tuple(chosen["estimator"])


def order_of_trust(panel: Panel, hypothesis: Hypothesis, term: str) -> tuple[str, ...]:
    """Return the estimators of a term in the order in which an analyst of this panel would take them.

    Parameters
    ----------
    panel
        Any panel.
    hypothesis, term
        What is to be estimated.

    Returns
    -------
    tuple of str
        First those that have what they need and are made for the panel's design, then the others that may stand for the
        hypothesis; within each, forms of pairs that take least for granted first, then the order of trust. No estimate
        decides it.
    """
    (order,) = orders_of_trust(panel, [(hypothesis, term)])
    return order


def orders_of_trust(
    panel: Panel, claims: Iterable[tuple[Hypothesis, str]]
) -> tuple[tuple[str, ...], ...]:
    """Return :func:`order_of_trust` of several hypotheses and terms; the panel is looked through once."""
    gaps = Gaps(panel)
    kind = design_kind(panel) if panel.outputs is not None else None
    return tuple(_order(gaps, kind, hypothesis.estimators_of(term)) for hypothesis, term in claims)


def _order(gaps: Gaps, kind: DesignKind | None, standing: Sequence[Estimator]) -> tuple[str, ...]:
    fits = {e.name: not gaps.of(e.needs) and not _other_design(e.name, kind) for e in standing}
    forms = [name for name in _FORMS if name in fits]
    names = [*forms, *(name for name in fits if name not in forms)]
    return tuple(sorted(names, key=lambda name: not fits[name]))


def suited(panel: Panel, hypothesis: Hypothesis, term: str) -> tuple[tuple[Estimator, str], ...]:
    """Return the estimators of a term that fit a panel and are made for its design, the most trusted first, and why.

    Parameters
    ----------
    panel
        Any panel.
    hypothesis, term
        What is to be estimated.

    Returns
    -------
    tuple
        Of estimator and reason, in the order of :func:`order_of_trust`.
    """
    against, by_name = unsuited(panel, hypothesis, term), {e.name: e for e in hypothesis.estimators}
    names = [n for n in order_of_trust(panel, hypothesis, term) if n not in against]
    return tuple((by_name[name], _why_first(name, hypothesis, term)) for name in names)


def unsuited(panel: Panel, hypothesis: Hypothesis, term: str) -> dict[str, str]:
    """Say of every estimator of a term that is not :func:`suited` to a panel what stands against it."""
    kind = design_kind(panel) if panel.outputs is not None else None
    against = {
        e.name: "; ".join(missing(panel, e.needs))
        or _other_design(e.name, kind)
        or ("" if e.can_stand else "it is a test alone, of another estimand or of a known bias")
        for e in hypothesis.estimators
        if term in e.terms
    }
    return {name: why for name, why in against.items() if why}


def _why_first(name: str, hypothesis: Hypothesis, term: str) -> str:
    if name in _FORMS:
        return "items tell ability from noise, and this is the form of the design"
    place = [e.name for e in hypothesis.estimators_of(term)].index(name) + 1
    return f"number {place} in the order of trust among estimators of {term}, made for this design"


def _of_hypothesis(
    panel: Panel, hypothesis: Hypothesis, kind: DesignKind | None
) -> list[tuple[str, str, str, str]]:
    gaps = {estimator.name: missing(panel, estimator.needs) for estimator in hypothesis.estimators}
    other = {e.name: _other_design(e.name, kind) for e in hypothesis.estimators}
    able = [name for name, gap in gaps.items() if not gap and not other[name]]
    trusted = [e.name for e in hypothesis.estimators_of(hypothesis.primary) if e.name in able]
    by_pairs = [name for name in _pairs(kind) if name in able]
    first = (*by_pairs, *trusted, "")[0]
    return [
        (
            hypothesis.name,
            e.name,
            *_verdict(e, hypothesis.primary, gaps[e.name], other[e.name], first),
        )
        for e in hypothesis.estimators
    ]


def _verdict(
    estimator: Estimator, primary: str, gaps: tuple[str, ...], other: str, first: str
) -> tuple[str, str]:
    if gaps:
        return LACKS, "; ".join(gaps)
    if estimator.name == first:
        return RECOMMENDED, (
            "items tell ability from noise, and this is the form of the design"
            if first in _FORMS
            else f"the most trusted of those that fit and estimate {primary}"
        )
    if other:
        return FITS, other
    if not estimator.can_stand:
        return FITS, "it is a test alone, of another estimand or of a known bias"
    if primary not in estimator.terms and estimator.name not in _FORMS:
        return FITS, f"it estimates {', '.join(estimator.terms)}, not {primary}"
    return FITS, f"{first} is trusted more" if first else "none is trusted more"


_FORMS = (
    "pairs_within",
    "pairs_staggered",
    "pairs_difference",
    "pairs_between",
    "pairs_before_after",
)
"""Estimators by pairs of items, the comparison that takes least for granted first."""


def _pairs(kind: DesignKind | None) -> tuple[str, ...]:
    """Return the forms of pairs in the order of trust; none where no cell holds two items."""
    return _FORMS if kind is not None and kind.items.largest > 1 else ()


def _other_design(name: str, kind: DesignKind | None) -> str:
    """Say why an estimator is made for another design; empty if it is not."""
    if kind is None or name not in _MADE_FOR:
        return ""
    return next((why for why, is_so in _MADE_FOR[name] if is_so(kind)), "")


_Reason = tuple[str, Callable[[DesignKind], bool]]

_BY_ITEM: _Reason = (
    "access varies between items of one worker, task and period",
    lambda kind: kind.n_within_cells > 0,
)
_SEVERAL_STARTS: _Reason = (
    "access begins in several periods, and one before and after would mix them",
    lambda kind: len(kind.starts.periods) > 1,
)
_ENDS: _Reason = ("access ends again", lambda kind: kind.starts.n_ending > 0)
_ALONE: _Reason = (
    "no workers with and without AI are seen beside each other",
    lambda kind: not kind.between_workers,
)
_NO_CHANGE: _Reason = (
    "no workers come to have AI while others never do",
    lambda kind: kind.starts.n_starting == 0 or kind.starts.n_never == 0,
)

_MADE_FOR: Mapping[str, tuple[_Reason, ...]] = MappingProxyType(
    {
        "dispersion_by_access": (_BY_ITEM, _SEVERAL_STARTS, _ENDS, _ALONE),
        "dispersion_by_use": (_BY_ITEM, _SEVERAL_STARTS, _ENDS, _ALONE),
        **dict.fromkeys(
            (
                "dispersion_staggered",
                "dispersion_staggered_imputed",
                "pairs_staggered",
                "gradient_staggered",
                "effect_staggered",
            ),
            (
                _BY_ITEM,
                _ENDS,
                ("access begins in one period only", lambda kind: len(kind.starts.periods) < 2),
            ),
        ),
        "dispersion_between_arms": (_ALONE,),
        "dispersion_before_after": (
            _BY_ITEM,
            (
                "workers without AI are there to compare with",
                lambda kind: kind.between_workers,
            ),
        ),
        "pairs_within": (
            (
                "no worker does items with and without AI in one period",
                lambda kind: kind.n_within_cells + kind.n_within_periods == 0,
            ),
        ),
        "pairs_difference": (_BY_ITEM, _SEVERAL_STARTS, _ALONE, _NO_CHANGE),
        "pairs_between": (_BY_ITEM, _ALONE),
        "pairs_before_after": (
            _BY_ITEM,
            ("workers without AI are there to compare with", lambda kind: kind.between_workers),
        ),
    }
)
"""By estimator, the designs that it is not made for."""
