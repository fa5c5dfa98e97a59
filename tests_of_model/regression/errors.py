"""Which errors: the rule by the number of clusters, in one place, and what it chose, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.regression.fitted import CovarianceKind

Errors = Literal["auto", "CR1", "CR2", "CR3", "wild", "randomization"]
"""``auto`` by the rule below; ``CR1`` the clustered sandwich; ``CR2`` with Satterthwaite degrees of freedom; ``CR3``;
``wild`` the wild cluster bootstrap; ``randomization`` assigns access anew, for estimators that compare it."""
ERRORS: tuple[str, ...] = get_args(Errors)

FEW = 40
"""Clusters below which ``auto`` corrects: tests by CR1 with t(G - 1) reject too often where clusters are unequal."""
_MOST_FOR_CR2 = 2_000
"""Clusters above which a correction moves no digit that is shown, and would take long."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Errors of one regression."""

    kind: CovarianceKind
    """Covariance to compute."""
    is_wild: bool = False
    """Whether p-values and intervals come from the wild cluster bootstrap."""
    reason: str = ""
    """What was chosen and why, where a reader should know."""


def check_errors(errors: str | None) -> None:
    """Refuse unknown names.

    Raises
    ------
    ParameterError
        Names the known ones.
    """
    if errors is not None and errors not in ERRORS:
        raise ParameterError(f"errors is {errors!r}, expected one of {', '.join(ERRORS)}")


def choose_errors(errors: Errors, n_clusters: Sequence[int], *, is_instrumented: bool) -> Choice:
    """Choose the errors of a regression.

    Parameters
    ----------
    errors
        What was asked for.
    n_clusters
        Clusters of each dimension; rows where errors are not clustered.
    is_instrumented
        Whether regressors are instrumented.

    Returns
    -------
    Choice
        ``auto``: CR2 with Satterthwaite degrees of freedom below FEW clusters, else CR1. Corrections and the bootstrap
        are for least squares in one dimension; otherwise CR1, and the reason says so.
    """
    fewest = min(n_clusters)
    if errors == "auto":
        errors = "CR2" if fewest < FEW and len(n_clusters) == 1 and not is_instrumented else "CR1"
        few = f"{fewest} clusters are fewer than {FEW}"
        reason = f"errors CR2 with Satterthwaite degrees of freedom: {few}"
        return Choice(kind="CR2", reason=reason) if errors == "CR2" else Choice(kind="cluster")
    if errors in ("CR1", "randomization"):
        return Choice(kind="cluster")
    if is_instrumented or len(n_clusters) > 1:
        what = "instruments" if is_instrumented else "two clustering dimensions"
        return Choice(kind="cluster", reason=f"errors CR1, since {errors} does not take {what}")
    if fewest > _MOST_FOR_CR2:
        reason = f"errors CR1: with {fewest:,} clusters {errors} says the same"
        return Choice(kind="cluster", reason=reason)
    if errors == "wild":
        return Choice(kind="cluster", is_wild=True)
    return Choice(kind="CR3" if errors == "CR3" else "CR2")
