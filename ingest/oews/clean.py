"""From published cells to value, bound and status; nothing becomes null without a status.

A measure ``x`` becomes three columns: ``x`` (float), ``x_bound`` (``>=`` or ``<`` where the value
is a bound, else null) and ``x_status``. A blank cell, or a column that the file does not have, is
null in all three.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from withintask.ingest.oews.extract import RawTable
from withintask.ingest.oews.vintages import FLAG_KIND, TEXT_KINDS, ColumnSpec, Layouts
from withintask.panel.errors import SourceError, list_problems, quoted, some_examples

STATUSES = (
    "published",
    "not_available",
    "top_coded",
    "below_half_percent",
    "hourly_only",
    "annual_only",
)
BOUNDS = (">=", "<")
Status = pl.Enum(STATUSES)
Bound = pl.Enum(BOUNDS)

# Digits of other scripts are digits to `\d`, but nothing casts them; sixteen digits are exact.
_PLAIN = r"[0-9]{1,15}(\.[0-9]{1,15})?|\.[0-9]{1,15}"
_GROUPED = r"[0-9]{1,3}(,[0-9]{3}){1,4}(\.[0-9]{1,15})?"
_NUMBER = rf"^({_PLAIN}|{_GROUPED})$"
_WHOLE = r"^[0-9]{1,15}(\.00?)?$|^[0-9]{1,3}(,[0-9]{3}){1,4}(\.00?)?$"
_DOTTED_THOUSANDS = r"^[0-9]{1,3}(\.[0-9]{3})+$"
LABELS = (
    "year",
    "segment",
    "top_code_hourly_usd",
    "top_code_annual_usd",
    "is_synthetic",
    "source_file",
)

_CAPS = {"hourly_wage": "top_code_hourly_usd", "annual_wage": "top_code_annual_usd"}
_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no")
_ALLOWED_MARKS = {
    "top_coded": ("hourly_wage", "annual_wage"),
    "below_half_percent": ("share",),
}


def clean(raws: Sequence[RawTable], layouts: Layouts) -> pl.DataFrame:
    """Read the text of every measure and flag of some tables, one below the other.

    Returns
    -------
    pl.DataFrame
        Code and text columns as they are, flags as booleans, three columns a measure, what each
        table says of itself (:data:`LABELS`) and `source_row`.

    Raises
    ------
    SourceError
        If a cell is neither a number nor a mark that its column may hold; all such cells are
        counted, five examples a column are named by row. Digits are 0 to 9. Published jobs are
        whole, so ``211.850`` of them is a thousands separator of another country.
    """
    rows = pl.concat([_labelled(raw) for raw in raws])
    _refuse_unreadable(rows, raws, layouts)
    flagged = rows.with_columns(_flag(c.name) for c in layouts.columns if c.kind == FLAG_KIND)
    marked = flagged.with_columns(_status(c, layouts) for c in layouts.measures)
    measures = [e for c in layouts.measures for e in _measure(c, layouts)]
    others = [c.name for c in layouts.columns if not c.is_measure]
    return marked.select(*others, *measures, *LABELS, "source_row")


def _labelled(raw: RawTable) -> pl.DataFrame:
    labels = {
        "year": pl.lit(raw.vintage.year, dtype=pl.Int16),
        "segment": pl.lit(raw.vintage.segment),
        "top_code_hourly_usd": pl.lit(raw.top_code.hourly_usd),
        "top_code_annual_usd": pl.lit(raw.top_code.annual_usd),
        "is_synthetic": pl.lit(raw.is_synthetic),
        "source_file": pl.lit(raw.file),
    }
    return raw.rows.with_columns(pl.col("source_row").cast(pl.Int64), **labels)


def _refuse_unreadable(rows: pl.DataFrame, raws: Sequence[RawTable], layouts: Layouts) -> None:
    columns = [c for c in layouts.columns if c.kind not in TEXT_KINDS]
    checks = {column.name: _is_unreadable(column, layouts) for column in columns}
    counts = rows.select(rule.sum().alias(name) for name, rule in checks.items())
    wrong = {name: checks[name] for name, count in counts.row(0, named=True).items() if count}
    if wrong:
        messages = [_unreadable_cells(raw, wrong, layouts) for raw in raws]
        raise SourceError("\n".join(filter(None, messages)))


def _unreadable_cells(raw: RawTable, wrong: Mapping[str, pl.Expr], layouts: Layouts) -> str:
    problems = []
    for name, rule in wrong.items():
        labelled = raw.rows.with_columns(pl.lit(raw.is_synthetic).alias("is_synthetic"))
        bad = labelled.filter(rule).select("source_row", name).rows()
        if bad:
            cells = some_examples([f"row {row} {quoted(text)}" for row, text in bad])
            problems.append(
                f"column {quoted(raw.headers[name])}: {len(bad):,} cells are no number or known mark: "
                + cells
            )
    marks = " ".join(layouts.marks)
    return list_problems(raw.where, problems, advice=f"Marks: {marks}") if problems else ""


def _is_unreadable(column: ColumnSpec, layouts: Layouts) -> pl.Expr:
    text = pl.col(column.name)
    if not column.is_measure:
        return text.is_not_null() & ~text.str.to_lowercase().is_in([*_TRUE, *_FALSE])
    allowed = [
        mark
        for mark, status in layouts.marks.items()
        if column.kind in _ALLOWED_MARKS.get(status, (column.kind,))
    ]
    is_number = text.str.contains(_NUMBER) & ~_is_other_notation(column)
    return text.is_not_null() & ~is_number & ~text.is_in(allowed)


def _is_other_notation(column: ColumnSpec) -> pl.Expr:
    """Tell whether a number is written with a point between thousands, as other countries do."""
    text = pl.col(column.name)
    if column.kind == "employment":
        # Our own workbooks, written from a model, have parts of jobs; published ones have none.
        is_part = ~text.str.contains(_WHOLE) & ~pl.col("is_synthetic")
        return is_part | text.str.contains(_DOTTED_THOUSANDS)
    if column.kind == "annual_wage":
        return text.str.contains(_DOTTED_THOUSANDS)
    return pl.lit(value=False)


def _flag(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().is_in(_TRUE).fill_null(value=False)


def _status(column: ColumnSpec, layouts: Layouts) -> pl.Expr:
    text = pl.col(column.name)
    marked = text.replace_strict(dict(layouts.marks), default="published", return_dtype=Status)
    status: pl.Expr = pl.when(text.is_not_null()).then(marked)
    if column.kind == "hourly_wage":
        status = _explained(status, "is_annual_only", "annual_only")
    if column.kind == "annual_wage":
        status = _explained(status, "is_hourly_only", "hourly_only")
    return status.alias(f"{column.name}_status")


def _explained(status: pl.Expr, flag: str, reason: str) -> pl.Expr:
    """Say why a wage is not available where the file's flag explains it."""
    is_explained = (status == "not_available") & pl.col(flag)
    return pl.when(is_explained).then(pl.lit(reason, dtype=Status)).otherwise(status)


def _measure(column: ColumnSpec, layouts: Layouts) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return value and bound beside the status, which the rows have already."""
    status = pl.col(f"{column.name}_status")
    text = pl.col(column.name)
    number = text.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
    cap = pl.col(_CAPS[column.kind]) if column.kind in _CAPS else pl.lit(None, dtype=pl.Float64)
    value = (
        pl.when(status == "top_coded")
        .then(cap)
        .when(status == "below_half_percent")
        .then(pl.lit(layouts.below_half_percent))
        .otherwise(number)
    )
    bound = (
        pl.when(status == "top_coded")
        .then(pl.lit(">=", dtype=Bound))
        .when(status == "below_half_percent")
        .then(pl.lit("<", dtype=Bound))
    )
    return value.alias(column.name), bound.alias(f"{column.name}_bound"), status
