"""Free parameters of a fit: from their domain to the real line and back, where to look, and how they are named."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from withintask.panel.arrays import Array, Flags
from withintask.panel.errors import ParameterError, list_problems, nearest
from withintask.panel.notation import parameter_names, symbol
from withintask.sim.params import Params, load_sources
from withintask.tests_of_model.moments.moments import params_with

FREE = (
    "ai_floor",
    "ai_multiplicative",
    "substitution",
    "credential_cost_scale",
    "proprietary",
    "rent_sharing",
)
"""α, μ, σ, χ, η1, ξ: the parameters that the six moments are to identify."""

_WIDER_LOG = 5.0
"""A search leaves the plausible range of a positive parameter by up to this factor."""
_LOWEST_SHARE = 1e-2
"""Where a range starts at zero, the search starts at this share of its high end, over _WIDER_LOG."""
_EDGE = 1e-3
"""A search stays this share of the domain away from the ends of a bounded one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FreeParameters:
    """Parameters that a fit may move, as a vector on the real line: logs, or logits on a bounded domain."""

    base: Params
    """Values of all parameters; those that are not free stay as they are."""
    names: tuple[str, ...]
    """Free parameters, in order."""
    is_bounded: Flags
    """Whether the transform is a scaled logit, else a log, (parameter,)."""
    floor: Array
    """Low end of the domain, (parameter,)."""
    width: Array
    """Width of a bounded domain, 1 elsewhere, (parameter,)."""
    plausible: Array
    """Plausible range, (parameter, 2), transformed."""
    bounds: Array
    """Where a search may go, (parameter, 2), transformed."""

    def transform(self, values: ArrayLike) -> Array:
        """Map values to the real line, (parameter,)."""
        return _forward(np.asarray(values, dtype=np.float64), self)

    def values(self, point: Array) -> Array:
        """Map a point of the real line to values, (parameter,)."""
        share = self.width * expit(point)
        with np.errstate(over="ignore"):
            return np.asarray(self.floor + np.where(self.is_bounded, share, np.exp(point)))

    def slope(self, point: Array) -> Array:
        """Derivative of the values with respect to the point, (parameter,)."""
        share = expit(point)
        with np.errstate(over="ignore"):
            return np.asarray(
                np.where(self.is_bounded, self.width * share * (1 - share), np.exp(point))
            )

    def params(self, point: Array) -> Params:
        """Parameters at a point."""
        return params_with(self.base, self.names, self.values(point))

    def point(self, params: Params) -> Array:
        """Return the point at which given parameters lie."""
        return self.transform([getattr(params, name) for name in self.names])

    def symbols(self) -> tuple[str, ...]:
        """Symbols of the free parameters, for readers."""
        return tuple(symbol(name).symbol or name for name in self.names)

    def direction(self, vector: Array) -> str:
        """Write a direction of the transformed space, largest weight first: ``+0.71 ln α -0.70 ln η1``."""
        unit = vector / np.linalg.norm(vector)
        order = np.argsort(-np.abs(unit))
        sign = np.sign(unit[order[0]])
        shown = [k for k in order if abs(unit[k]) > _SHOWN]
        kinds = ["logit" if bounded else "ln" for bounded in self.is_bounded]
        return " ".join(f"{sign * unit[k]:+.2f} {kinds[k]} {self.symbols()[k]}" for k in shown)

    def without(self, name: str, value: float) -> "FreeParameters":
        """Fix one of the free parameters at a value."""
        kept = tuple(one for one in self.names if one != name)
        return free_parameters(params_with(self.base, (name,), (value,)), kept)


_SHOWN = 0.05
"""Weights below this are left out when a direction is written."""


def free_parameters(base: Params, names: Sequence[str] = FREE) -> FreeParameters:
    """Say which parameters are free.

    Parameters
    ----------
    base
        Values of the others, and the default start.
    names
        Free parameters; α, μ, σ, χ, η1 and ξ if left out.

    Raises
    ------
    ParameterError
        If a name is unknown, repeated, has no continuous domain, or its value lies on the edge of the domain.
    """
    _fail_if_not_free(base, names)
    domains = np.array([_domain(name) for name in names], dtype=np.float64).reshape(-1, 2)
    ranges = np.array([_range(base, name) for name in names], dtype=np.float64).reshape(-1, 2)
    is_bounded = (domains[:, 1] <= 1) | (domains[:, 0] < 0)
    width = np.where(is_bounded, domains[:, 1] - domains[:, 0], 1.0)
    shell = FreeParameters(
        base=base,
        names=tuple(names),
        is_bounded=is_bounded,
        floor=domains[:, 0] * is_bounded,
        width=width,
        plausible=ranges,
        bounds=ranges,
    )
    low, high = _search_bounds(domains, ranges, is_bounded)
    inner = [np.clip(ranges[:, end], low, high) for end in (0, 1)]
    return FreeParameters(
        base=base,
        names=shell.names,
        is_bounded=is_bounded,
        floor=shell.floor,
        width=width,
        plausible=np.column_stack([_forward(side, shell) for side in inner]),
        bounds=np.column_stack([_forward(side, shell) for side in (low, high)]),
    )


def _search_bounds(domains: Array, ranges: Array, is_bounded: Flags) -> tuple[Array, Array]:
    low = np.maximum(ranges[:, 0], _LOWEST_SHARE * ranges[:, 1]) / _WIDER_LOG
    high = np.minimum(ranges[:, 1] * _WIDER_LOG, domains[:, 1])
    edge = _EDGE * (domains[:, 1] - domains[:, 0])
    return np.where(is_bounded, domains[:, 0] + edge, low), np.where(
        is_bounded, domains[:, 1] - edge, high
    )


def _forward(values: Array, shape: FreeParameters) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (values - shape.floor) / shape.width
        return np.asarray(np.where(shape.is_bounded, logit(share), np.log(values)))


def _domain(name: str) -> tuple[float, float]:
    low, high = symbol(name).domain[1:-1].split(",")
    return float(low), float(high)


def _range(base: Params, name: str) -> tuple[float, float]:
    """Plausible range, widened to hold the value of the base."""
    low, high = load_sources()[name].range
    value = getattr(base, name)
    return min(low, value), max(high, value)


def _fail_if_not_free(base: Params, names: Sequence[str]) -> None:
    problems = [] if names else ["none is named"]
    problems += [
        f"{name}: given twice" for name in dict.fromkeys(names) if list(names).count(name) > 1
    ]
    for name in names:
        if name not in parameter_names():
            problems.append(f"{name}: not a parameter{nearest(name, parameter_names())}")
        elif isinstance(getattr(base, name), int):
            problems.append(f"{name}: a whole number, cannot be fitted")
        elif not np.isfinite(_domain(name)[1]) or not np.isfinite(load_sources()[name].range[1]):
            problems.append(f"{name}: has no bounded plausible range, cannot be fitted")
        else:
            low, high = _domain(name)
            if not low < getattr(base, name) < high:
                problems.append(
                    f"{name} = {getattr(base, name)}: on the edge of ({low:g}, {high:g}), start inside"
                )
    if problems:
        raise ParameterError(list_problems("free parameters", problems))
