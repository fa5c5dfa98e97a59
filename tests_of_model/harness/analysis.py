"""From whatever a user holds to estimates, with the truth beside those of a synthetic panel."""

from collections.abc import Sequence

import polars as pl

from withintask.panel.capabilities import capabilities as of_panel
from withintask.panel.memory import Data, as_panel
from withintask.tests_of_model.harness.synthetic import with_truth
from withintask.tests_of_model.hypotheses import estimate as estimators_on_panel
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.fitted import CovarianceKind
from withintask.tests_of_model.regression.options import Engine


def estimate(
    data: Data,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    first_ai_period: int | None = None,
    engine: Engine = "fast",
    few_clusters: CovarianceKind | None = None,
) -> pl.DataFrame:
    """Estimate hypotheses on a panel, real or synthetic.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table, see
        :func:`withintask.panel.memory.as_panel`.
    hypotheses, estimators
        One name or several; all if empty.
    first_ai_period
        First period in which AI exists; as the panel says if None.
    engine, few_clusters
        How regressions are fitted, see :class:`withintask.tests_of_model.regression.options.Options`.

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
    panel = as_panel(data, first_ai_period=first_ai_period)
    frame = estimators_on_panel.estimate(
        panel,
        hypotheses=hypotheses,
        estimators=estimators,
        engine=engine,
        few_clusters=few_clusters,
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
    return of_panel(as_panel(data), HYPOTHESES)
