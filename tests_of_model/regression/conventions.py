"""Small-sample factors of clustered and robust covariances, ours and those of other packages.

``withintask`` (the default)
    Clustered: G/(G−1) · (n−1)/(n−k), t with G−1 degrees of freedom, G the clusters of the smallest
    dimension. k counts the regressors and the rank of the absorbed effects that are not nested in
    a cluster; the nested ones together count one, for the constant they contain. Several
    dimensions: inclusion and exclusion (Cameron, Gelbach and Miller 2011), the same G for each
    term, negative eigenvalues set to zero and said. Robust: n/(n−k), t with n−k.
``fixest``
    As R's fixest and pyfixest: levels minus (factors − 1) instead of the rank, each nested factor
    counts one; negative eigenvalues are kept.
``statsmodels``
    As ``OLS``/``WLS`` on explicit dummies: nested effects count too; each term of a multiway
    covariance has its own G/(G−1).
``linearmodels``
    As ``AbsorbingLS(…).fit(debiased=True)``: levels minus (factors − 1), only a single nested
    factor is left out; each term has its own G/(G−1); t with n−k whatever the covariance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from withintask.panel.arrays import Codes
from withintask.tests_of_model.regression.absorb import Projector, is_nested

Convention = Literal["withintask", "linearmodels", "statsmodels", "fixest"]
CONVENTIONS: tuple[str, ...] = get_args(Convention)


@dataclass(frozen=True, kw_only=True)
class SmallSample:
    """Counts from which a convention's factors follow."""

    n_obs: int
    """Rows."""
    n_parameters: int
    """k of the unadjusted and robust factor: regressors and absorbed effects."""
    n_parameters_clustered: int
    """k of the clustered factor, where nested effects may be left out."""
    n_clusters: tuple[int, ...]
    """Clusters of each dimension."""
    convention: Convention
    """Whose rule."""

    @property
    def dof_resid(self) -> int:
        """Rows minus parameters, with all absorbed effects."""
        return self.n_obs - self.n_parameters

    @property
    def dof_t(self) -> float:
        """Degrees of freedom of the t distribution of a coefficient."""
        if not self.n_clusters:
            return self.dof_resid
        if self.convention == "linearmodels":
            return self.dof_resid
        return min(self.n_clusters) - 1

    def robust_factor(self) -> float:
        """Factor of HC1, n/(n−k)."""
        return self.n_obs / self.dof_resid

    def cluster_factor(self, n_groups: int) -> float:
        """Factor G/(G−1) · (n−1)/(n−k), G that of the term or of the smallest dimension."""
        is_common = self.convention in ("withintask", "fixest")
        groups = min(self.n_clusters) if is_common else n_groups
        rows = self.n_obs - 1
        return groups / (groups - 1) * rows / (self.n_obs - self.n_parameters_clustered)


def small_sample(
    projector: Projector | None,
    clusters: Sequence[Codes],
    *,
    n_obs: int,
    n_regressors: int,
    n_clusters: tuple[int, ...],
    convention: Convention,
) -> SmallSample:
    """Count parameters and clusters as the convention does."""
    total = nested = 0
    if projector is not None:
        total = _total(projector, convention)
        if clusters:
            nested = _nested(projector, clusters, convention)
    return SmallSample(
        n_obs=n_obs,
        n_parameters=n_regressors + total,
        n_parameters_clustered=n_regressors + total - nested,
        n_clusters=n_clusters,
        convention=convention,
    )


def nested_factors(projector: Projector, clusters: Sequence[Codes]) -> list[int]:
    """Positions of the absorbed factors that lie inside the clusters of some dimension."""
    return [
        position
        for position, codes in enumerate(projector.codes)
        if any(is_nested(codes, cluster) for cluster in clusters)
    ]


def _total(projector: Projector, convention: Convention) -> int:
    if convention in ("fixest", "linearmodels"):
        return sum(projector.n_levels) - (len(projector.n_levels) - 1)
    return projector.rank


def _nested(projector: Projector, clusters: Sequence[Codes], convention: Convention) -> int:
    """Parameters that the convention takes off again because their effects are nested."""
    if convention == "statsmodels":
        return 0
    if convention == "linearmodels":
        is_single = len(projector.codes) == 1
        is_inside = is_single and all(is_nested(projector.codes[0], one) for one in clusters)
        return projector.rank if is_inside else 0
    positions = nested_factors(projector, clusters)
    if convention == "fixest":
        return sum(projector.n_levels[position] - 1 for position in positions)
    return _joint_rank(projector, positions) - 1 if positions else 0


def _joint_rank(projector: Projector, positions: list[int]) -> int:
    if len(positions) == 1:
        return projector.n_levels[positions[0]]
    if len(positions) == len(projector.codes):
        return projector.rank
    return Projector([projector.codes[position] for position in positions]).rank
