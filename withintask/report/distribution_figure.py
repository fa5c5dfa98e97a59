"""Effects of AI on the quantiles of output, with their intervals."""

from pathlib import Path

import polars as pl

from withintask.panel.errors import EstimationError
from withintask.report.style import FAINT, FALLS, NEUTRAL, new_figure, save_figure

_PREFIX = "quantile_effect_"


def draw_quantile_effects(frame: pl.DataFrame, path: Path) -> Path:
    """Draw the quantile effects of a table of :func:`withintask.distribution`.

    Parameters
    ----------
    frame
        Rows with terms ``quantile_effect_…``.
    path
        File to write; its suffix is the format (png, pdf, svg).

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    EstimationError
        If there is no quantile effect to draw.
    """
    rows = frame.filter(pl.col("term").str.starts_with(_PREFIX) & pl.col("estimate").is_finite())
    if rows.height == 0:
        raise EstimationError("no quantile effect to draw: see the table for the reason")
    share = rows["term"].str.strip_prefix(_PREFIX).cast(pl.Float64)
    figure, axes = new_figure(width=7, height=4)
    ax = axes[0, 0]
    ax.axhline(0, color=FAINT)
    ax.fill_between(share, rows["conf_low"], rows["conf_high"], color=FALLS, alpha=0.25, lw=0)
    ax.plot(share, rows["estimate"], color=NEUTRAL, marker="o")
    ax.set_xlabel("quantile of output")
    ax.set_ylabel("effect of access, with 95 % intervals")
    ax.set_xlim(0, 1)
    return save_figure(figure, path)
