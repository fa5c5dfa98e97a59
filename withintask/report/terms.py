"""Rows of terms as text that fits the terminal: estimate, error, interval, p-value, and what must be said of each."""

import math
import textwrap

import polars as pl

from withintask.report.terminal import terminal_width, text_table
from withintask.tests_of_model.hypotheses.hypothesis import OK

_HEADER = ("term", "estimate", "std. error", "95 % interval", "p", "rows", "clusters")


def terms_text(frame: pl.DataFrame, width: int | None = None) -> str:
    """Lay out rows of the estimates' schema, their notes once each below, and what could not be estimated.

    Parameters
    ----------
    frame
        Columns ``term, estimate, std_error, conf_low, conf_high, p_value, n_obs, n_clusters, status, message``.
    width
        Characters in a line; those of the terminal if None.
    """
    width = width or terminal_width()
    said = pl.when((pl.col("message") == "") & (pl.col("status") != OK)).then(
        pl.col("status").str.replace_all("_", " ")
    )
    frame = frame.with_columns(message=said.otherwise("message"))
    is_number = pl.col("estimate").is_finite()
    usable = frame.filter(is_number)
    blocks = []
    if usable.height:
        rows = [_cells(row) for row in usable.iter_rows(named=True)]
        blocks.append(text_table(_HEADER, rows, width=width))
    blocks += [_filled(note, width) for note in _notes(usable)]
    rest = frame.filter(~is_number)
    if rest.height:
        blocks.append("Could not be estimated")
        blocks += [_filled(note, width) for note in _notes(rest)]
    return "\n\n".join(blocks)


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    ends = [_number(row[name]) for name in ("conf_low", "conf_high")]
    return (
        str(row["term"]).replace("_", " "),
        _number(row["estimate"]),
        _number(row["std_error"]),
        f"[{', '.join(ends)}]" if all(ends) else "",
        "" if _number(row["p_value"]) == "" else f"{row['p_value']:.3f}",
        "" if row["n_obs"] is None else f"{row['n_obs']:,}",
        str(row["n_clusters"] or ""),
    )


def _number(value: object) -> str:
    """Four decimals, or fewer for large numbers; nothing where there is no number."""
    if not isinstance(value, float) or math.isnan(value):
        return ""
    return f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.0f}"


def _notes(frame: pl.DataFrame) -> list[str]:
    """Each message once, after the terms that it is about."""
    said = frame.filter(pl.col("message") != "").group_by("message", maintain_order=True)
    notes = said.agg(pl.col("term").str.replace_all("_", " ").str.join(", ")).rows()
    return [f"{terms}: {message}" for message, terms in notes]


def _filled(note: str, width: int) -> str:
    return textwrap.fill(note, width, subsequent_indent="  ", break_on_hyphens=False)
