"""What moments tell of the sign of ΔGini, in words: a table by panel size, sentences, and what was held."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from withintask.report.estimate_table import EstimateTable, Group

_HEADER = (
    "panel size",
    "P(ΔGini of income rises)",
    "90 % interval",
    "profile set",
    "sign",
    "P(ΔGini of pay rises)",
)


def sign_table(tables: Mapping[str, pl.DataFrame]) -> EstimateTable:
    """Lay the answers out, one row a panel size.

    Parameters
    ----------
    tables
        Of :func:`withintask.sign`.
    """
    rows = tuple(
        (
            f"{row['size']:g}",
            f"{row['income_rises']:.3f}",
            _ends(row, "income"),
            _ends(row, "profile"),
            sign_verdict(row),
            f"{row['pay_rises']:.3f}",
        )
        for row in tables["sizes"].iter_rows(named=True)
    )
    return EstimateTable(
        header=_HEADER,
        groups=(Group(title="What a panel says of ΔGini, by its size", rows=rows),),
        notes=(),
        key="The sign is known where the 95 % profile set lies on one side of zero.",
        title="The sign of ΔGini",
        command="withintask sign",
    )


def sign_verdict(row: Mapping[str, Any]) -> str:
    """Say whether the sign of ΔGini of income is known: the profile set lies on one side of zero."""
    if row["profile_low"] > 0:
        return "rises"
    return "falls" if row["profile_high"] < 0 else "open"


def sign_sentences(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Say what is known of the sign at each size, and what would tell it."""
    return [
        *(_of_size(row) for row in tables["sizes"].iter_rows(named=True)),
        *(_worth(tables["values"]) if "values" in tables else ()),
    ]


def held_words(free: Sequence[str], fixed: Mapping[str, float]) -> list[str]:
    """Say which parameters are free, and at what the others are held."""
    known = ", ".join(f"{name} = {value:g}" for name, value in fixed.items())
    return [
        f"Free: {', '.join(name for name in free if name not in fixed)}.",
        *([f"Taken as known: {known}."] if known else []),
        "All other parameters are held at their values.",
    ]


def _of_size(row: Mapping[str, Any]) -> str:
    verdict = sign_verdict(row)
    known = "is open" if verdict == "open" else f"is known: it {verdict}"
    return (
        f"Panel of {row['size']:g} times the size: the sign of ΔGini of income {known} (profile set {_ends(row, 'profile')}); it "
        f"rises with probability {row['income_rises']:.2f} ({row['income_rises_wide']:.2f} under the prior twice as wide, "
        f"{row['income_rises_flat']:.2f} under the flat one), that of pay with {row['pay_rises']:.2f}."
    )


def _worth(values: pl.DataFrame) -> list[str]:
    best = values.sort("fall", descending=True).row(0, named=True)
    return [
        f"Of single further measurements {best['measurement']} is expected to tell most: {best['fall']:.2f} "
        f"(Monte-Carlo error {best['mc_error']:.2f}) of the {best['entropy_before']:.2f} bits of the sign."
    ]


def _ends(row: Mapping[str, Any], stem: str) -> str:
    return f"{row[f'{stem}_low']:+.4f} to {row[f'{stem}_high']:+.4f}"
