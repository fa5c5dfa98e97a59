"""Gauss quadrature of points that are given, and polynomials through its nodes."""

import numpy as np

from withintask.panel.arrays import Array


def gauss_nodes(points: Array, n_nodes: int) -> tuple[Array, Array]:
    """Return nodes and weights of the Gauss quadrature of equally weighted points, (node,) each.

    Parameters
    ----------
    points
        Points of the distribution, (point,).
    n_nodes
        Nodes; polynomials up to degree 2 n - 1 keep their mean over the points.

    Notes
    -----
    The Jacobi matrix by the Stieltjes procedure (Golub and Welsch 1969).
    """
    middle, half = points.mean(), np.ptp(points) / 2
    x = (points - middle) / half
    previous, current = np.zeros(x.size), np.full(x.size, 1 / np.sqrt(x.size))
    diagonal, side = np.zeros(n_nodes), np.zeros(n_nodes)
    for k in range(n_nodes):
        diagonal[k] = current @ (x * current)
        following = (x - diagonal[k]) * current - (side[k - 1] * previous if k else 0)
        side[k] = np.linalg.norm(following)
        previous, current = current, following / side[k]
    value, vector = np.linalg.eigh(
        np.diag(diagonal) + np.diag(side[:-1], 1) + np.diag(side[:-1], -1)
    )
    return middle + half * value, np.asarray(vector[0] ** 2)


def lagrange_basis(node: Array, points: Array) -> Array:
    """Return the Lagrange basis of nodes at points, (point, node), by barycentric weights (Berrut and Trefethen 2004)."""
    scale = 4 / np.ptp(node)
    gaps = (node[:, None] - node) * scale + np.eye(node.size)
    weight = 1 / np.prod(gaps, axis=1)
    distance = (points[:, None] - node) * scale
    distance = np.where(distance == 0, np.finfo(float).tiny, distance)
    terms = weight / distance
    return np.asarray(terms / terms.sum(axis=1, keepdims=True))
