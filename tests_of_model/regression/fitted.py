"""What a regression returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems, some_examples

if TYPE_CHECKING:
    import pandas as pd

CovarianceKind = Literal["cluster", "robust", "unadjusted", "CR2", "CR3", "jackknife"]
ErrorKind = CovarianceKind | Literal["wild"]
Status = Literal["ok", "collinear", "leverage_one", "perfect_fit", "one_cluster", "not_identified"]


class Test(Protocol):
    """A test of one coefficient that does not come from its standard error."""

    def p_value(self, null: float) -> float:
        """Two-sided p-value against a value."""

    def interval(self, level: float) -> tuple[float, float]:
        """Values that are not rejected at 1 - level."""


@dataclass(frozen=True, kw_only=True)
class FirstStage:
    """The first stage of one endogenous regressor."""

    name: str
    """The endogenous regressor."""
    statistic: float
    """Wald F of the excluded instruments, with the covariance of the fit; given the other endogenous regressors where
    there are several (Sanderson and Windmeijer 2016). Infinite only where the first stage fits perfectly."""
    dof_num: int
    """Excluded instruments, less the other endogenous regressors."""
    dof: float
    """Denominator degrees of freedom."""
    p_value: float
    """Of the F statistic."""
    partial_r2: float
    """Share of the regressor, given the other exogenous ones, that the instruments explain."""
    message: str = ""
    """What the reader should know of it."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Coefficients with their covariance; k coefficients, some of them perhaps dropped (NaN)."""

    names: tuple[str, ...]
    """Regressors, in the order given."""
    params: Array
    """Coefficients (k,); NaN where collinear."""
    covariance: Array
    """Covariance of the coefficients (k, k); NaN where dropped or not computable."""
    dof: Array
    """Degrees of freedom of the t distribution of each coefficient (k,)."""
    n_obs: int
    """Rows."""
    n_clusters: int
    """Clusters of the smallest clustering dimension; 0 without clustering."""
    n_absorbed: int
    """Exact rank of the absorbed effects."""
    n_singletons: int
    """Rows with an absorbed level to themselves; they are kept and add nothing but to n_obs."""
    residuals: Array
    """Residuals (n_obs,), of the unweighted equation and without the absorbed effects."""
    status: Status
    """``ok``, or the most serious of ``not_identified``, ``perfect_fit``, ``one_cluster``, ``leverage_one``,
    ``collinear``."""
    messages: tuple[str, ...]
    """What the reader should know: dropped terms, singletons, repaired covariance."""
    covariance_kind: ErrorKind
    """Which covariance; ``wild`` for the clustered one with tests by the bootstrap."""
    convention: str
    """Whose small-sample factors: see :mod:`withintask.tests_of_model.regression.conventions`."""
    first_stage: tuple[FirstStage, ...] = ()
    """One for each endogenous regressor; empty for least squares."""
    tests: Mapping[str, Test] = field(default_factory=dict)
    """Tests that stand in for the t test, by regressor: those of the wild cluster bootstrap."""
    test_contrast: Callable[[Mapping[str, float]], Test] | None = None
    """Makes such a test of a linear combination."""

    @property
    def std_error(self) -> Array:
        """Standard errors (k,); NaN where rounding left a variance below zero."""
        variance = np.diagonal(self.covariance)
        return np.sqrt(np.where(variance >= 0, variance, np.nan))

    @property
    def statistic(self) -> Array:
        """Ratios of coefficient to standard error (k,)."""
        return self.params / self.std_error

    @property
    def p_value(self) -> Array:
        """Two-sided p-values against zero (k,)."""
        tail: Array = special.stdtr(self.dof, -np.abs(self.statistic))
        p_values = 2 * tail
        for name, test in self.tests.items():
            p_values[self.position(name)] = test.p_value(0.0)
        return p_values

    def conf_int(self, level: float = 0.95) -> Array:
        """Confidence bounds (k, 2) with the given coverage."""
        if not 0 < level < 1:
            raise ParameterError(f"conf_int: level is {level}, expected a share between 0 and 1")
        half = special.stdtrit(self.dof, (1 + level) / 2) * self.std_error
        bounds = np.column_stack([self.params - half, self.params + half])
        for name, test in self.tests.items():
            bounds[self.position(name)] = test.interval(level)
        return bounds

    def tidy(self, level: float = 0.95) -> pl.DataFrame:
        """One row a term: term, estimate, std_error, dof, statistic, p_value, conf_low, conf_high."""
        bounds = self.conf_int(level)
        return pl.DataFrame(
            {
                "term": self.names,
                "estimate": self.params,
                "std_error": self.std_error,
                "dof": self.dof,
                "statistic": self.statistic,
                "p_value": self.p_value,
                "conf_low": bounds[:, 0],
                "conf_high": bounds[:, 1],
            }
        )

    @property
    def __maketables_coef_table__(self) -> "pd.DataFrame":
        """Coefficients as the package maketables reads them, for tables beside models of other packages."""
        rows = self.tidy().to_pandas().set_index("term").rename_axis("Coefficient")
        names = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
        return rows[list(names)].set_axis(["b", "se", "t", "p", "ci95l", "ci95u"], axis=1)

    def __maketables_stat__(self, key: str) -> int | None:
        """Number of rows, by the name that maketables has for it; nothing else."""
        return self.n_obs if key == "N" else None

    def coef(self) -> "pd.Series[float]":
        """Coefficients by term."""
        import pandas as pd

        return pd.Series(self.params, index=list(self.names), name="estimate")

    def vcov(self) -> "pd.DataFrame":
        """Covariance of the coefficients by term."""
        import pandas as pd

        return pd.DataFrame(self.covariance, index=list(self.names), columns=list(self.names))

    def confint(self, level: float = 0.95) -> "pd.DataFrame":
        """Confidence bounds by term."""
        import pandas as pd

        share = (1 - level) / 2
        columns = [f"{100 * share:.1f}%", f"{100 * (1 - share):.1f}%"]
        return pd.DataFrame(self.conf_int(level), index=list(self.names), columns=columns)

    def summary(self, level: float = 0.95) -> str:
        """The fit as text: a table of terms, the counts, and every message."""
        width = max(len("term"), *(len(name) for name in self.names))
        head = f"{'term':<{width}}  estimate  std_error        t        p   conf_low  conf_high"
        lines = [head]
        for row in self.tidy(level).iter_rows():
            term, estimate, error, _, t, p, low, high = row
            lines.append(
                f"{term:<{width}}  {estimate:8.4f}  {error:9.4f}  {t:7.2f}  {p:7.4f}  {low:9.4f}  {high:9.4f}"
            )
        clusters = f", {self.n_clusters} clusters" if self.n_clusters else ""
        absorbed = f", {self.n_absorbed} effects absorbed" if self.n_absorbed else ""
        lines.append(
            f"{self.n_obs} rows{clusters}{absorbed}; errors {self.covariance_kind}, {self.convention}"
        )
        stages = (f"first stage of {s.name}: F {s.statistic:.1f}" for s in self.first_stage)
        lines.extend(stages)
        return "\n".join((*lines, *self.messages))

    def position(self, name: str) -> int:
        """Place of a regressor, for example ``fit.params[fit.position("x")]``."""
        if name not in self.names:
            raise ParameterError(
                f"regressor {name!r} is not in the fit; it has {some_examples(self.names)}"
            )
        return self.names.index(name)

    def contrast(self, weights: Mapping[str, float], *, name: str) -> "Fit":
        """Linear combination Σ weight · coefficient, as a fit with one coefficient.

        Degrees of freedom are the smallest of the coefficients involved.
        """
        unknown = [key for key in weights if key not in self.names]
        if unknown:
            problems = [f"no regressor {key!r}" for key in unknown]
            raise ParameterError(list_problems(f"contrast {name}", problems))
        places = [self.position(key) for key in weights]
        row = np.array(list(weights.values()), dtype=float)
        return replace(
            self,
            names=(name,),
            params=np.array([row @ self.params[places]]),
            covariance=np.array([[row @ self.covariance[np.ix_(places, places)] @ row]]),
            dof=np.array([np.min(self.dof[places])]),
            tests={name: self.test_contrast(weights)} if self.test_contrast else {},
            test_contrast=None,
        )
