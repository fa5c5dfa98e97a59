"""Least squares on panels larger than memory: DuckDB compresses, the exact engine solves.

Rows that share regressors, effects and clusters are exchangeable: their count, mean and sum of
squares around it carry all that coefficients and covariances need.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.regression.conventions import Convention
from withintask.tests_of_model.regression.fit import fit_problem
from withintask.tests_of_model.regression.fitted import CovarianceKind, Fit
from withintask.tests_of_model.regression.identifiers import left_out_message, ordered_codes
from withintask.tests_of_model.regression.options import Effects, Inference
from withintask.tests_of_model.regression.problem import FEW_CLUSTER_KINDS, read_problem

# Distinct rows after compression that still fit in memory with their projections.
_GROUPS_MAX = 20_000_000
# DuckDB's types by name: integers that NumPy holds as they are, and what a regression may take as a number.
_INTEGERS = (
    "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint",
)  # fmt: skip
_NUMBERS = (*_INTEGERS, "hugeint", "uhugeint", "decimal", "float", "double", "boolean")


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
        Column names. Outcome and regressors are numbers; regressors must take few distinct values together with
        effects and clusters: that is what is compressed. Effects and clusters may have any type (DECIMAL, HUGEINT,
        ENUM, text, dates); rows in which one is null or NaN are left out, and counted in the messages.
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
        Missing values of outcome or regressors, no rows, or too many distinct rows.
    ParameterError
        A column that is not in the source or no number where one is needed, or a covariance that needs single rows.

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
    ids = list(dict.fromkeys([*absorb, *cluster]))
    _check_columns(relation, [outcome, *regressors], ids)
    groups = _Groups.of(relation, outcome, list(regressors), ids)
    names = [*(["constant"] if constant else []), *regressors]
    design = [np.ones(len(groups.n_rows))] * constant + [groups.values[name] for name in regressors]
    problem = read_problem(
        groups.mean,
        np.column_stack(design),
        names=names,
        effects=Effects(absorb=[groups.codes[name] for name in absorb], weights=groups.n_rows),
        inference=Inference(
            cluster=[groups.codes[name] for name in cluster], kind=covariance, convention=convention
        ),
    )
    square = groups.variance * groups.n_rows
    fitted = fit_problem(replace(problem, n_obs=int(groups.n_rows.sum()), pure_square=square))
    return replace(fitted, messages=(*groups.messages, *fitted.messages))


def _relation(
    source: str | Path | duckdb.DuckDBPyRelation, engine: duckdb.DuckDBPyConnection
) -> duckdb.DuckDBPyRelation:
    if isinstance(source, duckdb.DuckDBPyRelation):
        return source
    if isinstance(source, Path) or source.endswith(".parquet"):
        return engine.read_parquet(str(source))
    return engine.table(source)


def _check_columns(relation: duckdb.DuckDBPyRelation, numbers: list[str], ids: list[str]) -> None:
    types = dict(zip(relation.columns, (kind.id for kind in relation.types), strict=True))
    problems = [f"no column {name!r}" for name in [*numbers, *ids] if name not in types]
    problems += [
        f"{name} has type {types[name]}, expected numbers"
        for name in numbers
        if name in types and types[name] not in _NUMBERS
    ]
    if problems:
        advice = f"The source has: {', '.join(relation.columns)}."
        raise ParameterError(list_problems("compressed regression", problems, advice=advice))


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """Rows that share regressors, effects and clusters, as one."""

    n_rows: Array
    """Rows of each (group,)."""
    mean: Array
    """Mean of the outcome (group,)."""
    variance: Array
    """Its variance around the mean (group,)."""
    values: dict[str, Array]
    """Regressors (group,)."""
    codes: dict[str, Codes]
    """Codes of effects and clusters (group,)."""
    messages: tuple[str, ...]
    """How many rows were left out, and why."""

    @classmethod
    def of(
        cls,
        relation: duckdb.DuckDBPyRelation,
        outcome: str,
        regressors: list[str],
        ids: list[str],
    ) -> "_Groups":
        """Compress, check, and leave out the groups in which an id is not known."""
        columns = _compress(relation, outcome, regressors, ids)
        n_rows = columns["n_rows"]
        _check_number(len(n_rows), [*regressors, *ids])
        known = {name: columns[f"is_known_{place}"] > 0 for place, name in enumerate(ids)}
        kept = np.logical_and.reduce([np.ones(len(n_rows), dtype=bool), *known.values()])
        missing = {name: int(n_rows[~flags].sum()) for name, flags in known.items()}
        messages: tuple[str, ...] = ()
        if not kept.all():
            n_left = int(n_rows[~kept].sum())
            messages = (left_out_message(n_left, int(n_rows.sum()), missing),)
            columns = {name: column[kept] for name, column in columns.items()}
        _check_values(columns, outcome, regressors, messages)
        return cls(
            n_rows=columns["n_rows"],
            mean=columns["mean"],
            variance=columns["variance"],
            values={name: columns[f"value_{place}"] for place, name in enumerate(regressors)},
            codes={name: ordered_codes(columns[f"code_{place}"]) for place, name in enumerate(ids)},
            messages=messages,
        )


def _compress(
    relation: duckdb.DuckDBPyRelation, outcome: str, regressors: list[str], ids: list[str]
) -> dict[str, Any]:
    """Count, mean and variance of the outcome for each combination of regressors and ids; ids as codes.

    Integers of up to 64 bits are their own codes; all other ids are numbered by DuckDB in their own type, as no NumPy
    type holds them without loss. Codes of unknown ids are of no account.
    """
    y = f"CAST({_quoted(outcome)} AS DOUBLE)"
    keys = [*regressors, *ids]
    places = {key: f"key_{place}" for place, key in enumerate(dict.fromkeys(keys))}
    moments = [
        "CAST(count(*) AS DOUBLE) AS n_rows",
        f"CAST(count(*) FILTER (isfinite({y})) AS DOUBLE) AS n_found",
        f"avg({y}) FILTER (isfinite({y})) AS mean",
        f"var_pop({y}) FILTER (isfinite({y})) AS variance",
    ]
    named = [f"{_quoted(key)} AS {place}" for key, place in places.items()]
    grouped = relation.aggregate(", ".join([*named, *moments]), ", ".join(map(_quoted, places)))
    types = dict(zip(relation.columns, (kind.id for kind in relation.types), strict=True))
    read = ["n_rows", "n_found", "mean", "variance"]
    read += [f"CAST({places[key]} AS DOUBLE) AS value_{k}" for k, key in enumerate(regressors)]
    for k, key in enumerate(ids):
        read.append(f"{_code(places[key], types[key])} AS code_{k}")
        read.append(f"CAST({_is_known(places[key], types[key])} AS TINYINT) AS is_known_{k}")
    columns = grouped.limit(_GROUPS_MAX + 1).project(", ".join(read)).fetchnumpy()
    return {name: _filled(column) for name, column in columns.items()}


def _code(column: str, kind: str) -> str:
    if kind in _INTEGERS:
        zero = f"CAST(0 AS {kind})"
        return f"coalesce({column}, {zero})"
    return f"dense_rank() OVER (ORDER BY {column})"


def _is_known(column: str, kind: str) -> str:
    is_there = f"{column} IS NOT NULL"
    return f"({is_there} AND NOT isnan({column}))" if kind in ("float", "double") else is_there


def _filled(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn masked numbers into NaN."""
    if isinstance(column, np.ma.MaskedArray):
        return column.filled(np.nan) if column.mask.any() else column.data
    return column


def _check_number(n_groups: int, keys: list[str]) -> None:
    if n_groups == 0:
        raise EstimationError("compressed regression: the source has no rows")
    if n_groups > _GROUPS_MAX:
        raise EstimationError(
            f"compressed regression: more than {_GROUPS_MAX} distinct combinations of "
            f"{', '.join(keys)}; round the regressors, or fit on a sample"
        )


def _check_values(
    columns: dict[str, Any], outcome: str, regressors: list[str], messages: tuple[str, ...]
) -> None:
    n_rows = columns["n_rows"]
    if len(n_rows) == 0:
        raise EstimationError(f"compressed regression: no rows are left; {messages[0]}")
    problems = []
    n_missing = int(n_rows.sum() - columns["n_found"].sum())
    if n_missing:
        problems.append(f"{outcome} has {n_missing} missing values")
    for place, name in enumerate(regressors):
        is_missing = ~np.isfinite(columns[f"value_{place}"])
        if is_missing.any():
            problems.append(f"{name} has {int(n_rows[is_missing].sum())} missing values")
    if problems:
        advice = "Drop the rows in the source first."
        raise EstimationError(list_problems("compressed regression", problems, advice=advice))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
