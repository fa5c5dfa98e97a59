"""From whatever a user holds to estimates, with the truth beside those of a synthetic panel."""

from collections.abc import Sequence

import polars as pl

from withintask.panel.capabilities import capabilities as of_panel
from withintask.panel.memory import Data, as_panel
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import PanelInfo
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.harness.synthetic import with_truth
from withintask.tests_of_model.hypotheses import estimate as estimators_on_panel
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.fitted import CovarianceKind
from withintask.tests_of_model.regression.options import Engine


def estimate(
    data: Data,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    first_ai_period: int | None = None,
    outcome: OutcomeKind | None = None,
    control_arm: str | None = None,
    info: PanelInfo | None = None,
    engine: Engine = "fast",
    few_clusters: CovarianceKind | None = None,
    arm: str = "",
    errors: Errors = "auto",
    distance: int | None = None,
    crossed: bool = False,
) -> pl.DataFrame:
    """Estimate hypotheses on a panel, real or synthetic.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table, see
        :func:`withintask.panel.memory.as_panel`.
    hypotheses, estimators
        One name or several; all if empty.
    first_ai_period, outcome, control_arm
        First period in which AI exists, kind of outcome and the control among the arms; as the panel says if None.
    info
        All of a panel's head, such as limits of a score and covariates, for frames in memory.
    engine, few_clusters
        How regressions are fitted, see :class:`withintask.tests_of_model.regression.options.Options`.
    arm
        The arm that is compared with the control, of several; all with AI together if empty.
    errors
        ``auto`` (by the number of clusters), ``CR1``, ``CR2``, ``CR3``, ``wild``, or ``randomization``: the p-value of
        assigning access anew. What was chosen is in convention and message.
    distance, crossed
        Of estimators by pairs: smallest distance of a pair in the worker's own order, chosen from the panel if None; and
        whether items' difficulty must be taken out, with items of one worker left out.

    Returns
    -------
    polars.DataFrame
        One row an estimator and term: estimate, std_error, interval, p_value, p_value_adjusted (Holm, over the
        hypotheses' primary terms), n_obs, n_clusters, status, message, convention, truth (null where the panel is not
        synthetic). A term that could not be estimated is a row that says why.

    Raises
    ------
    ParameterError
        If a name is not known, or the data are of another kind.
    SchemaError
        If the panel breaks a rule: all broken rules with their counts.
    """
    panel = as_panel(
        data,
        first_ai_period=first_ai_period,
        outcome=outcome,
        control_arm=control_arm,
        info=info,
    )
    frame = estimators_on_panel.estimate(
        panel,
        hypotheses=hypotheses,
        estimators=estimators,
        engine=engine,
        few_clusters=few_clusters,
        arm=arm,
        errors=errors,
        distance=distance,
        crossed=crossed,
    )
    return with_truth(frame, panel)


def capabilities(data: Data) -> pl.DataFrame:
    """Say of every estimator whether it can run on a panel, and what is missing.

    Parameters
    ----------
    data
        As for :func:`estimate`.

    Returns
    -------
    polars.DataFrame
        One row a hypothesis, estimator and reason; see :func:`withintask.panel.capabilities.capabilities`.
    """
    return of_panel(with_access(as_panel(data)), HYPOTHESES)
