"""Exact leverages of worker-firm matches, from the inverse of the firm Laplacian."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.components.matches import Matches
from withintask.tests_of_model.regression.grouping import group_sums
from withintask.tests_of_model.regression.threads import threads_for

# Time of one entry of a row read from memory, in multiply-adds of a matrix product (measured on one core).
_PRODUCTS_PER_ENTRY = 25


@dataclass(frozen=True, kw_only=True)
class Leverages:
    """Quadratic forms of each match's row, on the scale of one observation."""

    hat: Array
    """x'S⁻¹x."""
    firm: Array
    """x'S⁻¹AS⁻¹x of the variance of firm effects."""
    worker: Array
    """The same of worker effects."""
    covariance: Array
    """The same of their covariance."""


def assembled(
    matches: Matches, own: Array, along: Array, spread: Array, tau: Array, n_obs: int
) -> Leverages:
    """Put leverages and bias weights together.

    Parameters
    ----------
    matches
        n_matches matches.
    own, along, spread
        f'Gf, f'Gp and f'GDGf, (n_matches,): f the firm of the match less p, the mix of firms of its worker, G the inverse of
        the firm Laplacian, D the rows of firms.
    tau
        f'G times the rows of firms, (n_matches,).
    n_obs
        Rows.
    """
    alone = matches.by_worker(matches.n_rows)
    return Leverages(
        hat=1 / alone + own,
        firm=(spread - tau**2 / n_obs) / n_obs,
        worker=(1 / alone - 2 * along + spread - own - (1 - tau) ** 2 / n_obs) / n_obs,
        covariance=(along - spread + own - (1 - tau) * tau / n_obs) / n_obs,
    )


def firm_inverse(matches: Matches) -> Array:
    """Inverse of the firm Laplacian, the first firm held at zero, (n_firms, n_firms)."""
    laplacian = matches.laplacian().toarray()
    # A symmetric matrix in rows is one in columns: LAPACK works in place of it.
    with threads_for(len(laplacian)):
        lower, failed = linalg.lapack.dpotrf(laplacian[1:, 1:].T, lower=1, overwrite_a=1, clean=0)
        if not failed:
            lower, failed = linalg.lapack.dpotri(lower, lower=1, overwrite_c=1)
    if failed:
        raise EstimationError("two-way components: the firms are not connected")
    inverse = np.zeros((matches.n_firms, matches.n_firms))
    inside = inverse[1:, 1:]
    inside[:] = np.tril(lower)
    inside += np.tril(lower, -1).T
    return inverse


def exact_leverages(matches: Matches, inverse: Array, n_obs: int) -> Leverages:
    """Leverages and bias weights from quadratic forms of f = firm of match − mix of the worker."""
    firm_rows = group_sums(matches.firm, matches.n_rows)
    own, mixed, twice = _forms(matches, inverse)
    g = own - 2 * mixed + twice
    along = mixed - twice
    own, mixed, twice = _forms(matches, _spread(matches, inverse, firm_rows))
    d = own - 2 * mixed + twice
    pull = inverse @ firm_rows
    tau = pull[matches.firm] - matches.by_worker(matches.share * pull[matches.firm])
    return assembled(matches, g, along, d, tau, n_obs)


def _spread(matches: Matches, inverse: Array, firm_rows: Array) -> Array:
    """G D G where two firms share a worker; elsewhere perhaps zero."""
    n_firms = len(inverse)
    pairs = _pairs(matches)
    if len(pairs) * _PRODUCTS_PER_ENTRY > n_firms**2:
        root = inverse * np.sqrt(firm_rows)
        return np.asarray(_symmetric_product(root))
    spread = np.zeros(inverse.shape)
    first, second = pairs // n_firms, pairs % n_firms
    bounds = np.searchsorted(first, np.arange(n_firms + 1))
    for firm in range(n_firms):
        partners = second[bounds[firm] : bounds[firm + 1]]
        values = inverse[partners] @ (inverse[firm] * firm_rows)
        spread[firm, partners] = values
        spread[partners, firm] = values
    return spread


def _symmetric_product(rows: Array) -> Array:
    """Cross-products of rows, half of them computed, (n, n)."""
    with threads_for(len(rows)):
        upper = linalg.blas.dsyrk(1.0, rows.T, trans=1)
    upper += np.triu(upper, 1).T
    product: Array = upper
    return product


def _pairs(matches: Matches) -> Array:
    """Pairs of firms that share a worker, with themselves, as first · n_firms + second, first <= second, sorted."""
    n_firms = matches.n_firms
    found = [np.arange(n_firms) * (n_firms + 1)]
    for places in matches.equal_sizes():
        firm = np.sort(matches.firm[places], axis=0)
        first, second = np.triu_indices(len(firm), 1)
        if len(first):
            found.append(np.unique(firm[first] * n_firms + firm[second]))
    pairs: Array = np.unique(np.concatenate(found))
    return pairs


def _forms(matches: Matches, matrix: Array) -> tuple[Array, Array, Array]:
    """e'Me, e'Mp and p'Mp for each match, e its firm and p the mix of firms of its worker."""
    mixed = np.empty(len(matches.firm))
    for places in matches.equal_sizes():
        firm, share = matches.firm[places], matches.share[places]
        block = matrix[firm[:, None, :], firm[None, :, :]]
        mixed[places] = np.einsum("abw,bw->aw", block, share)
    own = matrix[matches.firm, matches.firm]
    return own, mixed, matches.by_worker(matches.share * mixed)
