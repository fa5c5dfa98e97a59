"""Which errors: the rule by the number of clusters, in one place, and what it chose, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.regression.fitted import CovarianceKind

Errors = Literal["auto", "CR1", "CR2", "CR3", "jackknife", "wild", "randomization"]
"""``auto`` by the rule below; ``CR1`` the clustered sandwich; ``CR2`` with Satterthwaite degrees of freedom; ``CR3``;
``jackknife`` the same around the mean of the estimates without a cluster; ``wild`` the wild cluster bootstrap;
``randomization`` assigns access anew, for estimators that compare it."""
ERRORS: tuple[str, ...] = get_args(Errors)

LEAST_SQUARES: tuple[Errors, ...] = ("auto", "CR1", "CR2", "CR3", "jackknife", "wild")
"""What least squares can have."""
INSTRUMENTED: tuple[Errors, ...] = ("auto", "CR1", "CR2", "CR3")
"""What two-stage least squares can have: the bootstrap and the jackknife would have to draw the first stage again."""

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
        ``auto``: CR2 with Satterthwaite degrees of freedom below FEW clusters of one dimension, else CR1.

    Raises
    ------
    ParameterError
        If what was asked for by name is not for this regression: nothing else stands in for it.
    """
    fewest, n_ways = min(n_clusters), len(n_clusters)
    if errors == "auto":
        return _by_rule(fewest, n_ways, is_instrumented=is_instrumented)
    if errors in ("CR1", "randomization"):
        return Choice(kind="cluster")
    if is_instrumented and errors not in INSTRUMENTED:
        raise ParameterError(
            f"regression: errors {errors} are for least squares, and these regressors are instrumented; take "
            f"{', '.join(INSTRUMENTED)}"
        )
    if n_ways > 1:
        raise ParameterError(
            f"regression: errors {errors} take one clustering dimension, found {n_ways}; take CR1 or auto"
        )
    if fewest > _MOST_FOR_CR2:
        reason = f"errors CR1: with {fewest:,} clusters {errors} says the same"
        return Choice(kind="cluster", reason=reason)
    if errors == "wild":
        return Choice(kind="cluster", is_wild=True)
    return Choice(kind=_KINDS[errors])


_KINDS: Mapping[str, CovarianceKind] = MappingProxyType(
    {"CR2": "CR2", "CR3": "CR3", "jackknife": "jackknife"}
)


def _by_rule(fewest: int, n_ways: int, *, is_instrumented: bool) -> Choice:
    if fewest >= FEW or n_ways > 1:
        return Choice(kind="cluster")
    of_what = ", of the regressors projected on the instruments" if is_instrumented else ""
    reason = f"errors CR2 with Satterthwaite degrees of freedom{of_what}: {fewest} clusters are fewer than {FEW}"
    return Choice(kind="CR2", reason=reason)
