"""Ids of coded rows, fetched for those rows that are asked for."""

from functools import cached_property

import polars as pl

from withintask.panel.arrays import Codes
from withintask.panel.transform import first_known_rows


class Names:
    """The id of each code of a column; rows that are taken or left out share it."""

    def __init__(self, column: pl.Series, codes: Codes) -> None:
        self._column, self._codes = column, codes

    @cached_property
    def _of_code(self) -> pl.Series:
        return self._column.gather(first_known_rows(self._codes)).extend_constant(None, 1)

    def of(self, codes: Codes) -> pl.DataFrame:
        """Return the ids of codes, null of -1, under the column's name, (row,)."""
        return self._of_code.gather(codes % self._of_code.len()).to_frame()
