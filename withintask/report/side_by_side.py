"""Several results in one table: an estimate with stars, its interval below."""

from collections.abc import Collection, Sequence

import polars as pl

from withintask.report.estimate_table import (
    MISSING,
    EstimateTable,
    Group,
    decimals,
    interval_words,
    ordered,
    starred,
    usable,
)
from withintask.report.estimate_words import estimator_words, term_words


def side_by_side_table(
    frame: pl.DataFrame, names: Sequence[str], recommended: Collection[str]
) -> EstimateTable:
    """Lay out results of several panels, one a column.

    Parameters
    ----------
    frame
        Rows of all results, with their name in ``result``.
    names
        Of the results, in the order of the columns.
    recommended
        Estimators that come first in their hypothesis.
    """
    rows = ordered(usable(frame).iter_rows(named=True), recommended)
    by_cell = {(r["hypothesis"], r["term"], r["estimator"], r["result"]): r for r in rows}
    grouped: dict[str, list[tuple[str, ...]]] = {}
    for hypothesis, term, estimator in dict.fromkeys(key[:3] for key in by_cell):
        cells = [by_cell.get((hypothesis, term, estimator, name)) for name in names]
        mark = "recommended: " if estimator in recommended else ""
        lines = grouped.setdefault(f"{hypothesis} · {mark}{term_words(str(term))}", [])
        lines.append(
            (estimator_words(str(estimator)), *(starred(c) if c else MISSING for c in cells))
        )
        lines.append(("", *(interval_words(c) if c else "" for c in cells)))
        lines.append(("n", *(f"{c['n_obs']:,}" if c else "" for c in cells)))
        if any(c and decimals(c["truth"]) != MISSING for c in cells):
            lines.append(("truth", *(decimals(c["truth"]) if c else "" for c in cells)))
    groups = tuple(Group(title=title, rows=tuple(lines)) for title, lines in grouped.items())
    return EstimateTable(header=("estimator", *names), groups=groups, notes=())
