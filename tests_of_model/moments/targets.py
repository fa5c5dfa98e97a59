"""Targets of the method of moments: values, errors and sources, from a TOML file or from an economy."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from withintask.panel.arrays import Array
from withintask.panel.atomic import save_text
from withintask.panel.errors import ParameterError, list_problems, quoted, shortened
from withintask.sim.economy import Economy
from withintask.tests_of_model.moments.moments import (
    ALL_NAMES,
    NAMES,
    economy_moments,
    fail_if_unknown,
)

ILLUSTRATIVE = "illustrative"
"""Name of the packaged targets."""

STATUSES = ("published", "derived", "assumed", "estimated", "exact")
"""How a value is known: printed in the source; computed from figures printed there; chosen, where no figure was found;
estimated from a panel; or the truth of an economy."""

_KEYS = ("value", "std_error", "source", "range", "status")
_NEEDED = ("value", "source")
_HEAD = ("title", "is_illustrative", "covariance")
_SYMMETRY = 1e-8
"""Relative asymmetry of a covariance above which it is refused; files keep about seventeen digits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MomentTarget:
    """What the model's moments should be, and how well that is known."""

    names: tuple[str, ...]
    """Moments, in order."""
    value: Array
    """Values, (moment,)."""
    covariance: Array | None
    """Sampling covariance, (moment, moment); None where no error is known."""
    source: tuple[str, ...]
    """Where each value comes from."""
    status: tuple[str, ...]
    """One of STATUSES each."""
    low: Array
    """Low end of the plausible range, NaN where none is given, (moment,)."""
    high: Array
    """High end."""
    title: str = ""
    """Name for readers."""
    is_illustrative: bool = False
    """Whether the values are for illustration and not for inference."""

    @property
    def std_error(self) -> Array:
        """Standard errors; NaN where not known, (moment,)."""
        if self.covariance is None:
            return np.full(len(self.names), math.nan)
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))

    def take(self, names: Sequence[str]) -> "MomentTarget":
        """Return some of the moments, in the order asked for.

        Raises
        ------
        ParameterError
            If the target lacks one.
        """
        fail_if_unknown(names, "targets")
        absent = [
            f"{name}: not among the targets ({', '.join(self.names)})"
            for name in names
            if name not in self.names
        ]
        if absent:
            raise ParameterError(list_problems("targets", absent))
        at = np.array([self.names.index(name) for name in names])
        covariance = None if self.covariance is None else self.covariance[np.ix_(at, at)]
        return replace(
            self,
            names=tuple(names),
            value=self.value[at],
            covariance=covariance,
            source=tuple(self.source[k] for k in at),
            status=tuple(self.status[k] for k in at),
            low=self.low[at],
            high=self.high[at],
        )

    def with_value(self, value: ArrayLike) -> "MomentTarget":
        """Return the target with other values and the same errors."""
        return replace(self, value=np.asarray(value, dtype=np.float64))

    def with_covariance(self, covariance: ArrayLike | None) -> "MomentTarget":
        """Return the target with another covariance."""
        return replace(
            self,
            covariance=None if covariance is None else np.asarray(covariance, dtype=np.float64),
        )


def target_from_economy(
    economy: Economy, names: Sequence[str] = NAMES, *, covariance: Array | None = None
) -> MomentTarget:
    """Make the exact moments of an economy the target.

    Parameters
    ----------
    economy
        A solved economy.
    names
        Moments, in order.
    covariance
        Errors to attach, (moment, moment).
    """
    return make_target(
        economy_moments(economy, names),
        names,
        covariance=covariance,
        source="moments of an economy",
        status="exact",
    )


def make_target(
    value: ArrayLike,
    names: Sequence[str] = NAMES,
    *,
    covariance: ArrayLike | None = None,
    source: str,
    status: str = "estimated",
) -> MomentTarget:
    """Make a target of values that share one source.

    Raises
    ------
    ParameterError
        If a name is unknown or repeated, a value is not finite, or the covariance is not one.
    """
    fail_if_unknown(names, "targets")
    values = np.asarray(value, dtype=np.float64)
    matrix = None if covariance is None else np.asarray(covariance, dtype=np.float64)
    problems = [
        f"{name} = {v}: expected a finite number"
        for name, v in zip(names, values, strict=True)
        if not math.isfinite(v)
    ]
    problems += [] if matrix is None else covariance_problems(matrix, names)
    if problems:
        raise ParameterError(list_problems("targets", problems))
    blank = np.full(len(names), math.nan)
    return MomentTarget(
        names=tuple(names),
        value=values,
        covariance=matrix,
        source=(source,) * len(names),
        status=(status,) * len(names),
        low=blank,
        high=blank.copy(),
        title=source,
    )


def covariance_problems(matrix: Array, names: Sequence[str]) -> list[str]:
    """List what keeps a matrix from being a covariance of these moments."""
    shape = (len(names), len(names))
    if matrix.shape != shape:
        return [f"covariance: shape {matrix.shape}, expected {shape}"]
    if not np.isfinite(matrix).all():
        return ["covariance: not finite"]
    scale = (
        np.sqrt(np.abs(np.outer(np.diagonal(matrix), np.diagonal(matrix)))) + np.finfo(float).tiny
    )
    problems = [
        f"covariance: variance of {name} is {v:g}"
        for name, v in zip(names, np.diagonal(matrix), strict=True)
        if v < 0
    ]
    if (np.abs(matrix - matrix.T) > _SYMMETRY * scale).any():
        problems.append("covariance: not symmetric")
    elif not problems and np.linalg.eigvalsh(matrix / scale).min() < -_SYMMETRY:
        problems.append("covariance: not positive semi-definite")
    return problems


def load_target(path: Path | str = ILLUSTRATIVE) -> MomentTarget:
    """Read targets from a TOML file.

    Parameters
    ----------
    path
        A file, or ``illustrative`` for the packaged targets. Tables ``[m1]`` to ``[m11]``, any of them, with ``value`` and
        ``source``, and optionally ``std_error``, ``range`` (low, high) and ``status``; besides, ``title``,
        ``is_illustrative`` and ``covariance`` (a list of rows, in the order of the tables, instead of the errors).

    Returns
    -------
    MomentTarget
        Values, covariance, sources and ranges.

    Raises
    ------
    ParameterError
        If the file cannot be read, or an entry is unknown, incomplete or impossible; all are listed.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.load_target("illustrative").names
    ('m1', 'm2', 'm3', 'm4', 'm5', 'm6')
    """
    entries = _read(path)
    tables = {name: entry for name, entry in entries.items() if name not in _HEAD}
    problems = [
        problem
        for name, entry in tables.items()
        for problem in _entry_problems(shortened(name), entry)
    ]
    if not tables:
        problems.append("no moment: expected tables [m1] to [m11]")
    if problems:
        raise ParameterError(
            list_problems(str(path), problems, advice=f"An entry has {', '.join(_KEYS)}.")
        )
    rows: dict[str, Mapping[str, object]] = {
        name: tables[name]  # type: ignore[misc]
        for name in ALL_NAMES
        if name in tables
    }
    covariance = _covariance(str(path), entries, tuple(tables), rows)
    ranges = np.array(
        [row.get("range", (math.nan, math.nan)) for row in rows.values()], dtype=np.float64
    )
    return MomentTarget(
        names=tuple(rows),
        value=np.array([row["value"] for row in rows.values()], dtype=np.float64),
        covariance=covariance,
        source=tuple(str(row["source"]) for row in rows.values()),
        status=tuple(str(row.get("status", "published")) for row in rows.values()),
        low=ranges[:, 0],
        high=ranges[:, 1],
        title=str(entries.get("title", path)),
        is_illustrative=bool(entries.get("is_illustrative", False)),
    )


def save_target(target: MomentTarget, path: Path | str) -> None:
    """Write a target as TOML that :func:`load_target` reads back, exactly."""
    lines = [
        f"title = {_quoted(target.title)}",
        f"is_illustrative = {str(target.is_illustrative).lower()}",
    ]
    if target.covariance is not None:
        rows = [f"  [{', '.join(repr(float(v)) for v in row)}]," for row in target.covariance]
        lines += ["covariance = [", *rows, "]"]
    for k, name in enumerate(target.names):
        lines += ["", f"[{name}]", f"value = {float(target.value[k])!r}"]
        if math.isfinite(target.low[k]) and math.isfinite(target.high[k]):
            lines.append(f"range = [{float(target.low[k])!r}, {float(target.high[k])!r}]")
        lines += [f"status = {_quoted(target.status[k])}", f"source = {_quoted(target.source[k])}"]
    save_text(Path(path), "\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _read(path: Path | str) -> dict[str, object]:
    try:
        if path == ILLUSTRATIVE:
            source = files("withintask.tests_of_model.moments").joinpath(f"{ILLUSTRATIVE}.toml")
            return tomllib.loads(source.read_text(encoding="utf-8"))
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{path}: expected a TOML file of targets; {error}") from error


def _entry_problems(name: str, entry: object) -> list[str]:
    if name not in ALL_NAMES:
        return [f"[{name}]: unknown; moments are {', '.join(ALL_NAMES)}"]
    if not isinstance(entry, dict):
        return [f"{name} = {quoted(entry)}: expected a table [{name}]"]
    problems = [f"[{name}]: {key} is missing" for key in _NEEDED if key not in entry]
    problems += [f"[{name}]: {shortened(key)} is unknown" for key in entry if key not in _KEYS]
    value, error = entry.get("value", 0.0), entry.get("std_error", 1.0)
    if not _is_number(value):
        problems.append(f"[{name}]: value = {quoted(value)}, expected a finite number")
    if not _is_number(error) or error <= 0:
        problems.append(f"[{name}]: std_error = {quoted(error)}, expected a positive number")
    if entry.get("status", STATUSES[0]) not in STATUSES:
        problems.append(
            f"[{name}]: status = {quoted(entry['status'])}, expected one of {', '.join(STATUSES)}"
        )
    if "source" in entry and not str(entry["source"]).strip():
        problems.append(f"[{name}]: source is empty; say where the value is from, or 'assumed'")
    return problems + _range_problems(name, entry.get("range"), value)


def _range_problems(name: str, given: object, value: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) != 2 or not all(_is_number(v) for v in given):
        return [f"[{name}]: range = {quoted(given)}, expected [low, high]"]
    low, high = given
    if _is_number(value) and not low <= float(str(value)) <= high:
        return [f"[{name}]: value {value} is outside its range [{low}, {high}]"]
    return []


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _covariance(
    where: str,
    entries: Mapping[str, object],
    given: tuple[str, ...],
    rows: Mapping[str, Mapping[str, object]],
) -> Array | None:
    """Covariance in the order of the moments: the matrix of the file, or its errors squared; None if some lack one."""
    errors = [row.get("std_error") for row in rows.values()]
    if "covariance" not in entries:
        known = all(error is not None for error in errors)
        return np.diag(np.array(errors, dtype=np.float64) ** 2) if known else None
    if any(error is not None for error in errors):
        raise ParameterError(f"{where}: give std_error or covariance, not both")
    matrix = np.array(entries["covariance"], dtype=np.float64)
    problems = covariance_problems(matrix, given)
    if problems:
        raise ParameterError(list_problems(where, problems))
    at = [given.index(name) for name in rows]
    return np.asarray(matrix[np.ix_(at, at)])
