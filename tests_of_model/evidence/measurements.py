"""What one further measurement is worth: the sign of ΔGini given it, and how much of the sign's entropy it is expected to take."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from withintask.panel.arrays import Array
from withintask.panel.errors import ParameterError, list_problems, nearest, quoted, shortened
from withintask.sim.params import Params
from withintask.sim.regime import PROPRIETARY_SHARE
from withintask.tests_of_model.evidence.sign import OTHER_PRIORS, entropy, rises_by_prior, sign_row
from withintask.tests_of_model.moments.bank import DELTA_GINI_INCOME, FEATURES
from withintask.tests_of_model.moments.moments import ALL_NAMES
from withintask.tests_of_model.moments.reduced import MOVES
from withintask.tests_of_model.moments.reweight import Posterior
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.weights import log_normal

N_OUTER = 400
"""Outcomes of a measurement over which its value is averaged."""

_KEYS = ("summary", "of", "std_error", "source")
EVERY = "all of these but incomes"
"""Name of the row with all measurements but the answer."""
FEWEST = 50
"""Effective number of draws below which a row says so."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One further measurement."""

    name: str
    """Short name."""
    summary: str
    """One line."""
    of: str
    """Moment, parameter or proprietary_share."""
    std_error: float
    """Its error."""
    source: str
    """Where the error comes from."""


def load_measurements(path: Path | None = None) -> tuple[Measurement, ...]:
    """Read measurements from a TOML file, the packaged ones if None.

    Raises
    ------
    ParameterError
        If the file is no TOML, or an entry lacks a key, measures nothing that is known here or has no error; all are listed.
    """
    where = "measurements.toml" if path is None else str(path)
    try:
        source = files("withintask.tests_of_model.evidence").joinpath("measurements.toml")
        text = (source if path is None else path).read_text(encoding="utf-8")
        entries = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{where}: expected a TOML file of measurements; {error}") from error
    problems = [p for name, entry in entries.items() for p in _problems(shortened(name), entry)]
    if problems:
        raise ParameterError(list_problems(where, problems))
    return tuple(Measurement(name=name, **entry) for name, entry in entries.items())


def measured(after: Posterior, of: str) -> Array:
    """Draws of what a measurement is of, (draw,)."""
    if of == PROPRIETARY_SHARE:
        own, bought = after.of("proprietary"), after.of("commodity")
        return np.asarray(own / (own + bought))
    return after.of(of)


def given_measurement(after: Posterior, measurement: Measurement, value: float) -> Posterior:
    """Return the posterior once a measurement has come out at a value."""
    gap = measured(after, measurement.of) - value
    return after.reweighted(-((gap / measurement.std_error) ** 2) / 2)


def by_measurement(
    after: Posterior, truth: Mapping[str, float], measurements: Sequence[Measurement]
) -> pl.DataFrame:
    """Say what the sign is given the panel alone, and with each further measurement at its true value.

    Parameters
    ----------
    after
        Posterior given the panel.
    truth
        True value of everything that is measured.
    measurements
        What may be measured.
    """
    given = {"the panel alone": after} | {
        m.name: given_measurement(after, m, truth[m.of]) for m in measurements
    }
    rows = [
        {"given": name, **sign_row(each), **rises_by_prior(each)} for name, each in given.items()
    ]
    return pl.DataFrame(rows).with_columns(is_thin=pl.col("n_effective") < FEWEST)


def value_of(
    after: Posterior, values: Array, covariance: Array, *, n_outer: int = N_OUTER, seed: int = 0
) -> tuple[float, float]:
    """Expected entropy of ΔGini's sign after a measurement, bits, and its Monte-Carlo error.

    Parameters
    ----------
    after
        Posterior before it.
    values
        What is measured, at the draws, (draw, quantity).
    covariance
        Of its errors, (quantity, quantity).
    n_outer
        Outcomes to average over.
    seed
        Seed of the outcomes.

    Notes
    -----
    Outcomes are drawn as the posterior predicts them; each reweights the draws (Lindley 1956).
    """
    generator = np.random.default_rng(seed)
    rises = after.of(DELTA_GINI_INCOME) > 0
    chosen = generator.choice(len(values), size=n_outer, p=after.weight)
    errors = generator.multivariate_normal(np.zeros(len(covariance)), covariance, size=n_outer)
    outcomes = values[chosen] + errors
    left = []
    for outcome in outcomes:
        weight = after.reweighted(log_normal(values - outcome, covariance)).weight
        left.append(float(entropy(weight @ rises)))
    return float(np.mean(left)), float(np.std(left, ddof=1) / np.sqrt(n_outer))


def values_of_measurements(
    after: Posterior,
    measurements: Sequence[Measurement],
    panels: Mapping[str, Array] | None = None,
    *,
    n_outer: int = N_OUTER,
    seed: int = 0,
) -> pl.DataFrame:
    """Rank further measurements by the expected fall of the entropy of ΔGini's sign.

    Parameters
    ----------
    after
        Posterior given the panel.
    measurements
        Measurements of one quantity each.
    panels
        Better panels by name, each with the covariance of the panel's moments there, (moment, moment); what they add
        is read as an independent panel whose precision is the difference.
    n_outer, seed
        As for :func:`value_of`.

    Returns
    -------
    polars.DataFrame
        Measurement, its error, entropy before and expected after, the fall and its Monte-Carlo error, and the fall under the
        other priors; largest first.
    """
    shown: list[tuple[str, float | None, Array, Array]] = [
        (m.name, m.std_error, measured(after, m.of)[:, None], np.array([[m.std_error**2]]))
        for m in measurements
    ]
    moments = np.column_stack([after.of(name) for name in after.target.names])
    for name, covariance in (panels or {}).items():
        combination, variance = added_information(after.target, covariance)
        shown.append((name, None, moments @ combination, np.diag(variance)))
    others = {suffix: after.variants()[prior] for prior, suffix in OTHER_PRIORS.items()}
    rows = []
    for name, error, values, covariance in shown:
        before, left, mc_error = _fall(after, values, covariance, n_outer, seed)
        row = {
            "measurement": name,
            "std_error": error,
            "entropy_before": before,
            "entropy_after": left,
            "fall": before - left,
            "mc_error": mc_error,
        }
        for suffix, other in others.items():
            before, left, _ = _fall(other, values, covariance, n_outer, seed)
            row[f"fall_{suffix}"] = before - left
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None).sort("fall", descending=True)


def _fall(
    after: Posterior, values: Array, covariance: Array, n_outer: int, seed: int
) -> tuple[float, float, float]:
    """Entropy of the sign before a measurement, expected after it, and the Monte-Carlo error of the latter."""
    before = float(entropy(after.probability(after.of(DELTA_GINI_INCOME) > 0)))
    return before, *value_of(after, values, covariance, n_outer=n_outer, seed=seed)


def added_information(target: MomentTarget, covariance: Array) -> tuple[Array, Array]:
    """What a better panel adds to the target's: combinations of moments, and the variance with which it shows each.

    Parameters
    ----------
    target
        Moments with the errors of the first panel.
    covariance
        Errors of the better one, (moment, moment).

    Returns
    -------
    tuple of arrays
        Combinations (moment, combination), and variances (combination,) of an independent panel that makes of the first
        panel's errors those of the better one; combinations in which both are alike are left out.

    Raises
    ------
    ParameterError
        If the panel is worse in some direction.
    """
    assert target.covariance is not None
    unit = target.std_error
    first, better = (
        np.linalg.inv(matrix / np.outer(unit, unit)) for matrix in (target.covariance, covariance)
    )
    gain, direction = np.linalg.eigh(better - first)
    if gain.min() < -_ALIKE * np.linalg.eigvalsh(better).max():
        raise ParameterError("added_information: the other panel is worse in some direction")
    kept = gain > _ALIKE * gain.max(initial=0.0)
    return np.asarray(direction[:, kept] / unit[:, None]), np.asarray(1 / gain[kept])


_ALIKE = 0.02
"""Share of the largest gain, or of the largest precision, below which two panels are alike in a direction."""


def truth_of(features: Array, params: Params) -> dict[str, float]:
    """True value of everything that can be measured: moments, parameters and the proprietary share."""
    values = dict(zip(FEATURES, features.tolist(), strict=True))
    values |= {name: float(value) for name, value in vars(params).items()}
    values[PROPRIETARY_SHARE] = params.proprietary / (params.commodity + params.proprietary)
    return values


def _problems(name: str, entry: object) -> list[str]:
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        return [f"[{name}]: expected keys {', '.join(_KEYS)}; found {quoted(entry)}"]
    problems, known = [], (*ALL_NAMES, *MOVES, PROPRIETARY_SHARE)
    if entry["of"] not in known:
        problems.append(
            f"[{name}]: of = {quoted(entry['of'])} is not measured here{nearest(str(entry['of']), known)}"
        )
    error = entry["std_error"]
    if isinstance(error, bool) or not isinstance(error, (int, float)) or not error > 0:
        problems.append(f"[{name}]: std_error = {quoted(error)}, expected a positive number")
    return problems
