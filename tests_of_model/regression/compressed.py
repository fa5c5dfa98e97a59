"""Least squares on panels larger than memory: DuckDB compresses, the exact engine solves.

Rows that share regressors, effects and clusters are exchangeable: their count, mean and sum of
squares around it carry all that coefficients and covariances need.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.regression.absorb import encode
from withintask.tests_of_model.regression.conventions import Convention
from withintask.tests_of_model.regression.fit import fit_problem
from withintask.tests_of_model.regression.fitted import CovarianceKind, Fit
from withintask.tests_of_model.regression.options import Effects, Inference
from withintask.tests_of_model.regression.problem import FEW_CLUSTER_KINDS, read_problem

# Distinct rows after compression that still fit in memory with their projections.
_GROUPS_MAX = 20_000_000


def fit_compressed(
    source: str | Path | duckdb.DuckDBPyRelation,
    *,
    outcome: str,
    regressors: Sequence[str],
    absorb: Sequence[str] = (),
    cluster: Sequence[str] = (),
    covariance: CovarianceKind | None = None,
    convention: Convention = "withintask",
    connection: duckdb.DuckDBPyConnection | None = None,
    constant: bool = False,
) -> Fit:
    """Regress a column of a table of any size on other columns, given absorbed effects.

    Parameters
    ----------
    source
        A Parquet file or glob (``Path``, or ``str`` ending in ``.parquet``), a table or view of
        ``connection`` (``str``), or a relation.
    outcome, regressors, absorb, cluster
        Column names. Regressors must take few distinct values together with effects and clusters:
        that is what is compressed. Effects and clusters may have any type.
    covariance, convention
        As in :func:`withintask.tests_of_model.regression.fit.fit`; no few-cluster covariances.
    connection
        Holds the table; None for a new in-memory database.
    constant
        Put a constant, named ``constant``, before the regressors.

    Returns
    -------
    Fit
        The same numbers as ``fit`` on all rows, to rounding; ``residuals`` are those of the
        distinct rows' means.

    Raises
    ------
    EstimationError
        Missing values, no rows, or too many distinct rows.
    ParameterError
        A column that is not in the source, or a covariance that needs single rows.

    Notes
    -----
    Wong, Forsell, Lewis, Mao and Wardrop (2021), "You only compress once". With n_c rows, mean ȳ_c
    and q_c = Σ(y − ȳ_c)² a distinct row: least squares of ȳ weighted by n_c; clustered scores
    n_c x_c e_c, as a distinct row lies in one cluster; robust meat x_c x_c'(n_c e_c² + q_c).
    """
    if covariance in FEW_CLUSTER_KINDS:
        raise ParameterError(f"compressed regression: covariance {covariance} needs single rows")
    engine = connection or duckdb.connect()
    relation = _relation(source, engine)
    keys = list(dict.fromkeys([*regressors, *absorb, *cluster]))
    _check_columns(relation, [outcome, *keys])
    columns = _compress(relation, outcome, keys)
    counts = columns["n_rows"].astype(float)
    names = [*(["constant"] if constant else []), *regressors]
    design = [np.ones(len(counts))] * constant + [columns[name] for name in regressors]
    problem = read_problem(
        columns["mean"].astype(float),
        np.column_stack(design),
        names=names,
        effects=Effects(absorb=[encode(columns[name]) for name in absorb], weights=counts),
        inference=Inference(
            cluster=[encode(columns[name]) for name in cluster],
            kind=covariance,
            convention=convention,
        ),
    )
    square = columns["variance"].astype(float) * counts
    return fit_problem(replace(problem, n_obs=int(counts.sum()), pure_square=square))


def _relation(
    source: str | Path | duckdb.DuckDBPyRelation, engine: duckdb.DuckDBPyConnection
) -> duckdb.DuckDBPyRelation:
    if isinstance(source, duckdb.DuckDBPyRelation):
        return source
    if isinstance(source, Path) or source.endswith(".parquet"):
        return engine.read_parquet(str(source))
    return engine.table(source)


def _check_columns(relation: duckdb.DuckDBPyRelation, names: list[str]) -> None:
    missing = [name for name in names if name not in relation.columns]
    if missing:
        problems = [f"no column {name!r}" for name in missing]
        advice = f"The source has: {', '.join(relation.columns)}."
        raise ParameterError(list_problems("compressed regression", problems, advice=advice))


def _compress(
    relation: duckdb.DuckDBPyRelation, outcome: str, keys: list[str]
) -> dict[str, npt.NDArray[np.generic]]:
    """Count, mean and variance of the outcome for each combination of the keys."""
    y = f"CAST({_quoted(outcome)} AS DOUBLE)"
    named = ", ".join(f"{_quoted(key)} AS k{place}" for place, key in enumerate(keys))
    moments = f"count(*) AS n_rows, count({y}) AS n_found, avg({y}) AS mean"
    variance = f"var_pop({y}) AS variance"
    by = ", ".join(_quoted(key) for key in keys)
    grouped = relation.aggregate(", ".join(part for part in (named, moments, variance) if part), by)
    found = grouped.limit(_GROUPS_MAX + 1).fetchnumpy()
    columns = {key: found[f"k{place}"] for place, key in enumerate(keys)}
    columns |= {name: found[name] for name in ("n_rows", "n_found", "mean", "variance")}
    _check_compressed(columns, keys, outcome)
    return columns


def _check_compressed(
    columns: dict[str, npt.NDArray[np.generic]], keys: list[str], outcome: str
) -> None:
    n_rows = columns["n_rows"].astype(np.int64)
    if len(n_rows) == 0:
        raise EstimationError("compressed regression: the source has no rows")
    if len(n_rows) > _GROUPS_MAX:
        raise EstimationError(
            f"compressed regression: more than {_GROUPS_MAX} distinct combinations of "
            f"{', '.join(keys)}; round the regressors, or fit on a sample"
        )
    problems = []
    n_missing = int(n_rows.sum() - columns["n_found"].astype(np.int64).sum())
    if n_missing:
        problems.append(f"{outcome} has {n_missing} missing values")
    for key in keys:
        column = columns[key]
        if isinstance(column, np.ma.MaskedArray) and column.mask.any():
            problems.append(f"{key} has {int(n_rows[column.mask].sum())} missing values")
    if problems:
        advice = "Drop the rows in the source first."
        raise EstimationError(list_problems("compressed regression", problems, advice=advice))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
