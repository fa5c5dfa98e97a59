"""The types that hypotheses and estimators share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from withintask.sim.params import Params
from withintask.tests_of_model.estimands.truth import Estimand
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.samples.sample import Sample

Adjustment = Literal["control", "absorb", "weight"]
ALL_ADJUSTMENTS: tuple[Adjustment, ...] = ("control", "absorb", "weight")
"""Covariates, fixed effects and sampling weights by name."""

OK = "ok"
"""Status of an estimate that may be used."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One tidy row: an estimate of one estimand."""

    term: str
    """Name of the estimand."""
    estimate: float
    """Point estimate, in the estimand's unit."""
    std_error: float
    """Standard error; NaN where the method has none."""
    dof: float = float("inf")
    """Degrees of freedom of the t distribution used; infinity for the normal."""
    statistic: float = float("nan")
    """Test statistic of no effect."""
    p_value: float = float("nan")
    """Two-sided p-value of no effect."""
    conf_low: float = float("nan")
    """Lower end of the interval."""
    conf_high: float = float("nan")
    """Upper end of the interval."""
    n_obs: int = 0
    """Rows used."""
    n_clusters: int = 0
    """Clusters of the coarsest dimension; 0 if not clustered."""
    status: str = OK
    """``ok``, or a word for what went wrong."""
    message: str = ""
    """What went wrong or was left out, for a reader."""
    convention: str = ""
    """Of the standard error."""


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """A function of a panel that estimates some of a hypothesis's estimands."""

    name: str
    """Unique within the hypothesis."""
    summary: str
    """What it does, one line."""
    needs: tuple[str, ...]
    """Columns, links and structure that the panel must have (see ``panel.capabilities``)."""
    terms: tuple[str, ...]
    """Estimands that it estimates, in order."""
    run: Callable[[Sample], tuple[Estimate, ...]]
    """The estimator: a function of a panel's sample."""
    has_interval: bool = True
    """Whether it gives standard errors; False for a test alone."""
    version: int = 1
    """Raised whenever its numbers change, so that stored replicates are not reused."""
    can_stand: bool = True
    """Whether it may stand for its hypothesis; False for a test alone, another estimand or a known bias."""
    adjusts: tuple[Adjustment, ...] = ()
    """What a user may name and it takes into account."""
    errors: tuple[Errors, ...] = ("auto",)
    """Errors that a user may ask for; randomization is for all that compare access, see ``takes_errors``."""

    @property
    def compares_access(self) -> bool:
        """Whether it compares what was assigned: access, and neither use, exposure nor schooling."""
        needs = " ".join(self.needs)
        return "ai_access" in needs and "outputs.ai_use" not in needs

    @property
    def takes_errors(self) -> tuple[Errors, ...]:
        """All errors that a user may ask for."""
        return (*self.errors, "randomization") if self.compares_access else self.errors


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A claim of the paper, what it means in numbers, and how to estimate it."""

    name: str
    """H1 to H4."""
    claim: str
    """The paper's claim, in words."""
    scope: Callable[[Params], bool]
    """Whether the paper makes the claim at these parameters."""
    estimands: Mapping[str, Estimand]
    """Truth of each term, a function of the economy."""
    primary: str
    """Term that the claim is about."""
    predicted_sign: int
    """Sign that the claim gives to the primary term within its scope."""
    estimators: tuple[Estimator, ...] = field(default=())
    """Ways to estimate the terms."""
    preferred: tuple[str, ...] = ()
    """Names of estimators, the most trusted first; those that are not named come after them."""

    def estimators_of(self, term: str) -> tuple[Estimator, ...]:
        """Return the estimators that may stand for a term, in the order of trust, which no truth decides."""
        order = {name: place for place, name in enumerate(self.preferred)}
        standing = [e for e in self.estimators if e.can_stand and term in e.terms]
        return tuple(sorted(standing, key=lambda e: order.get(e.name, len(order))))
