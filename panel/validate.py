"""Check tables against their schemas and each other; count what breaks which rule."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, overload

import polars as pl

from withintask.panel.covariates import covariate_breaches
from withintask.panel.errors import (
    ParameterError,
    SchemaError,
    list_problems,
    nearest,
    shortened,
    some_examples,
)
from withintask.panel.outcome import outcome_problems, outcome_rules
from withintask.panel.panel import Frame, Panel, PanelInfo
from withintask.panel.references import Breach, reference_breaches
from withintask.panel.rules import RowRule, row_rules, with_absent_columns
from withintask.panel.transform import with_texts
from withintask.panel.trial_checks import trial_breaches
from withintask.panel.uniqueness import duplicated_keys
from withintask.panel.units import unit_questions

if TYPE_CHECKING:
    import dataframely as dy

N_EXAMPLES = 5
"""Keys named for a broken rule."""

_COLUMNS: Mapping[str, pl.DataType] = {
    "table": pl.String(),
    "rule": pl.String(),
    "n_rows": pl.Int64(),
    "examples": pl.List(pl.String()),
    "meaning": pl.String(),
}


@overload
def validate(data: Panel, schema: None = None, *, show_keys: bool = False) -> Panel: ...
@overload
def validate(
    data: pl.DataFrame, schema: "type[dy.Schema]", *, show_keys: bool = False
) -> pl.DataFrame: ...
@overload
def validate(
    data: pl.LazyFrame, schema: "type[dy.Schema]", *, show_keys: bool = False
) -> pl.LazyFrame: ...
def validate(
    data: Panel | Frame, schema: "type[dy.Schema] | None" = None, *, show_keys: bool = False
) -> Panel | Frame:
    """Return a panel or a table unchanged if it breaks no rule.

    Parameters
    ----------
    data
        A panel, or one table together with its schema.
    schema
        The schema of the table; left out for a panel.
    show_keys
        Whether the error names keys of offending rows. Off by default: keys can identify people.

    Returns
    -------
    Panel or polars.DataFrame or polars.LazyFrame
        What was given, types made exact.

    Raises
    ------
    SchemaError
        With every broken rule and the number of its rows.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6", "n_tasks=4", "n_items=4"]
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=small)
    >>> wt.validate(panel).outputs.height == panel.outputs.height
    True
    >>> try:
    ...     wt.validate(panel.with_tables(outputs=panel.outputs.drop("period")))
    ... except wt.ModelError as error:
    ...     "period" in str(error)
    True
    """
    if isinstance(data, Panel):
        where, broken = f"panel {data.info.name}", panel_violations(data)
    elif schema is not None:
        where, broken = schema.__name__, violations(data, schema)
    else:
        raise ParameterError("validate: a single table needs its schema as second argument")
    if broken.height:
        raise SchemaError(violation_message(where, broken, show_keys=show_keys))
    return data


def violations(
    frame: Frame,
    schema: "type[dy.Schema]",
    *,
    n_examples: int = N_EXAMPLES,
    also: Iterable[RowRule] = (),
) -> pl.DataFrame:
    """Count the rows of a table that break each rule of its schema.

    Parameters
    ----------
    frame
        The table; a lazy one is streamed and never held as a whole.
    schema
        Its schema.
    n_examples
        Keys to name for each broken rule.
    also
        Further rules to check in the same pass.

    Returns
    -------
    polars.DataFrame
        ``rule`` (``column|rule`` or the name of a rule over several columns), ``n_rows``,
        ``examples`` (list of keys as text) and ``meaning``; one row a broken rule, none if the
        table is valid. A missing, unknown or wrongly typed column counts every row.
    """
    breaches = _table_breaches("", frame.lazy(), schema, tuple(also), n_examples)
    return breach_frame(breaches).drop("table")


def panel_violations(
    panel: Panel, *, with_outputs: bool = False, n_examples: int = N_EXAMPLES
) -> pl.DataFrame:
    """Count the rows of a panel that break each rule: within tables and between them.

    Parameters
    ----------
    panel
        Any panel; lazy tables are streamed. Ids may be categories.
    with_outputs
        Whether the table ``outputs`` must be there, as in every within-task panel.
    n_examples
        Keys to name for each broken rule.

    Returns
    -------
    polars.DataFrame
        As :func:`violations`, with the column ``table`` in front.
    """
    return breach_frame(_panel_breaches(with_texts(panel), with_outputs, n_examples))


def violation_message(where: str, broken: pl.DataFrame, *, show_keys: bool = False) -> str:
    """Lay out broken rules for people, one a line."""
    problems = []
    for row in broken.iter_rows(named=True):
        table = f"{row['table']}: " if row.get("table") else ""
        keys = f"; {some_examples(row['examples'])}" if show_keys and row["examples"] else ""
        rows = "1 row" if row["n_rows"] == 1 else f"{row['n_rows']} rows"
        problems.append(f"{table}{row['rule']}: {rows} ({row['meaning']}){keys}")
    return list_problems(where, problems, advice="Correct the rows named; nothing was changed.")


def breach_frame(breaches: Iterable[Breach]) -> pl.DataFrame:
    """Lay out breaches as a frame; those of no row are left out."""
    rows = [(b.table, b.rule, b.n_rows, list(b.examples), b.meaning) for b in breaches if b.n_rows]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _panel_breaches(panel: Panel, with_outputs: bool, n_examples: int) -> Iterator[Breach]:
    from withintask.panel.schema import SCHEMAS

    if with_outputs and panel.outputs is None:
        meaning = "a within-task panel has the table outputs"
        yield Breach(table="outputs", rule="required", n_rows=1, meaning=meaning)
    broken = outcome_problems(
        panel.info.outcome_kind, panel.info.outcome_floor, panel.info.outcome_ceiling
    )
    for problem in broken:
        yield Breach(table="panel", rule="outcome", n_rows=1, meaning=problem)
    for table, frame in panel.tables().items():
        also = () if broken or table != "outputs" else _rules_of_panel(panel.info)
        covariates = panel.info.covariates_of(table)
        known = frame.lazy().drop(covariates, strict=False)
        checks = _table_breaches(table, known, SCHEMAS[table], also, n_examples)
        yield from _or_unreadable(table, checks)
    between = (
        covariate_breaches(panel),
        trial_breaches(panel),
        unit_questions(panel),
        reference_breaches(panel, n_examples=n_examples),
    )
    yield from _or_unreadable("panel", chain.from_iterable(between))


def _or_unreadable(table: str, breaches: Iterable[Breach]) -> Iterator[Breach]:
    """Name a table of which the rows cannot be read to the end, such as a damaged file."""
    try:
        yield from breaches
    except pl.exceptions.PolarsError as error:
        meaning = f"every row can be read ({type(error).__name__})"
        yield Breach(table=table, rule="unreadable", n_rows=1, meaning=meaning)


def _rules_of_panel(info: PanelInfo) -> tuple[RowRule, ...]:
    """Rules of outputs that depend on what the panel says of itself."""
    domain = outcome_rules(info.outcome_kind, info.outcome_floor, info.outcome_ceiling)
    return (*domain, _not_before_ai(info.first_ai_period))


def _not_before_ai(first_ai_period: int | None) -> RowRule:
    has_ai = pl.col("ai_access").fill_null(False) | (pl.col("ai_use") > 0).fill_null(False)
    is_before = pl.col("period") < pl.lit(first_ai_period, dtype=pl.Int64)
    return RowRule(
        name="ai_before_arrival",
        valid=~(has_ai & is_before.fill_null(False)),
        meaning=f"no access to AI before it arrives in period {first_ai_period}",
    )


def _table_breaches(
    table: str,
    frame: pl.LazyFrame,
    schema: "type[dy.Schema]",
    also: tuple[RowRule, ...],
    n_examples: int,
) -> Iterator[Breach]:
    from withintask.panel.schema import key_of

    present = frame.collect_schema()
    broken = dict(_column_problems(present, schema))
    if broken:
        n_rows = max(1, frame.select(pl.len()).collect(engine="streaming").item())
        for name, meaning in broken.items():
            yield Breach(table=table, rule=name, n_rows=n_rows, meaning=meaning)
    unusable = {name.partition("|")[0] for name in broken}
    whole = with_absent_columns(frame, schema, present)
    key = list(key_of(table, present)) if table else schema.primary_key()
    shown = [column for column in key if column in present]
    rules = [r for r in (*row_rules(schema), *also) if not r.columns & unusable]
    yield from _row_breaches(table, whole, rules, shown, n_examples)
    if key and not unusable & set(key):
        yield _key_breach(table, whole, key, n_examples)


def _column_problems(
    present: Mapping[str, pl.DataType], schema: "type[dy.Schema]"
) -> Iterator[tuple[str, str]]:
    """Name columns that are missing, not of the schema, or of another type."""
    columns = schema.columns()
    for name, column in columns.items():
        if name not in present:
            if not column.nullable:
                yield f"{name}|missing", f"the column {name} is required"
        elif not column.validate_dtype(present[name]):
            yield f"{name}|dtype", _type_meaning(name, column.dtype, present[name])
    for name in present:
        if name not in columns:
            hint = nearest(name, columns)
            yield (
                f"{shortened(name)}|unknown",
                f"{shortened(name)} is not a column of this table{hint}",
            )


def _type_meaning(name: str, expected: pl.DataType, found: pl.DataType) -> str:
    reason = ""
    if expected == pl.String and found.is_numeric():
        reason = ": ids are text, numbers lose leading zeros"
    if name == "period" and found.is_temporal():
        reason = ": a period counts (1, 2, …); say in the mapping which date is which period"
    return f"{name} is {expected}, found {found}{reason}"


def _row_breaches(
    table: str, frame: pl.LazyFrame, rules: list[RowRule], key: list[str], n_examples: int
) -> Iterator[Breach]:
    counts = frame.select((~rule.valid).sum().alias(rule.name) for rule in rules)
    totals = counts.collect(engine="streaming").row(0, named=True)
    for rule in rules:
        if totals[rule.name]:
            rows = frame.filter(~rule.valid).select(key).head(n_examples)
            examples = _key_texts(rows.collect(engine="streaming"))
            yield Breach(
                table=table,
                rule=rule.name,
                n_rows=totals[rule.name],
                examples=examples,
                meaning=rule.meaning,
            )


def _key_breach(table: str, frame: pl.LazyFrame, key: list[str], n_examples: int) -> Breach:
    from withintask.panel.schema import FURTHER_KEYS

    further = [pl.col(name).fill_null("") for name in FURTHER_KEYS.get(table, ()) if name in key]
    twice = duplicated_keys(frame.with_columns(further), key)
    return Breach(
        table=table,
        rule="primary_key",
        n_rows=int(twice["n_rows"].sum()),
        examples=_key_texts(twice.select(key).sort(key).head(n_examples)),
        meaning=f"no two rows share {', '.join(key)}{_key_advice(table, key)}",
    )


def _key_advice(table: str, key: list[str]) -> str:
    """Say what rows of outputs that share a key look like, and what can be done."""
    if table != "outputs" or "rater_id" in key:
        return ""
    missing = "rater_id" if "item_id" in key else "item_id"
    return (
        f"; these look like {missing.removesuffix('_id')}s: map their column to {missing}, or "
        "make every row an item (withintask panel items PANEL --out NEW), or take one value of "
        "each cell (withintask panel items PANEL --aggregate mean --out NEW)"
    )


def _key_texts(rows: pl.DataFrame) -> tuple[str, ...]:
    """Write keys as ``worker_id=w1 task_id=t2 period=3``."""
    named = rows.iter_rows(named=True)
    return tuple(
        " ".join(f"{k}={'null' if v is None else v}" for k, v in row.items()) for row in named
    )
