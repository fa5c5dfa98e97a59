"""Published estimates: read, mapped to moments through the simulated economy, and pooled by random effects."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import chdtrc, ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems, quoted, shortened
from withintask.sim.cells import exposed_cells
from withintask.sim.economy import Economy, solve_economy
from withintask.sim.params import Params
from withintask.tests_of_model.estimands.compression import ability_gradient
from withintask.tests_of_model.moments.moments import ALL_NAMES
from withintask.tests_of_model.moments.targets import MomentTarget, make_target

STATUSES = ("checked", "unchecked")
"""Whether the figure was found in a public text."""

MAPS = ("direct", "halves", "fifths", "top_tenth", "none")
"""How an estimate becomes a moment."""

_KEYS = (
    "study",
    "population",
    "outcome",
    "moment",
    "map",
    "estimate",
    "page",
    "quote",
    "status",
    "note",
)
_OPTIONAL = ("std_error", "error_status", "found")
_SHARES = {"halves": 1 / 2, "fifths": 1 / 5}
_SHARE_TOP = 1 / 10
_ASSUMED = "assumed"
_N_BISECTIONS = 200


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One published estimate."""

    name: str
    """Short name."""
    study: str
    """Authors, year, title, where."""
    population: str
    """Who was studied, and how."""
    outcome: str
    """What was measured."""
    moment: str
    """Moment that it speaks of; empty if none."""
    map: str
    """One of MAPS."""
    estimate: tuple[float, ...]
    """Printed figures."""
    std_error: float | None
    """Error of the log difference of the gains, or of the figure; None where none is known."""
    error_status: str
    """published, derived or assumed, and how."""
    page: str
    """Where in the text."""
    quote: str
    """The words."""
    status: str
    """One of STATUSES."""
    note: str
    """What keeps it from being more."""
    found: str
    """Public text in which the figure was read."""

    @property
    def why_not(self) -> str:
        """Why it moves nothing; empty if it does."""
        if self.status != STATUSES[0]:
            return "unchecked"
        if self.map == "none":
            return "maps to no moment"
        if self.std_error is None:
            return "no error"
        return "error assumed" if self.error_status.startswith(_ASSUMED) else ""


def load_evidence(path: Path | None = None) -> tuple[Evidence, ...]:
    """Read published estimates from a TOML file, the packaged ones if None.

    Raises
    ------
    ParameterError
        If the file is no TOML, or a row lacks a key, has an unknown one or an impossible value; all are listed.
    """
    where = "evidence.toml" if path is None else str(path)
    try:
        packaged = files("withintask.tests_of_model.evidence").joinpath("evidence.toml")
        entries = tomllib.loads((packaged if path is None else path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{where}: expected a TOML file of estimates; {error}") from error
    problems = [
        problem for name, entry in entries.items() for problem in _problems(shortened(name), entry)
    ]
    if problems:
        raise ParameterError(list_problems(where, problems))
    return tuple(
        Evidence(
            name=name,
            **{
                **{"std_error": None, "error_status": "", "found": ""},
                **entry,
                "estimate": tuple(float(v) for v in entry["estimate"]),
            },
        )
        for name, entry in entries.items()
    )


def mapped(rows: Sequence[Evidence], params: Params, *, n_workers: int = 2**12) -> pl.DataFrame:
    """Map every estimate to its moment.

    Parameters
    ----------
    rows
        Estimates.
    params
        The economy through which gains of groups are read as a gradient.
    n_workers
        Points of its population.

    Returns
    -------
    polars.DataFrame
        name, study, moment, value and std_error of the moment (null where none), moves, why_not, status, page, found.

    Notes
    -----
    ``halves`` and ``fifths``: in the economy the mean log gain of the upper and the lower group by ability differ by a
    factor times the ability gradient; the printed difference ln(1 + g_upper) - ln(1 + g_lower) over that factor is m2.
    The factor is that of groups formed without error; a noisy ranking shortens it, and the printed difference too.
    """
    economy = solve_economy(params, n_workers=n_workers)
    factors = {name: _group_factor(economy, share) for name, share in _SHARES.items()}
    records = []
    for row in rows:
        value, error = _moment(row, factors)
        records.append(
            {
                "name": row.name,
                "study": row.study,
                "moment": row.moment or None,
                "value": value,
                "std_error": error,
                "moves": row.why_not == "",
                "why_not": row.why_not,
                "status": row.status,
                "page": row.page,
                "found": row.found,
            }
        )
    return pl.DataFrame(records, infer_schema_length=None)


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Random-effects mean of the estimates of one moment."""

    moment: str
    """Which."""
    n: int
    """Estimates."""
    mean: float
    """Mean over studies."""
    std_error: float
    """Its error."""
    spread: float
    """Standard deviation between studies."""
    heterogeneity_p_value: float
    """Of equal effects, Cochran's Q; NaN for one study."""

    @property
    def predictive_error(self) -> float:
        """Standard deviation of the effect in a new setting, √(error² + spread²)."""
        return math.hypot(self.std_error, self.spread)


def pool(value: Array, std_error: Array, moment: str = "") -> Pooled:
    """Pool estimates by random effects.

    Notes
    -----
    Spread τ² solves Σ (x - mean)²/(s² + τ²) = n - 1 (Paule and Mandel 1982), 0 if there is none; the mean weighs by
    1/(s² + τ²). One study has no spread that could be seen.
    """
    tau2 = _between(value, std_error)
    weight = 1 / (std_error**2 + tau2)
    mean = float(weight @ value / weight.sum())
    fixed = 1 / std_error**2
    q = float(fixed @ (value - fixed @ value / fixed.sum()) ** 2)
    return Pooled(
        moment=moment,
        n=value.size,
        mean=mean,
        std_error=float(1 / np.sqrt(weight.sum())),
        spread=float(np.sqrt(tau2)),
        heterogeneity_p_value=float(chdtrc(value.size - 1, q)) if value.size > 1 else math.nan,
    )


def pooled_moments(table: pl.DataFrame) -> tuple[Pooled, ...]:
    """Pool what moves, moment by moment, in the order of the moments.

    Parameters
    ----------
    table
        From :func:`mapped`.
    """
    found = []
    for name in ALL_NAMES:
        rows = table.filter(pl.col("moves") & (pl.col("moment") == name))
        if rows.height:
            found.append(pool(rows["value"].to_numpy(), rows["std_error"].to_numpy(), name))
    return tuple(found)


def pooled_target(pooled: Sequence[Pooled]) -> MomentTarget:
    """Make targets of pooled moments; errors are those of a new setting, between-study spread included."""
    return make_target(
        [p.mean for p in pooled],
        tuple(p.moment for p in pooled),
        covariance=np.diag([p.predictive_error**2 for p in pooled]),
        source="published estimates, pooled by random effects",
        status="derived",
    )


def _moment(row: Evidence, factors: dict[str, float]) -> tuple[float | None, float | None]:
    if row.map in factors:
        low, high = row.estimate
        gap = math.log1p(high) - math.log1p(low)
        error = None if row.std_error is None else abs(row.std_error / factors[row.map])
        return gap / factors[row.map], error
    if row.map == "top_tenth":
        return _gini_of_share(row.estimate[0]), _gini_error(row)
    if row.map == "direct":
        return row.estimate[0], row.std_error
    return None, None


def _gini_of_share(share: float) -> float:
    """Gini of the lognormal whose top tenth holds a share: log sd s with Φ(s - z) = share, Gini 2Φ(s/√2) - 1."""
    log_sd = ndtri(share) - ndtri(_SHARE_TOP)
    return float(2 * ndtr(log_sd / math.sqrt(2)) - 1)


def _gini_error(row: Evidence) -> float | None:
    if row.std_error is None:
        return None
    ends = [_gini_of_share(row.estimate[0] + sign * row.std_error) for sign in (-1, 1)]
    return (ends[1] - ends[0]) / 2


def _group_factor(economy: Economy, share: float) -> float:
    """Mean log gain of the top less that of the bottom group by ability, over the ability gradient."""
    ability = economy.population.workers.log_ability
    low, high = np.quantile(ability, [share, 1 - share])
    gain = np.zeros(ability.size)
    for cells in exposed_cells(economy):
        by_node = cells.mean_over_cells(np.log(cells.output_after() / cells.human_output))
        gain += cells.grid.basis @ by_node
    gap = float(gain[ability >= high].mean() - gain[ability <= low].mean())
    return gap / ability_gradient(economy)


def _between(value: Array, std_error: Array) -> float:
    if value.size < 2:
        return 0.0

    def excess(tau2: float) -> float:
        weight = 1 / (std_error**2 + tau2)
        return float(weight @ (value - weight @ value / weight.sum()) ** 2) - (value.size - 1)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.ptp(value) ** 2)
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _problems(name: str, entry: object) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{name} = {quoted(entry)}: expected a table [{name}]"]
    problems = [f"[{name}]: {key} is missing" for key in _KEYS if key not in entry]
    problems += [
        f"[{name}]: {shortened(key)} is unknown" for key in entry if key not in (*_KEYS, *_OPTIONAL)
    ]
    if problems:
        return problems
    if entry["moment"] not in ("", *ALL_NAMES):
        problems.append(
            f"[{name}]: moment = {quoted(entry['moment'])}, expected one of {', '.join(ALL_NAMES)}"
        )
    for key, allowed in (("map", MAPS), ("status", STATUSES)):
        if entry[key] not in allowed:
            problems.append(
                f"[{name}]: {key} = {quoted(entry[key])}, expected one of {', '.join(allowed)}"
            )
    n = {"halves": 2, "fifths": 2, "direct": 1, "top_tenth": 1}.get(entry["map"])
    if n is not None and len(entry["estimate"]) != n:
        problems.append(f"[{name}]: estimate has {len(entry['estimate'])} figures, expected {n}")
    error = entry.get("std_error", 1.0)
    if isinstance(error, bool) or not isinstance(error, (int, float)) or not error > 0:
        problems.append(f"[{name}]: std_error = {quoted(error)}, expected a positive number")
    if "std_error" in entry and not entry.get("error_status"):
        problems.append(f"[{name}]: error_status is missing; say published, derived or assumed")
    if entry["status"] == STATUSES[0] and not (entry["page"] and entry["quote"]):
        problems.append(f"[{name}]: checked, but page or quote is empty")
    return problems
