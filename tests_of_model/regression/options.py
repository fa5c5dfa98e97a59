"""What a regression may be asked for, beside outcome and regressors: effects, instruments, inference, engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy.typing as npt

from withintask.tests_of_model.regression.absorb import Projector
from withintask.tests_of_model.regression.conventions import Convention
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.fitted import CovarianceKind

Engine = Literal["fast", "reference"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Effects to absorb, and weights."""

    absorb: Sequence[npt.ArrayLike] = ()
    """One array (n_obs,) of non-negative integer codes an effect."""
    weights: npt.ArrayLike | None = None
    """Positive analytic weights (n_obs,); their scale is irrelevant."""
    projector: Projector | None = None
    """A kept ``Projector(absorb, weights=weights)``; then absorb and weights are its own."""
    n_obs: int | None = None
    """Observations behind the rows, where these are means of several; as many as rows if None."""
    n_singletons: int | None = None
    """Observations alone in an absorbed level, where rows are means of several; as the rows have it if None."""
    pure_square: npt.ArrayLike | None = None
    """Sum of squares of the outcome around the mean that a row is (n_rows,), weighted; none if None."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Instruments:
    """Regressors to be instrumented, and by what."""

    endogenous: Sequence[str]
    """Names of the regressors."""
    excluded: npt.ArrayLike | None
    """Excluded instruments (n_obs, n_instruments), at least one an endogenous regressor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inference:
    """Clusters, and which covariance."""

    cluster: Sequence[npt.ArrayLike] = ()
    """Integer codes (n_obs,) of each clustering dimension."""
    kind: CovarianceKind | None = None
    """``cluster`` if clusters are given, else ``robust`` (HC1). ``CR2`` (Bell and McCaffrey, with Satterthwaite degrees of
    freedom), ``CR3`` and ``jackknife`` correct for few clusters and take one clustering dimension."""
    errors: Errors | None = None
    """A rule instead of a kind: ``auto`` (by the number of clusters), ``CR1``, ``CR2``, ``CR3``, ``jackknife`` or ``wild``,
    which gives p-values and intervals by the wild cluster bootstrap beside CR1's errors. Instrumented regressions take all
    but the last two."""
    tested: Sequence[str] = ()
    """Regressors that the bootstrap tests; all if empty."""
    convention: Convention = "withintask"
    """Small-sample factors; see :mod:`withintask.tests_of_model.regression.conventions`."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the regressions of estimators are fitted, unless a call says so itself."""

    engine: Engine = "fast"
    """``fast``, or ``reference`` (linearmodels, statsmodels; small samples, explicit dummies)."""
    errors: Errors | None = None
    """As in :class:`Inference`, for regressions that choose neither kind nor errors."""


NO_EFFECTS = Effects()
ROBUST = Inference()
DEFAULT = Options()
BY_RULE = Options(errors="auto")
"""How estimators fit unless they are told otherwise."""
