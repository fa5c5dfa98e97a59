"""Ids and units across rows: dangling references, lost leading zeros, mixed units."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from withintask.panel.panel import Frame, Panel

if TYPE_CHECKING:
    from withintask.panel.schema import ForeignKey

ID_COLUMNS = (
    "worker_id",
    "task_id",
    "item_id",
    "rater_id",
    "firm_id",
    "occupation_code",
    "industry_code",
    "arm",
    "assignment_id",
    "stratum_id",
    "measure",
    "posting_id",
    "applicant_id",
)
"""Columns whose text identifies something, in one table or in several."""

NUMBER_FORM = r"^[+-]?[0-9]+(\.0+|(\.[0-9]+)?[eE][+-]?[0-9]+)$"
"""Text that a program wrote for a number: 12.0 or 1.2E+05."""

UNSEEN = r"\p{Cf}"
"""Characters that are not seen: zero-width space, soft hyphen, byte order mark."""

SPACE_FORM = r"^\s|\s$|[[:cntrl:]]"
"""Text with a space at an end or a control character in it."""


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A broken rule: which, how often, and by which keys."""

    table: str
    """the table"""
    rule: str
    """name of the rule"""
    n_rows: int
    """rows that break it"""
    examples: tuple[str, ...] = ()
    """keys of some such rows"""
    meaning: str
    """what the rule says, in words"""


def reference_breaches(panel: Panel, *, n_examples: int) -> Iterator[Breach]:
    """Check the form of every id and every reference between tables that are present.

    Parameters
    ----------
    panel
        Any panel; of each id column only the distinct values are held.
    n_examples
        How many offending ids a breach names.

    Notes
    -----
    An id that is found in the table it refers to is written as there, so its form is checked
    there alone.
    """
    from withintask.panel.schema import FOREIGN_KEYS

    distinct = _distinct_ids(panel)
    unchecked = dict(distinct)
    for key in FOREIGN_KEYS:
        ids = distinct.get((key.table, key.column))
        parent = distinct.get((key.parent, key.column))
        if ids is not None and parent is not None:
            dangling = ids.join(parent, on=key.column, how="anti")
            unchecked[key.table, key.column] = dangling
            yield from _dangling_breaches(key, dangling, parent, n_examples)
    for (table, column), ids in unchecked.items():
        for rule, bad, meaning in _malformed(ids, column):
            yield _breach(table, f"{column}|{rule}", bad, n_examples, meaning)
    for table, ids in _unit_counts(panel, distinct):
        mixed = ids.filter(pl.col("n_units") > 1)
        meaning = "one unit, stated in every row or in none"
        yield _breach(table, "unit|mixed", mixed, n_examples, f"{ids.columns[0]}: {meaning}")


def _dangling_breaches(
    key: "ForeignKey", dangling: pl.DataFrame, parent: pl.DataFrame, n_examples: int
) -> Iterator[Breach]:
    if dangling.is_empty():
        return
    alike = _shared(_seen(dangling), _seen(parent), how="semi")
    unlike = _shared(_seen(dangling), _seen(parent), how="anti")
    lost = _shared(_stripped(unlike), _stripped(parent), how="semi")
    unknown = _shared(_stripped(unlike), _stripped(parent), how="anti")
    meaning = f"every {key.column} is found in {key.parent}"
    yield _breach(key.table, f"{key.column}|dangling", unknown, n_examples, meaning)
    meaning = f"{key.column} is written as in {key.parent}, with its leading zeros"
    yield _breach(key.table, f"{key.column}|lost_leading_zeros", lost, n_examples, meaning)
    meaning = f"{key.column} is written as in {key.parent}, with the same characters"
    yield _breach(key.table, f"{key.column}|look_alike", alike, n_examples, meaning)


def _shared(
    ids: pl.DataFrame, parent: pl.DataFrame, *, how: Literal["semi", "anti"]
) -> pl.DataFrame:
    return ids.join(parent, on="_form", how=how).drop("_form")


def _distinct_ids(panel: Panel) -> dict[tuple[str, str], pl.DataFrame]:
    """Distinct ids, their rows and their units, by table and column; text columns only."""
    from withintask.panel.schema import ONE_UNIT

    found = {}
    for table, frame in panel.tables().items():
        types = frame.lazy().collect_schema()
        for column in ID_COLUMNS:
            if types.get(column) == pl.String:
                unit = ["unit"] if ONE_UNIT.get(table) == column and "unit" in types else []
                counts = frame.lazy().group_by(column, *unit).agg(n_rows=pl.len())
                found[table, column] = counts.drop_nulls(column).collect(engine="streaming")
                if unit:
                    by_id = found[table, column].group_by(column)
                    found[table, column] = by_id.agg(pl.col("n_rows").sum(), n_units=pl.len())
    return found


def _unit_counts(
    panel: Panel, distinct: dict[tuple[str, str], pl.DataFrame]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows and distinct units (null is one) of each group in which the unit must be one."""
    from withintask.panel.schema import ONE_UNIT

    for table, column in ONE_UNIT.items():
        frame: Frame | None = getattr(panel, table)
        if column is not None and "n_units" in distinct.get((table, column), pl.DataFrame()):
            yield table, distinct[table, column]
        elif column is None and frame is not None and "unit" in frame.lazy().collect_schema():
            counts = frame.lazy().group_by("unit").agg(n_rows=pl.len()).collect(engine="streaming")
            whole = {"table": table, "n_rows": counts["n_rows"].sum(), "n_units": counts.height}
            yield table, pl.DataFrame(whole)


def _malformed(ids: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame, str]]:
    value = pl.col(column)
    spaced = ids.filter(value.str.contains(SPACE_FORM))
    yield "spaces", spaced, f"{column} has no space at its ends and no control character"
    numbers = ids.filter(value.str.contains(NUMBER_FORM))
    yield (
        "number_form",
        numbers,
        f"{column} is text, not a number written out such as 12.0 or 1E+05",
    )
    yield "leading_zeros", _ambiguous(ids), f"no two {column} differ by leading zeros alone"
    meaning = f"no two {column} look alike and differ by characters that are not seen"
    alike = ids.head(0) if _is_plain(ids) else _collisions(_seen(ids))
    yield "look_alike", alike, meaning


def _ambiguous(ids: pl.DataFrame) -> pl.DataFrame:
    """Ids that another id equals but for leading zeros."""
    if not ids[ids.columns[0]].str.starts_with("0").any():
        return ids.head(0)
    return _collisions(_stripped(ids))


def _collisions(ids: pl.DataFrame) -> pl.DataFrame:
    return ids.filter(pl.len().over("_form") > 1).drop("_form")


def _stripped(ids: pl.DataFrame) -> pl.DataFrame:
    """Add the id without leading zeros if it is all digits, else the id itself."""
    value = pl.col(ids.columns[0])
    is_number = value.str.contains(r"^[0-9]+$")
    return ids.with_columns(
        _form=pl.when(is_number).then(value.str.strip_chars_start("0")).otherwise(value)
    )


def _seen(ids: pl.DataFrame) -> pl.DataFrame:
    """Add the id as it is seen: composed (NFC), one kind of space, no character that is not seen."""
    value = pl.col(ids.columns[0])
    if _is_plain(ids):
        return ids.with_columns(_form=value)
    seen = value.str.normalize("NFC").str.replace_all(UNSEEN, "").str.replace_all(r"\s", " ")
    return ids.with_columns(_form=seen)


def _is_plain(ids: pl.DataFrame) -> bool:
    """Tell whether ids that differ look different: all are of ASCII that is seen."""
    return bool(ids[ids.columns[0]].str.contains(r"^[\x20-\x7e]*$").all())


def _breach(table: str, rule: str, bad: pl.DataFrame, n_examples: int, meaning: str) -> Breach:
    examples = bad[bad.columns[0]].sort().head(n_examples).to_list() if bad.height else ()
    n_rows = int(bad["n_rows"].sum())
    return Breach(table=table, rule=rule, n_rows=n_rows, examples=tuple(examples), meaning=meaning)
