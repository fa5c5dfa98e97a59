"""A fit to moments, its sensitivity and the headline as tables in words and as sentences."""

import math
from collections.abc import Sequence

import numpy as np

from withintask.panel.notation import symbol
from withintask.report.claims import claim_table
from withintask.report.estimate_table import MISSING, EstimateTable, Group
from withintask.tests_of_model.evidence.headline import Headline
from withintask.tests_of_model.moments.fit import MsmFit
from withintask.tests_of_model.moments.moments import moment
from withintask.tests_of_model.moments.sensitivity import DELTA_GINI, Sensitivity

_HEADER = ("", "fitted", "std. error", "95 % interval", "target", "error of the target")
_MET = 0.05
"""Standard errors of a target within which it is met, for sentences."""
_ROUNDING = 1e-6
_COMMAND = "withintask msm fit"


def fit_table(fit: MsmFit) -> EstimateTable:
    """Lay a fit out: parameters with their errors, then moments beside their targets.

    Parameters
    ----------
    fit
        Of :func:`withintask.fit_msm`.

    Returns
    -------
    EstimateTable
        Two groups of one header; weak directions and other roots are its notes.
    """
    parameters = tuple(
        (
            f"{row['symbol']}, {symbol(row['parameter']).meaning}",
            _number(row["value"]),
            "at a bound" if row["is_at_bound"] else _number(row["std_error"]),
            MISSING if row["is_at_bound"] else _ends(row["conf_low"], row["conf_high"]),
            "",
            "",
        )
        for row in fit.table().iter_rows(named=True)
    )
    moments = tuple(
        (
            f"{row['moment']}, {moment(row['moment']).meaning}",
            _number(row["model"]),
            "",
            "",
            _number(row["target"]),
            _number(row["std_error"]),
        )
        for row in fit.moment_table().iter_rows(named=True)
    )
    return EstimateTable(
        header=_HEADER,
        groups=(
            Group(title="Parameters", rows=parameters),
            Group(title="Moments: the fitted model beside the targets", rows=moments),
        ),
        notes=tuple(_weak(fit)),
        key="95 % intervals in brackets: of the log or logit, mapped back.",
        title="Fit to moments",
        command=_COMMAND,
    )


def fit_sentences(fit: MsmFit) -> list[str]:
    """Say what was fitted, what is known of each parameter, and what the moments leave open.

    Parameters
    ----------
    fit
        Of :func:`withintask.fit_msm`.

    Returns
    -------
    list of str
        A paragraph each.
    """
    target = fit.problem.target
    lines = []
    if target.is_illustrative:
        lines.append("Illustrative targets: the result estimates nothing about the world.")
    counted = f"{len(fit.names)} parameters were fitted to {len(target.names)} moments"
    lines.append(f"{counted} ({', '.join(target.names)}). {_met(fit)}")
    for row in fit.table().iter_rows(named=True):
        named = f"{row['symbol']} ({symbol(row['parameter']).meaning}): {_number(row['value'])}"
        if row["is_at_bound"]:
            lines.append(f"{named}, at a bound of the search: no error is known there.")
        elif not math.isfinite(row["std_error"]):
            lines.append(f"{named}; no error is known.")
        else:
            lines.append(f"{named}, 95 % interval {_ends(row['conf_low'], row['conf_high'])}.")
    errors = fit.errors
    if errors.j_dof > 0:
        lines.append(
            f"Test of the moments that are left over: J = {errors.j_statistic:.3g} on {errors.j_dof}, p {errors.j_p_value:.3f}."
        )
    n_roots = len(fit.roots)
    roots = "One minimum was found" if n_roots == 1 else f"{n_roots} minima fit equally well"
    lines.append(f"{roots}, from {len(fit.search.starts)} starts.")
    return [*lines, *_weak(fit)]


def sensitivity_table(effects: Sensitivity) -> EstimateTable:
    """Lay out what one standard error of each target moves, a row a parameter and ΔGini.

    Parameters
    ----------
    effects
        Of :func:`withintask.sensitivity`.

    Returns
    -------
    EstimateTable
        One group.
    """
    rows = tuple(
        (_row_words(name), *(_effect(value, values) for value in values))
        for name, values in zip(effects.rows, effects.per_std_error.tolist(), strict=True)
    )
    return EstimateTable(
        header=("", *effects.moments),
        groups=(Group(title="Change when a target rises by its standard error", rows=rows),),
        notes=(),
        key="Λ of Andrews, Gentzkow and Shapiro (2017), times the standard error of the target.",
        title="What each moment moves",
        command="withintask msm sensitivity",
    )


def sensitivity_sentences(effects: Sensitivity) -> list[str]:
    """Say of each parameter and of ΔGini which moment moves it most.

    Parameters
    ----------
    effects
        Of :func:`withintask.sensitivity`.

    Returns
    -------
    list of str
        A sentence a row.
    """
    lines = []
    for name, values in zip(effects.rows, effects.per_std_error, strict=True):
        place = int(np.argmax(np.abs(values)))
        lines.append(
            f"{_row_words(name)}: {effects.moments[place]} moves it most, by {values[place]:+.3g} for one standard error."
        )
    return lines


def headline_table(page: Headline) -> EstimateTable:
    """Lay the claims out with what holds of each in this closure.

    Parameters
    ----------
    page
        Of :func:`withintask.headline`.

    Returns
    -------
    EstimateTable
        One group; findings are its notes.
    """
    claims = claim_table(page.claims)
    rows = tuple(
        (f"{row['claim']} ({place})", row["verdict"])
        for place, row in enumerate(claims.iter_rows(named=True), 1)
    )
    return EstimateTable(
        header=("claim", "here"),
        groups=(Group(title="Claims of the paper in this closure", rows=rows),),
        notes=tuple(claims["finding"]),
        key="",
        title="AI levels tasks. Does it level incomes?",
        command="withintask headline",
    )


def _met(fit: MsmFit) -> str:
    missed = [
        f"{row['moment']} by {row['gap_in_std_errors']:+.2g}"
        for row in fit.moment_table().iter_rows(named=True)
        if abs(row["gap_in_std_errors"]) > _MET
    ]
    if not missed:
        return "Every target is met." if fit.problem.target.covariance is not None else ""
    return f"Not met, in standard errors of the target: {', '.join(missed)}."


def _weak(fit: MsmFit) -> list[str]:
    return [f"Hardly pinned by these moments: {words}." for words in fit.errors.weak_directions]


def _row_words(name: str) -> str:
    return "ΔGini of income" if name == DELTA_GINI else symbol(name).symbol


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else MISSING


def _effect(value: float, row: Sequence[float]) -> str:
    """Write an effect; 0 where it is rounding beside the row's largest."""
    return _number(value) if abs(value) > _ROUNDING * max(map(abs, row)) else "0"


def _ends(low: float, high: float) -> str:
    return MISSING if math.isnan(low) else f"[{_number(low)}, {_number(high)}]"
