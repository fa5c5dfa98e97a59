"""Parameters of the model: values, units, sources, and their checks."""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from withintask.panel.errors import (
    ParameterError,
    list_problems,
    quoted,
    shortened,
    unknown_name,
)
from withintask.panel.notation import parameter_names, symbol


@dataclass(frozen=True, kw_only=True)
class Params:
    """Every number of the model, named as in :mod:`withintask.panel.notation`.

    There are no defaults: :func:`load_params` reads them from a file. Use
    :func:`dataclasses.replace` or :func:`vary` for variants.
    """

    ability_sd: float
    return_per_year: float
    educ_mean: float
    educ_ability_slope: float
    educ_taste_sd: float
    educ_cost: float
    educ_cost_ability: float
    educ_taste_bound: float
    n_occupations: int
    n_tasks: int
    n_cog_tasks: int
    unexposed_share: float
    exposure_shape_low: float
    exposure_shape_high: float
    exposure_seed: int
    task_productivity: float
    ai_floor: float
    capability: float
    capability_rate: float
    reach_rate: float
    ai_multiplicative: float
    task_substitution: float
    substitution: float
    asset_gini: float
    own_gini: float
    capital_intensity: float
    commodity: float
    proprietary: float
    proprietary_gap: float
    base_rent: float
    rent_sharing: float
    rent_sharing_gap: float
    cumulative_advantage: float
    work_sample_noise: float
    credential_noise: float
    credential_cost: float
    credential_cost_scale: float


@dataclass(frozen=True, kw_only=True)
class ParameterSource:
    """What the parameter file says of one number."""

    value: float
    unit: str
    source: str
    range: tuple[float, float]


def load_params(path: Path | str | None = None) -> Params:
    """Read parameters from a TOML file of ``[name]`` tables.

    Parameters
    ----------
    path
        File with ``value``, ``unit``, ``source`` and ``range`` of every parameter; the packaged
        baseline if None.

    Returns
    -------
    Params
        Checked parameters.

    Raises
    ------
    ParameterError
        If a key is missing, unknown or out of its domain; all are listed.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.load_params().rent_sharing
    0.15
    """
    sources = load_sources(path)
    return make_params({name: entry.value for name, entry in sources.items()}, where=_label(path))


def load_sources(path: Path | str | None = None) -> dict[str, ParameterSource]:
    """Read value, unit, source and plausible range of every parameter.

    Raises
    ------
    ParameterError
        If the file is absent, is not TOML, or an entry lacks one of its four keys.
    """
    problems, sources = [], {}
    wanted = tuple(f.name for f in fields(ParameterSource))
    for name, entry in _read_toml(path).items():
        found = entry if isinstance(entry, dict) else {}
        absent = [key for key in wanted if key not in found]
        unknown = [key for key in found if key not in wanted]
        if absent or unknown or not isinstance(entry, dict):
            problems.append(
                f"[{shortened(name)}]: expected keys {', '.join(wanted)}; found {quoted(entry)}"
            )
            continue
        sources[name] = ParameterSource(**{**entry, "range": tuple(entry["range"])})
    if problems:
        raise ParameterError(list_problems(_label(path), problems))
    return sources


def make_params(values: Mapping[str, object], *, where: str = "parameters") -> Params:
    """Check a complete set of values and make them Params.

    Raises
    ------
    ParameterError
        Names every missing, unknown (with the nearest known name) and out-of-domain key.
    """
    names = parameter_names()
    problems = [
        f"{name}: missing, expected {symbol(name).domain}" for name in names if name not in values
    ]
    for key in values:
        problems += [_unknown(key)] if key not in names else _domain_problems(key, values[key])
    if not problems:
        problems = _joint_problems(values)
    if problems:
        raise ParameterError(list_problems(where, problems, advice="Correct them and run again."))
    types = {f.name: f.type for f in fields(Params)}
    return Params(**{n: int(values[n]) if types[n] is int else float(values[n]) for n in names})  # type: ignore[call-overload,arg-type]


def vary(params: Params, **changes: object) -> Params:
    """Return params with some values replaced, checked as a whole.

    Parameters
    ----------
    params
        To be changed.
    **changes
        Values by the name of the parameter.

    Returns
    -------
    Params
        New ones; the old stay as they are.

    Raises
    ------
    ParameterError
        If a name is unknown or a value out of its domain.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.vary(wt.load_params(), rent_sharing=0.3).rent_sharing
    0.3
    >>> try:
    ...     wt.vary(wt.load_params(), rent_shairng=0.3)
    ... except wt.ModelError as error:
    ...     "did you mean rent_sharing?" in str(error)
    True
    """
    return make_params({**asdict(params), **changes}, where="changed parameters")


def params_hash(params: Params) -> str:
    """Return sixteen hexadecimal digits that name these values."""
    text = json.dumps(asdict(params), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def switch_off(params: Params) -> Params:
    """Return the same parameters without AI (A = 0)."""
    return replace(params, capability=0.0)


@cache
def _bounds(name: str) -> tuple[float, float, bool, bool]:
    text = symbol(name).domain
    low, high = (part.strip() for part in text[1:-1].split(","))
    top = float(2**32) if high == "2**32" else float(high)
    return float(low), top, text[0] == "[", text[-1] == "]"


def _domain_problems(name: str, value: object) -> list[str]:
    expected = symbol(name).domain
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return [f"{name} = {quoted(value)}: expected a number in {expected}"]
    low, high, closed_low, closed_high = _bounds(name)
    above = value >= low if closed_low else value > low
    below = value <= high if closed_high else value < high
    if not (above and below):
        return [f"{name} = {quoted(value)}: expected {expected}"]
    whole = next(f.type for f in fields(Params) if f.name == name) is int
    return (
        [f"{name} = {quoted(value)}: expected a whole number"]
        if whole and value != int(value)
        else []
    )


def _joint_problems(values: Mapping[str, object]) -> list[str]:
    v: dict[str, float] = dict(values)  # type: ignore[arg-type]
    problems = []
    if v["n_cog_tasks"] > v["n_tasks"]:
        problems.append(
            f"n_cog_tasks = {v['n_cog_tasks']}: expected at most n_tasks = {v['n_tasks']}"
        )
    if round(v["unexposed_share"] * v["n_occupations"]) >= v["n_occupations"]:
        problems.append(f"unexposed_share = {v['unexposed_share']}: leaves no exposed occupation")
    for level, gap, top in (
        ("proprietary", "proprietary_gap", math.inf),
        ("rent_sharing", "rent_sharing_gap", 1.0),
    ):
        if v[level] - v[gap] < 0 or v[level] + v[gap] > top:
            problems.append(f"{gap} = {v[gap]}: {level} ± {gap} leaves [0, {top:g}]")
    return problems


def _unknown(key: str) -> str:
    return unknown_name(key, parameter_names())


def _label(path: Path | str | None) -> str:
    return "baseline.toml" if path is None else str(path)


def _read_toml(path: Path | str | None) -> dict[str, object]:
    try:
        if path is None:
            return tomllib.loads(files("withintask.sim").joinpath("baseline.toml").read_text())
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(
            f"{_label(path)}: expected a TOML file of parameters; {error}"
        ) from error
