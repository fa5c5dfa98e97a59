"""Rows alone in an absorbed level, where each of the rows at hand stands for several."""

from collections.abc import Sequence

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags


def n_alone(factors: Sequence[Codes], counts: Sequence[Array], n_rows: Array) -> int:
    """Count the rows that some level has to itself, found repeatedly, as dropping one can make another.

    Parameters
    ----------
    factors
        Codes of each absorbed effect, (row,) each.
    counts
        How many of the rows that a row stands for lie in one level, (row,) for each factor: all of them, or one of every so
        many where a code stands for several levels alike.
    n_rows
        How many they are, (row,).

    Returns
    -------
    int
        As :class:`withintask.tests_of_model.regression.absorb.Projector` counts them in the rows themselves.
    """
    kept: Flags = np.ones(n_rows.size, dtype=np.bool_)
    while True:
        in_level = [
            np.bincount(codes, kept * count)[codes]
            for codes, count in zip(factors, counts, strict=True)
        ]
        alone = kept & (np.min(in_level, axis=0) == 1)
        if not alone.any():
            return int(n_rows[~kept].sum())
        kept &= ~alone
