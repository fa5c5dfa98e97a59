"""The moments estimated from a panel that links all tables, with one covariance for all of them."""

from collections.abc import Callable, Sequence

import numpy as np

from withintask.panel.arrays import Array
from withintask.panel.capabilities import missing
from withintask.panel.errors import EstimationError, ModelError, list_problems
from withintask.panel.panel import Panel
from withintask.tests_of_model.hypotheses.estimate import attempt
from withintask.tests_of_model.hypotheses.hypothesis import OK, Estimator
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.moments.moments import moment
from withintask.tests_of_model.moments.resample import Blocks, Unit, make_blocks, resample
from withintask.tests_of_model.moments.targets import MomentTarget, make_target
from withintask.tests_of_model.samples.sample import Sample

OF_PANEL = ("m1", "m2", "m3", "m4", "m5")
"""Moments that tables of a panel hold; m6 needs incomes, which no table has."""

_UNITS: tuple[tuple[Unit, float], ...] = (("firm", 1.0), ("occupation", 1.0), ("team", -1.0))
_USABLE_SHARE = 1 / 2
"""Share of draws that must be usable for a covariance."""


def panel_moments(panel: Panel, names: Sequence[str] = OF_PANEL) -> Array:
    """Estimate moments from a panel, with the estimators of the hypotheses.

    Parameters
    ----------
    panel
        A panel with task outputs, pay, postings and what links them.
    names
        Moments wanted, among m1 to m5.

    Returns
    -------
    array (moment,)

    Raises
    ------
    EstimationError
        Lists every moment that this panel cannot give, with the missing column or link.
    """
    fail_if_not_estimable(panel, names)
    return _estimates(panel, names)


def panel_target(
    panel: Panel,
    names: Sequence[str] = OF_PANEL,
    *,
    seed: int,
    n_draws: int = 200,
    on_progress: Callable[[int, int], None] | None = None,
) -> MomentTarget:
    """Estimate moments and their joint covariance from a panel.

    Parameters
    ----------
    panel, names
        As for :func:`panel_moments`.
    seed
        Seed of the bootstrap.
    n_draws
        Draws of each of the three resamplings.
    on_progress
        Called with draws done and draws in all.

    Returns
    -------
    MomentTarget
        Values, covariance and source.

    Raises
    ------
    EstimationError
        If a moment cannot be estimated, or fewer than half of the draws are usable.

    Notes
    -----
    Cluster bootstrap across tables. Firms are drawn with replacement, with all rows of their workers in outputs,
    pay, workers and firms; then, apart, occupations with all rows of their workers, tasks, postings and applicants;
    then teams, the workers of one firm in one occupation. A firm's draw reaches every table that speaks of it, so the
    moments' correlations are kept. V = V_firm + V_occupation - V_team (Cameron, Gelbach and Miller 2011, with
    bootstrap variances); a negative eigenvalue of the scaled sum is set to zero. In replicates of the simulated
    design the errors agree with the spread of the estimates; without the last term they are too large by
    a tenth to a third.
    """
    fail_if_not_estimable(panel, names)
    blocks = make_blocks(panel)
    units = [(unit, sign) for unit, sign in _UNITS if blocks.labels(unit).len() > 1]
    covariance = np.zeros((len(names), len(names)))
    for place, (unit, sign) in enumerate(units):
        sequence = np.random.SeedSequence(seed, spawn_key=(place,))

        def report(done: int, before: int = place * n_draws) -> None:
            if on_progress is not None:
                on_progress(before + done, len(units) * n_draws)

        covariance += sign * _bootstrap(
            blocks, unit, names, n_draws, np.random.default_rng(sequence), report
        )
    return make_target(
        _estimates(panel, names),
        names,
        covariance=nearest_covariance(covariance, names),
        source=f"{panel.info.name}: {panel.info.source}",
        status="estimated",
    )


def estimator_of(name: str) -> tuple[Estimator, str]:
    """Return the estimator that its hypothesis trusts most with a moment, and the term it is.

    Raises
    ------
    EstimationError
        If no table of a panel holds the moment.
    """
    wanted = moment(name)
    for hypothesis in HYPOTHESES:
        if hypothesis.name == wanted.hypothesis:
            standing = hypothesis.estimators_of(wanted.term)
            if not standing:
                raise EstimationError(
                    f"{name} ({wanted.meaning}): no estimator of {hypothesis.name} gives {wanted.term}"
                )
            return standing[0], wanted.term
    raise EstimationError(
        f"{name} ({wanted.meaning}): no table of a panel holds it; supply it as a target with its error"
    )


def nearest_covariance(matrix: Array, names: Sequence[str]) -> Array:
    """Set the negative eigenvalues of the scaled matrix to zero, keeping its diagonal.

    Raises
    ------
    EstimationError
        Names every moment whose variance is not positive.
    """
    diagonal = np.diagonal(matrix)
    problems = [
        f"{name}: variance {v:g}" for name, v in zip(names, diagonal, strict=True) if not v > 0
    ]
    if problems:
        raise EstimationError(list_problems("bootstrap", problems, advice="Draw more."))
    scale = np.sqrt(diagonal)
    value, vector = np.linalg.eigh(matrix / np.outer(scale, scale))
    if value.min() >= 0:
        return matrix
    positive = (vector * np.maximum(value, 0)) @ vector.T
    unit = np.sqrt(np.diagonal(positive))
    return np.asarray(positive / np.outer(unit, unit) * np.outer(scale, scale))


def fail_if_not_estimable(panel: Panel, names: Sequence[str]) -> None:
    """Refuse moments that a panel cannot give.

    Raises
    ------
    EstimationError
        Lists them all, each with what is missing.
    """
    problems = []
    for name in names:
        try:
            estimator, _ = estimator_of(name)
        except EstimationError as error:
            problems.append(str(error))
            continue
        problems += [
            f"{name}, estimated by {estimator.name}: {gap}"
            for gap in missing(panel, estimator.needs)
        ]
    if problems:
        advice = "Ask for other moments, or supply these as targets."
        raise EstimationError(
            list_problems(f"moments of panel {panel.info.name}", problems, advice=advice)
        )


def _estimates(panel: Panel, names: Sequence[str]) -> Array:
    sample = Sample(panel)
    values, problems = [], []
    for name in names:
        estimator, term = estimator_of(name)
        row = next(row for row in attempt(estimator, sample) if row.term == term)
        values.append(row.estimate)
        if row.status not in (OK, "no_variance") or not np.isfinite(row.estimate):
            problems.append(f"{name}, {estimator.name}: {row.status}, {row.message}")
    if problems:
        raise EstimationError(list_problems(f"moments of panel {panel.info.name}", problems))
    return np.array(values)


def _bootstrap(
    blocks: Blocks,
    unit: Unit,
    names: Sequence[str],
    n_draws: int,
    generator: np.random.Generator,
    report: Callable[[int], None],
) -> Array:
    """Covariance of the estimates over draws of one unit."""
    draws, messages = [], []
    for done in range(n_draws):
        try:
            draws.append(_estimates(resample(blocks, unit, generator), names))
        except ModelError as error:
            messages.append(str(error))
        report(done + 1)
    if len(draws) < max(2, _USABLE_SHARE * n_draws):
        raise EstimationError(
            f"bootstrap over {unit}s: {len(messages)} of {n_draws} draws gave no estimate; the first: {messages[0]}"
        )
    return np.atleast_2d(np.cov(np.array(draws), rowvar=False))
