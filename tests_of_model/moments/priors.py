"""Priors over the parameters that a panel leaves open: shapes and sources from a file, ranges from the parameter file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.special import betaln, ndtr, ndtri

from withintask.panel.arrays import Array, Flags
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
        form, values = self._form, np.empty(np.shape(uniform))
        first, span = form.first, form.last - form.first
        score = ndtri(first + span * uniform[:, form.is_normal])
        values[:, form.is_normal] = np.exp(form.mean + form.sd * score)
        share = uniform[:, form.is_bounded]
        dome = 1 / 2 - np.sin(np.arcsin(1 - 2 * share[:, form.is_dome]) / 3)
        share[:, form.is_dome] = dome
        values[:, form.is_bounded] = form.low + form.width * share
        return values

    def uniforms(self, values: Array) -> Array:
        """Map values to uniforms by the distribution functions, (draw, parameter)."""
        form, uniform = self._form, np.empty(np.shape(values))
        with np.errstate(divide="ignore", invalid="ignore"):
            score = (np.log(values[:, form.is_normal]) - form.mean) / form.sd
        uniform[:, form.is_normal] = (ndtr(score) - form.first) / (form.last - form.first)
        share = np.clip((values[:, form.is_bounded] - form.low) / form.width, 0, 1)
        dome = share[:, form.is_dome]
        share[:, form.is_dome] = dome**2 * (3 - 2 * dome)
        uniform[:, form.is_bounded] = share
        return uniform

    def log_density(self, values: Array) -> Array:
        """Log density at values (draw, parameter), -inf outside the support, (draw,)."""
        form, rows = self._form, np.ascontiguousarray(values.T)
        parts = np.empty(rows.shape)
        parts[form.is_normal] = form.log_normal_density(rows[form.is_normal])
        parts[form.is_bounded] = form.bounded_density(rows[form.is_bounded])
        return np.asarray(parts.sum(axis=0))

    @cached_property
    def _form(self) -> "_Form":
        return _Form.of(self)

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Form:
    """Constants of all priors of a kind at once: lognormals, and those between two ends."""

    is_normal: Flags
    is_bounded: Flags
    is_dome: Flags
    """Which of those between two ends are domes."""
    mean: Array
    sd: Array
    """Mean and standard deviation of the log, (lognormal,)."""
    bottom: Array
    top: Array
    first: Array
    last: Array
    """Ends of the domain of a lognormal and the probabilities there, (lognormal,)."""
    low: Array
    width: Array
    """Range of those between two ends, (bounded,)."""

    def log_normal_density(self, values: Array) -> Array:
        """Log densities of the lognormals, (lognormal, draw)."""
        mean, sd, first, last, bottom, top = (
            column[:, None]
            for column in (self.mean, self.sd, self.first, self.last, self.bottom, self.top)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            score = (np.log(values) - mean) / sd
            mass = np.log(values * sd * np.sqrt(2 * np.pi) * (last - first))
        is_inside = (values > 0) & (values >= bottom) & (values <= top)
        return np.where(is_inside, -(score**2) / 2 - mass, -np.inf)

    def bounded_density(self, values: Array) -> Array:
        """Log densities of those between two ends, (bounded, draw)."""
        share = (values - self.low[:, None]) / self.width[:, None]
        peak, dome = np.zeros(share.shape), share[self.is_dome]
        with np.errstate(divide="ignore", invalid="ignore"):
            peak[self.is_dome] = np.log(dome * (1 - dome))
        density = peak - np.log(self.width)[:, None] + (_LOG_DOME * self.is_dome)[:, None]
        return np.where((share >= 0) & (share <= 1), density, -np.inf)

    @staticmethod
    def of(prior: Prior) -> "_Form":
        """Compute them from ranges, shapes and domains."""
        is_normal = np.array([shape == "lognormal" for shape in prior.shape], dtype=bool)
        is_dome = np.array([shape == "dome" for shape in prior.shape], dtype=bool)
        low, high = np.array(prior.low, dtype=float), np.array(prior.high, dtype=float)
        ends = np.array([domain(name) for name in prior.names]).reshape(-1, 2)[is_normal]
        first, second = np.log(low[is_normal]), np.log(high[is_normal])
        mean, sd = (first + second) / 2, (second - first) / (2 * ndtri((1 + _COVERED) / 2))
        with np.errstate(divide="ignore"):
            below, above = ndtr((np.log(ends.T) - mean) / sd)
        return _Form(
            is_normal=is_normal,
            is_bounded=~is_normal,
            is_dome=is_dome[~is_normal],
            mean=mean,
            sd=sd,
            bottom=ends[:, 0],
            top=ends[:, 1],
            first=below,
            last=above,
            low=low[~is_normal],
            width=(high - low)[~is_normal],
        )


_LOG_DOME = float(-betaln(2, 2))
"""Log of the constant of Beta(2, 2)."""


def _twice(prior: Prior, k: int) -> tuple[float, float]:
    bottom, top = domain(prior.names[k])
    if prior.shape[k] == "lognormal":
        ratio = np.sqrt(prior.high[k] / prior.low[k])
        return float(prior.low[k] / ratio), float(prior.high[k] * ratio)
    half = (prior.high[k] - prior.low[k]) / 2
    return max(prior.low[k] - half, bottom), min(prior.high[k] + half, top)
