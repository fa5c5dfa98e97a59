"""Which estimators can run on whatever a user holds."""

import polars as pl

from withintask.panel.capabilities import capabilities as of_panel
from withintask.panel.memory import Data, as_panel
from withintask.panel.trial_arms import with_access
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES


def capabilities(data: Data) -> pl.DataFrame:
    """Say of every estimator whether it can run on a panel, and what is missing.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table, see
        :func:`withintask.panel.memory.as_panel`.

    Returns
    -------
    polars.DataFrame
        One row a hypothesis, estimator and reason; see :func:`withintask.panel.capabilities.capabilities`.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> table = wt.capabilities(panel)
    >>> "pairs_difference" in table["estimator"].to_list()
    True
    """
    return of_panel(with_access(as_panel(data)), HYPOTHESES)
