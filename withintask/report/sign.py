"""Tables and figures of the sign of ΔGini, and the forest plot of published estimates."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from withintask.panel.atomic import save, save_text
from withintask.report.tables import markdown_table
from withintask.report.terminal import print_rows

if TYPE_CHECKING:
    from withintask.tests_of_model.evidence.pooled import Pooled

_TITLES = {
    "sizes": "What a panel says of ΔGini, by its size",
    "measurements": "With one further measurement at its true value",
    "values": "What one further measurement is expected to take of the sign's entropy, bits",
    "policies": "Policies: effect on ΔGini, medians and 90 percent intervals",
    "crossings": "Probability that ΔGini of income turns its sign along an axis",
    "worlds": "Posterior probability of rival worlds",
    "priors": "The same under other priors",
}


def print_tables(tables: Mapping[str, pl.DataFrame]) -> None:
    """Print the answers, one table each."""
    for name, title in _TITLES.items():
        if name in tables:
            frame = tables[name]
            print_rows(
                frame.columns, [[_cell(v) for v in row] for row in frame.rows()], title=title
            )


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write every table as CSV and all of them as one Markdown page."""
    parts = []
    for name, frame in tables.items():
        save(folder / f"{name}.csv", frame.write_csv)
        rows = [[_cell(v) for v in row] for row in frame.rows()]
        parts.append(f"## {_TITLES.get(name, name)}\n\n{markdown_table(frame.columns, rows)}")
    save_text(folder / "sign.md", "\n\n".join(parts) + "\n")


def print_pooled(pooled: "tuple[Pooled, ...]") -> None:
    """Print pooled moments with the spread between studies."""
    rows = [
        (
            p.moment,
            str(p.n),
            f"{p.mean:+.4f}",
            f"{p.std_error:.4f}",
            f"{p.spread:.4f}",
            f"{p.predictive_error:.4f}",
        )
        for p in pooled
    ]
    header = (
        "moment",
        "studies",
        "mean",
        "std. error",
        "spread between studies",
        "error in a new setting",
    )
    print_rows(header, rows, title="Pooled by random effects")


def forest_plot(table: pl.DataFrame, pooled: "tuple[Pooled, ...]", path: Path) -> None:
    """Draw every estimate with its 95 percent interval; pale: moves nothing; a diamond: pooled."""
    from withintask.report.style import new_figure

    rows = table.drop_nulls("value")
    names = rows["moment"].unique(maintain_order=True).to_list()
    figure, axes = new_figure(len(names), width=9, height=1.2 + 0.5 * rows.height)
    for ax, name in zip(axes.ravel(), names, strict=True):
        part = rows.filter(pl.col("moment") == name)
        means = [p for p in pooled if p.moment == name]
        labels = [*part["name"].to_list(), *["pooled" for _ in means]]
        for y, row in enumerate(part.iter_rows(named=True)):
            color = "black" if row["moves"] else "lightgrey"
            ax.plot(row["value"], y, "s", color=color)
            if row["std_error"] is not None:
                reach = 1.96 * row["std_error"]
                ax.plot([row["value"] - reach, row["value"] + reach], [y, y], color=color)
        for y, p in enumerate(means, start=part.height):
            reach = 1.96 * p.std_error
            ax.plot(p.mean, y, "D", color="black")
            ax.plot([p.mean - reach, p.mean + reach], [y, y], color="black")
        ax.set_yticks(range(len(labels)), labels)
        ax.invert_yaxis()
        ax.axvline(0, color="grey", linewidth=0.5)
        ax.set_title(name, loc="left")
    save(path, lambda temporary: figure.savefig(temporary, dpi=120))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
