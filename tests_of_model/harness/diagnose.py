"""Diagnose replicates: one row a world, design, estimator, term and diagnosand."""

import polars as pl

from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.diagnosands import DIAGNOSANDS, Replicates
from withintask.tests_of_model.hypotheses.estimate import NOT_ESTIMABLE
from withintask.tests_of_model.hypotheses.hypothesis import OK

BY = ("world", "design", "hypothesis", "estimator", "term")
"""What a diagnosis is made for."""

SCHEMA = {
    **dict.fromkeys(BY, pl.String),
    "truth": pl.Float64,
    "diagnosand": pl.String,
    "value": pl.Float64,
    "mc_se": pl.Float64,
    "n_replicates": pl.Int64,
    "n_failed": pl.Int64,
}


def diagnose(
    replicates: pl.DataFrame, diagnosands: tuple[str, ...] = tuple(DIAGNOSANDS)
) -> pl.DataFrame:
    """Compute diagnosands of replicates.

    Parameters
    ----------
    replicates
        Rows of :func:`withintask.tests_of_model.harness.replicate.replicate`.
    diagnosands
        Names to compute.

    Returns
    -------
    polars.DataFrame
        SCHEMA: value, mc_se (Monte-Carlo error), n_replicates and n_failed (rows without a usable estimate). Terms
        that the panel's columns rule out have no rows here; see :func:`not_estimable`.

    Raises
    ------
    ParameterError
        If a diagnosand is unknown.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    >>> study = wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=["dispersion_by_access"])
    >>> table = wt.diagnose(wt.replicate(study), ("bias", "coverage"))
    >>> table["diagnosand"].unique().sort().to_list()
    ['bias', 'coverage']
    """
    unknown = [name for name in diagnosands if name not in DIAGNOSANDS]
    if unknown:
        raise ParameterError(
            f"diagnosands {', '.join(unknown)}: unknown; known are {', '.join(DIAGNOSANDS)}"
        )
    rows: list[tuple[object, ...]] = []
    usable = pl.when(pl.col("status") == OK)
    tried = replicates.filter(pl.col("status") != NOT_ESTIMABLE).with_columns(
        usable.then(name).otherwise(float("nan")).fill_null(float("nan")) for name in _FIGURES
    )
    for key, group in tried.group_by(BY, maintain_order=True):
        one = _replicates(group)
        n_failed = int((group["status"] != OK).sum())
        for name in diagnosands:
            value, error = DIAGNOSANDS[name](one)
            rows.append((*key, one.truth, name, value, error, one.n, n_failed))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def not_estimable(replicates: pl.DataFrame) -> pl.DataFrame:
    """Return the estimators that a design's columns rule out, and what is missing."""
    ruled_out = replicates.filter(pl.col("status") == NOT_ESTIMABLE)
    return ruled_out.group_by(BY, maintain_order=True).agg(pl.col("message").first())


def failures(replicates: pl.DataFrame) -> pl.DataFrame:
    """Return the most frequent message of each estimator's failures, and their number."""
    failed = replicates.filter(~pl.col("status").is_in([OK, NOT_ESTIMABLE]))
    return failed.group_by(BY, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("n_failed"), pl.col("message").mode().first().alias("message")
    )


def wide(diagnosis: pl.DataFrame) -> pl.DataFrame:
    """Return one row an estimator and term, values and ``<diagnosand>_mc_se`` as columns."""
    index = [*BY, "truth", "n_replicates", "n_failed"]
    values = diagnosis.pivot("diagnosand", index=index, values="value", maintain_order=True)
    errors = diagnosis.with_columns(pl.col("diagnosand") + "_mc_se").pivot(
        "diagnosand", index=index, values="mc_se", maintain_order=True
    )
    return values.join(
        errors.drop("truth", "n_replicates", "n_failed"),
        on=list(BY),
        how="left",
        maintain_order="left",
    )


_FIGURES = ("estimate", "std_error", "p_value", "conf_low", "conf_high")


def _replicates(group: pl.DataFrame) -> Replicates:
    columns = {name: group[name].to_numpy() for name in _FIGURES}
    return Replicates(truth=float(group["truth"][0]), **columns)
