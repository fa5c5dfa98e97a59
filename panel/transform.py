"""Small transformations that estimators share: codes and lookups."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import polars as pl

from withintask.panel.arrays import Array, Codes, floats, same_everywhere
from withintask.panel.errors import ParameterError
from withintask.panel.panel import Frame, Panel


def eager(frame: Frame) -> pl.DataFrame:
    """Return the frame in memory."""
    return frame.collect() if isinstance(frame, pl.LazyFrame) else frame


IN_ORDER = "withintask.in_order"
"""Namespace of categories whose codes are in the order of their texts."""


_numbering = threading.Lock()
_kept_in_order: dict[str, pl.Series] = {}
_MOST_KEPT, _MOST_IDS_KEPT = 128, 2**22
"""Names whose categories are kept, and known to be in order, and how many they are in all; Polars forgets categories that
no series has."""


def in_order(ids: pl.Series, name: str) -> pl.Series:
    """Return distinct texts as categories whose codes are their places, so that columns of them need no coding again.

    Parameters
    ----------
    ids
        Distinct texts, sorted, (level,).
    name
        Of these texts and no others: all columns of one name can be joined.

    Returns
    -------
    polars.Series
        The same texts, of a type of their own.

    Raises
    ------
    ParameterError
        If the texts are not sorted and distinct, or the name has others.
    """
    with _numbering:
        coded = _kept_in_order.pop(name, None)
        if coded is None or coded.len() != ids.len():
            coded = _numbered(ids, name)
        # The latest stands last, so that the first is the one not asked for longest.
        _kept_in_order[name] = coded
        n_ids = sum(kept.len() for kept in _kept_in_order.values())
        while len(_kept_in_order) > 1 and (
            len(_kept_in_order) > _MOST_KEPT or n_ids > _MOST_IDS_KEPT
        ):
            n_ids -= _kept_in_order.pop(next(iter(_kept_in_order))).len()
    return coded


def _numbered(ids: pl.Series, name: str) -> pl.Series:
    coded = ids.cast(pl.Categorical(pl.Categories(name, IN_ORDER)))
    numbers = coded.to_physical().to_numpy()
    if not (ids.is_sorted() and np.array_equal(numbers, np.arange(ids.len()))):
        raise ParameterError(
            f"ids {name}: expected sorted distinct texts, and no others of that name"
        )
    return coded


def _is_in_order(dtype: pl.Categorical, n_codes: int) -> bool:
    """Whether codes are in the order of texts: those of :func:`in_order`, without others that came later."""
    if dtype.categories.namespace() != IN_ORDER:
        return False
    kept = _kept_in_order.get(dtype.categories.name())
    return kept is not None and n_codes <= kept.len()


_CODED = ("worker_id", "task_id", "firm_id", "occupation_code", "stratum_id", "unit")
"""Texts of which many rows share one, so that categories take less memory."""


def with_categories(panel: Panel) -> Panel:
    """Return a panel whose ids that many rows share are categories, the same in all its tables; lazy tables stay lazy."""
    name = uuid4().hex
    tables: dict[str, Frame] = {}
    for table, frame in panel.tables().items():
        schema = frame.lazy().collect_schema()
        coded = [
            pl.col(column).cast(pl.Categorical(pl.Categories(f"{column} {name}")))
            for column in _CODED
            if schema.get(column) == pl.String
        ]
        tables[table] = frame.with_columns(coded) if coded else frame
    return panel.with_tables(**tables)


def with_texts(panel: Panel) -> Panel:
    """Return a panel whose ids are texts where they were categories, lazily; declared covariates stay as they are."""
    tables: dict[str, Frame] = {}
    for table, frame in panel.tables().items():
        coded = [
            pl.col(column).cast(pl.String)
            for column, type_ in frame.lazy().collect_schema().items()
            if isinstance(type_, pl.Categorical) and column not in panel.info.covariates_of(table)
        ]
        tables[table] = frame.lazy().with_columns(coded) if coded else frame
    return panel.with_tables(**tables)


def codes(column: pl.Series) -> Codes:
    """Number the distinct values 0, 1, … in their order; null is -1, not known.

    Categories keep their order as texts, so that a column has the same codes as text and as categories.

    Returns
    -------
    array of int (row,)
    """
    if column.null_count() == column.len():
        return np.broadcast_to(np.int64(-1), (column.len(),))
    if isinstance(column.dtype, pl.Categorical):
        return _of_categories(column, column.dtype)
    if column.dtype == pl.String and not column.is_sorted():
        # Few distinct texts in no order: sorting these alone is faster than ranking every row.
        ranks = column.cast(pl.Enum(column.drop_nulls().unique().sort())).to_physical()
    else:
        ranks = column.rank("dense") - 1
    return np.asarray(ranks.cast(pl.Int64).fill_null(-1).to_numpy(), dtype=np.int64)


def _of_categories(column: pl.Series, dtype: pl.Categorical) -> Codes:
    physical = column.to_physical()
    is_known = column.is_not_null().to_numpy() if column.null_count() else None
    raw = physical.fill_null(0).to_numpy() if is_known is not None else physical.to_numpy()
    count = np.bincount(raw if is_known is None else raw[is_known])
    present = np.flatnonzero(count)
    in_text_order = _is_in_order(dtype, count.size)
    if in_text_order and present.size == count.size:
        numbers = raw.astype(np.int64)
    else:
        rank = np.empty(count.size, dtype=np.int64)
        rank[present] = np.arange(present.size) if in_text_order else _ranks(present, dtype)
        numbers = rank[raw]
    if is_known is not None:
        numbers[~is_known] = -1
    return numbers


def _ranks(physical: Codes, dtype: pl.Categorical) -> Codes:
    """Ranks of categories among these by their texts, (category,)."""
    texts = pl.Series(physical.astype(np.uint32)).cat.to(dtype).cast(pl.String)
    return np.asarray(texts.rank("ordinal").cast(pl.Int64).to_numpy()) - 1


def first_rows(codes: Codes) -> Codes:
    """Find the first row of each of the codes 0, 1, … that have no gaps, (n_groups,)."""
    first = np.zeros(int(np.max(codes, initial=-1)) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first


def first_known_rows(codes: Codes) -> Codes:
    """Find the first row of each of the codes 0, 1, … where -1 is not known, (n_groups,)."""
    if np.min(codes, initial=0) >= 0:
        return first_rows(codes)
    known = np.flatnonzero(codes >= 0)
    return known[first_rows(codes[known])]


def optional(frame: pl.DataFrame, name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Return a column, or one of nulls where the table leaves it out."""
    if name in frame.columns:
        return frame[name]
    return pl.Series(name, dtype=dtype).extend_constant(None, frame.height)


def lookup(
    rows: pl.DataFrame, key: str, table: Frame | None, names: tuple[str, ...]
) -> pl.DataFrame:
    """Fetch columns of another table for each row by a shared key; null where there is none.

    Returns
    -------
    polars.DataFrame
        One row for each of rows, in their order, with exactly the columns asked for.
    """
    of_row = codes(rows[key])
    return lookup_levels(rows[key], of_row, table).rows(of_row, names)


@dataclass(frozen=True, eq=False)
class Levels:
    """Columns of another table for each distinct key, found once however many rows have it."""

    table: pl.DataFrame | None
    """The table; None if there is none."""
    place: Codes
    """Row of the table that each code has, -1 where none; a last entry for code -1, (code + 1,)."""

    def numbers(self, name: str) -> Array:
        """Return a column as numbers, NaN where not known, (code + 1,)."""
        if self.table is None or name not in self.table.columns:
            return np.full(self.place.size, np.nan)
        return np.append(floats(self.table[name]), np.nan)[self.place]

    def of_rows(self, name: str, of_row: Codes) -> Array:
        """Return a column as numbers for rows of these codes, NaN where not known, (row,)."""
        if self.table is None or name not in self.table.columns:
            return same_everywhere(np.nan, of_row.size)
        return self.numbers(name)[of_row]

    def values(self, name: str) -> pl.Series:
        """Return a column as it is, null where not known, (code + 1,)."""
        if self.table is None or name not in self.table.columns:
            return pl.Series(name, [None], dtype=pl.Float64).new_from_index(0, self.place.size)
        column = self.table[name].extend_constant(None, 1)
        return column[self.place % column.len()]

    def rows(self, of_row: Codes, names: Sequence[str]) -> pl.DataFrame:
        """Return columns for rows of these codes."""
        place = of_row % self.place.size
        return pl.DataFrame([self.values(name)[place].alias(name) for name in names])


def lookup_levels(column: pl.Series, of_row: Codes, table: Frame | None) -> Levels:
    """Find the row of another table for each distinct key.

    Parameters
    ----------
    column
        The key of each row, named as in the table, (row,).
    of_row
        Its codes, :func:`codes`, (row,).
    table
        The other table.
    """
    first = first_known_rows(of_row)
    if table is None:
        return Levels(None, np.full(first.size + 1, -1))
    parent = eager(table)
    places = _places(_texts(column[first]), _texts(parent[column.name]))
    return Levels(parent, np.append(places, -1))


_FEW = 2**12
"""Ids up to which a dictionary finds them faster than a join."""


def _places(ids: pl.Series, among: pl.Series) -> Codes:
    """Position of each id among others, -1 where it is not there; null is nowhere, (id,)."""
    if not ids.len():
        return np.zeros(0, dtype=np.int64)
    if max(ids.len(), among.len()) <= _FEW:
        place = {text: k for k, text in enumerate(among.to_list()) if text is not None}
        return np.array([place.get(text, -1) for text in ids.to_list()], dtype=np.int64)
    found = (
        ids.alias("id")
        .to_frame()
        .join(
            among.alias("id").to_frame().with_row_index("place"),
            on="id",
            how="left",
            maintain_order="left",
        )
    )
    return np.asarray(found["place"].cast(pl.Int64).fill_null(-1).to_numpy(), dtype=np.int64)


def _texts(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if isinstance(column.dtype, pl.Categorical) else column
