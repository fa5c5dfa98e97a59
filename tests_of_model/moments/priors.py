"""Priors over the parameters that a panel leaves open: shapes and sources from a file, ranges from the parameter file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.special import betaln, ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems, nearest, quoted, shortened
from withintask.panel.notation import parameter_names, symbol
from withintask.sim.params import load_sources

SHAPES = ("lognormal", "uniform", "dome")
"""Shapes that a prior can have."""

_KEYS = ("shape", "source", "range")
_COVERED = 0.95
"""Share of a lognormal prior inside its range."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Independent priors, one a parameter."""

    names: tuple[str, ...]
    """Parameters, in order."""
    shape: tuple[str, ...]
    """One of SHAPES each."""
    low: tuple[float, ...]
    """Low end of the range; of a lognormal its 2.5 percent point."""
    high: tuple[float, ...]
    """High end; of a lognormal its 97.5 percent point."""
    source: tuple[str, ...]
    """Where shape and range come from."""

    def quantile(self, uniform: Array) -> Array:
        """Map uniforms to values by the inverse distribution functions, (draw, parameter)."""
        columns = [_inverse(self, k, uniform[:, k]) for k in range(len(self.names))]
        return np.column_stack(columns) if columns else np.empty((len(uniform), 0))

    def uniforms(self, values: Array) -> Array:
        """Map values to uniforms by the distribution functions, (draw, parameter)."""
        columns = [_distribution(self, k, values[:, k]) for k in range(len(self.names))]
        return np.column_stack(columns) if columns else np.empty((len(values), 0))

    def log_density(self, values: Array) -> Array:
        """Log density at values (draw, parameter), -inf outside the support, (draw,)."""
        parts = [_log_density(self, k, values[:, k]) for k in range(len(self.names))]
        return np.sum(parts, axis=0) if parts else np.zeros(len(values))

    def without(self, names: Sequence[str]) -> "Prior":
        """Leave out parameters whose value is known.

        Raises
        ------
        ParameterError
            If one has no prior here.
        """
        _fail_if_absent(names, self.names)
        kept = [k for k, name in enumerate(self.names) if name not in names]
        return Prior(
            names=tuple(self.names[k] for k in kept),
            shape=tuple(self.shape[k] for k in kept),
            low=tuple(self.low[k] for k in kept),
            high=tuple(self.high[k] for k in kept),
            source=tuple(self.source[k] for k in kept),
        )

    def widened(self) -> "Prior":
        """Return priors twice as wide, in logs for a lognormal, within the domains."""
        ends = [_twice(self, k) for k in range(len(self.names))]
        return replace(self, low=tuple(e[0] for e in ends), high=tuple(e[1] for e in ends))

    def flattened(self) -> "Prior":
        """Return uniform priors over the same ranges."""
        return replace(self, shape=("uniform",) * len(self.names))


def load_prior(path: Path | None = None) -> Prior:
    """Read priors from a TOML file, the packaged ones if None.

    Parameters
    ----------
    path
        File of ``[parameter]`` tables with ``shape`` (lognormal, uniform or dome), ``source`` and, if it is not to be
        the plausible range of the parameter file, ``range``.

    Returns
    -------
    Prior
        In the order of the file.

    Raises
    ------
    ParameterError
        If a name is unknown, a key missing, a shape none, or a range reaches outside the parameter's domain; all are listed.
    """
    entries = _read(path)
    problems = [
        problem for name, entry in entries.items() for problem in _problems(shortened(name), entry)
    ]
    if problems or not entries:
        where = "priors.toml" if path is None else str(path)
        advice = f"An entry has {', '.join(_KEYS)}; shapes are {', '.join(SHAPES)}."
        raise ParameterError(list_problems(where, problems or ["no parameter"], advice=advice))
    rows: dict[str, Mapping[str, object]] = dict(entries)  # type: ignore[arg-type]
    ranges = {name: _range(name, row) for name, row in rows.items()}
    return Prior(
        names=tuple(rows),
        shape=tuple(str(row["shape"]) for row in rows.values()),
        low=tuple(ranges[name][0] for name in rows),
        high=tuple(ranges[name][1] for name in rows),
        source=tuple(str(row["source"]) for row in rows.values()),
    )


def domain(name: str) -> tuple[float, float]:
    """Ends of a parameter's domain."""
    low, high = symbol(name).domain[1:-1].split(",")
    return float(low), float(high)


def _read(path: Path | None) -> dict[str, object]:
    try:
        if path is None:
            source = files("withintask.tests_of_model.moments").joinpath("priors.toml")
            return tomllib.loads(source.read_text(encoding="utf-8"))
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{path}: expected a TOML file of priors; {error}") from error


def _problems(name: str, entry: object) -> list[str]:
    if name not in parameter_names():
        return [f"[{name}]: not a parameter{nearest(name, parameter_names())}"]
    if not isinstance(entry, dict):
        return [f"{name} = {quoted(entry)}: expected a table [{name}]"]
    problems = [f"[{name}]: {key} is missing" for key in _KEYS[:2] if key not in entry]
    problems += [f"[{name}]: {shortened(key)} is unknown" for key in entry if key not in _KEYS]
    if entry.get("shape", SHAPES[0]) not in SHAPES:
        problems.append(f"[{name}]: shape = {quoted(entry['shape'])}, expected {', '.join(SHAPES)}")
    return problems + _range_problems(name, entry)


def _range_problems(name: str, entry: Mapping[str, object]) -> list[str]:
    try:
        low, high = _range(name, entry)
    except (TypeError, ValueError):
        return [f"[{name}]: range = {quoted(entry.get('range'))}, expected [low, high]"]
    if not (np.isfinite([low, high]).all() and low < high):
        return [f"[{name}]: range = [{low:g}, {high:g}], expected low < high"]
    bottom, top = domain(name)
    is_outside = low < bottom or high > top
    if is_outside or (entry.get("shape") == "lognormal" and low <= 0):
        return [f"[{name}]: range = [{low:g}, {high:g}] reaches outside {symbol(name).domain}"]
    return []


def _range(name: str, entry: Mapping[str, object]) -> tuple[float, float]:
    ends: Sequence[float] = entry.get("range", load_sources()[name].range)  # type: ignore[assignment]
    low, high = ends
    return float(low), float(high)


def _fail_if_absent(names: Sequence[str], known: Sequence[str]) -> None:
    problems = [
        f"{name}: has no prior{nearest(name, known)}" for name in names if name not in known
    ]
    if problems:
        advice = f"Priors are given for {', '.join(known)}."
        raise ParameterError(list_problems("fixed parameters", problems, advice=advice))


def _normal(prior: Prior, k: int) -> tuple[float, float, float, float]:
    """Mean and sd of the log of a lognormal, and the probabilities at the ends of its domain."""
    low, high = np.log(prior.low[k]), np.log(prior.high[k])
    mean, sd = (low + high) / 2, (high - low) / (2 * ndtri((1 + _COVERED) / 2))
    bottom, top = domain(prior.names[k])
    first = ndtr((np.log(bottom) - mean) / sd) if bottom > 0 else 0.0
    return float(mean), float(sd), float(first), float(ndtr((np.log(top) - mean) / sd))


def _inverse(prior: Prior, k: int, uniform: Array) -> Array:
    low, width = prior.low[k], prior.high[k] - prior.low[k]
    if prior.shape[k] == "lognormal":
        mean, sd, first, last = _normal(prior, k)
        return np.asarray(np.exp(mean + sd * ndtri(first + (last - first) * uniform)))
    share = 1 / 2 - np.sin(np.arcsin(1 - 2 * uniform) / 3) if prior.shape[k] == "dome" else uniform
    return np.asarray(low + width * share)


def _distribution(prior: Prior, k: int, values: Array) -> Array:
    if prior.shape[k] == "lognormal":
        mean, sd, first, last = _normal(prior, k)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((ndtr((np.log(values) - mean) / sd) - first) / (last - first))
    share = np.clip((values - prior.low[k]) / (prior.high[k] - prior.low[k]), 0, 1)
    return np.asarray(share**2 * (3 - 2 * share) if prior.shape[k] == "dome" else share)


def _log_density(prior: Prior, k: int, values: Array) -> Array:
    low, width = prior.low[k], prior.high[k] - prior.low[k]
    with np.errstate(divide="ignore", invalid="ignore"):
        if prior.shape[k] == "lognormal":
            mean, sd, first, last = _normal(prior, k)
            score = (np.log(values) - mean) / sd
            scale = np.log(values * sd * np.sqrt(2 * np.pi) * (last - first))
            bottom, top = domain(prior.names[k])
            inside = (values > 0) & (values >= bottom) & (values <= top)
            return np.where(inside, -(score**2) / 2 - scale, -np.inf)
        share = (values - low) / width
        inside = (share >= 0) & (share <= 1)
        if prior.shape[k] == "uniform":
            return np.where(inside, -np.log(width), -np.inf)
        peak = np.log(share * (1 - share)) - np.log(width) + _LOG_DOME
        return np.where(inside, peak, -np.inf)


_LOG_DOME = float(-betaln(2, 2))
"""Log of the constant of Beta(2, 2)."""


def _twice(prior: Prior, k: int) -> tuple[float, float]:
    bottom, top = domain(prior.names[k])
    if prior.shape[k] == "lognormal":
        ratio = np.sqrt(prior.high[k] / prior.low[k])
        return float(prior.low[k] / ratio), float(prior.high[k] * ratio)
    half = (prior.high[k] - prior.low[k]) / 2
    return max(prior.low[k] - half, bottom), min(prior.high[k] + half, top)
