"""Which estimators fit a panel, which single one is recommended, and why not the others."""

import polars as pl

from withintask.panel.capabilities import missing
from withintask.panel.panel import Panel
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
        hypothesis), ``fits`` or ``lacks``. The recommended one stands first in the order of trust
        among those that fit and estimate the hypothesis's primary term; no estimate decides it.
    """
    rows = [row for hypothesis in HYPOTHESES for row in _of_hypothesis(panel, hypothesis)]
    columns = ("hypothesis", "estimator", "verdict", "why")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _of_hypothesis(panel: Panel, hypothesis: Hypothesis) -> list[tuple[str, str, str, str]]:
    gaps = {estimator.name: missing(panel, estimator.needs) for estimator in hypothesis.estimators}
    standing = [e.name for e in hypothesis.estimators_of(hypothesis.primary) if not gaps[e.name]]
    first = standing[0] if standing else ""
    return [
        (hypothesis.name, e.name, *_verdict(e, hypothesis.primary, gaps[e.name], first))
        for e in hypothesis.estimators
    ]


def _verdict(
    estimator: Estimator, primary: str, gaps: tuple[str, ...], first: str
) -> tuple[str, str]:
    if gaps:
        return LACKS, "; ".join(gaps)
    if estimator.name == first:
        return RECOMMENDED, f"the most trusted of those that fit and estimate {primary}"
    if primary not in estimator.terms:
        return FITS, f"estimates {', '.join(estimator.terms)}, not {primary}"
    if not estimator.can_stand:
        return (
            FITS,
            "a test alone, another estimand or a known bias: it does not stand for the claim",
        )
    return FITS, f"{first} is trusted more"
